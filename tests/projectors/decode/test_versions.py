"""Records of writers who are ahead of us or behind: whole batches say what fastavro makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.group import plan_of
from ledger_projectors.decode.resolution import UnresolvedError, resolve
from ledger_projectors.log.records import Reason
from ledger_schemas import Kind
from ledger_schemas.codec import wire_values
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import WriterSchema, current_schema, writer_schema
from ledger_schemas.upcasting import RULES
from tests.projectors.decode.decoding import (
    KEY,
    NOT_ALONE,
    assert_as_reference,
    frame_with,
    full_values,
    known_with,
    log_of,
)
from tests.schemas.published import present
from tests.schemas.strategies import TEXTS, events

PARTITIONS: Final = 6
Document = dict[str, Any]

_NEW_RECORD: Final = {
    "type": "record",
    "name": "News",
    "fields": [{"name": "text", "type": "string"}, {"name": "marks", "type": {"type": "array", "items": "long"}}],
}
NEW_FIELDS: Final[dict[str, tuple[Any, st.SearchStrategy[Any]]]] = {
    "text": ("string", TEXTS),
    "nullable text": (["null", "string"], st.none() | TEXTS),
    "nullable text, null last": (["string", "null"], st.none() | TEXTS),
    "number": ("long", st.integers(-(2**63), 2**63 - 1)),
    "truth": ("boolean", st.booleans()),
    "texts": ({"type": "array", "items": "string"}, st.lists(TEXTS, max_size=3)),
    "record": (
        ["null", _NEW_RECORD],
        st.none()
        | st.fixed_dictionaries({"text": TEXTS, "marks": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)}),
    ),
}
"""Fields that a later version may bring, with what a writer may put into them."""


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_batch_of_another_version_says_what_the_reference_says(kind: Kind, data: st.DataObject) -> None:
    """Fields added, missing and in another order, also inside records: new ones are dropped, missing ones default."""
    schema, news = data.draw(versions(kind))
    assert plan_of(schema) is not None
    drawn = data.draw(st.lists(st.tuples(events(kind), st.fixed_dictionaries(news)), min_size=1, max_size=3))
    frames = [
        (frame_with(schema, wire_values(event) | added), str(event.notification_id).encode()) for event, added in drawn
    ]
    log = log_of([*frames * NOT_ALONE, (frames[0][0] + b"\x00", frames[0][1])], PARTITIONS)
    rows = assert_as_reference(log, PARTITIONS, known_with(schema))
    assert len(frames) * NOT_ALONE == rows.num_rows


@st.composite
def versions(draw: st.DrawFn, kind: Kind) -> tuple[WriterSchema, dict[str, st.SearchStrategy[Any]]]:
    """Draw a schema that another version of a kind may have, and what goes into the fields that we do not know."""
    document = current_schema(kind).document
    for record in [document, *_records(document)]:
        fields = record["fields"]
        # A delivery_ref without its channel would be no event.
        optional = [field["name"] for field in fields if "default" in field and field["name"] != "channel"]
        left_out = draw(st.sets(st.sampled_from(optional))) if optional else set()
        kept = [field for field in fields if field["name"] not in left_out]
        record["fields"] = draw(st.permutations(kept)) if kept else fields[:1]
    names = draw(st.sets(st.sampled_from(sorted(NEW_FIELDS))))
    for name in sorted(names) or ["text"]:
        field = {"name": f"new_{name.replace(' ', '_').replace(',', '')}", "type": NEW_FIELDS[name][0]}
        document["fields"].insert(draw(st.integers(0, len(document["fields"]))), field)
    news = {
        f"new_{name.replace(' ', '_').replace(',', '')}": values
        for name, (_, values) in NEW_FIELDS.items()
        if name in (names or {"text"})
    }
    return writer_schema(json.dumps(document)), news


def _records(document: Document) -> list[Document]:
    """Return the records inside a record, each once."""
    found = []
    for field in document["fields"]:
        node = present(field["type"])
        node = node["items"] if isinstance(node, dict) and node["type"] == "array" else node
        if isinstance(node, dict) and node["type"] == "record":
            found += [node, *_records(node)]
    return found


def _changed(kind: Kind, change: Callable[[Document], None]) -> WriterSchema:
    document = current_schema(kind).document
    change(document)
    return writer_schema(json.dumps(document))


def _field(document: Document, name: str) -> Document:
    return next(field for field in document["fields"] if field["name"] == name)


def _retype(name: str, node: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        field = _field(document, name)
        field["type"] = node
        field.pop("default", None)

    return change


def _drop(name: str) -> Callable[[Document], None]:
    return lambda document: document["fields"].remove(_field(document, name))


PROMOTED: Final[dict[str, tuple[WriterSchema, dict[str, Any], int]]] = {
    "a number as int": (_changed(Kind.CREATED, _retype("number", ["null", "int"])), {"number": 7}, NOT_ALONE),
    "a text as bytes": (_changed(Kind.CREATED, _retype("actor", ["null", "bytes"])), {"actor": b"any"}, NOT_ALONE),
    "a field that may be null only there, and is not": (
        _changed(Kind.CREATED, _retype("source", ["null", "string"])),
        {"source": "shop"},
        NOT_ALONE,
    ),
    "a field that may be null only there, and is": (
        _changed(Kind.CREATED, _retype("source", ["null", "string"])),
        {"source": None},
        0,
    ),
    "a field of another type": (_changed(Kind.CREATED, _retype("actor", "long")), {"actor": 7}, 0),
    "a field that we need is missing": (_changed(Kind.CREATED, _drop("source")), {}, 0),
}


@pytest.mark.parametrize("name", PROMOTED)
def test_what_needs_more_than_names_is_read_by_fastavro(name: str) -> None:
    """A promotion of types, or a writer who does not fit at all: fastavro alone says what becomes of such a group."""
    schema, changes, rows = PROMOTED[name]
    assert plan_of(schema) is None
    frame = frame_with(schema, full_values(Kind.CREATED) | changes)
    log = log_of([(frame, KEY)] * NOT_ALONE, PARTITIONS)
    assert rows == assert_as_reference(log, PARTITIONS, known_with(schema)).num_rows


FITTING: Final[dict[str, tuple[WriterSchema, dict[str, Any]]]] = {
    "a field that must be there": (_changed(Kind.CREATED, _retype("actor", "string")), {"actor": "ann"}),
    "a field whose null comes last": (_changed(Kind.CREATED, _retype("actor", ["string", "null"])), {"actor": "ann"}),
    "a list that is missing": (_changed(Kind.CREATED, _drop("audience")), {"audience": []}),
    "a truth that is missing": (_changed(Kind.OPENED, _drop("automated")), {"automated": False}),
    "a record that is missing": (_changed(Kind.CREATED, _drop("personal")), {"personal": None}),
    "a time that is missing": (_changed(Kind.CREATED, _drop("scheduled_at")), {"scheduled_at": None}),
}


@pytest.mark.parametrize("name", FITTING)
def test_a_version_that_fits_by_names_is_decoded_in_batches(name: str) -> None:
    """What an older or newer version may do by the rules of evolution costs no batch its speed."""
    schema, expected = FITTING[name]
    assert plan_of(schema) is not None
    frame = frame_with(schema, full_values(schema.kind) | expected)
    log = log_of([(frame, KEY)] * NOT_ALONE, PARTITIONS)
    rows = assert_as_reference(log, PARTITIONS, known_with(schema)).to_pylist()
    assert [expected] * NOT_ALONE == [{name: row[name] for name in expected} for row in rows]


def test_a_version_that_is_upcast_is_read_by_fastavro(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule of upcasting works on the values of one event: its writer schema goes to the reference."""
    schema = current_schema(Kind.READ)
    assert plan_of(schema) is not None
    monkeypatch.setattr("ledger_projectors.decode.group.RULES", {**RULES, schema.fingerprint: dict})
    assert plan_of(schema) is None


def _record(record_name: str = "Any", **field: object) -> Document:
    return {"type": "record", "name": record_name, "fields": [{"name": "text", "type": "string", **field}]}


UNRESOLVED: Final[dict[str, tuple[Document, Document]]] = {
    "another name": (_record("Any"), _record("Other")),
    "another type": (_record(), _record(type="long")),
    "no default": (_record(), _record(name="new")),
    "an alias": (_record(), _record(name="new", aliases=["text"], default="")),
    "a list of something else": (
        _record(type={"type": "array", "items": "string"}),
        _record(type={"type": "array", "items": "long"}),
    ),
    "a list for a record": (_record(type={"type": "array", "items": "string"}), _record(type=_record("Inner"))),
    "null in the items": (
        _record(type={"type": "array", "items": ["null", "string"]}),
        _record(type={"type": "array", "items": "string"}),
    ),
}


@pytest.mark.parametrize("name", UNRESOLVED)
def test_resolution_leaves_alone_what_it_does_not_know(name: str) -> None:
    """Anything but fields found by name and defaults is said to be unresolved, never guessed."""
    writer, reader = UNRESOLVED[name]
    with pytest.raises(UnresolvedError):
        resolve(writer, reader)


def test_a_schema_of_no_kind_of_ours_rejects_its_records_alone() -> None:
    """A record of somebody else's kind is `kind_unknown`, and the batch around it is applied."""
    known = KnownSchemas()
    by_id = SchemaReference.to_registry_id(5)
    assert known.learn(by_id, json.dumps(_record("Foreign")))
    good = frame_with(current_schema(Kind.READ), full_values(Kind.READ))
    log = log_of([(good, KEY), (header_of(by_id) + b"\x02a", KEY)] * NOT_ALONE, PARTITIONS)
    table, rejections = decode_records(log, PARTITIONS, known)
    assert (table.num_rows, [one.reason for one in rejections]) == (NOT_ALONE, [Reason.KIND_UNKNOWN] * NOT_ALONE)
