"""The schema publisher: sees to it that the schema topic has a writer schema before the first event of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from ledger_producers.appender import Appender, OutgoingRecord
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import TopicSpec, schemas_topic_spec

_log = structlog.get_logger("ledger_producers.schema_publisher")


class SchemaPublisher:
    """Appends bindings to the schema topic, each once, and remembers which are there. Safe to share between tasks.

    Two publishers that race may both append one binding: the first record wins, and both say the same.
    """

    def __init__(
        self,
        appender: Appender,
        topic: TopicSpec,
        *,
        bound: Iterable[SchemaReference] = (),
        registry: SchemaRegistry | None = None,
    ) -> None:
        """Take where to append; `bound` is what the topic has already, `registry` gives the ids of Confluent frames."""
        self._appender = appender
        self._topic = topic
        self._bound = set(bound)
        self._registry = registry
        self._registered: dict[Kind, SchemaReference] = {}
        self._prepared: set[Kind] = set()
        self._lock = asyncio.Lock()

    async def publish(self, bindings: Sequence[SchemaBinding]) -> list[SchemaBinding]:
        """Append those bindings that the topic does not have, and return them when every in-sync replica has them.

        Raises what an append of events raises; nothing that is not confirmed counts as being there.
        """
        async with self._lock:
            missing = list({one.reference: one for one in bindings if one.reference not in self._bound}.values())
            if missing:
                records = [OutgoingRecord(one.key, one.value) for one in missing]
                await self._appender.append(self._topic.name, records, what="writer schema(s)")
                self._bound.update(one.reference for one in missing)
                _log.info("schema_publisher.published", schemas=[str(one.reference) for one in missing])
            return missing

    async def references(self, kinds: Collection[Kind]) -> Mapping[Kind, SchemaReference]:
        """Return what the frames of these kinds' events say, where it is not the fingerprint: the registry's ids.

        Registers the current schemas. Raises RegistryUnavailable and RegistryRefused.
        """
        if self._registry is not None:
            for kind in kinds:
                if kind not in self._registered:
                    schema_id = await self._registry.register(current_schema(kind))
                    self._registered[kind] = SchemaReference.to_registry_id(schema_id)
        return self._registered

    async def prepare(self, kinds: Collection[Kind]) -> None:
        """Return when the topic has the current schema of each kind, under all that a frame may say of it.

        Costs a look-up per kind once it is there. Raises what `publish` and `references` raise.
        """
        if self._prepared.issuperset(kinds):
            return
        new = [kind for kind in kinds if kind not in self._prepared]
        references = await self.references(new)
        bindings = []
        for kind in new:
            schema = current_schema(kind)
            bindings.append(binding_of(schema))
            if kind in references:
                bindings.append(SchemaBinding(references[kind], schema.text))
        await self.publish(bindings)
        self._prepared.update(new)


@asynccontextmanager
async def schema_publisher(
    connection: KafkaConnection, topic: TopicSpec | None = None
) -> AsyncIterator[SchemaPublisher]:
    """Give a publisher with connections of its own, for whoever has no emitter.

    Raises BrokerUnavailable and TopicMisconfigured.
    """
    spec = topic or schemas_topic_spec()
    async with SchemaStore(connection, spec) as store:
        bound = list(store.bound)
    async with Appender(connection) as appender:
        yield SchemaPublisher(appender, spec, bound=bound)
