"""The recipes of CONTRIBUTING.md, carried out block by block on a copy of the repository, with what comes of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PACKAGES: Final = ("schemas", "producers", "projectors", "queries", "infra")
FILES_MAX: Final = 5
"""Source files that a recipe may change, besides tests."""

_SECTION: Final = re.compile(r"^## (?P<title>.*?)$(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(r"^(?P<indent> *)```(?P<language>bash|diff)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)

GENERATED: Final = (
    "schemas/contract/",
    "schemas/ledger_schemas/avro/landed.lock",
    "producers/ledger_producers/fields.py",
    "producers/ledger_producers/statements.py",
)
"""What the commands of the last section write."""

TESTS: Final = (
    "tests/benchmarks/test_workload.py::test_every_kind_is_there",
    "tests/properties/test_worked_example.py",
    "tests/queries/test_getting_one.py",
    "tests/queries/test_history.py::test_every_field_of_every_kind_comes_back",
    "tests/queries/test_http_filters.py",
    "tests/schemas/test_contract_files.py",
    "tests/schemas/test_golden.py",
)
"""Tests that state kinds and fields on their own, and those of the contract's files: they pass after either recipe."""

FIELD: Final = """
    created = parse_event({**ENVELOPE, "kind": "created", "locale": "de-CH"})
    other = parse_event({**ENVELOPE, "kind": "created", "notification_id": OTHER, "event_id": OTHER})
    with folded(created, other) as reader, open_reading(reader) as reading:
        asked = checked_model(Filter, tenant="acme", locale=("de-CH",))
        (row,) = list_rows(reading, Grain.NOTIFICATION, asked).rows
        assert row.notification_id == created.notification_id
        assert get_notification(reading, "acme", row.notification_id).content.locale == "de-CH"
        assert [one.locale for one in contents_of(reading, [1, 2])] == ["de-CH", None]
        assert "locale" in CreatedFields.__annotations__
"""
KIND: Final = """
    created = parse_event({**ENVELOPE, "kind": "created"})
    forwarded = parse_event({**ENVELOPE, "kind": "forwarded", "recipient_id": "ann", "event_id": OTHER})
    with folded(created, forwarded) as reader, open_reading(reader) as reading:
        for grain in (Grain.NOTIFICATION, Grain.INBOX_ENTRY):
            asked = checked_model(Filter, tenant="acme", reached=("forwarded",))
            (row,) = list_rows(reading, grain, asked).rows
            assert row.facts["forwarded"].count == 1
            counted = count_rows(reading, grain, Filter(tenant="acme"), group_by=GroupBy.KIND)
            assert {group.name: group.count for group in counted.groups}["forwarded"] == 1
        assert reading.connection.execute("SELECT sum(forwarded_count) FROM inbox_entries").fetchall() == [(1,)]
        assert hasattr(Emitter, "forwarded")
"""
PROOF: Final = """
import contextlib, tempfile
from pathlib import Path
from ledger_producers import Emitter
from ledger_producers.fields import CreatedFields
from ledger_projectors.log.records import LogRecord
from ledger_projectors.decode.partitioning import partition_of
from ledger_projectors.store.read_model import ReadModel
from ledger_queries.answers import count_rows, get_notification, list_rows
from ledger_queries.filters import Filter, Grain, GroupBy, checked_model
from ledger_queries.reading import open_reading
from ledger_queries.recorded import contents_of
from ledger_schemas import LIFECYCLE_TOPIC, encode_event, parse_event

ID, OTHER = "019ca7a1-0000-7000-8000-000000000001", "019ca7a1-0000-7000-8000-000000000002"
ENVELOPE = {"tenant_id": "acme", "source": "shop", "notification_id": ID, "event_id": ID}

@contextlib.contextmanager
def folded(*events):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "read_model.duckdb")
        with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1) as model:
            records = [
                LogRecord(LIFECYCLE_TOPIC, 0, offset, 1_767_323_045_000 + offset, str(one.notification_id).encode(),
                          encode_event(one))
                for offset, one in enumerate(events)
            ]
            outcome = model.apply(records)
            assert (outcome.applied, outcome.quarantined) == (len(events), 0), outcome
            yield model.reader

def main():
{steps}

main()
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the repository: what git knows of it, as it lies here."""
    files = _output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT).split("\0")
    root = tmp_path / "copy"
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        _output(["git", *command], root)
    return root


@pytest.mark.parametrize(
    ("recipe", "proof"), [("To add a field and filter by it", FIELD), ("To add a kind", KIND)], ids=["field", "kind"]
)
def test_recipe_touches_five_source_files_at_most_and_gives_answers(copy: Path, recipe: str, proof: str) -> None:
    """The blocks of a recipe, then what follows: an event with what is new is folded, filtered by, and answered."""
    sections = {found["title"]: found["text"] for found in _SECTION.finditer(_text(copy))}
    for text in (sections[recipe], sections["What follows"]):
        for block in _BLOCK.finditer(text):
            _carry_out(block["language"], textwrap.dedent(block["text"]), copy)
    _output(["git", "add", "-A"], copy)
    changed = _output(["git", "diff", "--cached", "--name-only"], copy).splitlines()
    sources = [name for name in changed if not name.startswith(("tests/", *GENERATED))]
    assert 1 < len(sources) <= FILES_MAX, sources
    assert len(changed) > len(sources)
    script = copy.parent / "proof.py"
    script.write_text(PROOF.replace("{steps}", proof), encoding="utf-8")
    _python([str(script)], copy)
    _python(["-m", "tests.emitter_methods", "--check"], copy)
    _python(["-m", "ledger_infra", "contract", "--folder", "schemas/contract", "--check"], copy)
    _python(["-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], copy)


def _text(root: Path) -> str:
    return (root / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def _carry_out(language: str, text: str, root: Path) -> None:
    if language == "bash":
        _output(["bash", "-euo", "pipefail", "-c", text], root)
        return
    # File by file: counting lines, git takes the next file's head for a line that goes.
    for change in re.split(r"^(?=--- )", text, flags=re.MULTILINE)[1:]:
        _output(["git", "apply", "--recount", "-"], root, change)


def _python(arguments: Sequence[str], root: Path) -> None:
    _output([sys.executable, *arguments], root)


def _output(command: Sequence[str], root: Path, given: str = "") -> str:
    paths = os.pathsep.join(str(root / package) for package in PACKAGES)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        command,
        cwd=root,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**outside, "PYTHONPATH": paths, "PATH": programs},
    )
    assert ran.returncode == 0, f"{command[:4]}: {ran.stderr[:2_000]}{ran.stdout[-2_000:]}{given}"
    return ran.stdout
