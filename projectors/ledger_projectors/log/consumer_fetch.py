"""Records by aiokafka's public consumer: what reads the log with versions that the wire calls are not tested with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from ledger_projectors.log.reading import Part
from ledger_projectors.log.records import LogRecord, LogRecords
from ledger_projectors.log.wire_request import client_of, look

LOOK_WAIT_MS: Final = 0
LOOK_SECONDS: Final = 0.5


class ConsumerReader:
    """Reads one topic with assign, seek and getmany."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, start: Mapping[int, int]) -> None:
        """Take a consumer that is connected and has no assignment; it stays the caller's."""
        self._consumer = consumer
        self._topic = topic
        self._next = dict(start)
        self._paused: set[int] = set()
        consumer.assign([self._place(partition) for partition in start])
        self._seek()

    @property
    def goes_on(self) -> bool:
        """Say whether the log is known to hold more than was read."""
        return any(
            (self._consumer.last_stable_offset(self._place(partition)) or 0) > offset
            for partition, offset in self._next.items()
            if partition not in self._paused
        )

    async def read(self, seconds: float, records_max: int, bytes_max: int) -> list[Part]:  # noqa: ARG002 - the consumer knows no limit in bytes but its own
        """Return what there is, at least a part when anything comes within `seconds`."""
        try:
            found = await self._consumer.getmany(timeout_ms=max(1, int(seconds * 1_000)), max_records=records_max)
        except UnicodeDecodeError:
            return await self._read_odd_headers()
        except asyncio.CancelledError:
            # What the consumer has taken but not given is read again.
            self._seek()
            raise
        parts: list[Part] = []
        for partition, offset in self._next.items():
            records = _columns(self._topic, partition, found.get(self._place(partition), []))
            after = await self._consumer.position(self._place(partition))
            if after != offset:
                self._next[partition] = after
                parts.append(Part(partition, offset, records, after, records.size_bytes()))
        return parts

    def pause(self, partition: int) -> None:
        """Read no more of a partition."""
        self._paused.add(partition)
        self._consumer.pause(self._place(partition))

    def take_interrupted(self) -> set[int]:
        """Return nothing: the consumer keeps to itself what it tried again."""
        return set()

    async def record_at(self, partition: int, offset: int, seconds: float) -> LogRecord | None:
        """Return the first record from an offset on, None when none came within `seconds`."""
        place = self._place(partition)
        deadline = time.monotonic() + seconds
        if partition in self._paused:
            self._consumer.resume(place)
        self._consumer.seek(place, offset)
        try:
            while (left := deadline - time.monotonic()) > 0:
                try:
                    timeout_ms = max(1, int(min(left, LOOK_SECONDS) * 1_000))
                    found = (await self._consumer.getmany(place, timeout_ms=timeout_ms, max_records=1)).get(place)
                except UnicodeDecodeError:
                    for part in await self._look(partition, offset):
                        if part.records:
                            return part.records[0]
                else:
                    if found:
                        return _columns(self._topic, partition, found)[0]
            return None
        finally:
            self._consumer.seek(place, self._next[partition])
            if partition in self._paused:
                self._consumer.pause(place)

    async def close(self) -> None:
        """Do nothing: the consumer reads until its owner stops it."""

    async def _read_odd_headers(self) -> list[Part]:
        """Read each partition on past a record that the consumer cannot read: it does not say where that one lies.

        What the consumer took from other partitions before it failed is gone with its error, and is read again.
        """
        parts: list[Part] = []
        for partition in self._next:
            if partition not in self._paused:
                parts += await self._look(partition, self._next[partition])
        for part in parts:
            self._next[part.partition] = part.next_offset
        self._seek()
        return parts

    async def _look(self, partition: int, offset: int) -> Sequence[Part]:
        try:
            return await look(client_of(self._consumer), self._topic, partition, offset, wait_ms=LOOK_WAIT_MS)
        except KafkaError as error:
            if not error.retriable:
                raise
            return []

    def _seek(self) -> None:
        for partition, offset in self._next.items():
            self._consumer.seek(self._place(partition), offset)

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


def _columns(topic: str, partition: int, found: Sequence[ConsumerRecord]) -> LogRecords:
    count = len(found)
    return LogRecords(
        topic,
        np.full(count, partition, np.int32),
        np.fromiter([record.offset for record in found], np.int64, count),
        np.fromiter([record.timestamp for record in found], np.int64, count),
        [record.key for record in found],
        [record.value for record in found],
        {place: tuple(record.headers) for place, record in enumerate(found) if record.headers},
    )
