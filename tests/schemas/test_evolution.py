import io
import json
from copy import deepcopy
from functools import cache
from typing import Any

import avro.io
import avro.schema
import pytest
from fastavro import schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_schemas import codec, decode_event
from ledger_schemas.codec import decode_wire, wire_values
from ledger_schemas.errors import SchemaUnknown, Undecodable
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import WriterSchema, current_schema, shipped_schemas, writer_schema

from .compatibility import refusals
from .land import GOLDEN
from .published import document, present, records
from .strategies import events

OPTIONAL = {"type": ["null", "string"], "default": None, "doc": "Came later; 1 to 128 characters."}
MOOD = {"name": "mood", "type": "string", "default": "calm", "doc": "Came later; 1 to 128 characters."}

each_kind = pytest.mark.parametrize("kind", Kind)
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def next_version(kind: Kind) -> WriterSchema:
    """Return what may come after today's schema: a nullable field, a list, and in every part a field with a default."""
    schema = deepcopy(document(kind))
    schema["version"] += 1
    for record in list(records(schema))[1:]:
        record["fields"].append(dict(MOOD))
    schema["fields"].append({"name": "lane", **OPTIONAL})
    words = {"type": "array", "items": "string"}
    schema["fields"].append({"name": "words", "type": words, "default": [], "doc": "Came later; at most 8."})
    assert refusals(document(kind), schema) == []
    return writer_schema(json.dumps(schema), schema["version"])


def grown(values: dict[str, Any], mood: str) -> dict[str, Any]:
    """Return the values of an event of today as one of the next version has them."""

    def grow(value: Any) -> Any:  # noqa: ANN401 - any part of an event
        if isinstance(value, dict):
            return {**{name: grow(part) for name, part in value.items()}, "mood": mood}
        return [grow(part) for part in value] if isinstance(value, list | tuple) else value

    return {name: grow(value) for name, value in values.items()}


def encode(schema: WriterSchema, values: dict[str, Any]) -> bytes:
    """Return the single-object frame that a writer of a schema makes."""
    out = io.BytesIO()
    out.write(header_of(SchemaReference.to_fingerprint(schema.fingerprint)))
    schemaless_writer(out, schema.parsed, values)
    return out.getvalue()


@each_kind
@quick
@given(data=st.data())
def test_todays_reader_reads_events_of_the_next_version(kind: Kind, data: st.DataObject) -> None:
    """Once it has learnt the schema, by fingerprint or registry id; what it does not know it leaves out."""
    event = data.draw(events(kind))
    newer = next_version(kind)
    values = {**grown(wire_values(event), "angry"), "lane": "fast", "words": ["a", "b"]}
    frame = encode(newer, values)
    known = KnownSchemas()
    with pytest.raises(SchemaUnknown):
        decode_wire(frame, known)
    by_id = SchemaReference.to_registry_id(7)
    assert known.learn(SchemaReference.to_fingerprint(newer.fingerprint), newer.text)
    assert known.learn(by_id, newer.text)
    assert event == decode_event(frame, known)
    assert event == decode_event(header_of(by_id) + frame[10:], known)


@each_kind
@quick
@given(data=st.data())
def test_the_next_versions_reader_reads_events_of_today(kind: Kind, data: st.DataObject) -> None:
    """With the defaults of what came later, at the top and in every part."""
    event = data.draw(events(kind))
    newer = next_version(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "current_schema", lambda _kind: newer)
        read = codec.decode_body(current_schema(kind), encode(current_schema(kind), wire_values(event))[10:])
    expected = {name: value for name, value in wire_values(event).items() if name != "kind"}
    assert {**grown(expected, "calm"), "lane": None, "words": []} == read


@each_kind
def test_the_next_versions_reader_reads_the_golden_corpus(kind: Kind) -> None:
    """By our codec and by Apache Avro: the bytes of today with a schema that is not written yet."""
    newer = next_version(kind)
    for path in GOLDEN.rglob(f"{kind}-*.bin"):
        frame = path.read_bytes()
        values = decode_wire(frame).values
        expected = {**grown(values, "calm"), "lane": None, "words": []}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "current_schema", lambda _kind: newer)
            assert expected == decode_wire(frame).values
        written_with = shipped_schemas()[frame[2:10]]
        writer, reader = (avro.schema.parse(json.dumps(schema.parsed)) for schema in (written_with, newer))
        body = avro.io.BinaryDecoder(io.BytesIO(frame[10:]))
        assert expected == avro.io.DatumReader(writer, reader).read(body)


def test_a_schema_that_does_not_resolve_is_undecodable() -> None:
    """A writer who broke the rules is found, event by event, and the event is not half read."""
    schema = document(Kind.FIRED)
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "source"]
    broken = writer_schema(json.dumps(schema))
    values = decode_wire((GOLDEN / "v1/fired-full.bin").read_bytes()).values
    known = KnownSchemas()
    known.learn(SchemaReference.to_fingerprint(broken.fingerprint), broken.text)
    with pytest.raises(Undecodable):
        decode_wire(encode(broken, values), known)


@each_kind
def test_the_same_event_reads_the_same_whoever_wrote_it(kind: Kind) -> None:
    """In another version with nothing new to say, its values are equal: a copy of it is no conflict."""
    frame = (GOLDEN / f"v1/{kind}-full.bin").read_bytes()
    values = decode_wire(frame).values
    newer = next_version(kind)
    known = KnownSchemas()
    known.learn(SchemaReference.to_fingerprint(newer.fingerprint), newer.text)
    again = decode_wire(encode(newer, {**grown(values, "calm"), "lane": None, "words": []}), known)
    assert again.values == values


@each_kind
def test_a_reused_event_id_with_other_content_is_told_by_content(kind: Kind) -> None:
    """Whichever field differs, the decoded values differ: nothing of an event is lost on the way to its comparison."""
    values = decode_wire((GOLDEN / f"v1/{kind}-full.bin").read_bytes()).values
    for field in document(kind)["fields"]:
        name = field["name"]
        if name == "event_id":
            continue
        other = {**values, name: different(values[name], present(field["type"]))}
        read = decode_wire(encode(current_schema(kind), other)).values
        assert read["event_id"] == values["event_id"]
        assert [name] == [key for key in values if values[key] != read[key]]


def different(value: Any, node: Any) -> Any:  # noqa: ANN401 - any part of an event
    """Return another valid value of the same field."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, dict):
        return {**value, next(iter(value)): "other"}
    return value[:-1] + "f" if isinstance(node, dict) else f"{value}, other"
