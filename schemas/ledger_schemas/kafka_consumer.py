"""A plain Kafka consumer, stopped for certain: also while its broker is away."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer


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
