"""Whether a log still holds every record that a read model file has applied: the file may be the last copy of some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb
import numpy as np
import numpy.typing as npt
import structlog

from ledger_projectors.log.guards import KEEP_FILE_HINT, LastRecords
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_projectors.store.log_positions import read_last_records, read_position
from ledger_projectors.store.opening import Logs, damage_reported
from ledger_projectors.store.projection import engine_sql
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import GuardRefused, LogIncomplete, ProjectorFailed
from ledger_schemas.positions import Position

COMPARED_OFFSETS: Final = 1_000_000
"""Offsets of one partition that are compared at a time: some 16 MB of memory."""

PARTITIONS_TOLD_MAX: Final = 20
"""Partitions that the error lists; it gives the sum of all."""

_log = structlog.get_logger("ledger_projectors.publish.completeness")


@dataclass(frozen=True, slots=True)
class Loss:
    """Of one partition: how many records the file has applied, how many the log lacks, and the first and last of those.

    `first` and `last` are offsets.
    """

    partition: int
    applied: int
    missing: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AppliedRecords:
    """What a read model file has applied: its position, and the last record, number of records and end by partition.

    A record is an event, a duplicate or a quarantined record. The offsets of the three are compared, not ranges:
    offsets between them that never were records (markers of transactions) are no loss.
    """

    path: Path
    held: ReadModel | None
    position: Position
    last_records: LastRecords
    counts: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, path: Path, held: ReadModel | None, topic: str) -> Self | None:
        """Count the file at `path`, which `held` has open if it can be folded on; None when there is none to count.

        A file of another version is counted too, as long as it says where its records lie. What cannot be counted is
        reported in a log line. Raises ProjectorFailed when there is no room for now.
        """
        if not path.exists():
            return None
        try:
            with _reading(path, held) as connection:
                last_records = read_last_records(connection, topic)
                return cls(path, held, read_position(connection), last_records, _counts(connection))
        except duckdb.Error as error:
            # A file that cannot be opened stays so: `rebuild` has just tried.
            if held is not None and may_pass(error):
                raise ProjectorFailed(
                    f"The records of {path} cannot be counted for now ({type(error).__name__}).",
                    hint="Nothing was changed. Free memory or room on the disk, and try again.",
                ) from error
            _log.error(
                "rebuild.old_file_not_counted",
                path=str(path),
                cause=type(error).__name__,
                hint="Whether the log still holds all that it has applied is not known.",
            )
            return None

    def check_held_by(self, replay: ReadModel, topic: str) -> None:
        """Check that a replay of the log found every record that the file has applied. Raises LogIncomplete."""
        losses = self._losses(replay)
        if not losses:
            return
        lost = "; ".join(
            f"partition {one.partition}: {one.missing:,} of {one.applied:,} applied records are gone, between offsets "
            f"{one.first:,} and {one.last:,}"
            for one in losses[:PARTITIONS_TOLD_MAX]
        )
        missing, applied = sum(one.missing for one in losses), sum(count for count, _ in self.counts.values())
        raise LogIncomplete(
            f"The log no longer holds {missing:,} of the {applied:,} records that {self.path} has applied. "
            f"{topic} {lost}.",
            hint=f"Nothing was swapped, and the replay was removed. {KEEP_FILE_HINT}",
        )

    def _losses(self, replay: ReadModel) -> Sequence[Loss]:
        with damage_reported(replay.path), replay.reader() as connection:
            # Below the applied end, the replay has no record that a correct file lacks: equal counts are equal records.
            # A replay to the end of the log has more records above that end, which make up for no loss.
            short = [
                partition
                for partition, (applied, end) in self.counts.items()
                if applied != _count_before(connection, partition, end)
            ]
        return [loss for partition in short if (loss := self._loss(partition, replay)) is not None]

    def _loss(self, partition: int, replay: ReadModel) -> Loss | None:
        applied, end = self.counts[partition]
        missing, first, last = 0, 0, 0
        with _reading(self.path, self.held) as ours, replay.reader() as theirs:
            for start in range(0, end, COMPARED_OFFSETS):
                with damage_reported(self.path):
                    applied_here = _offsets(ours, partition, start)
                with damage_reported(replay.path):
                    found_here = _offsets(theirs, partition, start)
                gone = np.setdiff1d(applied_here, found_here)
                if gone.size:
                    first = first if missing else int(gone[0])
                    last = int(gone[-1])
                    missing += gone.size
        return Loss(partition, applied, missing, first, last) if missing else None


async def check_same_log(
    path: Path,
    connection: KafkaConnection,
    logs: Logs,
    position: Position,
    last_records: LastRecords,
) -> None:
    """Raise GuardRefused when the log is not the one that the old file was made from, before anything is replayed."""
    topic, partitions = logs.topic, logs.partitions
    others = {name for name, _ in position} - {topic, logs.directory_topic}
    if others:
        raise GuardRefused(
            f"{path} was made for {', '.join(sorted(others))}, not for {topic}.",
            hint="Use the settings that it was made with, or another data directory.",
        )
    async with KafkaSource(
        connection,
        topic=topic,
        partitions=partitions,
        position=position,
        last_records=last_records,
    ):
        return


async def check_still_held(replay: ReadModel, connection: KafkaConnection) -> None:
    """Check that the log still holds what an unfinished replay has read: read it again, and count. Raises GuardRefused.

    A log that was compacted or restored since holds another number of records before the replay's position.
    """
    with damage_reported(replay.path), replay.reader() as reader:
        read = {partition: records for partition, (records, _) in _counts(reader).items()}
    found: Counter[int] = Counter()
    until = replay.position().only(replay.topic)
    async with KafkaSource(
        connection, topic=replay.topic, partitions=replay.partitions, position=Position(), until=until
    ) as source:
        reached = Position()
        while not reached.reached(until):
            fetched = await source.fetch()
            found.update(record.partition for record in fetched.records)
            reached = Position({(replay.topic, partition): end for partition, end in fetched.next_offsets.items()})
    if found != Counter(read):
        raise GuardRefused(
            f"{replay.path} has read {sum(read.values()):,} records up to {replay.position()}, where the log holds "
            f"{found.total():,} now.",
            hint="Remove it.",
        )


@contextmanager
def _reading(path: Path, held: ReadModel | None) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(path, read_only=True) if held is None else held.reader() as connection:
        yield connection


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, int]]:
    rows = connection.execute(engine_sql("places_counted")).fetchall()
    return {partition: (records, end) for partition, records, end in rows}


def _count_before(connection: duckdb.DuckDBPyConnection, partition: int, before: int) -> int:
    asked = {"partition": partition, "before": before}
    ((records,),) = connection.execute(engine_sql("places_before"), asked).fetchall()
    return int(records)


def _offsets(connection: duckdb.DuckDBPyConnection, partition: int, start: int) -> npt.NDArray[np.int64]:
    asked = {"partition": partition, "first": start, "before": start + COMPARED_OFFSETS}
    found: npt.NDArray[np.int64] = connection.execute(engine_sql("places_between"), asked).fetchnumpy()["log_offset"]
    return found
