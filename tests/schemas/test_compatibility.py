import json
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any

import avro.schema
import pytest

from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import fingerprint_of_text, shipped_schemas

from .compatibility import Refusal, avro_refusals, refusals, refusals_of_kind
from .history import lost_lines, say_if_shallow
from .land import VERSIONS_LOCK, locked, versions
from .published import document, fields, present

Schema = dict[str, Any]
Mutation = Callable[[Schema], object]

VERSIONS = {
    kind: {schema.version or 0: schema.document for schema in shipped_schemas().values() if schema.kind == kind}
    for kind in Kind
}

each_kind = pytest.mark.parametrize("kind", Kind)


def created() -> Schema:
    """Return the schema that the mutations below are tried on, with an enum and a plain text of the sort to come."""
    schema = document(Kind.CREATED)
    sort: Schema = {"type": "enum", "name": "Sort", "doc": "A sort.", "symbols": ["UNKNOWN", "A", "B"]}
    schema["fields"].append({"name": "sort", "type": {**sort, "default": "UNKNOWN"}, "default": "UNKNOWN", "doc": "x."})
    closed = {**sort, "name": "Closed", "symbols": ["A"]}
    schema["fields"].append({"name": "closed", "type": closed, "default": "A", "doc": "x."})
    schema["fields"].append({"name": "flag", "type": "boolean", "default": False, "doc": "x."})
    return schema


def at(schema: Schema, path: str) -> Schema:
    """Return the field at a dotted path."""
    return dict(fields(schema))[path]


def inside(schema: Schema, path: str) -> list[Schema]:
    """Return the fields of the record at a dotted path; of the record itself for none."""
    if not path:
        found: list[Schema] = schema["fields"]
        return found
    node = present(at(schema, path)["type"])
    record: list[Schema] = (node["items"] if node["type"] == "array" else node)["fields"]
    return record


def remove(path: str) -> Mutation:
    """Take a field out of its record."""
    place, _, _ = path.rpartition(".")
    return lambda schema: inside(schema, place).remove(at(schema, path))


def add(place: str, index: int | None = None, **field: Any) -> Mutation:  # noqa: ANN401 - any property
    """Put a field into a record, last or at an index."""

    def change(schema: Schema) -> None:
        record = inside(schema, place)
        record.insert(len(record) if index is None else index, {"name": "new", "doc": "New.", **field})

    return change


def put(path: str, **properties: Any) -> Mutation:  # noqa: ANN401 - any property
    """Give a field other properties."""
    return lambda schema: at(schema, path).update(properties)


def drop(path: str, name: str) -> Mutation:
    """Take a property from a field."""
    return lambda schema: at(schema, path).pop(name)


def put_inside(path: str, **properties: Any) -> Mutation:  # noqa: ANN401 - any property
    """Give the type of a field other properties."""
    return lambda schema: present(at(schema, path)["type"]).update(properties)


OPTIONAL: dict[str, Any] = {"type": ["null", "string"], "default": None}
TIME = {"type": "long", "logicalType": "timestamp-micros"}

REMOVED = "a field is never removed or renamed"
ORDER = "fields keep their order, and new ones come last in their record"
TYPE = "a type is never changed: "
UNION = "a union keeps its branches: "

# what is done, the field that is named, the rule; and whether Avro's own checker finds it too
ILLEGAL: list[tuple[str, Mutation, str, str, bool]] = [
    ("a required field is removed", remove("tenant_id"), "tenant_id", REMOVED, True),
    ("an optional field is removed", remove("reason"), "reason", REMOVED, False),
    ("a personal field is removed", remove("personal.title"), "personal.title", REMOVED, False),
    ("a required nested field is removed", remove("groups.type"), "groups.type", REMOVED, True),
    ("an optional nested field is removed", remove("audience.role"), "audience.role", REMOVED, False),
    ("a record is removed", remove("digest"), "digest", REMOVED, False),
    ("a field is renamed", put("reason", name="cause"), "reason", REMOVED, False),
    ("a field is renamed with an alias", put("reason", name="cause", aliases=["reason"]), "reason", REMOVED, False),
    ("a nested field is renamed", put("subject.id", name="key"), "subject.id", REMOVED, False),
    ("a field gets an alias", put("reason", aliases=["cause"]), "reason", "aliases is never changed", False),
    ("a new field has an alias", add("", aliases=["old"], **OPTIONAL), "new", "a field has no alias: not", False),
    ("a field without default is added", add("", type="string"), "new", "a new field has a default", True),
    ("a nullable field without default is added", add("", type=["null", "long"]), "new", "a new field has a", True),
    ("a nested field without default is added", add("personal", type="string"), "personal.new", "a new field", True),
    ("a list's field without default is added", add("audience", type="string"), "audience.new", "a new field", True),
    ("a field is added in between", add("", 15, **OPTIONAL), "", ORDER, False),
    ("a nested field is added in between", add("subject", 0, **OPTIONAL), "subject", ORDER, False),
    ("two fields are swapped", lambda schema: schema["fields"].insert(3, schema["fields"].pop(1)), "", ORDER, False),
    ("long becomes string", put("number", type=["null", "string"]), "number", UNION, True),
    ("long becomes int", put("number", type=["null", "int"]), "number", UNION, True),
    ("long becomes double", put("number", type=["null", "double"]), "number", UNION, True),
    ("string becomes int", put("source", type="int"), "source", TYPE, True),
    ("string becomes bytes", put("source", type="bytes"), "source", TYPE, False),
    ("boolean becomes string", put("flag", type="string"), "flag", TYPE, True),
    ("items become another type", put("tags", type={"type": "array", "items": "long"}), "tags", TYPE, True),
    ("items become nullable", put("tags", type={"type": "array", "items": ["null", "string"]}), "tags", TYPE, True),
    ("a list becomes one", put("tags", type="string"), "tags", TYPE, True),
    ("a record becomes a text", put("personal", type=["null", "string"]), "personal", UNION, True),
    ("a nested text becomes a number", put("personal.title", type=["null", "long"]), "personal.title", UNION, True),
    ("a required field becomes nullable", put("source", type=["null", "string"]), "source", TYPE, True),
    ("a nullable field becomes required", put("actor", type="string"), "actor", TYPE, True),
    ("a branch is added", put("actor", type=["null", "string", "long"]), "actor", UNION, True),
    ("a branch is removed", put("actor", type=["null"]), "actor", UNION, True),
    ("branches are swapped", put("actor", type=["string", "null"]), "actor", UNION, False),
    ("a default is changed", put("audience.role", default="cc"), "audience.role", "default is never", False),
    ("false becomes true", put("flag", default=True), "flag", "default is never changed", False),
    ("a default is taken away", drop("actor", "default"), "actor", "default is never changed", False),
    ("a default is given", put("source", default="shop"), "source", "default is never changed", False),
    ("a doc is changed", put("reason", doc="Other."), "reason", "doc is never changed", False),
    ("a nested doc is changed", put("subject.id", doc="Other."), "subject.id", "doc is never changed", False),
    ("the record's doc is changed", lambda schema: schema.update(doc="Other."), "", "doc is never changed", False),
    ("a part's doc is changed", put_inside("subject", doc="Other."), "subject", "doc is never changed", False),
    (
        "micros become millis",
        put_inside("scheduled_at", logicalType="timestamp-millis"),
        "scheduled_at",
        "logicalT",
        False,
    ),
    ("a time becomes a number", put("occurred_at", type="long"), "occurred_at", "logicalType is never", False),
    ("a number becomes a time", put("number", type=["null", TIME]), "number", "logicalType is never", False),
    ("a uuid becomes a text", put("event_id", type="string"), "event_id", "logicalType is never", False),
    ("a personal mark is taken away", drop("personal.body", "personal"), "personal.body", "personal is never", False),
    ("a personal mark is given", put("tags", personal=True), "tags", "personal is never changed", False),
    ("a symbol is removed", put_inside("sort", symbols=["UNKNOWN", "A"]), "sort", "a symbol is never removed", False),
    ("the last symbol is removed", put_inside("closed", symbols=["B"]), "closed", "a symbol is never removed", True),
    ("symbols are swapped", put_inside("sort", symbols=["UNKNOWN", "B", "A"]), "sort", "a symbol is never", False),
    ("a symbol comes without default", put_inside("closed", symbols=["A", "B"]), "closed", "symbols are added", True),
    ("the default symbol is changed", put_inside("sort", default="A"), "sort", "default is never changed", False),
    ("a record is renamed", put_inside("subject", name="Topic"), "subject", "name is never changed", True),
    ("the event is renamed", lambda schema: schema.update(name="Made"), "", "name is never changed", True),
    ("the namespace is changed", lambda schema: schema.update(namespace="other"), "", "namespace is never", False),
    ("the kind is changed", lambda schema: schema.update(kind="fired"), "", "kind is never changed", False),
]

LEGAL: list[tuple[str, Mutation]] = [
    ("nothing but the version", lambda schema: schema.update(version=schema["version"] + 1)),
    ("a nullable field is added", add("", **OPTIONAL)),
    ("a nullable time is added", add("", type=["null", TIME], default=None)),
    ("a flag with a default is added", add("", type="boolean", default=False)),
    ("a list with a default is added", add("", type={"type": "array", "items": "string"}, default=[])),
    ("a personal field is added", add("personal", personal=True, **OPTIONAL)),
    ("a field with a default is added to a list's record", add("audience", type="string", default="x")),
    ("a symbol is added where there is a default", put_inside("sort", symbols=["UNKNOWN", "A", "B", "C"])),
]


def changed(mutate: Mutation) -> tuple[Schema, Schema]:
    """Return a schema, and what a change makes of it: still an Avro schema."""
    older = created()
    newer = deepcopy(older)
    mutate(newer)
    assert newer != older
    return older, newer


@pytest.mark.parametrize(
    ("mutate", "field", "rule", "avro_sees_it"), [row[1:] for row in ILLEGAL], ids=[row[0] for row in ILLEGAL]
)
def test_an_illegal_change_is_refused_with_its_field_and_rule(
    mutate: Mutation,
    field: str,
    rule: str,
    avro_sees_it: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Each is found by our rule; the last column states which of them Avro's checker alone would let pass."""
    older, newer = changed(mutate)
    ours = [found for found in refusals(older, newer) if not found.rule.startswith("avro: ")]
    assert [found for found in ours if found.field == field and found.rule.startswith(rule)], ours
    theirs = avro_refusals(reader=newer, writer=older, direction="") + avro_refusals(
        reader=older, writer=newer, direction=""
    )
    assert avro_sees_it == bool(theirs)


@pytest.mark.parametrize("mutate", [row[1] for row in LEGAL], ids=[row[0] for row in LEGAL])
def test_a_legal_change_is_accepted(mutate: Mutation) -> None:
    """By our rules and by Avro's, in both directions."""
    assert refusals(*changed(mutate)) == []


def test_a_refusal_names_kind_versions_field_and_rule() -> None:
    """What a person reads when the gate is closed."""
    older, newer = changed(remove("personal.title"))
    assert refusals_of_kind("created", {1: older, 3: newer}) == [
        "created v1 and v3: personal.title: a field is never removed or renamed"
    ]
    assert str(Refusal("", "doc is never changed")) == "the record: doc is never changed"


def test_every_pair_of_versions_is_compared() -> None:
    """FULL_TRANSITIVE: a third version that agrees with the second is still held against the first."""
    first = created()
    second = deepcopy(first)
    add("", **OPTIONAL)(second)
    third = deepcopy(first)
    add("", type=["null", "long"], default=None)(third)
    found = refusals_of_kind("created", {1: first, 2: second, 3: third})
    assert found
    assert all(line.startswith("created v2 and v3: new: ") for line in found)
    fourth = deepcopy(first)
    remove("reason")(fourth)
    found = refusals_of_kind("created", {1: first, 2: fourth, 3: fourth})
    assert [line.split(":")[0] for line in found] == ["created v1 and v2", "created v1 and v3"]


def test_avro_names_the_field_at_its_place() -> None:
    """Of a list's record too; inside a union it names the field that holds the union."""
    older, newer = changed(add("audience", type="string"))
    (found,) = avro_refusals(reader=newer, writer=older, direction="")
    assert (found.field, "reader_field_missing_default_value" in found.rule) == ("audience.new", True)
    older, newer = changed(add("personal", type="string"))
    (found,) = avro_refusals(reader=newer, writer=older, direction="")
    assert (found.field, "missing_union_branch" in found.rule) == ("personal", True)


@each_kind
def test_every_pair_of_shipped_versions_is_compatible_both_ways(kind: Kind) -> None:
    """The gate: FULL_TRANSITIVE over every version of every kind."""
    assert refusals_of_kind(kind, VERSIONS[kind]) == []


@each_kind
def test_each_version_of_a_kind_has_a_fingerprint_of_its_own(kind: Kind) -> None:
    """A version that differs in docs, defaults or logical types alone would be taken for the one before."""
    found = {fingerprint_of_text(json.dumps(schema)) for schema in VERSIONS[kind].values()}
    assert len(VERSIONS[kind]) == len(found)


def test_versions_share_a_fingerprint_if_only_the_meaning_changed() -> None:
    """Why the gate looks at docs, defaults and logical types itself: Avro's fingerprint does not."""
    older, newer = changed(put_inside("scheduled_at", logicalType="timestamp-millis"))
    assert fingerprint_of_text(json.dumps(older)) == fingerprint_of_text(json.dumps(newer))


def test_the_lock_is_the_schema_files() -> None:
    """Every file with its fingerprint and its sha256, in landed.lock: an edit of what has landed is found."""
    assert locked(VERSIONS_LOCK) == versions()


def test_no_commit_has_taken_a_line_from_the_lock() -> None:
    """A schema file that has landed never changes: no commit that this checkout knows had a line that is gone."""
    assert lost_lines(VERSIONS_LOCK) == set()
    say_if_shallow(VERSIONS_LOCK)


def test_a_new_version_begins_with_the_fields_of_all_kinds() -> None:
    """New common fields would come behind the fifteen of version 1 and be the same in every kind."""
    for kind, schemas in VERSIONS.items():
        for older, newer in pairwise(schemas[version] for version in sorted(schemas)):
            names = [field["name"] for field in older["fields"]]
            assert names == [field["name"] for field in newer["fields"]][: len(names)], kind


def test_apache_avro_reads_every_shipped_schema() -> None:
    """Also those of the mutations: what is refused is refused as a change, not as a schema."""
    for schema in shipped_schemas().values():
        parsed: Any = avro.schema.parse(schema.text)
        assert parsed.fullname == schema.name
