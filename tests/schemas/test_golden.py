import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader

from ledger_schemas import decode_event, encode_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema, shipped_schemas

GOLDEN = Path(__file__).with_name("golden")
"""Records as they were written once, each with what it says beside it. The corpus may only grow: a changed schema
brings files of its own, and the old ones stay readable for ever."""

FILES = sorted(GOLDEN.glob("*.bin"))

each_record = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def expected(path: Path) -> dict[str, Any]:
    """Return what the record beside it says: its kind, and its plain values."""
    document: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return document


def test_every_record_has_its_meaning_beside_it() -> None:
    """One .bin and one .json each, and nothing else."""
    assert {f"{path.stem}{suffix}" for path in FILES for suffix in (".bin", ".json")} == {
        path.name for path in GOLDEN.iterdir()
    }


@each_record
def test_a_golden_record_says_what_it_said(path: Path) -> None:
    """The bytes decode to the values that were noted when they were written."""
    wire = decode_wire(path.read_bytes())
    assert expected(path) == {"kind": wire.kind, "values": wire.values}


@each_record
def test_a_golden_record_is_read_without_our_codec(path: Path) -> None:
    """Ten years on, a plain Avro reader and the schema that the frame names are enough."""
    frame = path.read_bytes()
    document = dict(shipped_schemas()[frame[2:10]].document)
    values: Any = schemaless_reader(io.BytesIO(frame[10:]), parse_schema(document), None)
    noted = expected(path)["values"]
    assert noted["event_id"] == str(values["event_id"])
    assert noted["personal"] == values["personal"]
    assert list(noted) == list(values)


@each_record
def test_a_golden_record_of_todays_schema_is_written_the_same_today(path: Path) -> None:
    """Encoding is deterministic: the same event gives the same bytes in every release."""
    frame = path.read_bytes()
    event = decode_event(frame)
    if current_schema(event.kind).fingerprint == frame[2:10]:
        assert frame == encode_event(event)


@pytest.mark.parametrize("kind", Kind)
def test_todays_schema_of_every_kind_is_in_the_corpus(kind: Kind) -> None:
    """A changed schema needs records of its own: add golden/<kind>-<next number>.bin and .json."""
    assert current_schema(kind).fingerprint in {path.read_bytes()[2:10] for path in FILES}


@each_record
def test_the_corpus_uses_every_field(path: Path) -> None:
    """A record numbered 1 states every field of its kind, so that none changes its meaning unseen."""
    if path.stem.endswith("-1"):
        assert [name for name, value in expected(path)["values"].items() if value in (None, [], "", {})] == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git tells whether the corpus only grew")
def test_no_commit_has_changed_or_removed_a_golden_record() -> None:
    """The corpus only grows, in every commit that this checkout knows and in what is not committed yet."""
    git = ["git", "-C", str(GOLDEN)]
    if subprocess.run([*git, "rev-parse", "--verify", "-q", "HEAD"], capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout")
    for history in (["log", "--format="], ["diff", "HEAD"]):
        command = [*git, *history, "--no-renames", "--diff-filter=MDT", "--name-only", "--", "."]
        assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == ""
