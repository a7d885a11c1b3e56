import io
import json
from pathlib import Path
from typing import Any, Final

import pytest
from fastavro import schemaless_writer

from ledger_schemas import shipped
from ledger_schemas.codec import decode_body
from ledger_schemas.errors import KindUnknown, SchemaUnusable
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import (
    current_schema,
    fingerprint_of_text,
    schema_file_name,
    schema_text,
    shipped_schemas,
    writer_schema,
)

from .avro_by_hand import canonical_form, crc_64_avro
from .published import document

each_kind = pytest.mark.parametrize("kind", Kind)

REQUIRED: Final = {"event_id": "e", "tenant_id": "t", "notification_id": "n", "occurred_at": 7, "source": "s"}

SURROGATE: Final = '{"type": "record", "name": "A", "fields": [{"name": "\\ud800", "type": "long"}]}'
"""A name that UTF-8, over which a fingerprint is taken, cannot carry."""

LOGICAL: Final[dict[str, tuple[Any, bytes]]] = {
    "a decimal of fixed size": (
        {"type": "fixed", "name": "Price", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 2},
        bytes(4),
    ),
    "a duration": ({"type": "fixed", "name": "Span", "size": 12, "logicalType": "duration"}, bytes(12)),
    "a decimal of bytes": ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, b"\x02\x07"),
    "a decimal that is not valid": ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 9}, b"\x00"),
    "a set": ({"type": "array", "items": "long", "logicalType": "set"}, b"\x02\x0e\x00"),
    "a set of instants": (
        {"type": "array", "items": {"type": "long", "logicalType": "timestamp-micros"}, "logicalType": "set"},
        b"\x02\x0e\x00",
    ),
    "a map of dates": ({"type": "map", "values": {"type": "int", "logicalType": "date"}, "logicalType": "days"}, b"\0"),
    "an enum": ({"type": "enum", "name": "Mood", "symbols": ["GLAD"], "logicalType": "mood"}, b"\x00"),
    "a record": (
        {"type": "record", "name": "Money", "fields": [{"name": "cents", "type": "long"}], "logicalType": "money"},
        b"\x0e",
    ),
    "an instant that may be absent": (["null", {"type": "long", "logicalType": "timestamp-millis"}], b"\x02\x0e"),
    "a logical type of nobody's": ({"type": "string", "logicalType": "mood", "of": {"type": "cat"}}, b"\x02m"),
}
"""Types of a field that somebody added, and bytes of a value."""


@each_kind
def test_the_current_schema_is_the_highest_version(kind: Kind) -> None:
    """Events are written with it, and read as it; its text is the file as it lies in the distribution."""
    versions = [schema for schema in shipped_schemas().values() if schema.kind == kind]
    assert current_schema(kind) is versions[-1]
    assert current_schema(kind).version == len(versions)
    assert current_schema(kind).text == schema_text(kind) == schema_text(kind, len(versions))
    assert current_schema(kind).name == f"notifications.lifecycle.{document(kind)['name']}"


def test_schemas_are_in_the_order_of_their_kinds() -> None:
    """Then of their versions: whoever lists them lists them alike."""
    listed = [(list(Kind).index(schema.kind), schema.version) for schema in shipped_schemas().values()]
    assert sorted(listed) == listed


def test_nobody_can_change_what_is_shipped() -> None:
    """The mapping is read-only, and `document` is a new copy each time."""
    with pytest.raises(TypeError):
        shipped_schemas()[b""] = current_schema(Kind.READ)  # type: ignore[index] # That is what is refused.
    current_schema(Kind.READ).document["fields"].clear()
    assert current_schema(Kind.READ).document["fields"]


def test_a_schema_of_somebody_else_has_no_version() -> None:
    """It is of its kind, with a fingerprint of its own text."""
    newer = document(Kind.READ)
    newer["fields"].append({"name": "mood", "type": ["null", "string"], "default": None})
    schema = writer_schema(json.dumps(newer))
    assert (schema.kind, schema.version) == (Kind.READ, None)
    assert schema.fingerprint == fingerprint_of_text(json.dumps(newer)) != current_schema(Kind.READ).fingerprint


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '{"type": "record"}', '"NotificationRead"', "[" * 5_000, SURROGATE]
)
def test_a_text_that_is_no_schema_is_unusable(text: str) -> None:
    """By one error, whatever is wrong with it."""
    with pytest.raises(SchemaUnusable):
        writer_schema(text)


def test_a_record_of_no_kind_is_told_apart_from_no_schema() -> None:
    """Upgrading helps against the first, and nothing against the second."""
    with pytest.raises(KindUnknown):
        writer_schema(json.dumps(document(Kind.READ) | {"name": "NotificationYodelled"}))


def test_a_fingerprint_is_that_of_the_meaningful_parts() -> None:
    """Spacing, docs, defaults and the order of attributes do not count; names and types do."""
    stated = document(Kind.READ)
    assert current_schema(Kind.READ).fingerprint == fingerprint_of_text(json.dumps(stated))
    reordered = dict(reversed(stated.items())) | {"doc": "Other."}
    assert current_schema(Kind.READ).fingerprint == fingerprint_of_text(json.dumps(reordered, indent=8))
    stated["fields"][1]["name"] = "tenant"
    assert current_schema(Kind.READ).fingerprint != fingerprint_of_text(json.dumps(stated))


@pytest.mark.parametrize("name", LOGICAL)
def test_a_logical_type_is_the_type_beneath_it(name: str) -> None:
    """Whoever does not know a logical type reads what is beneath it: it makes no schema unusable."""
    added, value = LOGICAL[name]
    newer = document(Kind.READ)
    newer["fields"].insert(0, {"name": "added", "type": added})
    schema = writer_schema(json.dumps(newer))
    assert crc_64_avro(canonical_form(newer)) == schema.fingerprint
    assert "logicalType" not in repr(schema.parsed)
    assert REQUIRED.items() <= decode_body(schema, value + _bare_event()).items()


def test_a_logical_type_beside_a_field_is_no_part_of_its_type() -> None:
    """Nor is one in a default: what an attribute of that name holds elsewhere stays as it is."""
    newer = document(Kind.READ)
    newer["fields"].append({"name": "instant", "type": "long", "logicalType": "timestamp-micros", "default": 0})
    newer["fields"].append(
        {"name": "told", "type": {"type": "map", "values": "string"}, "default": {"logicalType": ""}}
    )
    *_, instant, told = writer_schema(json.dumps(newer)).parsed["fields"]
    assert (instant["type"], told["default"]) == ("long", {"logicalType": ""})


def test_a_primitive_type_is_its_bare_name() -> None:
    """Attributes that a library keeps in it, as Java's does, change neither its bytes nor the fingerprint."""
    newer = document(Kind.READ)
    newer["fields"].append({"name": "mood", "type": "string", "default": ""})
    bare = writer_schema(json.dumps(newer))
    newer["fields"][-1]["type"] = {"type": "string", "avro.java.string": "String"}
    assert (bare.parsed, bare.fingerprint) == (writer_schema(json.dumps(newer)).parsed, fingerprint_of_text(bare.text))


def test_a_default_may_be_a_whole_number_where_the_type_is_a_fraction() -> None:
    """JSON has one kind of number; a type that is written as an object is the same type."""
    newer = document(Kind.READ)
    newer["fields"].append({"name": "warmth", "type": {"type": "double"}, "default": 0})
    assert writer_schema(json.dumps(newer)).kind == Kind.READ


@pytest.mark.parametrize("name", ["read.avsc", "read.v0.avsc", "read.v01.avsc", "Read.v1.avsc", "fired.v1.avsc"])
def test_a_file_that_is_not_named_for_its_kind_and_version_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At start, by its name, before any event is written with it."""
    (tmp_path / "avro").mkdir()
    (tmp_path / "avro" / name).write_text(schema_text(Kind.READ), encoding="utf-8")
    monkeypatch.setattr(shipped, "files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=name):
        shipped_schemas.__wrapped__()


def test_a_file_name_says_kind_and_version() -> None:
    """audience_added in its second version lies in audience_added.v2.avsc."""
    assert schema_file_name(Kind.AUDIENCE_ADDED, 2) == "audience_added.v2.avsc"


def _bare_event() -> bytes:
    """Return the bytes of a `read` event with nothing but what each event has."""
    out = io.BytesIO()
    schemaless_writer(out, current_schema(Kind.READ).parsed, REQUIRED)
    return out.getvalue()
