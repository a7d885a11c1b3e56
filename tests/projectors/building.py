"""What the tests of the projector are made of: records in memory, records on a topic, and a projector at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.projector import Projector
from ledger_projectors.store.quarantine_rate import QUARANTINE_MAX, QUARANTINE_WINDOW_RECORDS
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import StepObserver, unobserved
from ledger_schemas import LIFECYCLE_TOPIC, Event, KafkaConnection, Position, TopicSpec, encode_event
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.the_log import folded_up_to, read_log
from tests.properties.comparison import assert_same, read_state
from tests.properties.strategies import Recorded, place

TABLES: Final = (
    "events",
    "facts",
    "notifications",
    "inbox_entries",
    "deliveries",
    "contents",
    "recipient_counts",
    "duplicates",
    "quarantine",
)
"""Tables and views that hold what the log said."""

RUN_SECONDS_MAX: Final = 60.0
"""How long a projector may take for a short log before the test gives up."""


@dataclass(frozen=True)
class Raw:
    """One record as a stranger might append it."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


def demo_events(notifications: int, seed: int = 1) -> list[Event]:
    """Return about seven events for each notification, duplicates and disorder among them."""
    return list(generate(StreamPlan(notifications=notifications, seed=seed)))


def records_of(*history: Recorded, partitions: int = 1) -> list[LogRecord]:
    """Return hand-written events as the records of a log that begins with them."""
    return [placed.log_record() for placed in place(history, partitions)]


def open_model(folder: Path, topic: str = LIFECYCLE_TOPIC, partitions: int = 1) -> ReadModel:
    """Open the read model file of a folder."""
    return ReadModel.create_or_open(folder / "read_model.duckdb", topic=topic, partitions=partitions)


@contextmanager
def reading(model: ReadModel) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a reader of the file, and close it: an open one keeps the file locked."""
    reader = model.reader()
    try:
        yield reader
    finally:
        reader.close()


def rows(model: ReadModel, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with reading(model) as reader:
        found: list[tuple[Any, ...]] = reader.execute(query).fetchall()
    return found


def content(model: ReadModel) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table but the writers' count, as text in a fixed order."""
    tables = (*TABLES, "positions")
    return {table: rows(model, f"SELECT t::VARCHAR FROM {table} AS t ORDER BY ALL") for table in tables}  # noqa: S608 - our own names


def at(topic: TopicSpec, *offsets: int) -> Position:
    """Return a position of a topic, partition by partition."""
    return Position({(topic.name, partition): offset for partition, offset in enumerate(offsets)})


def assert_folded(kafka: Kafka, topic: TopicSpec, model: ReadModel) -> None:
    """Check that the read model is the oracle's fold of the whole log."""
    log = read_log(kafka.connection, topic)
    assert sum(model.position().values()) == len(log)
    assert_same(folded_up_to(log, topic.name, model.position(), model.partitions), read_state(model))


async def append_raw(connection: KafkaConnection, topic: str, *records: Raw) -> None:
    """Append records as they are, each to the partition that it names."""
    async with producing(connection) as producer:
        for one in records:
            await producer.send_and_wait(
                topic, one.value, key=one.key, partition=one.partition, headers=list(one.headers)
            )


async def append_events(connection: KafkaConnection, topic: str, events: Sequence[Event]) -> None:
    """Append events to partition 0 of a topic that has no other."""
    await append_raw(connection, topic, *(raw(event) for event in events))


def raw(event: Event) -> Raw:
    """Return an event as its emitter would append it to a topic of one partition."""
    return Raw(encode_event(event), str(event.notification_id).encode())


@asynccontextmanager
async def producing(connection: KafkaConnection, **options: str) -> AsyncIterator[AIOKafkaProducer]:
    """Give a plain producer."""
    producer = AIOKafkaProducer(**connection.client_options(), acks="all", enable_idempotence=True, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def administering(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give an admin client."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def recreate(connection: KafkaConnection, topic: TopicSpec) -> None:
    """Delete the topic and make an empty one of the same name."""
    async with administering(connection) as admin:
        await admin.delete_topics([topic.name])
        async with asyncio.timeout(RUN_SECONDS_MAX):
            while topic.name in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.05)
    assert await ensure_topic(connection, topic)


def source_of(
    connection: KafkaConnection,
    model: ReadModel,
    *,
    position: Position | None = None,
    until: Position | None = None,
    batch_records_max: int = 1_000,
) -> KafkaSource:
    """Return the source that continues a read model, or that reads on from another position."""
    return KafkaSource(
        connection,
        topic=model.topic,
        partitions=model.partitions,
        position=model.position() if position is None else position,
        last_records=model.last_records() if position is None else None,
        until=until,
        batch_records_max=batch_records_max,
    )


async def project(
    connection: KafkaConnection,
    model: ReadModel,
    *,
    until: Position | None = None,
    batch_records_max: int = 1_000,
    on_step: StepObserver = unobserved,
) -> Projector:
    """Run a projector to `until`, by default to the end of the log, and return it."""
    async with source_of(connection, model, until=until, batch_records_max=batch_records_max) as source:
        projector = Projector(model, source, until=until or await source.end(), on_step=on_step)
        async with asyncio.timeout(RUN_SECONDS_MAX):
            await projector.run()
    return projector


@asynccontextmanager
async def projecting(
    connection: KafkaConnection,
    model: ReadModel,
    *,
    batch_records_max: int = 1_000,
    on_step: StepObserver = unobserved,
    quarantine_max: int = QUARANTINE_MAX,
    quarantine_window_records: int = QUARANTINE_WINDOW_RECORDS,
) -> AsyncIterator[tuple[Projector, asyncio.Task[None]]]:
    """Give a projector that runs, and its task; stop it behind the block if it still does."""
    async with source_of(connection, model, batch_records_max=batch_records_max) as source:
        projector = Projector(
            model,
            source,
            on_step=on_step,
            quarantine_max=quarantine_max,
            quarantine_window_records=quarantine_window_records,
        )
        running = asyncio.create_task(projector.run())
        try:
            yield projector, running
        finally:
            projector.stop()
            await asyncio.wait([running], timeout=RUN_SECONDS_MAX)
    if not running.done():
        raise TimeoutError("The projector did not stop.")
