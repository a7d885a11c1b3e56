"""The appender: puts records on a topic within a bound, and replaces a producer that failed for good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaProducer
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

from ledger_producers.kafka_producer import start_producer, stop_producer
from ledger_schemas import limits
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable, LimitExceeded, OutcomeUnknown, TopicMisconfigured
from ledger_schemas.kafka_consumer import end_offsets
from ledger_schemas.topic import unavailable

APPEND_TIMEOUT_SECONDS: Final = 30.0
"""How long one append may take before its outcome counts as unknown. With idempotence on, aiokafka itself would wait
for ever."""

REBUILDS_MAX: Final = 1
"""How often one append may rebuild a producer that failed for good before its outcome counts as unknown."""

_FATAL: Final = (OutOfOrderSequenceNumber, ProducerFenced, ProducerClosed)

_log = structlog.get_logger("ledger_producers.emitter")


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to append; its partition is that of its key (Kafka's Java default partitioner)."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Appender:
    """Appends records: idempotent, acknowledged by all in-sync replicas. Safe to share between tasks.

    Use it as an async context manager; entering raises BrokerUnavailable.
    """

    def __init__(self, connection: KafkaConnection, timeout_seconds: float = APPEND_TIMEOUT_SECONDS) -> None:
        """Take where the log is, and how long one call may take."""
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._producer: AIOKafkaProducer | None = None
        self._rebuild_lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect."""
        self._producer = await start_producer(self._connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Flush what is under way, for as long as an append may take, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer, self._timeout_seconds)

    async def append(
        self, topic: str, records: Sequence[OutgoingRecord], *, what: str = "event(s)"
    ) -> list[tuple[int, int]]:
        """Append and return, per record, its partition and the next offset after it.

        `what` the records are is said by the error. Raises OutcomeUnknown when no answer came in time,
        BrokerUnavailable, TopicMisconfigured, and LimitExceeded when the broker takes no record of that size.
        """
        results: list[tuple[int, int] | None] = [None] * len(records)
        for attempt in range(REBUILDS_MAX + 1):
            producer = self._running()
            waiting = [index for index, result in enumerate(results) if result is None]
            failures = await self._append_once(producer, topic, records, waiting, results)
            if not failures:
                return [result for result in results if result is not None]
            fatal = next((failure for failure in failures if isinstance(failure, _FATAL)), None)
            if fatal is None or attempt == REBUILDS_MAX:
                raise self._explain(
                    failures, topic, f"{results.count(None)} {what}", len(records) - results.count(None)
                )
            _log.warning("emitter.producer_rebuilt", cause=type(fatal).__name__, events=results.count(None))
            await self._rebuild(producer)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def _append_once(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        records: Sequence[OutgoingRecord],
        waiting: list[int],
        results: list[tuple[int, int] | None],
    ) -> list[BaseException]:
        failures: list[BaseException] = []
        sent: list[tuple[int, asyncio.Future[RecordMetadata]]] = []
        try:
            async with asyncio.timeout(self._timeout_seconds):
                try:
                    for index in waiting:
                        one = records[index]
                        headers = list(one.headers) or None
                        sent.append((index, await producer.send(topic, value=one.value, key=one.key, headers=headers)))
                except KafkaError as error:
                    failures.append(error)
                if sent:
                    # Shielded by wait: cancelling us never cancels what the broker may already have.
                    await asyncio.wait([future for _, future in sent])
                for index, future in sent:
                    if (failed := future.exception()) is not None:
                        failures.append(failed)
                    else:
                        results[index] = await self._placed(topic, future.result())
        except (KafkaError, TimeoutError, BrokerUnavailable) as error:
            failures.append(error)
        finally:
            # Also when our caller was cancelled: nobody else will ask these for their outcome.
            for _, future in sent:
                future.add_done_callback(_retrieved)
        return failures

    async def _placed(self, topic: str, metadata: RecordMetadata) -> tuple[int, int]:
        if metadata.offset >= 0:
            return metadata.partition, metadata.offset + 1
        # A retry that the broker recognised as a duplicate is answered with offset -1: the record lies before the end.
        ends = await end_offsets(self._connection, topic, [metadata.partition])
        return metadata.partition, ends[topic, metadata.partition]

    def _explain(self, failures: list[BaseException], topic: str, unconfirmed: str, appended: int) -> Exception:
        """Return the error of a call of which `appended` records are in the log; of the others that is not known."""
        if any(isinstance(failure, MessageSizeTooLargeError) for failure in failures):
            return LimitExceeded(
                f"The broker refused a record as too large; EVENT_BYTES_MAX is {limits.EVENT_BYTES_MAX}. "
                f"{appended} other(s) of the call are in the log.",
                hint="Check max.message.bytes of the topic (`notification-ledger topic`).",
            )
        if any(isinstance(failure, UnknownTopicOrPartitionError) for failure in failures):
            return TopicMisconfigured(
                f"The topic {topic} does not exist.", hint="Make it with `notification-ledger topic --create`."
            )
        away = all(isinstance(f, KafkaConnectionError) and not isinstance(f, KafkaTimeoutError) for f in failures)
        if away and not appended:
            return unavailable(self._connection, failures[0])
        cause = next((f for f in failures if isinstance(f, BrokerResponseError)), failures[0])
        return OutcomeUnknown(
            f"The log did not confirm {unconfirmed} within {self._timeout_seconds:g} s ({type(cause).__name__}).",
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
            await stop_producer(failed, self._timeout_seconds)


def _retrieved(future: asyncio.Future[RecordMetadata]) -> None:
    if not future.cancelled():
        future.exception()
