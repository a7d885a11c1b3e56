"""The schema store: the writer schemas of the log, read from the schema topic and kept current."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType, TracebackType
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.framing import FrameFormat, SchemaReference
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.schema_topic import SchemaBinding, Skip, is_ours, key_text, read_binding
from ledger_schemas.shipped import fingerprint_of_text
from ledger_schemas.topic import TopicSpec, check_topic, schemas_topic_spec

REFRESH_TIMEOUT_SECONDS: Final = 10.0
"""How long reading to the end of the schema topic may take before it counts as unreachable."""

SCHEMA_WAIT_SECONDS: Final = 10.0
"""How long a reader waits, in all, for schemas that a reachable store does not have."""

POLL_MS: Final = 200
"""How long one fetch waits for a record that is known to be there."""

Publish = Callable[[Sequence[SchemaBinding]], Awaitable[None]]
"""Puts bindings into the schema topic and returns when they are safe; the write side offers it, infra hands it in."""

_log = structlog.get_logger("ledger_schemas.schema_store")


class SchemaStore:
    """Reads the schema topic from its beginning and learns what it says; no consumer group, no stored offsets.

    Use it as an async context manager: entering checks the topic and reads it to its end, and raises BrokerUnavailable
    or TopicMisconfigured. The first record that binds a reference wins; a record that binds none is skipped, counted
    by its reason, and logged when it is the first with that reason. One event loop uses it; `known` may be asked from
    any thread.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: TopicSpec | None = None,
        *,
        registry: SchemaRegistry | None = None,
        publish: Publish | None = None,
        timeout_seconds: float = REFRESH_TIMEOUT_SECONDS,
    ) -> None:
        """Take where the topic is.

        With a registry, `find` asks it for ids that the topic does not bind, and hands what it learns to `publish`, so
        that no later reader needs the registry. Records of other namespaces than ours are neither learnt nor published.
        """
        self._connection = connection
        self._topic = topic or schemas_topic_spec()
        self._place = TopicPartition(self._topic.name, 0)
        self._registry = registry
        self._publish = publish
        self._timeout_seconds = timeout_seconds
        self._known = KnownSchemas()
        self._bound: dict[SchemaReference, str] = {}
        self._skipped: Counter[Skip] = Counter()
        self._next_offset = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        self._teaching = asyncio.Lock()
        self._learnt = 0

    async def __aenter__(self) -> Self:
        """Check the topic and read it to its end."""
        await check_topic(self._connection, self._topic)
        await self.refresh()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Disconnect. What is known stays known."""
        await self._disconnect()

    @property
    def known(self) -> KnownSchemas:
        """The shipped schemas and those of the topic."""
        return self._known

    @property
    def bound(self) -> Mapping[SchemaReference, str]:
        """What the topic says: the JSON text of each schema, by reference, in the order of the topic."""
        return MappingProxyType(self._bound)

    @property
    def skipped(self) -> Mapping[Skip, int]:
        """How many records of the topic bind nothing, by reason."""
        return MappingProxyType(self._skipped)

    @property
    def learnt(self) -> int:
        """How many references this store has learnt of that it did not know before: it only ever grows."""
        return self._learnt

    def steady(self) -> AbstractAsyncContextManager[None]:
        """Keep `known` as it is for as long as the context lasts; whoever refreshes waits."""
        return self._teaching

    async def refresh(self) -> None:
        """Read to the present end of the topic. Raises BrokerUnavailable when that cannot be done in time."""
        async with self._reading:
            try:
                found, next_offset = await self._read_to_end()
                async with self._teaching:
                    for offset, one in found:
                        self._learn(offset, one)
                    self._next_offset = next_offset
            except BaseException:
                # What was read and not learnt is read again.
                await self._disconnect()
                raise

    async def find(self, references: Iterable[SchemaReference]) -> None:
        """Refresh, and ask the registry, if there is one, for what the topic does not say of Confluent frames.

        Whether they were found, `known` says afterwards. Raises BrokerUnavailable and OutcomeUnknown for the topic;
        RegistryUnavailable and RegistryRefused for the registry.
        """
        await self.refresh()
        asked = [one for one in references if one.format is FrameFormat.CONFLUENT and one not in self._known]
        if self._registry is None or not asked:
            return
        for reference in asked:
            text = await self._registry.find(reference.registry_id)
            if text is not None:
                await self._take(reference, text)
        await self.refresh()

    async def _take(self, reference: SchemaReference, text: str) -> None:
        """Pass on what the registry says, topic first: what only we knew would be lost to the next reader."""
        found = read_binding(key_text(reference).encode(), text.encode())
        if isinstance(found, Skip):
            _log.warning("schema_store.registry_answer_unusable", registry_id=reference.registry_id, reason=found.value)
            return
        if not is_ours(found):
            # A forged frame names any id of a registry that others use too, and what the topic has it keeps for ever.
            _log.warning("schema_store.registry_schema_of_others", registry_id=reference.registry_id)
            return
        own = SchemaReference.to_fingerprint(fingerprint_of_text(text))
        if self._publish is not None:
            await self._publish([SchemaBinding(own, text), found])
        else:
            async with self._teaching:
                self._learnt += self._known.learn(reference, text)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            # Uncommitted records too: a binding proves itself, and a stranger's open transaction must not hide others.
            self._consumer = AIOKafkaConsumer(
                **self._connection.client_options(),
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_uncommitted",
                check_crcs=True,
                fetch_max_wait_ms=POLL_MS,
            )
            await self._consumer.start()
            self._consumer.assign([self._place])
            self._consumer.seek(self._place, self._next_offset)
            # Between two refreshes nothing is fetched: a fetch that waits would hold up the question for the end.
            self._consumer.pause(self._place)
        return self._consumer

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _read_to_end(self) -> tuple[list[tuple[int, SchemaBinding | Skip]], int]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                consumer = await self._connected()
                end = await self._seek(consumer)
                found: list[tuple[int, SchemaBinding | Skip]] = []
                if await consumer.position(self._place) < end:
                    consumer.resume(self._place)
                while (offset := await consumer.position(self._place)) < end:
                    try:
                        records = (await consumer.getmany(self._place, timeout_ms=POLL_MS)).get(self._place, [])
                    except UnicodeDecodeError:
                        # aiokafka 0.14 reads no record with a header name that is not UTF-8: passed over, one by one.
                        found.append((offset, Skip.HEADERS_UNREADABLE))
                        consumer.seek(self._place, offset + 1)
                    else:
                        found += [(record.offset, read_binding(record.key, record.value)) for record in records]
                consumer.pause(self._place)
                return found, offset
        except (KafkaError, TimeoutError, OSError) as error:
            raise BrokerUnavailable(
                f"The schema topic {self._topic.name} cannot be read ({type(error).__name__}).",
                hint="Check the broker, and the topic with `notification-ledger topic`.",
            ) from error

    async def _seek(self, consumer: AIOKafkaConsumer) -> int:
        """Stand where the topic goes on, and return where it ends."""
        end: int = (await consumer.end_offsets([self._place]))[self._place]
        if self._next_offset > end:
            _log.warning("schema_store.topic_recreated", topic=self._topic.name, next_offset=self._next_offset, end=end)
            self._next_offset = 0
        if self._next_offset == 0:
            # A log that was cut at its beginning has no offset 0. What is known stays known.
            self._next_offset = (await consumer.beginning_offsets([self._place]))[self._place]
            consumer.seek(self._place, self._next_offset)
        return end

    def _learn(self, offset: int, found: SchemaBinding | Skip) -> None:
        if isinstance(found, Skip):
            self._skip(offset, found)
        elif found.reference not in self._bound:
            self._bound[found.reference] = found.text
            self._learnt += self._known.learn(found.reference, found.text)
        elif self._bound[found.reference] != found.text:
            self._skip(offset, Skip.BOUND_BEFORE)

    def _skip(self, offset: int, reason: Skip) -> None:
        self._skipped[reason] += 1
        if self._skipped[reason] == 1:
            _log.warning("schema_store.record_skipped", topic=self._topic.name, offset=offset, reason=reason.value)
