"""Puts an exported history into an empty log: keys and values as they are, each in the partition of its key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_producers.appender import Appender, OutgoingRecord
from ledger_producers.schema_publisher import SchemaPublisher, read_bound
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BadRequest, BrokerUnavailable, ContractViolation, OutcomeUnknown, SettingInvalid
from ledger_schemas.history_lines import HistoryLine
from ledger_schemas.kafka_consumer import end_offsets
from ledger_schemas.kinds import Kind
from ledger_schemas.positions import Position
from ledger_schemas.topic import TopicSpec, check_topic

BATCH_EVENTS: Final = 2_000
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Events, and bytes of their values, that are under way at once."""

LINE_BYTES_MAX: Final = 2 * 1024 * 1024
"""Bytes of one line: the largest record that a topic of ours takes, in base64, and its place."""

RESUME_HINT: Final = (
    "Some events may be in the topic already. When the broker answers, run the same command with --resume: it appends "
    "all events again, and copies count once."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many events a file had, its SHA-256, the position of the log after them, and how many copies were appended.

    `numbers_may_repeat` says that the log ends before the one that was exported, in some partition: a notification that
    is new takes its number from its place, which may be that of an older one.
    """

    events: int
    sha256: str
    position: Position
    copies: int
    numbers_may_repeat: bool


async def import_history(
    connection: KafkaConnection,
    path: Path,
    *,
    topic: TopicSpec,
    schemas_topic: TopicSpec,
    resume: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Append every event of a history, then copies, until each partition ends where that of the export did.

    A new notification must not get an offset that gave an old one its number. Copies count once. Where more of them
    would be needed than there are events, or the topic has another number of partitions, none are appended.

    The file is read through before the first event is appended. The schema topic gets the schemas of all kinds first.
    `resume` allows a topic that has records already, of an import that was interrupted: all is appended again, and what
    is there twice counts once. `on_progress` gets how many events of how many every in-sync replica has.

    Raises BadRequest when the topic has records and `resume` is off, ContractViolation with the line that is no event,
    SettingInvalid when the file cannot be read, and what an append of events raises: OutcomeUnknown and
    BrokerUnavailable then name `--resume`.
    """
    await check_topic(connection, topic)
    # Offsets that were given to records: those of deleted records count, too.
    found = sum((await end_offsets(connection, topic.name, range(topic.partitions))).values())
    if found and not resume:
        raise BadRequest(
            f"The topic {topic.name} has taken {found:,} records: a history is imported into an empty one.",
            hint="Name a new topic with NOTIFICATION_LEDGER_TOPIC and make it with `notification-ledger topic "
            "--create`; or go on with an import that was interrupted: --resume.",
        )
    events, sha256 = await asyncio.to_thread(_read_through, path)
    bound = await read_bound(connection, schemas_topic)
    done, ends = 0, _Ends()
    with _resumable():
        async with Appender(connection) as appender:
            await SchemaPublisher(connection, appender, schemas_topic, bound=bound).prepare(list(Kind))
            batches = _batches(path)
            while batch := await asyncio.to_thread(next, batches, None):
                appended = await appender.append(topic.name, [_record(line) for line in batch])
                ends.saw(batch, appended)
                done += len(batch)
                if on_progress is not None:
                    on_progress(done, events)
            if done != events:
                raise SettingInvalid(
                    f"file: {path} changed during the import: it had {events:,} events, then {done:,}.",
                    hint="Import the complete file with --resume: copies count once.",
                    field="file",
                )
            missing = sum(ends.missing.values())
            repeating = ends.moved or missing > events
            while not repeating and (copies := ends.copies()):
                ends.saw(copies, await appender.append(topic.name, [_record(line) for line in copies]))
    position = Position({(topic.name, partition): end for partition, end in ends.ours.items()})
    return Imported(events, sha256, position, 0 if repeating else missing, numbers_may_repeat=repeating)


class _Ends:
    """End offsets per partition: of the exported log (last event + 1) and of the new log."""

    def __init__(self) -> None:
        self.ours: dict[int, int] = {}
        self.moved = False
        self._theirs: dict[int, int] = {}
        self._smallest: dict[int, HistoryLine] = {}

    def saw(self, lines: Sequence[HistoryLine], appended: Sequence[tuple[int, int]]) -> None:
        """Take in lines, and the partition and next offset that each got."""
        for line, (partition, end) in zip(lines, appended, strict=True):
            self.moved |= partition != line.partition
            self.ours[partition] = max(end, self.ours.get(partition, 0))
            self._theirs[line.partition] = max(line.offset + 1, self._theirs.get(line.partition, 0))
            smallest = self._smallest.setdefault(line.partition, line)
            if len(line.value) < len(smallest.value):
                self._smallest[line.partition] = line

    @property
    def missing(self) -> dict[int, int]:
        """How many records each partition lacks to end where it did."""
        short = {partition: end - self.ours.get(partition, 0) for partition, end in self._theirs.items()}
        return {partition: count for partition, count in short.items() if count > 0}

    def copies(self) -> list[HistoryLine]:
        """Return copies for one partition that lacks some, a batch of them at most."""
        for partition, count in self.missing.items():
            copy = self._smallest[partition]
            return [copy] * min(count, BATCH_EVENTS, max(1, BATCH_BYTES // len(copy.value)))
        return []


def _record(line: HistoryLine) -> OutgoingRecord:
    return OutgoingRecord(line.key, line.value)


@contextmanager
def _resumable() -> Iterator[None]:
    """Have the error of an append name the way on: the appender's own hint is for callers that hold the events."""
    try:
        yield
    except (OutcomeUnknown, BrokerUnavailable) as error:
        error.hint = RESUME_HINT
        raise


def _read_through(path: Path) -> tuple[int, str]:
    """Return how many events a file has, and its SHA-256."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SettingInvalid(
            f"file: {path} is a pipe or a device: a history is read twice.",
            hint="Write it to a file first.",
            field="file",
        )
    digest, events = hashlib.sha256(), 0
    for text, _ in _lines(path):
        digest.update(text)
        events += 1
    return events, digest.hexdigest()


def _batches(path: Path) -> Iterator[list[HistoryLine]]:
    batch: list[HistoryLine] = []
    size = 0
    for _, line in _lines(path):
        batch.append(line)
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
