import io
import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_schemas import decode_event, encode_event, limits, parse_event
from ledger_schemas.codec import decode_wire, wire_values
from ledger_schemas.envelope import Envelope
from ledger_schemas.errors import ContractViolation, LimitExceeded, SchemaUnknown, Undecodable
from ledger_schemas.events import Event, NotificationFired
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import Personal
from ledger_schemas.shipped import current_schema, fingerprint_of_text, schema_text, shipped_schemas

from .avro_by_hand import canonical_form, crc_64_avro, read_record
from .strategies import events

MAGIC = bytes.fromhex("c301")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTIFICATION_ID = "01900000-0000-7000-8000-000000000001"
OTHER_ID = "01900000-0000-7000-8000-000000000002"
MINIMAL = {"tenant_id": "acme", "notification_id": NOTIFICATION_ID, "source": "shop"}

each_kind = pytest.mark.parametrize("kind", Kind)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fired(**fields: Any) -> NotificationFired:  # noqa: ANN401 - any field
    """Return a small valid event."""
    return NotificationFired(tenant_id="acme", notification_id=NOTIFICATION_ID, source="shop", **fields)


def listed(value: Any) -> Any:  # noqa: ANN401 - any part of an event
    """Return the value with lists for tuples, as Avro has it."""
    if isinstance(value, dict):
        return {name: listed(part) for name, part in value.items()}
    return [listed(part) for part in value] if isinstance(value, list | tuple) else value


@each_kind
@quick
@given(data=st.data())
def test_an_event_comes_back_as_it_went(kind: Kind, data: st.DataObject) -> None:
    """decode(encode(event)) is the event, for any event of any kind."""
    event = data.draw(events(kind))
    assert event == decode_event(encode_event(event))


@each_kind
@quick
@given(data=st.data())
def test_any_avro_reader_with_the_published_schema_reads_the_same_event(kind: Kind, data: st.DataObject) -> None:
    """With the .avsc as published, logical types on, ids are UUIDs, times are instants, and nothing else differs."""
    event = data.draw(events(kind))
    body = io.BytesIO(encode_event(event)[10:])
    assert listed(event.model_dump(exclude={"kind"})) == schemaless_reader(
        body, parse_schema(json.loads(schema_text(kind))), None
    )
    assert not body.read()


@each_kind
@quick
@given(data=st.data())
def test_the_bytes_are_what_the_specification_says(kind: Kind, data: st.DataObject) -> None:
    """A reader written from the specification alone gives the values that decode_wire gives."""
    event = data.draw(events(kind))
    frame = encode_event(event)
    values = read_record(json.loads(schema_text(kind)), frame[10:])
    assert values == decode_wire(frame).values
    assert values["occurred_at"] == (event.occurred_at - EPOCH) // timedelta(microseconds=1)
    assert (str(event.event_id), str(event.notification_id)) == (values["event_id"], values["notification_id"])


@pytest.mark.parametrize(
    ("schema", "fingerprint"),
    [("null", 7195948357588979594), ("boolean", -6970731678124411036), ("string", -8142146995180207161)],
)
def test_the_fingerprint_by_hand_gives_the_published_vectors(schema: str, fingerprint: int) -> None:
    """Avro's own schema tests list these; the judge of the next test stands on them."""
    assert fingerprint.to_bytes(8, "little", signed=True) == crc_64_avro(canonical_form(schema))


@each_kind
def test_a_frame_is_magic_fingerprint_and_body(kind: Kind) -> None:
    """C3 01, then CRC-64-AVRO of the parsing canonical form, little-endian, then the record."""
    event = parse_event(MINIMAL | {"kind": kind} | ({"retracted_event_id": OTHER_ID} if kind == "retracted" else {}))
    frame = encode_event(event)
    fingerprint = crc_64_avro(canonical_form(json.loads(schema_text(kind))))
    assert MAGIC + fingerprint == frame[:10]
    assert fingerprint == current_schema(kind).fingerprint == fingerprint_of_text(schema_text(kind))
    assert wire_values(event)["tenant_id"] == read_record(json.loads(schema_text(kind)), frame[10:])["tenant_id"]


def test_known_bytes_are_a_known_event() -> None:
    """The layout, byte by byte: texts behind their zigzag length, the time as a zigzag varint, nulls as branch 0."""
    identity = b"\x48" + NOTIFICATION_ID.encode()
    body = identity + b"\x08acme" + identity + b"\x06" + b"\x02\x04\xc3\xa9" + b"\0\0\0" + b"\x08shop" + b"\0" * 7
    (first,) = (s for s in shipped_schemas().values() if (s.kind, s.version) == (Kind.FIRED, 1))
    event = fired(event_id=NOTIFICATION_ID, occurred_at=EPOCH + timedelta(microseconds=3), recipient_id="é")
    assert event == decode_event(MAGIC + first.fingerprint + body)
    assert encode_event(event)[10:].startswith(body)


def test_every_kind_has_a_fingerprint_of_its_own() -> None:
    """The frame alone says which kind it holds."""
    assert set(Kind) == {schema.kind for schema in shipped_schemas().values()}
    published = [entry for entry in files("ledger_schemas").joinpath("avro").iterdir() if entry.name.endswith(".avsc")]
    assert len(published) == len(shipped_schemas())


@pytest.mark.parametrize("length", range(10))
def test_a_frame_cut_inside_its_header_is_undecodable(length: int) -> None:
    """Too short to name a schema: Undecodable, not SchemaUnknown."""
    with pytest.raises(Undecodable) as refused:
        decode_wire(encode_event(fired())[:length])
    assert type(refused.value) is Undecodable


def test_every_truncation_is_undecodable() -> None:
    """A record cut anywhere never passes as a shorter one."""
    frame = encode_event(fired(personal=Personal(title="x" * 200)))
    for length in range(10, len(frame)):
        with pytest.raises(Undecodable):
            decode_wire(frame[:length])


def test_bytes_after_the_record_are_refused() -> None:
    """One record is one event; the message counts what is left over."""
    with pytest.raises(Undecodable, match=r"^2 bytes are left over"):
        decode_wire(encode_event(fired()) + b"\0\0")


def test_other_magic_is_undecodable() -> None:
    """Another version of the encoding, a cut Confluent frame and plain text are told apart from events."""
    frame = encode_event(fired())
    for other in (b"\xc3\x02" + frame[2:], b"\0\0\0\x01", b'{"kind": "fired"}', b"\x01" + frame, b""):
        with pytest.raises(Undecodable, match="magic"):
            decode_wire(other)


def test_an_unknown_fingerprint_is_named() -> None:
    """SchemaUnknown gives the fingerprint as it stands on the wire, so that the schema can be published."""
    with pytest.raises(SchemaUnknown, match="0123456789abcdef"):
        decode_wire(MAGIC + bytes.fromhex("0123456789abcdef") + encode_event(fired())[10:])


def test_an_array_in_several_blocks_is_read() -> None:
    """Avro lets a writer cut arrays into blocks, with or without their size; both are the same event."""
    event = parse_event({"kind": "created", "tenant_id": "t", "source": "s", "tags": ["a", "b", "c"]})
    frame = encode_event(event)
    one_block = b"\x06\x02a\x02b\x02c\0"
    blocks = b"\x02\x02a" + b"\x03\x08\x02b\x02c" + b"\0"
    assert frame.count(one_block) == 1
    assert event == decode_event(frame.replace(one_block, blocks))


def test_an_event_of_exactly_the_limit_passes_and_one_more_byte_does_not() -> None:
    """EVENT_BYTES_MAX counts the framing and is named in the refusal, with the size."""
    body = "\U0001f4e6" * limits.BODY_CHARS_MAX
    bare = len(encode_event(fired(personal=Personal(body=body, data='""'))))
    room = limits.EVENT_BYTES_MAX - bare - 2  # The longer text's own length takes two bytes more.
    exactly = fired(personal=Personal(body=body, data=f'"{"x" * room}"'))
    assert len(encode_event(exactly)) == limits.EVENT_BYTES_MAX
    with pytest.raises(LimitExceeded, match=r"1000001 bytes; EVENT_BYTES_MAX is 1000000"):
        encode_event(fired(personal=Personal(body=body, data=f'"{"x" * (room + 1)}"')))


def test_a_lone_surrogate_that_slipped_past_the_models_is_refused() -> None:
    """A text that UTF-8 cannot carry never reaches the log, and is not repeated in the error."""
    sneaked: Event = fired().model_copy(update={"actor": "MARKER\ud800"})
    with pytest.raises(ContractViolation) as refused:
        encode_event(sneaked)
    assert "MARKER" not in f"{refused.value}{refused.value!r}"


def test_encoding_changes_nothing_in_the_event() -> None:
    """wire_values gives a copy: an event is immutable, also for the codec."""
    event = parse_event(
        {"kind": "created", "tenant_id": "t", "source": "s", "audience": [{"recipient_id": "ann"}], "personal": {}}
    )
    before = event.model_dump()
    encode_event(event)
    assert before == event.model_dump()
    assert set(Envelope.model_fields) < set(before)
