"""Record batches are walked, checked and unpacked as Kafka's documentation has them, whatever lies in them."""

from __future__ import annotations

import struct
from typing import Final

import pytest
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError, UnsupportedForMessageFormatError
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.log import record_batches
from ledger_projectors.log.record_batches import RecordBatch, committed, unpack, walk
from ledger_projectors.log.records import LogRecord
from tests.projectors.store.batch_writing import (
    ABORT_KEY,
    APPEND_TIME,
    CODECS,
    COMMIT_KEY,
    ODD_NAME,
    ODD_NAME_SHOWN,
    TIME_MS,
    TRANSACTIONAL,
    Written,
    batch_of,
    marker,
)

TOPIC: Final = "any.v1"
PARTITION: Final = 3
PRODUCER: Final = 7
BASE: Final = 1_000
CHECKED_FROM: Final = 21
"""The checksum covers what lies behind it."""

_BYTES: Final = st.none() | st.binary(max_size=300)


@st.composite
def written(draw: st.DrawFn) -> list[Written]:
    """Give records at rising offsets, with holes, and headers of any text."""
    offsets = sorted(draw(st.sets(st.integers(BASE, BASE + 20), max_size=8)))
    headers = st.lists(st.tuples(st.text(max_size=3).map(str.encode), _BYTES), max_size=2).map(tuple)
    return [
        Written(offset, draw(_BYTES), draw(_BYTES), draw(headers), draw(st.integers(0, 2**40))) for offset in offsets
    ]


def only(data: bytes) -> RecordBatch:
    """Return the one batch."""
    (batch,) = walk(data)
    return batch


def unpacked(data: bytes, from_offset: int = 0) -> list[LogRecord]:
    """Return the records of the one batch."""
    return list(unpack(only(data), TOPIC, PARTITION, from_offset))


def expected(one: Written, recorded_at_ms: int) -> LogRecord:
    """Return a record as it is to come out."""
    headers = tuple((name.decode("utf-8", "backslashreplace"), value) for name, value in one.headers)
    return LogRecord(TOPIC, PARTITION, one.offset, recorded_at_ms, one.key, one.value, headers)


@given(records=written(), codec=st.sampled_from(list(CODECS)), appended=st.booleans(), odd=st.booleans())
def test_records_come_out_as_they_were_written(
    records: list[Written], codec: str, *, appended: bool, odd: bool
) -> None:
    """In any compression, with append time or their own, with holes or none, and beside a header name of odd bytes."""
    if odd:
        records = [*records, Written(BASE + 30, headers=((ODD_NAME, b"\xff"), (b"trace", None)))]
    attributes = APPEND_TIME if appended else 0
    data = batch_of(*records, base=BASE, next_offset=BASE + 40, attributes=attributes, codec=codec)
    last_ms = TIME_MS + max((one.delay_ms for one in records), default=0)
    times = [last_ms if appended else TIME_MS + one.delay_ms for one in records]
    assert [expected(one, time) for one, time in zip(records, times, strict=True)] == unpacked(data)
    assert only(data).next_offset == BASE + 40


def test_a_name_of_odd_bytes_shows_them() -> None:
    """Each odd byte of a header name is an escape, so that what was sent can be told from the quarantine."""
    (record,) = unpacked(batch_of(Written(0, headers=((ODD_NAME, b"1"),))))
    assert record.headers == ((ODD_NAME_SHOWN, b"1"),)


@pytest.mark.parametrize("from_offset", [BASE - 1, BASE, BASE + 1, BASE + 2, BASE + 3])
def test_a_batch_that_begins_before_the_position_gives_what_lies_behind_it(from_offset: int) -> None:
    """A broker sends whole batches: what was read before does not come again."""
    data = batch_of(*(Written(BASE + number) for number in range(3)), base=BASE)
    assert list(range(max(from_offset, BASE), BASE + 3)) == [one.offset for one in unpacked(data, from_offset)]


def test_an_answer_that_ends_within_a_batch_gives_the_whole_ones() -> None:
    """Wherever it ends, the batches before the cut come, and nothing of the one that is cut."""
    first, second = batch_of(Written(0)), batch_of(Written(1), base=1)
    for end in range(len(first) + len(second)):
        assert [0] * (end >= len(first)) == [batch.base_offset for batch in walk((first + second)[:end])]
    assert [batch.next_offset for batch in walk(first + second)] == [1, 2]


def test_any_changed_byte_is_noticed() -> None:
    """What the checksum covers cannot change unseen, be it in the header of the batch or in its records."""
    data = batch_of(Written(0), codec="lz4")
    for place in range(record_batches.MAGIC_AT + 1, len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x10
        with pytest.raises(CorruptRecordException):
            unpacked(bytes(changed))


def test_bytes_that_are_no_records_are_corrupt_with_a_right_checksum_too() -> None:
    """A record that ends elsewhere than it says, or behind the batch, in the parser for odd names as well."""
    data = bytearray(batch_of(Written(0, headers=((ODD_NAME, b"1"),))))
    for place, value in ((record_batches.HEADER.size, 60), (len(data) - 2, 60)):
        changed = bytearray(data)
        changed[place] = value
        struct.pack_into(">I", changed, record_batches.MAGIC_AT + 1, calc_crc32c(bytes(changed[CHECKED_FROM:])))
        with pytest.raises(CorruptRecordException):
            unpacked(bytes(changed))


def test_an_unknown_compression_is_named() -> None:
    """Kafka has five; with any other the records cannot be read at all."""
    with pytest.raises(UnsupportedCodecError):
        unpacked(batch_of(Written(0), attributes=APPEND_TIME | 5))


def test_formats_of_before_kafka_0_11_are_refused() -> None:
    """Their batches have no producer, no headers and another checksum: no ledger was ever written in them."""
    data = bytearray(batch_of(Written(0)))
    data[record_batches.MAGIC_AT] = 1
    with pytest.raises(UnsupportedForMessageFormatError):
        walk(bytes(data))


def test_a_length_that_cannot_be_is_corrupt() -> None:
    """Taken at its word it would be walked for ever."""
    data = bytearray(batch_of(Written(0)))
    for length in (-12, 0, 40):
        struct.pack_into(">i", data, record_batches.LENGTH_STARTS_AT, length)
        with pytest.raises(CorruptRecordException):
            walk(bytes(data))


def test_what_was_aborted_is_passed_over() -> None:
    """From the first offset that the broker names to the marker, of that producer alone; markers are no records."""

    def batch(offset: int, producer: int) -> bytes:
        return batch_of(Written(offset), base=offset, attributes=TRANSACTIONAL, producer_id=producer)

    other = PRODUCER + 1
    data = b"".join(
        [
            batch(0, PRODUCER),
            marker(1, COMMIT_KEY, PRODUCER),
            batch(2, PRODUCER),
            batch(3, other),
            batch_of(Written(4), base=4, producer_id=PRODUCER),
            marker(5, ABORT_KEY, PRODUCER),
            batch(6, PRODUCER),
            marker(7, COMMIT_KEY, PRODUCER),
            marker(8, ABORT_KEY, other),
        ]
    )
    read = [(batch.base_offset, wanted) for batch, wanted in committed(walk(data), [(other, 3), (PRODUCER, 2)])]
    assert [offset for offset, wanted in read if wanted] == [0, 4, 6]
    assert list(range(9)) == [offset for offset, _ in read]
