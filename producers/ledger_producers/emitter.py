"""The emitter: states facts, puts them into the log once, and says where the log is after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from ledger_producers.appender import APPEND_TIMEOUT_SECONDS, Appender, OutgoingRecord
from ledger_producers.clock_skew import Clock, check_clock_skew, system_clock
from ledger_producers.cloud_events import cloud_event_headers
from ledger_producers.recheck import recheck
from ledger_producers.schema_publisher import SchemaPublisher, read_bound
from ledger_producers.statements import Statements
from ledger_schemas.codec import encode_event
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import LedgerError, OutcomeUnknown
from ledger_schemas.events import Event
from ledger_schemas.facts import Receipt
from ledger_schemas.framing import SchemaReference
from ledger_schemas.positions import Position
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.topic import TopicSpec, check_topic, schemas_topic_spec


class Emitter(Statements):
    """Appends lifecycle events to the log: idempotent, acknowledged by all in-sync replicas, in key order.

    Use it as an async context manager, one for the life of a service. One method per kind makes and appends an event;
    `put` appends an event that exists already. Each returns a Receipt whose position a later read may ask for. It is
    safe to share between tasks. The schema topic has the writer schema of a kind before the first event of that kind.

    Errors: ContractViolation and LimitExceeded before anything is written; BrokerUnavailable at start;
    OutcomeUnknown when no answer came in time: the event may or may not be in the log, and putting the same event
    again (same event_id) is safe, since the ledger counts it once: `put_many(error.events)`. With a registry,
    RegistryUnavailable and RegistryRefused before any event is written; the latter also when the schema topic binds an
    id to another schema.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        source: str,
        topic: TopicSpec | None = None,
        schemas_topic: TopicSpec | None = None,
        registry: SchemaRegistry | None = None,
        cloud_events: bool = False,
        clock: Clock = system_clock,
        append_timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
    ) -> None:
        """Take where the log is and the name of the service that states the facts.

        With `registry` (whoever made it closes it), events have Confluent frames with its ids. With `cloud_events`,
        each record has the headers of a CloudEvent in binary mode. `clock` judges how far ahead `occurred_at` lies.
        """
        super().__init__(source)
        self._connection = connection
        self._topic = topic or TopicSpec()
        self._schemas_topic = schemas_topic or schemas_topic_spec()
        self._registry = registry
        self._headers: Callable[[Event], Sequence[tuple[str, bytes]]] = cloud_event_headers if cloud_events else _none
        self._clock = clock
        self._appender = Appender(connection, append_timeout_seconds)
        self._schemas: SchemaPublisher | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Check the topics, read which schemas the log has, and connect."""
        await check_topic(self._connection, self._topic)
        bound = await read_bound(self._connection, self._schemas_topic)
        await self._stack.enter_async_context(self._appender)
        self._schemas = SchemaPublisher(
            self._connection, self._appender, self._schemas_topic, bound=bound, registry=self._registry
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Flush what is under way, for as long as an append may take, and disconnect."""
        self._schemas = None
        await self._stack.aclose()

    async def put(self, event: Event) -> Receipt:
        """Append one event and return when every in-sync replica has it."""
        (receipt,) = await self.put_many([event])
        return receipt

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Append several events, in order per notification, and return when all are safe.

        Everything is encoded before the first byte is sent: one bad event refuses the whole call, and the error's field
        begins with its index. When the outcome of some is unknown, OutcomeUnknown names how many; putting the same
        events again is safe.
        """
        schemas = self._running()
        now = self._clock()
        indexes = list(range(len(events))) if len(events) > 1 else [None] * len(events)
        checked = [_checked(event, now, index) for event, index in zip(events, indexes, strict=True)]
        kinds = {event.kind for event in checked}
        references = await schemas.references(kinds)
        records = [
            self._record(event, references.get(event.kind), index)
            for event, index in zip(checked, indexes, strict=True)
        ]
        try:
            await schemas.prepare(kinds)
            appended = await self._appender.append(self._topic.name, records)
        except OutcomeUnknown as error:
            # An error of its own for each call: those that wait for one schema share the error of its append.
            raise OutcomeUnknown(error.message, hint=error.hint, events=checked) from error
        return [
            Receipt(event.event_id, event.notification_id, Position({(self._topic.name, partition): next_offset}))
            for event, (partition, next_offset) in zip(checked, appended, strict=True)
        ]

    def _record(self, event: Event, reference: SchemaReference | None, index: int | None) -> OutgoingRecord:
        with _told_by_index(index):
            frame = encode_event(event, reference)
        return OutgoingRecord(str(event.notification_id).encode("ascii"), frame, self._headers(event))

    def _running(self) -> SchemaPublisher:
        if self._schemas is None:
            raise RuntimeError("Use the emitter inside `async with Emitter(...) as emitter:`.")
        return self._schemas


def _none(event: Event) -> Sequence[tuple[str, bytes]]:  # noqa: ARG001 - the same call as cloud_event_headers
    return ()


def _checked(event: Event, now: datetime, index: int | None) -> Event:
    with _told_by_index(index):
        checked = recheck(event)
        check_clock_skew(checked, now)
    return checked


@contextmanager
def _told_by_index(index: int | None) -> Iterator[None]:
    """Let the errors of one event among several begin with its index."""
    try:
        yield
    except LedgerError as error:
        if index is not None:
            told = error.message.removeprefix(f"{error.field}: ")
            error.field = f"{index}.{error.field or 'event'}"
            error.message = f"{error.field}: {told}"
        raise
