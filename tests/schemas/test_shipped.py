import json
from pathlib import Path

import pytest

from ledger_schemas import shipped
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

from .published import document

each_kind = pytest.mark.parametrize("kind", Kind)


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


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"type": "record"}', '"NotificationRead"', "[" * 5_000])
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
