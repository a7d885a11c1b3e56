"""Puts an exported history into an empty log: keys and values as they are, each in the partition of its key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ledger_producers.appender import Appender, OutgoingRecord
from ledger_producers.schema_publisher import SchemaPublisher, read_bound
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BadRequest, ContractViolation, SettingInvalid
from ledger_schemas.history_lines import HistoryLine
from ledger_schemas.kafka_consumer import stop_consumer
from ledger_schemas.kinds import Kind
from ledger_schemas.positions import Position
from ledger_schemas.topic import TopicSpec, check_topic, unavailable

BATCH_EVENTS: Final = 2_000
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Events, and bytes of their values, that are under way at once."""

LINE_BYTES_MAX: Final = 2 * 1024 * 1024
"""Bytes of one line: the largest record that a topic of ours takes, in base64, and its place."""


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A history export that was read through: every line of it is an event."""

    path: Path
    events: int
    sha256: str


def check_history(path: Path) -> HistoryFile:
    """Read a history export through. Raises ContractViolation with the line, SettingInvalid when it cannot be read."""
    digest, events = hashlib.sha256(), 0
    for text, _ in _lines(path):
        digest.update(text)
        events += 1
    return HistoryFile(path, events, digest.hexdigest())


async def import_history(
    connection: KafkaConnection,
    history: HistoryFile,
    *,
    topic: TopicSpec,
    schemas_topic: TopicSpec,
    resume: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Position:
    """Append every event of a history, and return the position of the log after them.

    The schema topic gets the schemas of all kinds first. `resume` allows a topic that has records already, of an import
    that was interrupted: all is appended again, and what is there twice counts once. `on_progress` gets the number of
    events that every in-sync replica has. Raises BadRequest when the topic has records and `resume` is off, and what an
    append of events raises.
    """
    await check_topic(connection, topic)
    found = await _count_records(connection, topic)
    if found and not resume:
        raise BadRequest(
            f"The topic {topic.name} has {found:,} records: a history is imported into an empty one.",
            hint="Name a new topic with NOTIFICATION_LEDGER_TOPIC and make it with `notification-ledger topic "
            "--create`; or go on with an import that was interrupted: --resume.",
        )
    bound = await read_bound(connection, schemas_topic)
    position, done = Position(), 0
    async with Appender(connection) as appender:
        await SchemaPublisher(connection, appender, schemas_topic, bound=bound).prepare(list(Kind))
        batches = _batches(history.path)
        while batch := await asyncio.to_thread(next, batches, None):
            appended = await appender.append(topic.name, batch)
            position = position.merged(Position({(topic.name, partition): end for partition, end in sorted(appended)}))
            done += len(batch)
            if on_progress is not None:
                on_progress(done)
    return position


async def _count_records(connection: KafkaConnection, topic: TopicSpec) -> int:
    """Return how many offsets of the topic were given to records, those deleted since included."""
    places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        return sum((await consumer.end_offsets(places)).values())
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    finally:
        await stop_consumer(consumer)


def _batches(path: Path) -> Iterator[list[OutgoingRecord]]:
    batch: list[OutgoingRecord] = []
    size = 0
    for _, line in _lines(path):
        batch.append(OutgoingRecord(line.key, line.value))
        size += len(line.value)
        if len(batch) == BATCH_EVENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _lines(path: Path) -> Iterator[tuple[bytes, HistoryLine]]:
    """Yield every line, as it stands there and as what it says."""
    try:
        with path.open("rb") as file:
            number = 0
            while text := file.readline(LINE_BYTES_MAX):
                number += 1
                yield text, _line(number, text)
    except OSError as error:
        raise SettingInvalid(
            f"file: {path} cannot be read ({error.strerror}).",
            hint="Name a file that `notification-ledger export-history` wrote.",
            field="file",
        ) from error


def _line(number: int, text: bytes) -> HistoryLine:
    try:
        return HistoryLine.loads(text)
    except ContractViolation as error:
        error.message = f"Line {number}: {error.message}"
        raise
