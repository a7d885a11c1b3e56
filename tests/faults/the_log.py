"""The log as a plain consumer sees it, for the oracle: what the projector must have made of it."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from ledger_producers import Emitter
from ledger_projectors.records import LogRecord
from ledger_schemas import Event, KafkaConnection, Position, TopicSpec, decode_event
from ledger_schemas.topic import ensure_topic
from tests.properties.oracle import State, fold
from tests.properties.strategies import Placed, Recorded

EMIT_BATCH_EVENTS = 1_000


def append(connection: KafkaConnection, topic: TopicSpec, events: Sequence[Event]) -> None:
    """Make the topic if need be and append the events."""

    async def work() -> None:
        await ensure_topic(connection, topic)
        async with Emitter(connection, source="test", topic=topic) as emitter:
            for start in range(0, len(events), EMIT_BATCH_EVENTS):
                await emitter.put_many(events[start : start + EMIT_BATCH_EVENTS])

    asyncio.run(work())


def read_log(connection: KafkaConnection, topic: TopicSpec) -> list[Placed]:
    """Return every record of the topic, decoded, in its place."""
    return [
        Placed(Recorded(decode_event(record.value or b""), record.recorded_at_ms), record.partition, record.offset)
        for record in read_records(connection, topic)
    ]


def read_records(connection: KafkaConnection, topic: TopicSpec) -> list[LogRecord]:
    """Return every record of the topic, as a plain consumer reads it; in order within each partition."""

    async def work() -> list[LogRecord]:
        places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="none")
        await consumer.start()
        try:
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[LogRecord] = []
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                    found += [
                        LogRecord(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
                        for one in batch
                    ]
        finally:
            await consumer.stop()
        return found

    return asyncio.run(work())


def folded_up_to(log: Sequence[Placed], topic: str, position: Position) -> State:
    """Return what the oracle holds after everything before `position`."""
    return fold([one.log_event() for one in log if one.offset < position.get((topic, one.partition), 0)])
