"""The source: reads a fixed list of partitions from the position that the read model states, in offset order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from ledger_projectors.log_positions import LastRecords, digest_of
from ledger_projectors.records import LogRecord
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, ProjectorFailed, TopicMisconfigured
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.positions import Position
from ledger_schemas.topic import unavailable

BATCH_RECORDS_MAX: Final = 50_000
"""Records of one batch when catching up: large batches are what throughput comes from."""

BATCH_LINGER_SECONDS: Final = 0.02
"""How long a batch that has something waits for more when live: bounds what batching adds to freshness."""

POLL_SECONDS: Final = 0.5
"""How long one fetch waits for a first record before it says that there is none."""

FETCH_PARTITION_BYTES: Final = 4 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS: Final = 30.0
GUARD_TIMEOUT_SECONDS: Final = 20.0
"""How long the last applied record may take to be read again."""

OTHER_LOG_HINT: Final = (
    "The topic was truncated, recreated or restored, or this is another cluster. Restore the log; or, if this log is "
    "the right one, move the read model file away and make a new one: `notification-ledger rebuild`."
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records in offset order within each partition, and per partition the offset after them.

    `next_offsets` may lie beyond the last record: offsets have legal holes.
    """

    records: list[LogRecord] = field(default_factory=list)
    next_offsets: Mapping[int, int] = field(default_factory=dict)


class KafkaSource:
    """Reads one topic with assign and seek; no consumer group, no stored offsets but the read model's.

    Use it as an async context manager. Entering raises BrokerUnavailable, and GuardRefused when the log is not the
    one that the read model was made from.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        partitions: int,
        position: Position,
        last_records: LastRecords | None = None,
        until: Position | None = None,
        batch_records_max: int = BATCH_RECORDS_MAX,
    ) -> None:
        """Read from `position` on, and, when `until` is given, nothing from there on."""
        self._connection = connection
        self._topic = topic
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._start = position
        self._last_records = dict(last_records or {})
        self._until = until
        self._batch_records_max = batch_records_max
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        """Connect, check that log and position belong together, and seek."""
        consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=True,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=FETCH_PARTITION_BYTES,
        )
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await consumer.start()
            self._consumer = consumer
            await self._check_partition_count(consumer)
            consumer.assign(self._places)
            await self._guard(consumer)
        except (KafkaError, TimeoutError, OSError) as error:
            await stop_consumer(consumer)
            raise unavailable(self._connection, error) from error
        except BaseException:
            await stop_consumer(consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    async def fetch(self) -> Fetched:
        """Return what comes next: up to the batch limit, or nothing when POLL_SECONDS bring nothing.

        A broker that is away is waited for: nothing comes, and nothing is lost. Raises GuardRefused when the log no
        longer holds what comes next, ProjectorFailed when a record cannot be taken from the broker at all.
        """
        consumer = self._running()
        records: list[LogRecord] = []
        deadline = time.monotonic() + POLL_SECONDS
        lingering = False
        while len(records) < self._batch_records_max and (left := deadline - time.monotonic()) > 0:
            found = await self._getmany(consumer, left, self._batch_records_max - len(records))
            if found and not lingering:
                deadline = time.monotonic() + BATCH_LINGER_SECONDS
                lingering = True
            for place, batch in found.items():
                records.extend(_log_record(record) for record in batch if record.offset < self._limit(place))
        next_offsets = {}
        for place in self._places:
            offset = await consumer.position(place)
            next_offsets[place.partition] = min(offset, self._limit(place))
            if offset >= self._limit(place):
                consumer.pause(place)
        return Fetched(records, next_offsets)

    async def _getmany(
        self, consumer: AIOKafkaConsumer, seconds: float, records_max: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            found: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
                timeout_ms=max(1, int(seconds * 1_000)), max_records=records_max
            )
        except OffsetOutOfRangeError as error:
            raise GuardRefused(
                f"The log of {self._topic} no longer holds what comes next: {error}.", hint=OTHER_LOG_HINT
            ) from error
        except (KafkaError, UnicodeDecodeError) as error:
            # UnicodeDecodeError: aiokafka 0.14 reads no record with a header name that is not UTF-8.
            at = Position({(place.topic, place.partition): await consumer.position(place) for place in self._places})
            raise ProjectorFailed(
                f"A record behind {at} cannot be taken from the broker: {type(error).__name__}.",
                hint="Look at the records from there on (kcat); nothing before them was lost.",
            ) from error
        return found

    async def end(self) -> Position:
        """Return where the log ends now. Raises BrokerUnavailable."""
        try:
            ends = await self._running().end_offsets(self._places)
        except (KafkaError, TimeoutError, OSError) as error:
            raise unavailable(self._connection, error) from error
        return Position({(place.topic, place.partition): offset for place, offset in ends.items()})

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("Use the source inside `async with`.")
        return self._consumer

    def _limit(self, place: TopicPartition) -> int:
        return self._until.get((place.topic, place.partition), 0) if self._until is not None else 2**62

    async def _check_partition_count(self, consumer: AIOKafkaConsumer) -> None:
        found = consumer.partitions_for_topic(self._topic)
        if found is None:
            await consumer._client.force_metadata_update()  # noqa: SLF001 - no public way to ask for one topic's metadata
            consumer._client.add_topic(self._topic)  # noqa: SLF001 - as above
            await consumer._client.force_metadata_update()  # noqa: SLF001 - as above
            found = consumer.partitions_for_topic(self._topic)
        if found is None:
            raise TopicMisconfigured(
                f"The topic {self._topic} does not exist.", hint="Make it with `notification-ledger topic --create`."
            )
        if len(found) != len(self._places):
            raise GuardRefused(
                f"The topic {self._topic} has {len(found)} partitions; this read model was made for "
                f"{len(self._places)}.",
                hint="Partitions of a ledger's topic are fixed for its life: restore it, or rebuild into a new one.",
            )

    async def _guard(self, consumer: AIOKafkaConsumer) -> None:
        starts = await consumer.beginning_offsets(self._places)
        ends = await consumer.end_offsets(self._places)
        for place in self._places:
            ours = self._start.get((place.topic, place.partition), 0)
            if not starts[place] <= ours <= ends[place]:
                what = "begins after" if ours < starts[place] else "ends before"
                raise GuardRefused(
                    f"The log {what} the read model's position: {place.topic} partition {place.partition} has offsets "
                    f"{starts[place]} to {ends[place]}, the read model is at {ours}.",
                    hint=OTHER_LOG_HINT,
                )
            if self._until is not None and ends[place] < self._limit(place):
                raise GuardRefused(
                    f"The log ends at {ends[place]} in {place.topic} partition {place.partition}, before the position "
                    f"{self._limit(place)} that is to be reached.",
                    hint=OTHER_LOG_HINT,
                )
            last = self._last_records.get(place.partition)
            if last is not None and last[0] >= starts[place]:
                await self._check_last_record(consumer, place, last)
            consumer.seek(place, ours)

    async def _check_last_record(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, last: tuple[int, int, str]
    ) -> None:
        offset, recorded_at_ms, digest = last
        consumer.seek(place, offset)
        deadline = time.monotonic() + GUARD_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            found = await consumer.getmany(place, timeout_ms=500, max_records=1)
            for record in found.get(place, []):
                if (record.offset, record.timestamp, digest_of(_log_record(record))) == (
                    offset,
                    recorded_at_ms,
                    digest,
                ):
                    return
                raise GuardRefused(
                    f"The log is not the one that this read model was made from: {place.topic} partition "
                    f"{place.partition} offset {offset} holds another record than the one that was applied.",
                    hint=OTHER_LOG_HINT,
                )
        raise BrokerUnavailable(
            f"{place.topic} partition {place.partition} offset {offset} could not be read again within "
            f"{GUARD_TIMEOUT_SECONDS:g} s.",
            hint="Check the broker; nothing was changed.",
        )


def _log_record(record: ConsumerRecord) -> LogRecord:
    return LogRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
