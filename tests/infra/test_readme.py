"""The README is true: what it shows runs, and what exists is in it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from ledger_infra.cli.app import build_app
from ledger_infra.settings import ENVIRONMENT_PREFIX, Settings
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import all_errors
from tests.running import RunningLedger

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "infra" / "guides" / "reference.md"
WORDS_MAX = 900
"""What a front door may ask of a reader."""

SET_UP = "python3 infra/bootstrap.py "


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLedger]:
    """Give a ledger that was started with the README's `up`."""
    with RunningLedger(tmp_path_factory.mktemp("readme") / "data") as running:
        yield running


def test_every_code_block_of_the_readme_runs(ledger: RunningLedger, tmp_path: Path) -> None:
    """The Python, curl, SQL and shell examples run, in order, against what `up` started, and find what they wrote."""
    outputs: list[str] = []

    def run_shell(example: Example) -> None:
        script = _here(str(example.parsed), ledger)
        if script.startswith(SET_UP):
            return  # CI runs these from nothing: see the next test.
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=ledger.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{script}\n{finished.stdout}\n{finished.stderr}"
        outputs.append(finished.stdout)
        if '"receipts"' in finished.stdout:  # A person is slower than the projector; a test is not.
            ledger.get("/v1/notifications", tenant="acme", at_least=json.loads(finished.stdout)["position"])

    text = tmp_path / "README.md"
    text.write_text(_here(README.read_text(encoding="utf-8"), ledger), encoding="utf-8")
    document = Document.parse(str(text), PythonCodeBlockParser(), CodeBlockParser("bash", run_shell))
    for example in document.examples():
        example.evaluate()
    assert [row["title"] for row in document.namespace["answer"]["rows"]] == ["Your parcel is on its way"]
    assert [row["is_read"] for row in document.namespace["answer"]["rows"]] == [True]
    written, answers, analysed, shell = outputs
    assert '"receipts"' in written
    assert "Rate your purchase" in answers
    assert "bob" in analysed
    assert '"grain":"inbox_entry"' in shell


def test_ci_runs_the_two_commands_from_nothing() -> None:
    """Both set-up commands of the README stand in the CI script, each with a virtual environment of its own."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(python3 infra/bootstrap\.py \w+)\n```", README.read_text(encoding="utf-8"))
    assert blocks == [SET_UP + command for command in ("demo", "test", "up")]
    for block in blocks[:2]:
        assert re.search(block.replace("bootstrap.py ", r"bootstrap\.py --venv \S+ "), script), block


def test_the_readme_is_a_front_door() -> None:
    """It has at most 900 words beside its code. It or a guide links to each guide, and so does the contents page."""
    text = README.read_text(encoding="utf-8")
    assert len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split()) <= WORDS_MAX
    guides = ROOT / "infra" / "guides"
    linked = "\n".join(page.read_text(encoding="utf-8") for page in (README, *guides.glob("*.md")))
    contents = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
    for page in guides.rglob("*.md"):
        assert f"{page.name})" in linked or f"{page.name}#" in linked, page
        assert f"]({page.relative_to(ROOT / 'infra')})" in contents, page


@pytest.mark.parametrize("room", ["schemas", "producers", "projectors", "queries", "infra"])
def test_the_readme_of_a_room_names_each_module(room: str) -> None:
    """A module that the table of its folder lacks is not found by those who read the table first."""
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")
    named = {name.strip("/").rsplit("/", 1)[-1].removesuffix(".py") for name in re.findall(r"`([\w/.]+)`", text)}
    modules = {path.stem for path in (ROOT / room / f"ledger_{room}").glob("*.py") if not path.stem.startswith("__")}
    assert modules - named == set()


def test_every_command_is_in_the_reference() -> None:
    """The table of commands names exactly the commands that there are."""
    command = typer.main.get_command(build_app())
    assert _first_cells("## Commands") == set(getattr(command, "commands", {}))


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    """The table of settings names exactly the settings that there are, each with the default that it has."""
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in _table("## Settings")]
    defaults = {ENVIRONMENT_PREFIX + name.upper(): field.default for name, field in Settings.model_fields.items()}
    assert {row[0]: row[1] for row in rows} == {
        name: "" if default is None else str(default) for name, default in defaults.items()
    }


def test_every_error_is_in_the_reference_with_its_status_and_exit_code() -> None:
    """The table of errors has each code with the HTTP status and the exit code that its class has."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _table("## Errors")]
    shown = {row[0].strip("`"): (int(row[1]), int(row[2]), row[3]) for row in rows}
    assert shown == {
        error.code: (error.status, error.exit_code, "yes" if error.retryable else "no") for error in all_errors()
    }


def test_every_alarm_is_in_the_guide() -> None:
    """The table of the guide has each code of an alarm once, with a meaning, a next step, and whether it is ready."""
    lines = (ROOT / "infra" / "guides" / "alarms.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert sorted(row[0].strip("`") for row in rows) == sorted(AlarmCode)
    assert all(len(row) == 4 and all(row) and row[3].startswith(("yes", "no")) for row in rows)
    assert "](infra/guides/alarms.md)" in README.read_text(encoding="utf-8")


def test_every_link_of_the_readme_leads_somewhere() -> None:
    """Every relative link of the README, of the rooms' READMEs and of the guides names a file that is there."""
    for page in (README, *ROOT.glob("*/README.md"), *(ROOT / "infra" / "guides").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def _here(text: str, ledger: RunningLedger) -> str:
    return text.replace("127.0.0.1:8080", f"127.0.0.1:{ledger.api_port}").replace(
        "127.0.0.1:9092", ledger.bootstrap_servers
    )


def _first_cells(heading: str) -> set[str]:
    return {line.split("|")[1].strip().strip("`") for line in _table(heading)}


def _table(heading: str) -> list[str]:
    section = REFERENCE.read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| `")]
