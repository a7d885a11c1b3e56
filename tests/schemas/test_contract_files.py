import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, get_args

import pytest

from ledger_schemas.events import Envelope, Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import AudienceMember, Personal, Subject
from ledger_schemas.shipped import schema_text

MODELS = {model.model_fields["kind"].default: model for model in get_args(Event)}

ENVELOPE = (
    *("event_id", "tenant_id", "notification_id", "occurred_at", "recipient_id", "channel", "delivery_ref"),
    *("attempt_id", "source", "actor", "correlation_id", "causation_id", "personal", "personal_key_id"),
)
"""The twelve fields that begin every event, and the personal record with its key id."""

ALLOWED_TYPES = {"null", "boolean", "long", "string", "array", "record"}

each_kind = pytest.mark.parametrize("kind", Kind)


def document(kind: Kind) -> dict[str, Any]:
    """Return the published schema of one kind as JSON."""
    found: dict[str, Any] = json.loads(schema_text(kind))
    return found


def nodes(schema: Any) -> Iterator[Any]:  # noqa: ANN401 - a schema is any JSON
    """Walk over every type in a schema, itself first."""
    yield schema
    match schema:
        case list():
            for branch in schema:
                yield from nodes(branch)
        case {"type": "record", "fields": fields}:
            for field in fields:
                yield from nodes(field["type"])
        case {"type": "array", "items": items}:
            yield from nodes(items)


def test_every_kind_has_one_schema_file_and_one_model() -> None:
    """The kinds, the .avsc files and the models are the same set; nothing lies about without the others."""
    shipped = {entry.name for entry in files("ledger_schemas").joinpath("avro").iterdir()}
    assert {f"{kind}.avsc" for kind in Kind} == shipped
    assert set(MODELS) == set(Kind)
    assert len(get_args(Event)) == len(Kind)


def test_the_kinds_of_the_mission_come_first_and_in_order() -> None:
    """created, fired, delivered, opened, read, acknowledged are kinds, in that order."""
    mission = ["created", "fired", "delivered", "opened", "read", "acknowledged"]
    assert mission == [kind for kind in Kind if kind in mission]


@each_kind
def test_a_record_is_named_for_its_kind(kind: Kind) -> None:
    """The Avro record and the model have one name, in one namespace."""
    assert (MODELS[kind].__name__, "notifications.lifecycle") == (document(kind)["name"], document(kind)["namespace"])
    assert MODELS[kind].__name__ == f"Notification{kind.capitalize()}"


@each_kind
def test_every_schema_begins_with_the_same_envelope(kind: Kind) -> None:
    """The envelope is identical in every kind: names, order, types, defaults and docs."""
    fields = document(kind)["fields"][: len(ENVELOPE)]
    assert list(ENVELOPE) == [field["name"] for field in fields]
    assert document(Kind.CREATED)["fields"][: len(ENVELOPE)] == fields


@each_kind
def test_a_model_has_the_fields_of_its_schema(kind: Kind) -> None:
    """Model and schema name the same fields in the same order; `kind` itself is the schema's name, not a field."""
    assert [field["name"] for field in document(kind)["fields"]] == [
        name for name in MODELS[kind].model_fields if name != "kind"
    ]
    assert list(ENVELOPE) == list(Envelope.model_fields)


@each_kind
def test_nested_records_have_the_fields_of_their_models(kind: Kind) -> None:
    """Personal, AudienceMember and Subject agree with their models too."""
    models = {model.__name__: model for model in (AudienceMember, Personal, Subject)}
    records = [node for node in nodes(document(kind)) if isinstance(node, dict) and node["type"] == "record"][1:]
    assert len(records) == (3 if kind == Kind.CREATED else 1)
    for record in records:
        assert list(models[record["name"]].model_fields) == [field["name"] for field in record["fields"]]


@each_kind
def test_what_a_model_requires_has_no_default_in_the_schema(kind: Kind) -> None:
    """Five envelope fields are always stated by the writer; every other field has a default, so that it can go."""
    required = {"event_id", "tenant_id", "notification_id", "occurred_at", "source"}
    assert required == {field["name"] for field in document(kind)["fields"] if "default" not in field}


@each_kind
def test_a_default_of_the_schema_is_the_default_of_the_model(kind: Kind) -> None:
    """An event that leaves a field out means the same thing to either."""
    for field in document(kind)["fields"]:
        if "default" in field:
            default = MODELS[kind].model_fields[field["name"]].default
            assert field["default"] == (list(default) if isinstance(default, tuple) else default), field["name"]


@each_kind
def test_every_record_and_field_is_documented(kind: Kind) -> None:
    """A reader in ten years has a sentence for each."""
    for node in nodes(document(kind)):
        if isinstance(node, dict) and node["type"] == "record":
            assert node["doc"].endswith(".")
            for field in node["fields"]:
                assert field["doc"].endswith("."), field["name"]


@each_kind
def test_the_contract_has_only_types_that_every_decoder_reads(kind: Kind) -> None:
    """No bytes, no fixed, no enum without a default symbol; floats and maps are not needed either."""
    for node in nodes(document(kind)):
        if isinstance(node, list):
            continue
        name = node["type"] if isinstance(node, dict) else node
        assert name in ALLOWED_TYPES or (name == "enum" and "default" in node), node


@each_kind
def test_an_optional_field_is_null_first(kind: Kind) -> None:
    """Unions are [null, one type] with default null: absent has one form."""
    for node in nodes(document(kind)):
        if isinstance(node, list):
            assert (len(node), node[0]) == (2, "null")
