"""Every record becomes an event with all its fields, or a rejection that says why; none stops the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest

from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.log.records import Reason
from ledger_schemas import Kind
from ledger_schemas.framing import (
    CONFLUENT_MAGIC,
    SINGLE_OBJECT_HEADER_BYTES,
    SINGLE_OBJECT_MAGIC,
    SchemaReference,
    header_of,
)
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.limits import CHANNELS_PER_RECIPIENT_MAX, ID_CHARS_MAX, RECIPIENTS_PER_EVENT_MAX
from ledger_schemas.parsing import parse_recorded
from ledger_schemas.shapes import shape_of
from ledger_schemas.shipped import current_schema
from tests.projectors.decode.decoding import (
    EVENT_ID,
    KEY,
    NOT_ALONE,
    assert_as_reference,
    frame_with,
    full_values,
    log_of,
    right_partition,
)
from tests.schemas.published import COMMON

REGISTRY_ID: Final = 2**32 - 2
RECORDS_OF_A_KIND: Final = 100
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

each_path = pytest.mark.parametrize("company", [0, NOT_ALONE], ids=["alone", "in a batch"])
"""A record alone is judged by the reference; among enough good ones of its kind it goes to the batch decoder first."""


def frame_of(kind: Kind, **changes: object) -> bytes:
    """Return the frame of a foreign writer, who checks nothing."""
    return frame_with(current_schema(kind), full_values(kind) | changes)


def least_values(kind: Kind) -> dict[str, Any]:
    """Return what a kind cannot do without; the rest is null, false or empty."""
    fields = current_schema(kind).document["fields"]
    return full_values(kind) | {field["name"]: field["default"] for field in fields if "default" in field}


def verdict(value: bytes | None, company: int, kind: Kind = Kind.CREATED, key: bytes | None = KEY) -> Any:  # noqa: ANN401 - a row holds any values
    """Return the row of a record that lies amid good ones, or its reason and detail."""
    good = (frame_of(kind), KEY)
    batch = log_of([good] * (company // 2) + [(value, KEY)] + [good] * (company // 2), 1)
    place = company // 2
    batch[place] = replace(batch[place], key=key)
    table, rejections = decode_records(batch, 1)
    rows = {row["log_offset"]: row for row in table.to_pylist()}
    assert company <= len(rows)
    if place in rows:
        assert rejections == []
        return rows[place]
    (rejection,) = rejections
    assert batch[place] == rejection.record
    return rejection.reason, rejection.detail


GOOD: Final = frame_of(Kind.CREATED)


@each_path
@pytest.mark.parametrize("filled", [True, False], ids=["every field", "required fields alone"])
@pytest.mark.parametrize("kind", Kind)
def test_a_good_record_keeps_every_field(kind: Kind, *, filled: bool, company: int) -> None:
    """A row has, field by field, what was written; what the kind does not have is null; times are instants of UTC."""
    values = full_values(kind) if filled else least_values(kind)
    row = verdict(frame_with(current_schema(kind), values), company, kind)
    times = {
        name: EPOCH + timedelta(microseconds=values[name]) for name in shape_of(kind).times if values[name] is not None
    }
    recorded_at = EPOCH + timedelta(milliseconds=1_772_366_400_000 + company // 2)
    place = {"kind": kind.value, "recorded_at": recorded_at, "log_partition": 0, "log_offset": company // 2}
    assert dict.fromkeys(EVENT_SCHEMA.names) | values | times | place == row
    assert filled is not (None in row.values() and None in values.values())


@pytest.mark.parametrize("kind", Kind)
def test_the_full_example_is_an_event_of_the_models(kind: Kind) -> None:
    """What these tests call good is good: the models take it."""
    times = {name: EPOCH + timedelta(microseconds=full_values(kind)[name]) for name in shape_of(kind).times}
    texts = {"attributes": "{}", "personal": {"title": "any"}}
    lists = {"cleared": ["tags"]} if kind is Kind.AMENDED else {}
    assert kind == parse_recorded({"kind": kind, **full_values(kind), **times, **texts, **lists}).kind


def test_columns_are_those_of_the_contract() -> None:
    """First what the log says, then what every event begins with, then every other field of any kind, each once."""
    fields = {field["name"] for kind in Kind for field in current_schema(kind).document["fields"]}
    names = EVENT_SCHEMA.names
    assert ["kind", "recorded_at", "log_partition", "log_offset", *COMMON] == names[: 4 + len(COMMON)]
    assert fields == {*names[4:]}
    assert len(fields) == len(names) - 4


UNDECODABLE: Final[dict[str, tuple[bytes | None, str]]] = {
    "no value": (None, "has no value"),
    "empty": (b"", "begins neither with single-object magic"),
    "shorter than a header": (GOOD[: SINGLE_OBJECT_HEADER_BYTES - 1], r"magic C3 01 .* \(9 bytes\)"),
    "wrong magic": (b"\xc3\x02" + GOOD[2:], "begins neither with single-object magic"),
    "header alone": (GOOD[:SINGLE_OBJECT_HEADER_BYTES], "not a created event"),
    "truncated": (GOOD[:-1], "not a created event"),
    "trailing": (GOOD + b"\x00\x00", "2 bytes are left over"),
    "two records in one": (GOOD + GOOD[SINGLE_OBJECT_HEADER_BYTES:], "bytes are left over"),
    "bad UTF-8": (GOOD.replace(b"tenant_id", b"tenant_\xff\xfe"), "UnicodeDecodeError"),
    "bad UTF-8 in a list": (GOOD.replace(b"0 of tags", b"0 of t\xff\xfes"), "UnicodeDecodeError"),
    "a surrogate": (GOOD.replace(b"tenant_id", b"tenant\xed\xa0\x80"), "UnicodeDecodeError"),
    "a text of 2^61 bytes": (GOOD[:SINGLE_OBJECT_HEADER_BYTES] + b"\xfe" + b"\xff" * 7 + b"\x3f", "not a created"),
}


@each_path
@pytest.mark.parametrize("name", UNDECODABLE)
def test_bytes_that_are_no_event_are_undecodable(name: str, company: int) -> None:
    """Whatever is not one whole record of a known schema is rejected, and the detail says what is wrong with it."""
    value, expected = UNDECODABLE[name]
    reason, detail = verdict(value, company)
    assert reason == Reason.UNDECODABLE
    _assert_tells(expected, detail)


@each_path
def test_a_schema_that_nobody_knows_is_named(company: int) -> None:
    """A writer schema that is in no store is `schema_unknown`, with the fingerprint or the id to look for."""
    body = GOOD[SINGLE_OBJECT_HEADER_BYTES:]
    for header, expected in (
        (SINGLE_OBJECT_MAGIC + bytes(range(8)), "fingerprint 0001020304050607"),
        (CONFLUENT_MAGIC + bytes([0, 0, 1, 0]), "registry id 256"),
    ):
        reason, detail = verdict(header + body, company)
        assert reason == Reason.SCHEMA_UNKNOWN
        _assert_tells(expected, detail)


ODD_MEMBER: Final = {"recipient_id": "secret\n", "role": "to", "channels": []}
MEMBER: Final = {**ODD_MEMBER, "recipient_id": "ann"}
BROKEN: Final[dict[str, tuple[Kind, dict[str, Any]]]] = {
    "event_id in upper case": (Kind.READ, {"event_id": EVENT_ID.upper()}),
    "event_id of no version": (Kind.READ, {"event_id": "019ca7a1-0000-0000-8000-00000000000a"}),
    "event_id of version 9": (Kind.READ, {"event_id": "019ca7a1-0000-9000-8000-00000000000a"}),
    "event_id of another variant": (Kind.READ, {"event_id": "019ca7a1-0000-7000-c000-00000000000a"}),
    "event_id with a dash too many": (Kind.READ, {"event_id": "-" + EVENT_ID[1:]}),
    "notification_id that is none": (Kind.READ, {"notification_id": "secret"}),
    "parent_notification_id that is none": (Kind.CREATED, {"parent_notification_id": "secret"}),
    "retracted_event_id that is none": (Kind.RETRACTED, {"retracted_event_id": "g" + EVENT_ID[1:]}),
    "tenant_id that is empty": (Kind.READ, {"tenant_id": ""}),
    "tenant_id with a control character": (Kind.READ, {"tenant_id": "secret\x00"}),
    "source that is too long": (Kind.READ, {"source": "secret" * 22}),
    "source that is too long, of two bytes each": (Kind.READ, {"source": "é" * (ID_CHARS_MAX + 1)}),
    "recipient_id that is empty": (Kind.READ, {"recipient_id": ""}),
    "channel with a line break": (Kind.READ, {"channel": "secret\n"}),
    "channel with a delete": (Kind.READ, {"channel": "secret\x7f"}),
    "delivery_ref without a channel": (Kind.READ, {"channel": None}),
    "delivery_ref that is empty": (Kind.READ, {"delivery_ref": ""}),
    "occurred_at beyond the calendar": (Kind.READ, {"occurred_at": 2**62}),
    "occurred_at before the calendar": (Kind.READ, {"occurred_at": -(2**62)}),
    "scheduled_at beyond the calendar": (Kind.CREATED, {"scheduled_at": 2**62}),
    "retry_at before the calendar": (Kind.DEFERRED, {"retry_at": -(2**62)}),
    "audience that names one twice": (Kind.CREATED, {"audience": [MEMBER, {**MEMBER, "role": "cc"}]}),
    "audience that names one twice, apart": (
        Kind.AUDIENCE_ADDED,
        {"audience": [MEMBER, *({**MEMBER, "recipient_id": str(number)} for number in range(9)), MEMBER]},
    ),
    "audience.recipient_id with a line break": (Kind.CREATED, {"audience": [MEMBER, ODD_MEMBER]}),
    "audience.channels with an empty one": (Kind.CREATED, {"audience": [{**MEMBER, "channels": ["email", ""]}]}),
    "audience.channels of too many": (
        Kind.CREATED,
        {"audience": [{**MEMBER, "channels": [str(number) for number in range(CHANNELS_PER_RECIPIENT_MAX + 1)]}]},
    ),
    "audience of too many": (
        Kind.CREATED,
        {"audience": [{**MEMBER, "recipient_id": str(number)} for number in range(RECIPIENTS_PER_EVENT_MAX + 1)]},
    ),
}


@each_path
@pytest.mark.parametrize("name", BROKEN)
def test_a_value_that_breaks_the_contract_is_named_and_not_repeated(name: str, company: int) -> None:
    """A frame of a writer who checks nothing is rejected with the field's name; the value stays out of the detail."""
    kind, changes = BROKEN[name]
    reason, detail = verdict(frame_of(kind, **changes), company, kind)
    assert reason == Reason.CONTRACT_VIOLATION
    _assert_tells(f"^{name.split(maxsplit=1)[0]}: ", detail)


EDGES: Final[dict[str, dict[str, Any]]] = {
    "an id as long as may be, of characters of four bytes": {"recipient_id": "\U0001f600" * ID_CHARS_MAX},
    "an id with the characters around the control ones": {"tenant_id": " ~\x80\x9f\u2028"},
    "the first instant": {"occurred_at": -62_135_596_800_000_000},
    "the last instant": {"occurred_at": 253_402_300_799_999_999},
    "an empty text that is no id": {"actor": "", "correlation_id": ""},
    "a text with NUL": {"attributes": "\x00"},
    "an audience as large as may be": {
        "audience": [{**MEMBER, "recipient_id": str(number)} for number in range(RECIPIENTS_PER_EVENT_MAX)]
    },
    "one recipient in two audiences": {"audience": [MEMBER]},
    "every list empty": {"audience": [], "channels": [], "groups": [], "tags": [], "contexts": []},
}


@each_path
@pytest.mark.parametrize("name", EDGES)
def test_what_lies_just_inside_the_contract_is_kept(name: str, company: int) -> None:
    """At the edge of a rule a record is an event like any other."""
    row = verdict(frame_of(Kind.CREATED, **EDGES[name]), company)
    expected = {
        key: EPOCH + timedelta(microseconds=value) if key == "occurred_at" else value
        for key, value in EDGES[name].items()
    }
    assert expected == {key: row[key] for key in expected}


@each_path
@pytest.mark.parametrize("key", [None, b"", KEY.upper(), KEY + b" ", EVENT_ID.encode(), b"\xff\x00"])
def test_the_key_is_the_notification_id(key: bytes | None, company: int) -> None:
    """Another key than the 36 characters of notification_id would have put the copies of an event apart."""
    assert verdict(GOOD, company, key=key) == (Reason.KEY_MISMATCH, "The record's key is not its notification_id.")


@each_path
@pytest.mark.parametrize("partitions", [1, 2, 3, 6, 7, 50])
def test_a_record_belongs_into_one_partition(partitions: int, company: int) -> None:
    """Of all partitions, the one of Kafka's Java default partitioner is right; elsewhere the detail names it."""
    right = right_partition(KEY, partitions)
    for partition in range(partitions):
        batch = [replace(one, partition=partition) for one in log_of([(GOOD, KEY)] * (company + 1), partitions)]
        table, rejections = decode_records(batch, partitions)
        if partition == right:
            assert (len(batch), []) == (table.num_rows, rejections)
        else:
            detail = f"The key belongs in partition {right} of {partitions} (Kafka's murmur2 partitioner)."
            assert table.num_rows == 0
            assert [(one, Reason.WRONG_PARTITION, detail) for one in batch] == [
                (rejection.record, rejection.reason, rejection.detail) for rejection in rejections
            ]


def test_every_kind_in_both_frames_in_one_batch() -> None:
    """One batch holds all kinds, some by fingerprint and some by a registry's id; each record is decoded as it says."""
    known = KnownSchemas()
    frames: list[bytes] = []
    for number, kind in enumerate(Kind):
        by_id = SchemaReference.to_registry_id(REGISTRY_ID - number)
        assert known.learn(by_id, current_schema(kind).text)
        frame = frame_of(kind)
        frames += [frame, header_of(by_id) + frame[SINGLE_OBJECT_HEADER_BYTES:]] * RECORDS_OF_A_KIND
    Random(1).shuffle(frames)  # noqa: S311 - the same order every time
    table = assert_as_reference(log_of([(frame, KEY) for frame in frames], 6), 6, known)
    counts = dict.fromkeys((kind.value for kind in Kind), 2 * RECORDS_OF_A_KIND)
    assert counts == {kind: table["kind"].to_pylist().count(kind) for kind in counts}


def test_bad_records_take_nothing_with_them() -> None:
    """Of a batch in which every third record is bad, each good one is a row and each bad one a rejection, in order."""
    bad = [value for value, _ in UNDECODABLE.values()]
    bad += [frame_of(kind, **changes) for kind, changes in BROKEN.values()]
    frames = [one for value in bad * 3 for one in (GOOD, value, GOOD)]
    batch = log_of([(frame, KEY) for frame in frames], 1)
    table, rejections = decode_records(batch, 1)
    assert [one.offset for one in batch if one.value == GOOD] == sorted(table["log_offset"].to_pylist())
    assert [one for one in batch if one.value != GOOD] == [rejection.record for rejection in rejections]
    assert [one.detail for one in rejections if "secret" in one.detail] == []


def test_no_batch_is_no_rows() -> None:
    """An empty batch has the columns of any other."""
    table, rejections = decode_records([], 6)
    assert table.schema == EVENT_SCHEMA
    assert (table.num_rows, rejections) == (0, [])


def test_nothing_but_bad_records_is_no_rows() -> None:
    """A batch of records without a value, without a frame and of unknown schemas has rejections alone."""
    batch = log_of([(None, None), (b"", KEY), (SINGLE_OBJECT_MAGIC + bytes(8), KEY)] * NOT_ALONE, 6)
    table, rejections = decode_records(batch, 6)
    assert table.schema == EVENT_SCHEMA
    assert (0, batch) == (table.num_rows, [rejection.record for rejection in rejections])


def _assert_tells(expected: str, detail: str) -> None:
    """Check that the detail matches, and holds nothing of the payload."""
    assert pytest.RaisesExc(ValueError, match=expected).matches(ValueError(detail)), detail
    assert "secret" not in detail
