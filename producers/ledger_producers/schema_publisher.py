"""The schema publisher: sees to it that the schema topic has a writer schema before the first event of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from ledger_producers.appender import Appender, OutgoingRecord
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import RegistryRefused
from ledger_schemas.framing import FrameFormat, SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of, key_text
from ledger_schemas.shipped import current_schema, fingerprint_of_text
from ledger_schemas.topic import TopicSpec, schemas_topic_spec

_log = structlog.get_logger("ledger_producers.schema_publisher")


class SchemaPublisher:
    """Appends bindings to the schema topic, each once, and remembers which are there. Safe to share between tasks.

    Two publishers that race may both append one binding: the first record wins. Under a fingerprint both say the same.
    Under a registry's id they may not, if they have different registries: such a binding counts as being there only
    when the topic, read again, says the same.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        appender: Appender,
        topic: TopicSpec,
        *,
        bound: Mapping[SchemaReference, str],
        registry: SchemaRegistry | None = None,
    ) -> None:
        """Take where to append and to read again.

        `bound` is what the topic has already: the JSON text of each schema; `registry` gives the ids of Confluent
        frames.
        """
        self._connection = connection
        self._appender = appender
        self._topic = topic
        self._bound = dict(bound)
        self._registry = registry
        self._registered: dict[Kind, SchemaReference] = {}
        self._prepared: set[Kind] = set()
        self._under_way: dict[SchemaReference, asyncio.Task[None]] = {}

    async def publish(self, bindings: Sequence[SchemaBinding]) -> list[SchemaBinding]:
        """Append those bindings that the topic does not have, and return them when every in-sync replica has them.

        Raises what an append of events raises; RegistryRefused when the topic binds a registry's id to another schema;
        BrokerUnavailable when it cannot be read again. Nothing that is not confirmed counts as being there. What
        another task appends already is waited for, and its failure is that of all who wait.
        """
        self._check(bindings)
        missing = {one.reference: one for one in bindings if one.reference not in self._bound}
        new = [one for reference, one in missing.items() if reference not in self._under_way]
        if new:
            appending = asyncio.create_task(self._append(new))
            self._under_way.update((one.reference, appending) for one in new)
            appending.add_done_callback(self._landed)
        for appending in {self._under_way[reference] for reference in missing}:
            # Others may wait for it too: who is cancelled does not take it from them.
            await asyncio.shield(appending)
        self._check(bindings)
        return new

    async def _append(self, bindings: Sequence[SchemaBinding]) -> None:
        records = [OutgoingRecord(one.key, one.value) for one in bindings]
        await self._appender.append(self._topic.name, records, what="writer schema(s)")
        self._bound.update(await self._winners(bindings))
        _log.info("schema_publisher.published", schemas=[str(one.reference) for one in bindings])

    def _landed(self, appending: asyncio.Task[None]) -> None:
        self._under_way = {reference: task for reference, task in self._under_way.items() if task is not appending}
        if not appending.cancelled():
            appending.exception()  # Those who wait have it; maybe nobody does any more.

    async def _winners(self, appended: Sequence[SchemaBinding]) -> dict[SchemaReference, str]:
        """Return what the topic binds the references to, now that records of ours are in it."""
        # A fingerprint is that of its text: whoever was first said the same.
        ours = {one.reference: one.text for one in appended}
        if any(reference.format is FrameFormat.CONFLUENT for reference in ours):
            ours |= await read_bound(self._connection, self._topic)
        return ours

    def _check(self, bindings: Sequence[SchemaBinding]) -> None:
        for one in bindings:
            bound = self._bound.get(one.reference, one.text)
            if bound == one.text:
                continue
            theirs, ours = fingerprint_of_text(bound), fingerprint_of_text(one.text)
            if theirs != ours:
                raise RegistryRefused(
                    f"The schema registry gives {key_text(one.reference)} to the schema with the fingerprint "
                    f"{ours.hex()}, but the schema topic {self._topic.name} binds it to {theirs.hex()}: readers would "
                    "take the one for the other.",
                    hint="Configure the registry whose ids the topic has, or restore it with the ids that it had, and "
                    "start again; `notification-ledger schemas show KEY` prints the schema that the topic binds.",
                )

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
    bound = await read_bound(connection, spec)
    async with Appender(connection) as appender:
        yield SchemaPublisher(connection, appender, spec, bound=bound)


async def read_bound(connection: KafkaConnection, topic: TopicSpec) -> Mapping[SchemaReference, str]:
    """Return what the schema topic says: the JSON text of each schema, by reference.

    Raises BrokerUnavailable and TopicMisconfigured.
    """
    async with SchemaStore(connection, topic) as store:
        return dict(store.bound)
