"""The directory's emitter: appends credentials, settings of tenants, teams and devices to a topic of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from ledger_producers.appender import APPEND_TIMEOUT_SECONDS, Appender, OutgoingRecord
from ledger_producers.schema_publisher import SchemaPublisher, read_bound
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.directory_codec import current_directory_schema, encode_directory_event
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.positions import Position
from ledger_schemas.topic import TopicSpec, check_topic, directory_topic_spec, schemas_topic_spec


class DirectoryEmitter:
    """Appends events of the directory: idempotent, acknowledged by all in-sync replicas, in their order.

    Use it as an async context manager. Entering raises BrokerUnavailable and TopicMisconfigured.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: TopicSpec | None = None,
        schemas_topic: TopicSpec | None = None,
        append_timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
    ) -> None:
        """Take where the logs are."""
        self._connection = connection
        self._topic = topic or directory_topic_spec()
        self._schemas_topic = schemas_topic or schemas_topic_spec()
        self._appender = Appender(connection, append_timeout_seconds)
        self._schemas: SchemaPublisher | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Check the topic, read which schemas the log has, and connect."""
        await check_topic(self._connection, self._topic)
        bound = await read_bound(self._connection, self._schemas_topic)
        await self._stack.enter_async_context(self._appender)
        self._schemas = SchemaPublisher(self._connection, self._appender, self._schemas_topic, bound=bound)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Flush what is under way, for as long as an append may take, and disconnect."""
        self._schemas = None
        await self._stack.aclose()

    async def put_directory(self, events: Sequence[DirectoryEvent]) -> Position:
        """Append events and return, when every in-sync replica has them, the position after them.

        Everything is encoded before the first byte is sent. When the outcome is unknown, putting the same events again
        is safe: an event_id counts once. Raises ContractViolation, LimitExceeded, and what an append raises.
        """
        if self._schemas is None:
            raise RuntimeError("Use the emitter inside `async with DirectoryEmitter(...) as emitter:`.")
        records = [OutgoingRecord(_key(event), encode_directory_event(event)) for event in events]
        kinds = dict.fromkeys(event.kind for event in events)
        await self._schemas.publish([current_directory_schema(kind).binding for kind in kinds])
        appended = await self._appender.append(self._topic.name, records, what="event(s) of the directory")
        return Position(
            {
                (self._topic.name, partition): max(after for one, after in appended if one == partition)
                for partition, _ in appended
            }
        )


def _key(event: DirectoryEvent) -> bytes | None:
    return None if event.tenant_id is None else event.tenant_id.encode()
