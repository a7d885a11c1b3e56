import json
import re
from importlib.resources import files
from typing import Any, get_args

import pytest

from ledger_schemas import limits, parts
from ledger_schemas.envelope import Envelope
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.shapes import shape_of
from ledger_schemas.shipped import schema_file_name, schema_text, shipped_schemas

from .published import COMMON, ENVELOPE, MODELS, document, fields, nodes, present, records

ALLOWED_TYPES = {"null", "boolean", "long", "string", "array", "record"}
LOGICAL_TYPES = {"uuid": "string", "timestamp-micros": "long"}

PART_MODELS = {
    model.__name__: model
    for model in vars(parts).values()
    if isinstance(model, type) and issubclass(model, parts.Part) and model is not parts.Part
}

IDS = f"1 to {limits.ID_CHARS_MAX} characters"
JSON_DEPTH = f"nested at most {limits.DATA_DEPTH_MAX} deep"


def at_most(characters: int) -> str:
    """Return how a doc states the limit of a text."""
    return f"at most {characters:,} characters"


def data_limit(size: int) -> str:
    """Return how a doc states the limits of a JSON text."""
    return f"at most {size:,} bytes of UTF-8, {JSON_DEPTH}"


LIMITS = {
    "personal.title": at_most(limits.TITLE_CHARS_MAX),
    "personal.body": at_most(limits.BODY_CHARS_MAX),
    "personal.body_formatted": at_most(limits.BODY_CHARS_MAX),
    "personal.link": at_most(limits.LINK_CHARS_MAX),
    "personal.data": data_limit(limits.DATA_BYTES_MAX),
    "personal.addresses": "limits as of data",
    "personal.detail": at_most(limits.DETAIL_CHARS_MAX),
    "personal.subject_name": at_most(limits.NAME_CHARS_MAX),
    "personal.creator_name": at_most(limits.NAME_CHARS_MAX),
    "personal.creator_address": at_most(limits.NAME_CHARS_MAX),
    "template.name": at_most(limits.NAME_CHARS_MAX),
    "schedule.name": at_most(limits.NAME_CHARS_MAX),
    "schedule.recurrence": at_most(limits.NAME_CHARS_MAX),
    "attributes": data_limit(limits.ATTRIBUTES_BYTES_MAX),
    "audience": f"at most {limits.RECIPIENTS_PER_EVENT_MAX:,}, each recipient once",
    "groups": f"at most {limits.GROUPS_PER_EVENT_MAX}",
    "channels": f"at most {limits.CHANNELS_PER_RECIPIENT_MAX}, each {IDS}",
    "audience.channels": f"at most {limits.CHANNELS_PER_RECIPIENT_MAX}, each {IDS}",
    "tags": f"at most {limits.TAGS_PER_EVENT_MAX}, each {IDS}",
    "contexts": f"at most {limits.CONTEXTS_PER_EVENT_MAX}, each {IDS}",
    "cleared": f"at most {limits.TAGS_PER_EVENT_MAX}, each {IDS}",
    "number": "a whole number without unit, 0 or more",
}
"""The end of the doc of every field whose type does not tell its limit; any other text is an id."""

OF_LOGICAL_TYPES = {
    "uuid": "a UUID of RFC 9562 in lower case, 36 characters",
    "timestamp-micros": "microseconds since 1970-01-01T00:00:00Z, UTC",
}

each_kind = pytest.mark.parametrize("kind", Kind)


def limit_of(path: str, node: Any) -> str:  # noqa: ANN401 - a schema is any JSON
    """Return what the doc of a field must end with; "" where there is nothing to limit."""
    if path in LIMITS:
        return LIMITS[path]
    if isinstance(node, dict) and "logicalType" in node:
        return OF_LOGICAL_TYPES[node["logicalType"]]
    return IDS if node == "string" else ""


def test_every_kind_has_a_schema_file_and_one_model() -> None:
    """The kinds, the .avsc files and the models are the same set; nothing lies about without the others."""
    lying = {entry.name for entry in files("ledger_schemas").joinpath("avro").iterdir() if entry.name.endswith(".avsc")}
    shipped = shipped_schemas().values()
    assert {schema_file_name(schema.kind, schema.version or 0) for schema in shipped} == lying
    assert set(MODELS) == {schema.kind for schema in shipped} == set(Kind)
    assert len(get_args(Event)) == len(Kind)


def test_the_versions_of_a_kind_count_from_one_without_a_gap() -> None:
    """No version was lost, so any event of the log has its schema here."""
    for kind in Kind:
        versions = [schema.version for schema in shipped_schemas().values() if schema.kind == kind]
        assert list(range(1, len(versions) + 1)) == versions, kind


def test_the_kinds_of_the_mission_come_first_and_in_order() -> None:
    """created, fired, delivered, opened, read, acknowledged: then the others."""
    assert list(Kind)[:6] == ["created", "fired", "delivered", "opened", "read", "acknowledged"]


def test_there_are_27_kinds() -> None:
    """Every kind of this version by its name; one that is added is added here."""
    later = "failed attempted deferred cancelled expired seen clicked unread archived unarchived snoozed unsnoozed"
    rare = "action_completed action_reverted deleted unsubscribed complained amended audience_added retracted observed"
    assert {*list(Kind)[:6], *later.split(), *rare.split()} == set(Kind)
    assert len(Kind) == 27


@each_kind
def test_a_record_is_named_for_its_kind(kind: Kind) -> None:
    """The Avro record and the model have one name, in one namespace; `audience_added` is NotificationAudienceAdded."""
    assert (MODELS[kind].__name__, "notifications.lifecycle") == (document(kind)["name"], document(kind)["namespace"])
    assert MODELS[kind].__name__ == "Notification" + kind.replace("_", " ").title().replace(" ", "")


def test_a_file_says_its_kind_and_version_as_its_name_does() -> None:
    """created.v1.avsc states kind created and version 1: a schema that is read alone says what it is."""
    for schema in shipped_schemas().values():
        stated = json.loads(schema_text(schema.kind, schema.version))
        assert (schema.kind.value, schema.version) == (stated["kind"], stated["version"])


@each_kind
def test_every_schema_begins_with_the_same_fifteen_fields(kind: Kind) -> None:
    """Envelope, personal, key id and attributes are identical in every kind: names, order, types, defaults, docs."""
    common = document(kind)["fields"][: len(COMMON)]
    assert (len(ENVELOPE), len(COMMON)) == (12, 15)
    assert list(COMMON) == [field["name"] for field in common]
    assert document(Kind.CREATED)["fields"][: len(COMMON)] == common


def test_what_two_kinds_share_means_the_same() -> None:
    """A nested record of one name is one record, wherever it is; a content field that is amended is that of created."""
    seen: dict[str, dict[str, Any]] = {}
    for kind in Kind:
        for record in records(document(kind)):
            assert seen.setdefault(record["name"], record) == record
    created = {field["name"]: field for field in document(Kind.CREATED)["fields"]}
    for field in document(Kind.AMENDED)["fields"]:
        assert field["name"] == "cleared" or created[field["name"]] == field


@each_kind
def test_a_model_has_the_fields_of_its_schema(kind: Kind) -> None:
    """Model and schema name the same fields in the same order; `kind` itself is the schema's name, not a field."""
    assert [field["name"] for field in document(kind)["fields"]] == [
        name for name in MODELS[kind].model_fields if name != "kind"
    ]
    assert list(COMMON) == list(Envelope.model_fields)


@each_kind
def test_nested_records_have_the_fields_of_their_models(kind: Kind) -> None:
    """Personal, AudienceMember and the other parts agree with their models: names, order, defaults."""
    for record in list(records(document(kind)))[1:]:
        model = PART_MODELS[record["name"]]
        assert list(model.model_fields) == [field["name"] for field in record["fields"]]
        for field in record["fields"]:
            stated = model.model_fields[field["name"]]
            assert stated.is_required() == ("default" not in field), field["name"]
            if "default" in field:
                assert field["default"] == listed(stated.default), field["name"]


def listed(default: object) -> object:
    """Return the default of a model as Avro states it."""
    return list(default) if isinstance(default, tuple) else default


def test_every_part_model_is_in_a_schema() -> None:
    """No model of a part is left over."""
    parts_in_use = {record["name"] for kind in Kind for record in list(records(document(kind)))[1:]}
    assert set(PART_MODELS) == parts_in_use


@each_kind
def test_what_a_model_requires_has_no_default_in_the_schema(kind: Kind) -> None:
    """Five envelope fields are always stated by the writer; every other field has a default, so that it can go."""
    required = {"event_id", "tenant_id", "notification_id", "occurred_at", "source"}
    if kind == Kind.RETRACTED:
        required.add("retracted_event_id")
    assert required == {field["name"] for field in document(kind)["fields"] if "default" not in field}


@each_kind
def test_a_default_of_the_schema_is_the_default_of_the_model(kind: Kind) -> None:
    """An event that leaves a field out means the same thing to either."""
    for field in document(kind)["fields"]:
        if "default" in field:
            assert field["default"] == listed(MODELS[kind].model_fields[field["name"]].default), field["name"]


@each_kind
def test_every_record_and_field_is_documented(kind: Kind) -> None:
    """A reader in ten years has a sentence for each; the kind's own is its model's."""
    for record in records(document(kind)):
        assert record["doc"].endswith(".")
        for field in record["fields"]:
            assert re.fullmatch(r"[A-Z].*[a-zA-Z0-9]\.", field["doc"]), field["name"]
    assert (MODELS[kind].__doc__ or "").split("\n")[0] == document(kind)["doc"]


@each_kind
def test_every_doc_ends_with_the_limit_or_the_unit(kind: Kind) -> None:
    """As limits.py has it: characters of a text, items of a list, bytes and depth of JSON, the unit of a time."""
    for path, field in fields(document(kind)):
        limit = limit_of(path, present(field["type"]))
        assert field["doc"].removesuffix(".").endswith(limit), f"{path}: {limit}"


def test_every_stated_limit_belongs_to_a_field() -> None:
    """A limit for a field that no kind has any more is found."""
    assert set(LIMITS) == set(LIMITS) & {path for kind in Kind for path, _ in fields(document(kind))}


@each_kind
def test_personal_marks_the_personal_record_and_its_fields_and_nothing_else(kind: Kind) -> None:
    """`"personal": true` is where a person may be identified, so that erasing and encrypting can be derived from it."""
    marked = {path for path, field in fields(document(kind)) if field.get("personal") is True}
    assert {path for path, _ in fields(document(kind)) if path.split(".")[0] == "personal"} == marked
    assert {"personal", *(f"personal.{name}" for name in PART_MODELS["Personal"].model_fields)} == marked
    assert all(field.get("personal", True) is True for _, field in fields(document(kind)))


@each_kind
def test_a_personal_field_is_a_text_or_absent(kind: Kind) -> None:
    """So that a ciphertext fits where the text was."""
    for path, field in fields(document(kind)):
        if path.startswith("personal."):
            assert field["type"] == ["null", "string"], path


@each_kind
def test_the_contract_has_only_types_that_every_decoder_reads(kind: Kind) -> None:
    """No bytes, no fixed, no enum without a default symbol; floats and maps are not needed either."""
    for node in nodes(document(kind)):
        if isinstance(node, list):
            continue
        name = node["type"] if isinstance(node, dict) else node
        assert name in ALLOWED_TYPES or (name == "enum" and "default" in node), node
        if isinstance(node, dict) and "logicalType" in node:
            assert LOGICAL_TYPES[node["logicalType"]] == node["type"]


@each_kind
def test_schemas_have_no_property_beyond_those_that_are_explained(kind: Kind) -> None:
    """What a reader does not expect it overlooks: fields and records carry these properties only."""
    stated = document(kind)
    assert list(stated) == ["type", "name", "namespace", "doc", "kind", "version", "fields"]
    for record in list(records(stated))[1:]:
        assert list(record) == ["type", "name", "doc", "fields"]
    for path, field in fields(stated):
        assert set(field) <= {"name", "type", "default", "doc", "personal"}, path


@each_kind
def test_an_optional_field_is_null_first(kind: Kind) -> None:
    """Unions are [null, one type] with default null: absent has one form."""
    for _, field in fields(document(kind)):
        if isinstance(field["type"], list):
            assert (len(field["type"]), field["type"][0], field["default"]) == (2, "null", None)


@each_kind
def test_ids_and_times_are_told_by_their_logical_types(kind: Kind) -> None:
    """`shape_of` reads them off the schema: every UUID and every instant of a kind, in its order."""
    shape = shape_of(kind)
    assert [field["name"] for field in document(kind)["fields"]] == list(shape.fields)
    assert {"event_id", "notification_id"} <= set(shape.uuids)
    assert all(name.endswith("_id") for name in shape.uuids)
    assert all(name.endswith(("_at", "_until")) for name in shape.times)
    assert {name for name in shape.fields if name.endswith(("_at", "_until"))} == set(shape.times)
    assert "personal" in shape.records
    assert set(shape.record_lists) == {"audience", "groups"} & set(shape.fields)
