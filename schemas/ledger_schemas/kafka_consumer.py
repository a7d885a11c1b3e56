"""Plain Kafka consumers: stopped for certain, also while their broker is away; and where a log begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ledger_schemas.connection import KafkaConnection
from ledger_schemas.positions import Position
from ledger_schemas.topic import unavailable


async def start_offsets(connection: KafkaConnection, topic: str, partitions: Iterable[int]) -> Position:
    """Return where partitions begin: retention or DeleteRecords took the records before. Raises BrokerUnavailable."""
    async with _asking(connection) as consumer:
        return _position(await consumer.beginning_offsets(_places(topic, partitions)))


async def end_offsets(connection: KafkaConnection, topic: str, partitions: Iterable[int]) -> Position:
    """Return the offset that the next record of each partition will have. Raises BrokerUnavailable."""
    async with _asking(connection) as consumer:
        return _position(await consumer.end_offsets(_places(topic, partitions)))


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also while its broker is away.

    aiokafka 0.14 cancels a fetch that waits out an error and awaits it bare: its own CancelledError comes out of
    `stop`, before the connections are closed. In a task of its own it cannot be mistaken for a cancellation of ours.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()  # noqa: SLF001 - what `stop` did not come to
    else:
        stopping.result()


@asynccontextmanager
async def _asking(connection: KafkaConnection) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    finally:
        await stop_consumer(consumer)


def _places(topic: str, partitions: Iterable[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in partitions]


def _position(offsets: dict[TopicPartition, int]) -> Position:
    return Position({(place.topic, place.partition): offset for place, offset in offsets.items()})
