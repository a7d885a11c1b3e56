import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ledger_infra.cli.contract_commands import FILE_NAMES, Document, document_text, register
from ledger_schemas.errors import SettingInvalid

from .places import CONTRACT


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("document", Document)
def test_a_published_document_is_what_is_generated(document: Document) -> None:
    """A change of a schema, a topic, a limit or an error does not land without the documents that state it."""
    assert document_text(document) == (CONTRACT / FILE_NAMES[document]).read_text(encoding="utf-8")


def test_check_names_each_document_that_is_stale_and_no_other(tmp_path: Path) -> None:
    """A document that was edited by hand, or is missing, fails the check; writing them again mends it."""
    written = run("--folder", str(tmp_path / "contract"))
    assert (written.exit_code, written.output) == (0, "")
    folder = tmp_path / "contract"
    assert set(FILE_NAMES.values()) == {path.name for path in folder.iterdir()}
    page = folder / FILE_NAMES[Document.PAGE]
    page.write_text(page.read_text(encoding="utf-8") + "More.\n", encoding="utf-8")
    (folder / FILE_NAMES[Document.ASYNCAPI]).unlink()
    checked = run("--folder", str(folder), "--check")
    assert checked.exit_code == 1
    assert [str(folder / "asyncapi.json"), str(folder / "contract.md")] == [
        line.split(" is not current.")[0] for line in checked.stderr.splitlines() if "is not current" in line
    ]
    assert page.read_text(encoding="utf-8").endswith("More.\n")


def test_one_document_goes_to_standard_output() -> None:
    """Without a folder, the document that is named is written out, and nothing else."""
    assert json.loads(document_text(Document.ASYNCAPI)) == json.loads(run("asyncapi").stdout)


@pytest.mark.parametrize("arguments", [[], ["--check"], ["page", "--check"]])
def test_a_call_that_names_no_file_is_refused(arguments: list[str]) -> None:
    """What to compare with is not guessed."""
    refused = run(*arguments)
    assert isinstance(refused.exception, SettingInvalid)
    assert (refused.stdout, refused.exception.field) == ("", "folder")
