"""What the tests of late schemas share: events of a writer ahead of the reader, and a projector between both topics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.publish.rebuild import rebuild
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, TopicSpec
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.parsing import parse_event
from ledger_schemas.schema_store import SchemaStore
from tests.conftest import Kafka
from tests.projectors.building import open_model
from tests.projectors.decode.foreign_writer import WAIT_SECONDS, next_version, with_topics

REACH_SECONDS = 30.0

AHEAD = next_version(Kind.CREATED)
QUARANTINED = "SELECT log_offset, reason FROM quarantine ORDER BY ALL"
APPLIED = "SELECT log_offset, kind, category FROM events ORDER BY ALL"


def created(category: str = "shipping") -> Event:
    """Return an event."""
    return parse_event({"kind": "created", "tenant_id": "acme", "source": "shop", "category": category})


def read(event: Event) -> Event:
    """Return a fact about the same notification."""
    return parse_event(
        {"kind": "read", "tenant_id": "acme", "source": "shop", "notification_id": event.notification_id}
    )


Work = Callable[[ReadModel, TopicSpec, TopicSpec], Awaitable[None]]


def run(kafka: Kafka, topic_name: str, folder: Path, work: Work) -> None:
    """Make both topics if need be, open the read model of the folder, and do the work."""

    async def prepared() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        with open_model(folder, topic.name) as model:
            await work(model, topic, schemas)

    asyncio.run(prepared())


def assert_equal_to_a_replay(kafka: Kafka, topic_name: str, folder: Path) -> None:
    """Check that the read model of the folder is what a replay of the whole log makes, digest for digest."""

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        async with SchemaStore(kafka.connection, schemas) as store:
            rebuilt = await rebuild(
                folder / "read_model.duckdb",
                kafka.connection,
                topic=topic.name,
                partitions=topic.partitions,
                schemas=AwaitedSchemas(store, WAIT_SECONDS),
            )
        assert rebuilt.old == rebuilt.new
        assert rebuilt.new.tables["events"][0] > 0

    asyncio.run(work())


def knowing(fingerprint: bytes, text: str) -> KnownSchemas:
    """Return what a reader knows who has learnt one schema."""
    known = KnownSchemas()
    assert known.learn(SchemaReference.to_fingerprint(fingerprint), text)
    return known
