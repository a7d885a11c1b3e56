"""A service that writes with a schema which this distribution does not ship, and a projector that reads schemas."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fastavro import schemaless_writer

from ledger_producers.schema_publisher import schema_publisher
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.records import LogRecord
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, KafkaConnection, TopicSpec
from ledger_schemas.codec import wire_values
from ledger_schemas.events import Event
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.kinds import Kind
from ledger_schemas.registry import SchemaRegistry
from ledger_schemas.schema_store import Publish, SchemaStore
from ledger_schemas.schema_topic import SchemaBinding
from ledger_schemas.shipped import WriterSchema, current_schema, writer_schema
from ledger_schemas.topic import ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.projectors.building import RUN_SECONDS_MAX, Raw, source_of

WAIT_SECONDS: Final = 0.3
"""How long the projectors of these tests wait for a schema."""

STORE_TIMEOUT_SECONDS: Final = 1.0
EVENTUALLY_SECONDS: Final = 30.0


def next_version(kind: Kind, field: str = "mood") -> WriterSchema:
    """Return the schema that somebody ahead of us writes with: one more field, nullable."""
    document = current_schema(kind).document
    document["fields"].append({"name": field, "type": ["null", "string"], "default": None, "doc": "How it felt."})
    return writer_schema(json.dumps(document))


def written_with(
    schema: WriterSchema, event: Event, reference: SchemaReference | None = None, field: str = "mood"
) -> Raw:
    """Return an event as a service with that schema would append it to a topic of one partition."""
    out = io.BytesIO()
    out.write(header_of(reference or SchemaReference.to_fingerprint(schema.fingerprint)))
    schemaless_writer(out, schema.parsed, {**wire_values(event), field: "glad"})
    return Raw(out.getvalue(), str(event.notification_id).encode())


def record_at(one: Raw, offset: int) -> LogRecord:
    """Return a record as it lies in a log of one partition, appended one second after 1970 began."""
    headers = tuple((name, value or b"") for name, value in one.headers)
    return LogRecord(LIFECYCLE_TOPIC, one.partition, offset, 1_000, one.key, one.value, headers)


async def with_topics(kafka: Kafka, name: str) -> tuple[TopicSpec, TopicSpec]:
    """Make a lifecycle topic of one partition and a schema topic of its own."""
    topic, schemas = TopicSpec(name, 1), schemas_topic_spec(f"{name}.schemas")
    await ensure_topic(kafka.connection, topic)
    await ensure_topic(kafka.connection, schemas)
    return topic, schemas


async def publish(connection: KafkaConnection, topic: TopicSpec, *bindings: SchemaBinding) -> None:
    """Put bindings into a schema topic."""
    async with schema_publisher(connection, topic) as publisher:
        await publisher.publish(bindings)


@asynccontextmanager
async def reading_schemas(
    kafka: Kafka,
    model: ReadModel,
    schemas_topic: TopicSpec,
    *,
    wait_seconds: float = WAIT_SECONDS,
    registry: SchemaRegistry | None = None,
    publish_found: Publish | None = None,
) -> AsyncIterator[tuple[Projector, asyncio.Task[None]]]:
    """Give a projector that runs and knows the schemas of a topic, and its task."""
    async with (
        SchemaStore(
            kafka.connection,
            schemas_topic,
            registry=registry,
            publish=publish_found,
            timeout_seconds=STORE_TIMEOUT_SECONDS,
        ) as store,
        source_of(kafka.connection, model) as source,
    ):
        projector = Projector(model, source, schemas=AwaitedSchemas(store, wait_seconds))
        running = asyncio.create_task(projector.run())
        try:
            yield projector, running
        finally:
            projector.stop()
            await asyncio.wait([running], timeout=RUN_SECONDS_MAX)
            if running.done():
                running.result()
    if not running.done():
        raise TimeoutError("The projector did not stop.")


async def eventually(holds: Callable[[], bool]) -> None:
    """Return when it holds; a test that waits for what does not come ends with TimeoutError."""
    async with asyncio.timeout(EVENTUALLY_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


def named(logs: Sequence[Any], event: str) -> list[Any]:
    """Return the captured log lines of one name."""
    return [line for line in logs if line["event"] == event]
