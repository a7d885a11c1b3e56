"""The log as a plain consumer sees it, for the oracle: what the projector must have made of it."""

import asyncio
import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from ledger_producers import Emitter
from ledger_projectors.log.records import LogRecord
from ledger_schemas import Event, KafkaConnection, Position, TopicSpec, decode_event, encode_event
from ledger_schemas.topic import ensure_topic
from tests.properties.oracle import State, fold
from tests.properties.strategies import Placed, Recorded, contradict

EMIT_BATCH_EVENTS = 1_000
FAST_CLOCK = datetime(2201, 1, 1, tzinfo=UTC)
"""The clock of an emitter that lets events of 2200 pass."""

EVENTS_PER_TROUBLE = 10
"""Often enough that every batch of a fault test has some of each."""


def append(connection: KafkaConnection, topic: TopicSpec, events: Sequence[Event]) -> None:
    """Make the topic if need be and append the events."""

    async def work() -> None:
        await ensure_topic(connection, topic)
        async with Emitter(connection, source="test", topic=topic, clock=lambda: FAST_CLOCK) as emitter:
            for start in range(0, len(events), EMIT_BATCH_EVENTS):
                await emitter.put_many(events[start : start + EMIT_BATCH_EVENTS])

    asyncio.run(work())


Place = tuple[int, int]
"""Where a record lies in a topic: (partition, offset)."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it is appended; poison is one that is no event."""

    key: bytes
    value: bytes | None
    poison: bool = False


def with_trouble(events: Sequence[Event], rng: Random) -> list[Raw]:
    """Return the events as records, with poison and with conflicting copies of earlier events between them."""
    records = []
    for number, event in enumerate(events):
        records.append(_raw(event))
        if number % EVENTS_PER_TROUBLE == 0:
            key, value = records[-1].key, encode_event(event)
            stranger = str(uuid.UUID(int=number)).encode()
            poisons = (Raw(key, None), Raw(key, rng.randbytes(40)), Raw(key, value[:-1]), Raw(stranger, value))
            records.append(replace(rng.choice(poisons), poison=True))
            records.append(_raw(contradict(rng.choice(events[: number + 1]), rng.randrange(4))))
    return records


def append_raw(connection: KafkaConnection, topic: TopicSpec, records: Sequence[Raw]) -> dict[Place, Raw]:
    """Make the topic if need be and append the records, each in the partition of its key; return them by place."""

    async def work() -> dict[Place, Raw]:
        await ensure_topic(connection, topic)
        partitioner, numbers = DefaultPartitioner(), list(range(topic.partitions))
        async with AIOKafkaProducer(**connection.client_options()) as producer:
            sent = [
                await producer.send(
                    topic.name, key=one.key, value=one.value, partition=partitioner(one.key, numbers, numbers)
                )
                for one in records
            ]
            appended = await asyncio.gather(*sent)
        return {(at.partition, at.offset): one for at, one in zip(appended, records, strict=True)}

    return asyncio.run(work())


def read_log(connection: KafkaConnection, topic: TopicSpec, poison: Container[Place] = ()) -> list[Placed]:
    """Return every record of the topic, decoded, in its place; without those of the places `poison`."""
    return [
        Placed(Recorded(decode_event(record.value or b""), record.recorded_at_ms), record.partition, record.offset)
        for record in read_records(connection, topic)
        if (record.partition, record.offset) not in poison
    ]


def read_records(
    connection: KafkaConnection, topic: TopicSpec, since: Mapping[int, int] | None = None
) -> list[LogRecord]:
    """Return every record of the topic, as a plain consumer reads it; in order within each partition.

    With `since`, those from these offsets on, by partition.
    """
    begin = {TopicPartition(topic.name, partition): offset for partition, offset in (since or {}).items()}

    async def work() -> list[LogRecord]:
        places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="none")
        await consumer.start()
        try:
            consumer.assign(places)
            for place in places:
                consumer.seek(place, begin.get(place, 0))
            ends = await consumer.end_offsets(places)
            wanted = sum(ends.values()) - sum(begin.values())
            found: list[LogRecord] = []
            while len(found) < wanted:
                for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                    found += [
                        LogRecord(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
                        for one in batch
                    ]
        finally:
            await consumer.stop()
        return found

    return asyncio.run(work())


def folded_up_to(log: Sequence[Placed], topic: str, position: Position, partitions: int) -> State:
    """Return what the oracle holds after everything before `position` of a topic of so many partitions."""
    before = [one.log_event() for one in log if one.offset < position.get((topic, one.partition), 0)]
    return fold(before, partitions)


def _raw(event: Event) -> Raw:
    return Raw(str(event.notification_id).encode(), encode_event(event))
