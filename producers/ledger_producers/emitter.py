"""The emitter: states facts, puts them into the log once, and says where the log is after them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from ledger_producers.kafka_producer import end_offset, start_producer, stop_producer
from ledger_producers.statements import Statements
from ledger_schemas import limits
from ledger_schemas.codec import encode_event
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import LedgerError, LimitExceeded, OutcomeUnknown, TopicMisconfigured
from ledger_schemas.events import Event
from ledger_schemas.facts import Receipt
from ledger_schemas.positions import Position
from ledger_schemas.topic import TopicSpec, check_topic, unavailable

APPEND_TIMEOUT_SECONDS: Final = 30.0
"""How long one append may take before its outcome counts as unknown. With idempotence on, aiokafka itself would wait
for ever."""

REBUILDS_MAX: Final = 1
"""How often one append may rebuild a producer that failed for good before its outcome counts as unknown."""

_FATAL: Final = (OutOfOrderSequenceNumber, ProducerFenced, ProducerClosed)

_log = structlog.get_logger("ledger_producers.emitter")


class Emitter(Statements):
    """Appends lifecycle events to the log: idempotent, acknowledged by all in-sync replicas, in key order.

    Use it as an async context manager, one for the life of a service. One method per kind makes and appends an event;
    `put` appends an event that exists already. Each returns a Receipt whose position a later read may ask for. It is
    safe to share between tasks.

    Errors: ContractViolation and LimitExceeded before anything is written; BrokerUnavailable at start;
    OutcomeUnknown when no answer came in time: the event may or may not be in the log, and putting the same event
    again (same event_id) is safe, since the ledger counts it once.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        source: str,
        topic: TopicSpec | None = None,
        append_timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
    ) -> None:
        """Take where the log is and the name of the service that states the facts."""
        self._connection = connection
        super().__init__(source)
        self._topic = topic or TopicSpec()
        self._append_timeout_seconds = append_timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._rebuild_lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect and check the topic."""
        await check_topic(self._connection, self._topic)
        self._producer = await start_producer(self._connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Flush what is under way, for as long as an append may take, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer, self._append_timeout_seconds)

    async def put(self, event: Event) -> Receipt:
        """Append one event and return when every in-sync replica has it."""
        (receipt,) = await self.put_many([event])
        return receipt

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Append several events, in order per notification, and return when all are safe.

        Everything is encoded before the first byte is sent: one bad event refuses the whole call, and the error's field
        begins with its index. When the outcome of
        some is unknown, OutcomeUnknown names how many; putting the same events again is safe.
        """
        frames = [_encoded(event, index if len(events) > 1 else None) for index, event in enumerate(events)]
        keys = [str(event.notification_id).encode("ascii") for event in events]
        appended = await self._append(list(zip(keys, frames, strict=True)))
        return [
            Receipt(event.event_id, event.notification_id, Position({(self._topic.name, partition): next_offset}))
            for event, (partition, next_offset) in zip(events, appended, strict=True)
        ]

    async def _append(self, records: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
        """Append and return, per record, its partition and the next offset after it."""
        results: list[tuple[int, int] | None] = [None] * len(records)
        for attempt in range(REBUILDS_MAX + 1):
            producer = self._running()
            waiting = [index for index, result in enumerate(results) if result is None]
            failures = await self._append_once(producer, records, waiting, results)
            if not failures:
                return [result for result in results if result is not None]
            fatal = next((failure for failure in failures if isinstance(failure, _FATAL)), None)
            if fatal is None or attempt == REBUILDS_MAX:
                raise self._explain(failures, results.count(None))
            _log.warning("emitter.producer_rebuilt", cause=type(fatal).__name__, events=results.count(None))
            await self._rebuild(producer)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def _append_once(
        self,
        producer: AIOKafkaProducer,
        records: list[tuple[bytes, bytes]],
        waiting: list[int],
        results: list[tuple[int, int] | None],
    ) -> list[BaseException]:
        failures: list[BaseException] = []
        sent: list[tuple[int, asyncio.Future[RecordMetadata]]] = []
        try:
            async with asyncio.timeout(self._append_timeout_seconds):
                try:
                    for index in waiting:
                        key, frame = records[index]
                        sent.append((index, await producer.send(self._topic.name, value=frame, key=key)))
                except KafkaError as error:
                    failures.append(error)
                if sent:
                    # Shielded by wait: cancelling us never cancels what the broker may already have.
                    await asyncio.wait([future for _, future in sent])
                for index, future in sent:
                    if (failed := future.exception()) is not None:
                        failures.append(failed)
                    else:
                        results[index] = await self._placed(future.result())
        except (KafkaError, TimeoutError) as error:
            failures.append(error)
        finally:
            # Also when our caller was cancelled: nobody else will ask these for their outcome.
            for _, future in sent:
                future.add_done_callback(_retrieved)
        return failures

    async def _placed(self, metadata: RecordMetadata) -> tuple[int, int]:
        if metadata.offset >= 0:
            return metadata.partition, metadata.offset + 1
        # A retry that the broker recognised as a duplicate is answered with offset -1: the record lies before the end.
        place = TopicPartition(self._topic.name, metadata.partition)
        return metadata.partition, await end_offset(self._connection, place)

    def _explain(self, failures: list[BaseException], unconfirmed: int) -> Exception:
        if any(isinstance(failure, MessageSizeTooLargeError) for failure in failures):
            return LimitExceeded(
                f"The broker refused a record as too large; EVENT_BYTES_MAX is {limits.EVENT_BYTES_MAX}.",
                hint="Check max.message.bytes of the topic (`notification-ledger topic`).",
            )
        if any(isinstance(failure, UnknownTopicOrPartitionError) for failure in failures):
            return TopicMisconfigured(
                f"The topic {self._topic.name} does not exist.",
                hint="Make it with `notification-ledger topic --create`.",
            )
        if all(isinstance(f, KafkaConnectionError) and not isinstance(f, KafkaTimeoutError) for f in failures):
            return unavailable(self._connection, failures[0])
        cause = next((f for f in failures if isinstance(f, BrokerResponseError)), failures[0])
        return OutcomeUnknown(
            f"The log did not confirm {unconfirmed} event(s) within {self._append_timeout_seconds:g} s "
            f"({type(cause).__name__}).",
            hint="Put the same events again, with the same event_id: the ledger counts each once.",
        )

    def _running(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("Use the emitter inside `async with Emitter(...) as emitter:`.")
        return self._producer

    async def _rebuild(self, failed: AIOKafkaProducer) -> None:
        """Replace a producer that failed for good, once, however many tasks ask."""
        async with self._rebuild_lock:
            replaced = self._producer is not failed
            if replaced:
                return
            self._producer = await start_producer(self._connection)
            await stop_producer(failed, self._append_timeout_seconds)


def _encoded(event: Event, index: int | None) -> bytes:
    try:
        return encode_event(event)
    except LedgerError as error:
        if index is not None:
            error.field = f"{index}.{error.field or 'event'}"
            error.message = f"{error.field}: {error.message}"
        raise


def _retrieved(future: asyncio.Future[RecordMetadata]) -> None:
    if not future.cancelled():
        future.exception()
