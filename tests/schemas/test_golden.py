import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import avro.io
import avro.schema
import pytest
from fastavro import parse_schema, schemaless_reader

from ledger_schemas import decode_event, encode_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.kinds import Kind
from ledger_schemas.shapes import shape_of
from ledger_schemas.shipped import current_schema, fingerprint_of_text, shipped_schemas

from .avro_by_hand import read_record
from .history import lost_lines, say_if_shallow
from .land import GOLDEN, MANIFEST, VERSIONS_LOCK, corpus, land, locked

FILES = sorted(GOLDEN.rglob("*.bin"))
"""Records as they were written once, each with what it says beside it. The corpus may only grow: a new version of a
schema brings files of its own, and the old ones stay readable for ever."""

HEADER_BYTES = 10

each_record = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")


def expected(path: Path) -> dict[str, Any]:
    """Return what the record beside it says: its kind, and its plain values as they read when it was written."""
    document: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return document


def said_then(values: dict[str, Any], noted: dict[str, Any]) -> dict[str, Any]:
    """Return of some values those that were noted: a later version of the kind has further fields, with defaults."""
    return {name: _said_then(values[name], noted[name]) for name in noted}


def _said_then(value: Any, noted: Any) -> Any:  # noqa: ANN401 - any part of an event
    if isinstance(noted, dict):
        return said_then(value, noted)
    if isinstance(noted, list):
        return [_said_then(one, other) for one, other in zip(value, noted, strict=True)]
    return value


def test_every_record_has_its_meaning_beside_it() -> None:
    """One .bin and one .json each, in the folder of the version, and nothing else but the manifest."""
    assert FILES
    assert {path.with_suffix(suffix) for path in FILES for suffix in (".bin", ".json")} | {MANIFEST} == {
        path for path in GOLDEN.rglob("*") if path.is_file()
    }


@each_record
def test_a_record_lies_where_its_schema_says(path: Path) -> None:
    """v<version>/<kind>-<what is special>: version and kind are those of the writer schema that its frame names."""
    schema = shipped_schemas()[path.read_bytes()[2:HEADER_BYTES]]
    assert f"v{schema.version}" == path.parent.name
    assert path.stem.startswith(f"{schema.kind}-")
    assert schema.kind == expected(path)["kind"]


@each_record
def test_a_golden_record_says_what_it_said(path: Path) -> None:
    """The bytes decode to the values that were noted when they were written."""
    wire = decode_wire(path.read_bytes())
    noted = expected(path)
    assert noted == {"kind": wire.kind, "values": said_then(wire.values, noted["values"])}


@each_record
def test_a_golden_record_is_read_by_apache_avro(path: Path) -> None:
    """Avro's own library, the writer's schema and today's reader schema give the same: it shares nothing with us."""
    frame = path.read_bytes()
    writer = shipped_schemas()[frame[2:HEADER_BYTES]]
    # Without logical types, so that a time is the very number that was noted.
    schemas = [avro.schema.parse(json.dumps(schema.parsed)) for schema in (writer, current_schema(writer.kind))]
    body = io.BytesIO(frame[HEADER_BYTES:])
    values: Any = avro.io.DatumReader(*schemas).read(avro.io.BinaryDecoder(body))
    assert not body.read()
    assert values == decode_wire(frame).values
    noted = expected(path)["values"]
    assert noted == said_then(values, noted)


@each_record
def test_a_golden_record_is_read_without_any_library(path: Path) -> None:
    """Ten years on, the specification and the schema that the frame names are enough."""
    frame = path.read_bytes()
    writer = shipped_schemas()[frame[2:HEADER_BYTES]]
    assert expected(path)["values"] == read_record(writer.document, frame[HEADER_BYTES:])


@each_record
def test_a_golden_record_has_ids_and_times_for_a_reader_of_logical_types(path: Path) -> None:
    """With the .avsc as published, a UUID is a UUID and a time an aware instant."""
    frame = path.read_bytes()
    writer = shipped_schemas()[frame[2:HEADER_BYTES]]
    values: Any = schemaless_reader(io.BytesIO(frame[HEADER_BYTES:]), parse_schema(writer.document), None)
    noted = expected(path)["values"]
    for name in shape_of(writer.kind).uuids:
        assert noted[name] is None or values[name] == UUID(noted[name])
    for name in shape_of(writer.kind).times:
        assert noted[name] is None or values[name].tzinfo is not None
    assert noted["personal"] == values["personal"]
    assert list(noted) == list(values)


@each_record
def test_a_golden_record_of_todays_schema_is_written_the_same_today(path: Path) -> None:
    """Encoding is deterministic: the same event gives the same bytes in every release."""
    frame = path.read_bytes()
    event = decode_event(frame)
    if current_schema(event.kind).fingerprint == frame[2:HEADER_BYTES]:
        assert frame == encode_event(event)


@pytest.mark.parametrize("schema", shipped_schemas().values(), ids=lambda schema: f"{schema.kind}-v{schema.version}")
def test_every_shipped_schema_is_in_the_corpus(schema: Any) -> None:  # noqa: ANN401 - parametrised
    """Each version of each kind has a record that states the least and one that states every field."""
    folder = GOLDEN / f"v{schema.version}"
    least, most = (expected(folder / f"{schema.kind}-{special}.bin")["values"] for special in ("minimal", "full"))
    assert [name for name, value in most.items() if value in (None, [], "", {}, False)] == []
    required = {field["name"] for field in schema.document["fields"] if "default" not in field}
    assert required == {name for name, value in least.items() if value not in (None, [], False)}


def test_values_of_a_full_record_differ_so_that_swapped_fields_are_seen() -> None:
    """No two texts, ids or times of one record are equal."""
    for kind in Kind:
        values = expected(GOLDEN / "v1" / f"{kind}-full.bin")["values"]
        plain = [str(value) for value in values.values() if not isinstance(value, bool | dict | list)]
        assert len(plain) == len(set(plain)), kind


def test_the_manifest_is_the_corpus() -> None:
    """Every file with its sha256; an edit of either is found by the other."""
    assert locked(MANIFEST) == corpus()


def test_no_commit_has_taken_a_line_from_the_manifest() -> None:
    """The corpus only grows, in every commit that this checkout knows and in what is not committed yet."""
    assert lost_lines(MANIFEST) == set()
    say_if_shallow(MANIFEST)


def test_landing_adds_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    """Run again it changes nothing; over an edited record it writes nothing: the manifest then tells the edit."""
    golden, lock = tmp_path / "golden", tmp_path / "landed.lock"
    shutil.copytree(GOLDEN, golden)
    shutil.copy(VERSIONS_LOCK, lock)
    land(golden, lock)
    assert (corpus(golden), VERSIONS_LOCK.read_text()) == (corpus(), lock.read_text())

    edited, removed = golden / "v1/fired-full.bin", golden / "v1/read-full.bin"
    edited.write_bytes(b"edited")
    removed.unlink()
    land(golden, lock)
    assert edited.read_bytes() == b"edited"
    assert corpus()["v1/read-full.bin"] == corpus(golden)["v1/read-full.bin"]
    assert locked(golden / MANIFEST.name) == locked(MANIFEST) != corpus(golden)


def test_a_name_stands_in_a_lock_once(tmp_path: Path) -> None:
    """A second line for the same file would hide the first."""
    lock = tmp_path / "landed.lock"
    lock.write_text("a 1\nb 2\na 3\n")
    with pytest.raises(ValueError, match=r"landed\.lock"):
        locked(lock)


@pytest.fixture
def commit(tmp_path: Path) -> Callable[[str], None]:
    """Make a repository with a lock in it, and give what commits another content of it."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    git = ["git", "-C", str(tmp_path), *who]
    subprocess.run([*git, "init", "-q"], check=True)

    def commit(text: str) -> None:
        (tmp_path / "some.lock").write_text(text)
        subprocess.run([*git, "add", "some.lock"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "."], check=True)

    return commit


def test_a_line_that_a_commit_had_is_missed_when_it_is_gone(tmp_path: Path, commit: Callable[[str], None]) -> None:
    """Growing and reordering lose nothing; a changed or removed line is lost, committed or not."""
    lock = tmp_path / "some.lock"
    commit("a 1\n")
    commit("b 2\na 1\n")
    assert lost_lines(lock) == set()
    lock.write_text("a 1\nb 3\n")
    assert lost_lines(lock) == {"b 2"}
    commit("a 2\n")
    assert lost_lines(lock) == {"a 1", "b 2"}


def test_the_schemas_have_the_fingerprints_of_avros_own_library() -> None:
    """Apache's canonical form gives ours, without logical types.

    With them it leaves {"type": "string"}, where the specification's rule PRIMITIVES says "string".
    """
    for schema in shipped_schemas().values():
        theirs = avro.schema.parse(json.dumps(schema.parsed)).fingerprint("CRC-64-AVRO")
        assert theirs == schema.fingerprint == fingerprint_of_text(schema.text)
