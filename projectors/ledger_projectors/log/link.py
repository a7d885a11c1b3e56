"""The link to the log: a connection, the reader on it, and the guards that are asked before anything is handed on."""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Final, Self, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from cramjam import DecompressionError

from ledger_projectors.log.guards import (
    OTHER_LOG_HINT,
    LastRecords,
    LogRange,
    check_partitions,
    check_range,
    check_reachable,
    check_record,
    count_partitions,
)
from ledger_projectors.log.wire_fetch import WireReader
from ledger_projectors.log.wire_request import Part, client_of
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, ProjectorFailed, TopicMisconfigured
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.positions import Position
from ledger_schemas.topic import unavailable

CONNECT_TIMEOUT_SECONDS: Final = 30.0
GUARD_TIMEOUT_SECONDS: Final = 20.0
"""How long the last applied record may take to be read again at the start."""

LOOK_TIMEOUT_SECONDS: Final = 5.0
"""How long the guards look at a log that is being read; then reading goes on, and they look again."""

CONFIRM_SECONDS: Final = 5.0
"""How long a log must look wrong before it is refused: a leader that is new may know less than it has, for a moment."""

CLOSE_TIMEOUT_SECONDS: Final = 5.0
BACKOFF_SECONDS: Final = 0.1
"""Rest before a log that could not be looked at is looked at again."""

_UNREADABLE: Final = (KafkaError, DecompressionError, zlib.error, struct.error, EOFError)
"""What trying again does not mend: a wrong checksum, a compression that is none, no right to read."""

_Found = TypeVar("_Found")

_log = structlog.get_logger("ledger_projectors.log.link")


class LogLink:
    """One connection to one topic, and how it is read. Make it with `connect`."""

    def __init__(self, consumer: AIOKafkaConsumer, uncommitted: AIOKafkaConsumer, topic: str, partitions: int) -> None:
        """Take two started consumers; `connect` puts the reader on the first.

        To the first one the log ends at the last stable offset, to `uncommitted` at the high watermark.
        """
        self.consumer = consumer
        self._uncommitted = uncommitted
        self.reader: WireReader
        self._topic = topic
        self._partitions = partitions
        # Partitions in which the last record is to be seen again before anything more is handed on.
        self._unsure: set[int] = set()
        self._held: list[Part] = []
        self._doubted_at: float | None = None

    @classmethod
    async def connect(
        cls,
        connection: KafkaConnection,
        topic: str,
        start: Mapping[int, int],
        last: LastRecords,
        until: Mapping[int, int] | None,
    ) -> Self:
        """Connect, check that the log is the one that `start` and `last` were read from, and stand at `start`.

        Raises BrokerUnavailable, TopicMisconfigured when there is no such topic, GuardRefused.
        """
        consumer = AIOKafkaConsumer(
            **connection.client_options(),
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        uncommitted = AIOKafkaConsumer(
            **connection.client_options(), enable_auto_commit=False, isolation_level="read_uncommitted"
        )
        link = cls(consumer, uncommitted, topic, len(start))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await consumer.start()
                await uncommitted.start()
                check_partitions(topic, await _count_twice(consumer, topic), len(start))
            await client_of(uncommitted).set_topics([topic])
            link.reader = WireReader(client_of(consumer), topic, start)
            await link._guard(start, last, until or {})
        except (KafkaError, TimeoutError, OSError) as error:
            await link._stop()
            raise unavailable(connection, error) from error
        except BaseException:
            await link._stop()
            raise
        return link

    async def close(self) -> None:
        """Disconnect, also from a broker that does not answer."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await self.reader.close()
        finally:
            await self._stop()

    async def read(
        self, at: Mapping[int, int], last: LastRecords, seconds: float, records_max: int, bytes_max: int
    ) -> list[Part]:
        """Return what comes next behind the offsets `at`, nothing when nothing comes within `seconds`.

        Where reading was interrupted, the `last` record before it is read again first. Raises GuardRefused and
        ProjectorFailed.
        """
        if not self._unsure:
            parts = await self._told(at, self.reader.read(seconds, records_max, bytes_max))
            self._held += parts
            self._unsure |= self.reader.take_interrupted()
        if self._unsure:
            await self._told(at, self._make_sure(last))
        if self._unsure:
            return []
        held, self._held = self._held, []
        return held

    async def ranges(self) -> Mapping[int, LogRange]:
        """Return where each partition begins, where its readable records end, and where it ends.

        Raises aiokafka's KafkaError.
        """
        all_partitions = [self._tp(partition) for partition in range(self._partitions)]
        starts = await self.consumer.beginning_offsets(all_partitions)
        # In this order: the last stable offset of a moment ago is not after the high watermark of now.
        readable = await self.consumer.end_offsets(all_partitions)
        ends = await self._uncommitted.end_offsets(all_partitions)
        return {tp.partition: LogRange(starts[tp], readable[tp], max(readable[tp], ends[tp])) for tp in all_partitions}

    async def look(self, at: Mapping[int, int]) -> bool:
        """Look whether the topic, its partitions and its ends are still as they must be; say whether that was seen.

        The last records are read again by the next `read`. Raises GuardRefused and TopicMisconfigured for what stays
        wrong for CONFIRM_SECONDS.
        """
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
                found = await count_partitions(self.consumer, self._topic)
                ranges = await self.ranges() if found else {}
        except (KafkaError, TimeoutError, OSError):
            return False
        try:
            check_partitions(self._topic, found, self._partitions)
            for partition, log in ranges.items():
                check_range(self._tp(partition), log, at[partition])
        except (GuardRefused, TopicMisconfigured):
            now = time.monotonic()
            self._doubted_at = self._doubted_at or now
            if now - self._doubted_at < CONFIRM_SECONDS:
                return False
            raise
        self._doubted_at = None
        self._unsure.update(at)
        return True

    async def _guard(self, start: Mapping[int, int], last: LastRecords, until: Mapping[int, int]) -> None:
        ranges = await self.ranges()
        for partition, ours in start.items():
            tp, log = self._tp(partition), ranges[partition]
            check_range(tp, log, ours)
            check_reachable(tp, log.end, until.get(partition, 0))
            applied = last.get(partition)
            if applied is None or applied[0] < log.start:
                continue
            found = await self.reader.record_at(partition, applied[0], GUARD_TIMEOUT_SECONDS)
            if found is None:
                raise BrokerUnavailable(
                    f"{tp.topic} partition {partition} offset {applied[0]} could not be read again within "
                    f"{GUARD_TIMEOUT_SECONDS:g} s.",
                    hint="Check the broker; nothing was changed.",
                )
            check_record(tp, applied, found)

    async def _make_sure(self, last: LastRecords) -> None:
        """See the last records again. A broker that is away leaves it open, for the next time."""
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
                all_partitions = [self._tp(partition) for partition in self._unsure]
                starts = await self.consumer.beginning_offsets(all_partitions)
                for tp in all_partitions:
                    seen = last.get(tp.partition)
                    # What was deleted since cannot be asked for; that nothing is missing behind it, a fetch finds out.
                    if seen is not None and seen[0] >= starts[tp]:
                        found = await self.reader.record_at(tp.partition, seen[0], LOOK_TIMEOUT_SECONDS)
                        if found is None:
                            return
                        check_record(tp, seen, found)
                    self._unsure.discard(tp.partition)
        except (TimeoutError, OSError):
            return
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(BACKOFF_SECONDS)

    async def _told(self, at: Mapping[int, int], work: Awaitable[_Found]) -> _Found:
        try:
            return await work
        except OffsetOutOfRangeError as error:
            raise await self._refusal(error) from error
        except _UNREADABLE as error:
            position = Position({(self._topic, partition): offset for partition, offset in at.items()})
            raise ProjectorFailed(
                f"A record behind {position} cannot be taken from the broker: {type(error).__name__}.",
                hint="Look at the records from there on (kcat); nothing before them was lost.",
            ) from error

    async def _refusal(self, error: OffsetOutOfRangeError) -> GuardRefused:
        """Return the refusal with the exact facts, as far as the broker tells them."""
        ((tp, offset),) = error.args[0].items()
        has = "where it begins and ends is not known"
        with suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(LOOK_TIMEOUT_SECONDS):
                log = (await self.ranges())[tp.partition]
            try:
                check_range(tp, log, offset)
            except GuardRefused as refusal:
                return refusal
            has = f"it has offsets {log.start} to {log.end} by now"
        return GuardRefused(
            f"The log did not hold what comes next: {tp.topic} partition {tp.partition} offset {offset}; {has}.",
            hint=OTHER_LOG_HINT,
        )

    async def _stop(self) -> None:
        """Stop both consumers, each also when the other fails or does not come to an end."""
        consumers = (self.consumer, self._uncommitted)
        for stopped in await asyncio.gather(*map(_stop_in_time, consumers), return_exceptions=True):
            if isinstance(stopped, BaseException):
                _log.warning("source.not_closed", topic=self._topic, cause=type(stopped).__name__)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


async def _stop_in_time(consumer: AIOKafkaConsumer) -> None:
    async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
        await stop_consumer(consumer)


async def _count_twice(consumer: AIOKafkaConsumer, topic: str) -> int | None:
    # A topic that was made a moment ago may be unknown to the broker that is asked first.
    return await count_partitions(consumer, topic) or await count_partitions(consumer, topic)
