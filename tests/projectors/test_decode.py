"""Every record becomes an event with all its fields, or a rejection that says why; none stops the others."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import pytest
from fastavro import schemaless_writer

from ledger_projectors.decode import EVENT_SCHEMA, decode_records
from ledger_projectors.records import LogRecord, Reason
from ledger_schemas import Event, Kind, decode_event, encode_event, parse_event
from ledger_schemas.codec import HEADER_BYTES, MAGIC, wire_values
from ledger_schemas.limits import EVENT_BYTES_MAX, RECIPIENTS_PER_EVENT_MAX
from ledger_schemas.shipped import current_schema

NOTIFICATION_ID: Final = "019ca7a1-0000-7000-8000-000000000001"
EVENT_ID: Final = "019ca7a1-0000-7000-8000-00000000000a"
KEY: Final = NOTIFICATION_ID.encode()
RECORDED_AT: Final = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
MUTATED_RECORDS: Final = 3_000

ENVELOPE: Final[dict[str, Any]] = {
    "event_id": EVENT_ID,
    "tenant_id": "acme",
    "notification_id": NOTIFICATION_ID,
    "occurred_at": datetime(2026, 3, 1, 11, 59, 59, 654_321, tzinfo=UTC),
    "recipient_id": "secret-ann",
    "channel": "email",
    "delivery_ref": "phone",
    "attempt_id": "attempt-1",
    "source": "shop",
    "actor": "user-1",
    "correlation_id": "order-1",
    "causation_id": "cart-1",
    "personal": {"title": "secret \x00 title", "body": "B", "data": '{"a":1}', "addresses": "[]", "detail": "D"},
    "personal_key_id": "key-1",
}
OWN_FIELDS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.CREATED: {
        "audience": [
            {"recipient_id": "ann", "role": "cc", "channels": ["email", "in_app"]},
            {"recipient_id": "bob", "channels": []},
        ],
        "category": "promo",
        "action": "shipped",
        "priority": "high",
        "subject": {"type": "order", "id": "1", "status": "open"},
        "external_id": "order-1",
        "scheduled_at": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "tags": ["a", "b"],
    },
    Kind.DELIVERED: {"provider": "ses"},
    Kind.OPENED: {"automated": True},
    Kind.FAILED: {"permanent": True, "reason": "bounced", "provider": "ses"},
}
REQUIRED: Final = ("event_id", "tenant_id", "notification_id", "occurred_at", "source")


def event(kind: Kind, **changes: object) -> Event:
    """Return an event with every field that its kind has."""
    return parse_event({"kind": kind, **ENVELOPE, **OWN_FIELDS.get(kind, {}), **changes})


def record(value: bytes | None, key: bytes | None = KEY, partition: int = 0, offset: int = 7) -> LogRecord:
    """Return a record of the log."""
    return LogRecord("any.v1", partition, offset, int(RECORDED_AT.timestamp() * 1_000), key, value)


def frame_of(kind: Kind, **changes: object) -> bytes:
    """Return the frame of a foreign writer, who checks nothing."""
    schema = current_schema(kind)
    out = io.BytesIO()
    schemaless_writer(out, schema.parsed, wire_values(event(kind)) | changes)
    return MAGIC + schema.fingerprint + out.getvalue()


GOOD: Final = encode_event(event(Kind.CREATED))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("filled", [True, False], ids=["every field", "required fields alone"])
def test_a_good_record_keeps_every_field(kind: Kind, *, filled: bool) -> None:
    """A row has, field by field, what the reference decoder reads; what the kind or the event lacks is null."""
    stated = event(kind) if filled else parse_event({"kind": kind, **{name: ENVELOPE[name] for name in REQUIRED}})
    frame = encode_event(stated)
    table, rejections = decode_records([record(frame)], 1)
    (row,) = table.to_pylist()
    expected = dict.fromkeys(EVENT_SCHEMA.names) | _plain(decode_event(frame).model_dump())
    place = {"recorded_at": RECORDED_AT, "log_partition": 0, "log_offset": 7}
    assert expected | place == row
    assert rejections == []
    if filled:
        assert {*ENVELOPE, *OWN_FIELDS.get(kind, {})} <= {name for name, value in row.items() if value is not None}


def test_every_field_of_the_contract_has_a_column() -> None:
    """No field of any published schema is left behind on the way into history."""
    fields = {field["name"] for kind in Kind for field in current_schema(kind).document["fields"]}
    assert fields == {*EVENT_SCHEMA.names} - {"kind", "recorded_at", "log_partition", "log_offset"}


UNDECODABLE: Final[dict[str, tuple[bytes | None, str]]] = {
    "no value": (None, "has no value"),
    "empty": (b"", "does not begin with single-object magic"),
    "shorter than a header": (GOOD[: HEADER_BYTES - 1], r"magic C3 01 \(9 bytes\)"),
    "wrong magic": (b"\x00\x00" + GOOD[2:], "does not begin with single-object magic"),
    "header alone": (GOOD[:HEADER_BYTES], "not a created event"),
    "truncated": (GOOD[:-1], "not a created event"),
    "trailing": (GOOD + b"\x00\x00", "2 bytes are left over"),
    "two records in one": (GOOD + GOOD[HEADER_BYTES:], "bytes are left over"),
    "bad UTF-8": (GOOD.replace(b"shop", b"sh\xff\xfe"), "UnicodeDecodeError"),
    "a text of 2^61 bytes": (GOOD[:HEADER_BYTES] + b"\xfe" + b"\xff" * 7 + b"\x3f", "not a created event"),
}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_bytes_that_are_no_event_are_undecodable(name: str) -> None:
    """Whatever is not one whole record of a known schema is rejected, and the detail says what is wrong with it."""
    value, detail = UNDECODABLE[name]
    assert _reason(record(value), detail) == Reason.UNDECODABLE


def test_a_fingerprint_that_nobody_knows_is_named() -> None:
    """A writer schema that is in no store is `schema_unknown`, with the fingerprint to look for."""
    assert _reason(record(MAGIC + bytes(range(8)) + GOOD[HEADER_BYTES:]), "0001020304050607") == Reason.SCHEMA_UNKNOWN


ODD_MEMBER: Final = {"recipient_id": "secret\n", "role": "to", "channels": []}
BROKEN: Final[dict[str, tuple[Kind, dict[str, Any]]]] = {
    "event_id in upper case": (Kind.READ, {"event_id": EVENT_ID.upper()}),
    "event_id of no version": (Kind.READ, {"event_id": "019ca7a1-0000-0000-8000-00000000000a"}),
    "notification_id that is none": (Kind.READ, {"notification_id": "secret"}),
    "tenant_id that is empty": (Kind.READ, {"tenant_id": ""}),
    "tenant_id with a control character": (Kind.READ, {"tenant_id": "secret\x00"}),
    "source that is too long": (Kind.READ, {"source": "secret" * 22}),
    "recipient_id that is empty": (Kind.READ, {"recipient_id": ""}),
    "channel with a line break": (Kind.READ, {"channel": "secret\n"}),
    "delivery_ref without a channel": (Kind.READ, {"channel": None}),
    "occurred_at beyond the calendar": (Kind.READ, {"occurred_at": 2**62}),
    "occurred_at before the calendar": (Kind.READ, {"occurred_at": -(2**62)}),
    "scheduled_at beyond the calendar": (Kind.CREATED, {"scheduled_at": 2**62}),
    "audience that names one twice": (Kind.CREATED, {"audience": [{**ODD_MEMBER, "recipient_id": "secret"}] * 2}),
    "audience.recipient_id with a line break": (Kind.CREATED, {"audience": [ODD_MEMBER]}),
    "audience.channels with an empty one": (
        Kind.CREATED,
        {"audience": [{**ODD_MEMBER, "recipient_id": "a", "channels": [""]}]},
    ),
    "audience of too many": (
        Kind.CREATED,
        {"audience": [{**ODD_MEMBER, "recipient_id": str(n)} for n in range(RECIPIENTS_PER_EVENT_MAX + 1)]},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_value_that_breaks_the_contract_is_named_and_not_repeated(name: str) -> None:
    """A frame of a writer who checks nothing is rejected with the field's name; the value stays out of the detail."""
    kind, changes = BROKEN[name]
    frame = frame_of(kind, **changes)
    assert _reason(record(frame), f"^{name.split(maxsplit=1)[0]}: ") == Reason.CONTRACT_VIOLATION


@pytest.mark.parametrize("key", [None, b"", KEY.upper(), KEY + b" ", EVENT_ID.encode(), b"\xff\x00"])
def test_the_key_is_the_notification_id(key: bytes | None) -> None:
    """Another key than the 36 characters of notification_id would have put the copies of an event apart."""
    assert _reason(record(GOOD, key=key), "key is not its notification_id") == Reason.KEY_MISMATCH


def test_the_reference_murmur2_is_kafkas() -> None:
    """The hash that the next test judges by gives the values of Apache Kafka's own unit test (UtilsTest)."""
    expected = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"abc": 479470107,
    }
    assert expected == {data: _murmur2(data) for data in expected}


@pytest.mark.parametrize("partitions", [1, 2, 3, 6, 7, 50])
def test_a_record_belongs_into_one_partition(partitions: int) -> None:
    """Of all partitions, the one of Kafka's Java default partitioner is right; elsewhere the detail names it."""
    right = (_murmur2(KEY) & 0x7FFFFFFF) % partitions
    for partition in range(partitions):
        table, rejections = decode_records([record(GOOD, partition=partition)], partitions)
        if partition == right:
            assert (table.num_rows, rejections) == (1, [])
        else:
            detail = f"belongs in partition {right} of {partitions} "
            assert _reason(record(GOOD, partition=partition), detail, partitions) == Reason.WRONG_PARTITION


def test_bad_records_take_nothing_with_them() -> None:
    """Every good record between bad ones becomes a row, in order, and every bad one a rejection of the whole record."""
    bad = [record(value) for value, _ in UNDECODABLE.values()]
    mixed = [one for pair in zip(bad, [record(GOOD)] * len(bad), strict=True) for one in pair]
    batch = [replace(one, offset=offset) for offset, one in enumerate(mixed)]
    table, rejections = decode_records(batch, 1)
    assert table.column("log_offset").to_pylist() == [one.offset for one in batch if one.value == GOOD]
    assert [one for one in batch if one.value != GOOD] == [rejection.record for rejection in rejections]


def test_no_batch_is_no_rows() -> None:
    """An empty batch has the columns of any other."""
    table, rejections = decode_records([], 6)
    assert table.schema == EVENT_SCHEMA
    assert (table.num_rows, rejections) == (0, [])


def test_hostile_bytes_are_judged_like_any_other() -> None:
    """Flipped, cut, spliced and random bytes, and records of a megabyte, each give one row or one rejection."""
    rng = Random(20260301)  # noqa: S311 - the same hostile records every time
    frames = [encode_event(event(kind)) for kind in Kind]
    headers = [frame[:HEADER_BYTES] for frame in frames]
    values = [_mutated(rng, rng.choice(frames)) for _ in range(MUTATED_RECORDS)]
    values += [rng.choice(headers) + rng.randbytes(rng.randrange(200)) for _ in range(MUTATED_RECORDS)]
    values += [headers[0] + filler * EVENT_BYTES_MAX for filler in (b"\x00", b"\x01", b"\x02", b"\xff", b"\xc3")]
    batch = [record(value, offset=offset) for offset, value in enumerate(values)]
    table, rejections = decode_records(batch, 1)
    judged = sorted([*table.column("log_offset").to_pylist(), *(rejection.record.offset for rejection in rejections)])
    assert judged == list(range(len(batch)))
    assert {Reason.UNDECODABLE, Reason.SCHEMA_UNKNOWN, Reason.CONTRACT_VIOLATION} <= {one.reason for one in rejections}
    table.validate(full=True)
    assert [one.detail for one in rejections if "secret" in one.detail] == []


def _reason(bad: LogRecord, detail: str, partitions: int = 1) -> Reason:
    """Return why the record is rejected; its detail must match, and hold nothing of the payload."""
    table, (rejection,) = decode_records([bad], partitions)
    assert table.num_rows == 0
    assert rejection.record == bad
    assert pytest.RaisesExc(ValueError, match=detail).matches(ValueError(rejection.detail)), rejection.detail
    assert "secret" not in rejection.detail
    return rejection.reason


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of an event
    """Return model values as Arrow gives them back: lists, and ids as text."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, datetime | bool) else str(value)


def _mutated(rng: Random, frame: bytes) -> bytes:
    damages: list[Callable[[bytearray, int], bytearray]] = [
        lambda damaged, at: damaged[:at],
        lambda damaged, at: damaged[:at] + rng.randbytes(1) + damaged[at + 1 :],
        lambda damaged, at: damaged[:at] + bytearray(rng.randbytes(rng.randrange(9))) + damaged[at:],
        lambda damaged, at: damaged[:at] + damaged[at + rng.randrange(9) :],
        lambda damaged, at: damaged[:at] + damaged[rng.randrange(len(damaged)) :],
    ]
    return bytes(rng.choice(damages)(bytearray(frame), rng.randrange(len(frame))))


def _murmur2(data: bytes) -> int:
    """Return Kafka's murmur2 of `data` as Java has it, a signed 32-bit number (org.apache.kafka.common.utils.Utils)."""
    mask, multiplier, shift = 0xFFFFFFFF, 0x5BD1E995, 24
    hashed = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> shift) * multiplier & mask
        hashed = hashed * multiplier & mask ^ word
    if len(data) % 4:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    hashed ^= hashed >> 15
    return hashed - (1 << 32) if hashed >> 31 else hashed
