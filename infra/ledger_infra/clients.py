"""The clients of Kafka and of the schema registry as the settings have them: emitter, topics, schemas of a reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ledger_infra.settings import Settings
from ledger_producers import Emitter
from ledger_producers.appender import Appender, OutgoingRecord
from ledger_producers.directory_emitter import DirectoryEmitter
from ledger_producers.schema_publisher import schema_publisher
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding
from ledger_schemas.topic import check_topic, ensure_topic

if TYPE_CHECKING:
    from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
    from ledger_projectors.store.dead_letters import DeadLetter, Produce


async def ensure_topics(settings: Settings, connection: KafkaConnection) -> dict[str, bool]:
    """Make the topics that are not there, check all, and return which were made.

    Raises BrokerUnavailable and TopicMisconfigured.
    """
    return {spec.name: await ensure_topic(connection, spec) for spec in settings.topic_specs()}


async def check_topics(settings: Settings, connection: KafkaConnection) -> None:
    """Check the topics without making them. Raises BrokerUnavailable and TopicMisconfigured."""
    for spec in settings.topic_specs():
        await check_topic(connection, spec)


@asynccontextmanager
async def registry_of(settings: Settings) -> AsyncIterator[SchemaRegistry | None]:
    """Give the configured schema registry, or None. Raises ExtraMissing and SettingInvalid."""
    wanted = settings.registry_connection()
    if wanted is None:
        yield None
        return
    async with SchemaRegistry(wanted) as registry:
        yield registry


@asynccontextmanager
async def emitter_of(settings: Settings, connection: KafkaConnection, source: str) -> AsyncIterator[Emitter]:
    """Give an emitter for the ledger's topics, with the registry if one is configured."""
    async with (
        registry_of(settings) as registry,
        Emitter(
            connection,
            source=source,
            topic=settings.topic_spec(),
            schemas_topic=settings.schemas_topic_spec(),
            registry=registry,
            cloud_events=settings.cloud_events,
        ) as emitter,
    ):
        yield emitter


@asynccontextmanager
async def directory_emitter_of(settings: Settings, connection: KafkaConnection) -> AsyncIterator[DirectoryEmitter]:
    """Give an emitter for the directory's topic."""
    topic, schemas_topic = settings.directory_topic_spec(), settings.schemas_topic_spec()
    async with DirectoryEmitter(connection, topic=topic, schemas_topic=schemas_topic) as emitter:
        yield emitter


@asynccontextmanager
async def dead_letters_of(settings: Settings, connection: KafkaConnection) -> AsyncIterator[Produce | None]:
    """Give what puts letters on the dead-letter topic; None when there is none. Raises BrokerUnavailable."""
    topic = settings.dead_letter_topic
    if topic is None:
        yield None
        return
    async with Appender(connection) as appender:

        async def produce(letters: Sequence[DeadLetter]) -> None:
            records = [OutgoingRecord(letter.key, letter.value, letter.headers) for letter in letters]
            await appender.append(topic, records, what="dead letter(s)")

        yield produce


@asynccontextmanager
async def schemas_of(
    settings: Settings, connection: KafkaConnection, *, with_registry: bool = True
) -> AsyncIterator[AwaitedSchemas]:
    """Give the schemas that a projector waits for: from the schema topic, then from the registry if there is one.

    What the registry tells is put into the topic. A replay goes without: a registry that is gone must not stop it.
    """
    from ledger_projectors.decode.awaited_schemas import AwaitedSchemas  # noqa: PLC0415 - it needs pyarrow, which the base does not install

    topic = settings.schemas_topic_spec()
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(registry_of(settings)) if with_registry else None
        if registry is None:
            store = SchemaStore(connection, topic)
        else:
            publisher = await stack.enter_async_context(schema_publisher(connection, topic))

            async def publish(bindings: Sequence[SchemaBinding]) -> None:
                await publisher.publish(bindings)

            store = SchemaStore(connection, topic, registry=registry, publish=publish)
        yield AwaitedSchemas(await stack.enter_async_context(store), settings.schema_wait_seconds)
