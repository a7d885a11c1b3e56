"""Reads single records of the log again: those that must be compared again when an earlier copy of them turns up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from ledger_projectors.log.guards import OTHER_LOG_HINT
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.wire_fetch import WireReader
from ledger_projectors.log.wire_request import client_of
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import GuardRefused
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.topic import unavailable

READ_AGAIN_SECONDS: Final = 30.0
"""How long reading such records may take in all; there are few."""

ReadAgain = Callable[[Sequence[tuple[int, int]]], Awaitable[list[LogRecord]]]
"""Returns the records at these partitions and offsets, or raises a LedgerError when one is not to be had."""


async def read_again(connection: KafkaConnection, topic: str, places: Sequence[tuple[int, int]]) -> list[LogRecord]:
    """Return the records at these places (partition, offset).

    Raises BrokerUnavailable, and GuardRefused when the log does not hold one of them any more.
    """
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False)
    try:
        async with asyncio.timeout(READ_AGAIN_SECONDS):
            await consumer.start()
            client = client_of(consumer)
            await client.set_topics([topic])
            reader = WireReader(client, topic, {})
            return [await _record_at(reader, topic, partition, offset) for partition, offset in places]
    except OffsetOutOfRangeError as error:
        raise GuardRefused(
            f"A record of {topic} that was applied cannot be read again ({type(error).__name__}).",
            hint=OTHER_LOG_HINT,
        ) from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    finally:
        await stop_consumer(consumer)


async def _record_at(reader: WireReader, topic: str, partition: int, offset: int) -> LogRecord:
    found = await reader.record_at(partition, offset, READ_AGAIN_SECONDS)
    if found is None:
        raise TimeoutError
    if found.offset != offset:
        raise GuardRefused(
            f"The log no longer holds offset {offset} of {topic} partition {partition}.", hint=OTHER_LOG_HINT
        )
    return found
