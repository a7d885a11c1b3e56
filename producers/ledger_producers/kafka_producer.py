"""The Kafka producer under the emitter: started and stopped within a bound, with every setting a ledger needs."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ledger_schemas import limits
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.topic import CONNECT_TIMEOUT_SECONDS, RECORD_OVERHEAD_BYTES, unavailable

LINGER_MS: Final = 5
"""How long a record waits for company; bounds the cost of acks=all at high rates, and the latency at low ones."""

BATCH_BYTES: Final = 256 * 1024
SENDER_STOP_SECONDS: Final = 2.0
"""How long a sender that was cut off may take to notice."""

_log = structlog.get_logger("ledger_producers.emitter")


async def start_producer(connection: KafkaConnection) -> AIOKafkaProducer:
    """Return a connected producer: idempotent, acknowledged by all in-sync replicas. Raises BrokerUnavailable."""
    producer = AIOKafkaProducer(
        **connection.client_options(),
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=limits.EVENT_BYTES_MAX + RECORD_OVERHEAD_BYTES,
    )
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            await producer.start()
    except BaseException as error:
        await producer.stop()
        if isinstance(error, KafkaError | OSError):
            raise unavailable(connection, error) from error
        raise
    return producer


async def stop_producer(producer: AIOKafkaProducer, flush_timeout_seconds: float) -> None:
    """Flush and disconnect; disconnect without flushing when that takes too long.

    With idempotence on, aiokafka's own stop waits for a broker that is away for ever. What it leaves behind are
    appends whose callers were already told that the outcome is unknown, or were cancelled.
    """
    try:
        async with asyncio.timeout(flush_timeout_seconds):
            await producer.stop()
    except (KafkaError, TimeoutError) as error:
        _log.warning("emitter.stopped_without_flush", cause=type(error).__name__)
        await producer.client.close()
        sender = producer._sender.sender_task  # noqa: SLF001 - aiokafka has no stop that does not flush
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait([sender], timeout=SENDER_STOP_SECONDS)
