"""Reads single records of the log again: those that must be judged anew when an earlier copy of them turns up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, LeaderNotAvailableError, OffsetOutOfRangeError

from ledger_projectors.decode.awaited_schemas import pause
from ledger_projectors.log.guards import OTHER_LOG_HINT
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.wire_request import client_of, look
from ledger_projectors.store.quarantine import Place, RetryOutcome
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import GuardRefused, LedgerError, Unavailable
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.topic import unavailable

READ_AGAIN_SECONDS: Final = 30.0
"""How long reading such records may take in all; there are few."""

ROUNDS_MAX: Final = 5
"""How often what was read may show that more must be: copies of copies."""

LOOK_WAIT_MS: Final = 500
"""How long a leader may take to find a record that is known to be there."""

RETRY_SECONDS: Final = 2.0
"""How long a broker that is away is left alone."""

PLACES_LOGGED_MAX: Final = 20

ReadAgain = Callable[[Sequence[Place]], Awaitable[list[LogRecord]]]
"""Returns the records at some places of the log, or raises a LedgerError when one is not to be had."""

_log = structlog.get_logger("ledger_projectors.projector")


async def read_again(connection: KafkaConnection, topic: str, places: Sequence[Place]) -> list[LogRecord]:
    """Return the records at these places (partition, offset).

    Raises BrokerUnavailable, and GuardRefused when the log does not hold one of them any more.
    """
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        check_crcs=True,
    )
    try:
        async with asyncio.timeout(READ_AGAIN_SECONDS):
            await consumer.start()
            return [await _record_at(consumer, TopicPartition(topic, partition), at) for partition, at in places]
    except OffsetOutOfRangeError as error:
        raise GuardRefused(
            f"A record of {topic} that was applied cannot be read again ({type(error).__name__}).",
            hint=OTHER_LOG_HINT,
        ) from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    finally:
        await stop_consumer(consumer)


async def with_copies(
    work: Callable[[Sequence[LogRecord] | None], Awaitable[RetryOutcome | None]],
    read: ReadAgain | None,
    stopping: asyncio.Event | None = None,
) -> RetryOutcome | None:
    """Do a release or a retry; when it wants copies from the log, read them and do it again with them.

    A broker that is away is waited for until `stopping` is set (None is returned then); without `stopping`, its error
    is raised. When the log does not hold the copies any more, or nothing can `read` them, it is done without: the copy
    that was applied stays, against the order of the log, and a line of our own log says where.
    """
    copies: list[LogRecord] = []
    rounds = 0
    while read is not None and rounds < ROUNDS_MAX:
        outcome = await work(copies)
        if outcome is None or not outcome.wanted:
            return outcome
        try:
            copies += await read(outcome.wanted)
            rounds += 1
        except Unavailable as error:
            if stopping is None:
                raise
            _log.warning("projector.copies_unreachable", cause=str(error), retry_seconds=RETRY_SECONDS)
            await pause(stopping, RETRY_SECONDS)
            if stopping.is_set():
                return None
        except LedgerError as error:
            _log.error("projector.copies_gone", cause=str(error))
            break
    outcome = await work(None)
    if outcome is not None and outcome.wanted:
        _log.error(
            "projector.conflict_overtaken",
            count=len(outcome.wanted),
            places=[f"{partition}:{offset}" for partition, offset in outcome.wanted[:PLACES_LOGGED_MAX]],
            hint="These were applied before an earlier copy with other content came out of quarantine, and stay: a "
            "replay differs. `notification-ledger quarantine retry --reason conflict` mends it; else rebuild.",
        )
    return outcome


async def _record_at(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> LogRecord:
    consumer.assign([place])
    consumer.seek(place, offset)
    try:
        found = await consumer.getone(place)
    except UnicodeDecodeError:
        # aiokafka 0.14 reads no record batch in which a header name is not UTF-8.
        parts = await look(client_of(consumer), place.topic, place.partition, offset, wait_ms=LOOK_WAIT_MS)
        if not parts:
            # It was there a moment ago.
            raise LeaderNotAvailableError from None
        records = [record for part in parts for record in part.records]
    else:
        at = (found.topic, found.partition, found.offset, found.timestamp)
        records = [LogRecord(*at, found.key, found.value, tuple(found.headers))]
    for record in records:
        if record.offset == offset:
            return record
    raise GuardRefused(
        f"The log no longer holds offset {offset} of {place.topic} partition {place.partition}.",
        hint=OTHER_LOG_HINT,
    )
