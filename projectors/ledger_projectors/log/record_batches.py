"""Record batches as a fetch brings them: walked without unpacking, checked, and unpacked into columns.

Source of the format: Kafka's documentation, "Message Format", record batch (magic 2); of what is aborted: KIP-98.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from aiokafka.errors import CorruptRecordException, UnsupportedForMessageFormatError
from aiokafka.record.default_records import DefaultRecordBatch

from ledger_projectors.log.odd_headers import ParsedRecord, parse_records
from ledger_projectors.log.records import Headers, LogRecords

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset's delta, first and last time, producer id,
producer epoch, sequence, count of records."""

LENGTH_STARTS_AT: Final = 8
LENGTH_ENDS_AT: Final = 12
"""The length counts the bytes behind itself."""

MAGIC_AT: Final = 16
MAGIC: Final = 2

_COMPRESSION: Final = 0x07
_APPEND_TIME: Final = 0x08
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
"""Bits of the attributes."""

_CONTROL_KEY: Final = struct.Struct(">hh")
_ABORT: Final = 0
"""The key of a control record: version and type."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """One whole record batch, still packed. `next_offset` lies behind it, also where its last records are gone."""

    data: memoryview
    base_offset: int
    next_offset: int
    attributes: int
    first_time_ms: int
    last_time_ms: int
    producer_id: int
    count: int

    @property
    def compressed(self) -> bool:
        """Say whether its bytes tell less than what comes out of them."""
        return bool(self.attributes & _COMPRESSION)


def walk(data: bytes) -> list[RecordBatch]:
    """Return the whole record batches of a fetch's bytes, which often end within one.

    Raises UnsupportedForMessageFormatError for formats of before Kafka 0.11, CorruptRecordException for a length that
    cannot be.
    """
    found: list[RecordBatch] = []
    view, start, end = memoryview(data), 0, len(data)
    while end - start > MAGIC_AT:
        (length,) = struct.unpack_from(">i", data, start + LENGTH_STARTS_AT)
        stop = start + LENGTH_ENDS_AT + length
        if data[start + MAGIC_AT] != MAGIC:
            raise UnsupportedForMessageFormatError(f"A record batch of magic {data[start + MAGIC_AT]}.")
        if stop - start < HEADER.size:
            raise CorruptRecordException(f"A record batch of {length} bytes.")
        if stop > end:
            break
        base, _, _, _, _, attributes, last_delta, first_time, last_time, producer, _, _, count = HEADER.unpack_from(
            data, start
        )
        found.append(
            RecordBatch(
                view[start:stop], base, base + last_delta + 1, attributes, first_time, last_time, producer, count
            )
        )
        start = stop
    return found


def committed(batches: Iterable[RecordBatch], aborted: Sequence[tuple[int, int]]) -> Iterator[tuple[RecordBatch, bool]]:
    """Yield each batch of one answer, and whether its records are to be read: not markers, nor what was aborted.

    `aborted` are the producer ids and first offsets of aborted transactions, as the broker lists them beside.
    """
    begun = sorted(aborted, key=lambda one: one[1])
    aborting: set[int] = set()
    for batch in batches:
        while begun and begun[0][1] <= batch.base_offset:
            aborting.add(begun.pop(0)[0])
        if batch.attributes & _CONTROL:
            if _is_abort(batch):
                aborting.discard(batch.producer_id)
            yield batch, False
        else:
            yield batch, not (batch.attributes & _TRANSACTIONAL and batch.producer_id in aborting)


def check(batch: RecordBatch) -> DefaultRecordBatch:
    """Return aiokafka's view of a batch whose bytes are as they were sent. Raises CorruptRecordException."""
    packed = DefaultRecordBatch(batch.data)
    if not packed.validate_crc():
        raise CorruptRecordException(f"The checksum of the record batch at offset {batch.base_offset} is wrong.")
    return packed


def unpack(batch: RecordBatch, topic: str, partition: int, from_offset: int) -> LogRecords:
    """Return the records of a batch from an offset on. Raises CorruptRecordException and what decompression raises."""
    packed = check(batch)
    if not batch.count:
        # Compaction leaves such. Nothing was compressed, and not every decompressor knows that.
        return LogRecords.joined(topic, [])
    try:
        records = _columns(packed, batch, topic, partition)
    except UnicodeDecodeError:
        records = _columns(_by_hand(batch), batch, topic, partition)
    if batch.base_offset >= from_offset:
        return records
    return records[int(np.searchsorted(records.offsets, from_offset)) :]


def _columns(parsed: Iterable[ParsedRecord], batch: RecordBatch, topic: str, partition: int) -> LogRecords:
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    headers: dict[int, Headers] = {}
    offsets: list[int] = []
    times: list[int] = []
    # As many records as offsets: each has the next one. The log's append time is one for all.
    whole, appended = batch.count == batch.next_offset - batch.base_offset, batch.attributes & _APPEND_TIME
    # One look at each record: a list of all of them would set off the garbage collector.
    for record in parsed:
        keys.append(record.key)
        values.append(record.value)
        if record.headers:
            headers[len(keys) - 1] = tuple(record.headers)
        if not whole:
            offsets.append(record.offset)
        if not appended:
            times.append(record.timestamp)
    count = len(keys)
    return LogRecords(
        topic,
        np.full(count, partition, np.int32),
        np.arange(batch.base_offset, batch.next_offset) if whole else np.array(offsets, np.int64),
        np.full(count, batch.last_time_ms) if appended else np.array(times, np.int64),
        keys,
        values,
        headers,
    )


def _by_hand(batch: RecordBatch) -> Iterator[ParsedRecord]:
    return parse_records(
        bytes(batch.data[HEADER.size :]),
        compression=batch.attributes & _COMPRESSION,
        count=batch.count,
        base_offset=batch.base_offset,
        first_time_ms=batch.first_time_ms,
    )


def _is_abort(marker: RecordBatch) -> bool:
    key = next(iter(check(marker))).key
    return key is not None and _CONTROL_KEY.unpack_from(key)[1] == _ABORT
