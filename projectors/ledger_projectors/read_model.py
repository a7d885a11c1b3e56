"""One DuckDB read model file: advanced batch by batch by its one writer, each batch one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from ledger_projectors import quarantine
from ledger_projectors.decode import decode_records
from ledger_projectors.log_positions import LastRecords, advance, check_not_applied, read_last_records, read_position
from ledger_projectors.opening import open_file, read_epoch, take_epoch
from ledger_projectors.projection import Projection, engine_sql, engine_statements, lifecycle
from ledger_projectors.staging import stage
from ledger_projectors.records import BatchOutcome, LogRecord, Rejection
from ledger_projectors.steps import Step, StepObserver, unobserved
from ledger_schemas.errors import GuardRefused
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.positions import Position

CHECKPOINT_WAL_BYTES: Final = 256 * 1024 * 1024
"""WAL size at which the projector checkpoints between two batches; DuckDB's own 16 MB halves the throughput."""

RELEASE_BYTES: Final = 64 * 1024 * 1024
"""Records, in bytes of their values, that one transaction takes out of quarantine."""


class ReadModel:
    """The only writer of one DuckDB file. Not thread-safe: one thread applies; readers use `reader()`.

    Everything that a batch changes (history, folded rows, duplicates, quarantine, position) is one transaction, so
    that the file states, at every instant, the exact fold of everything before its position.
    """

    def __init__(self, path: Path, *, topic: str, partitions: int) -> None:
        """Use `create_or_open`, which says what it does."""
        self.path = path
        self.topic = topic
        self.partitions = partitions
        self._projection: Projection = lifecycle()
        self._connection = open_file(path, self._projection, topic, partitions)
        self._epoch = take_epoch(self._connection)
        self._remember()

    @classmethod
    def create_or_open(cls, path: Path, *, topic: str, partitions: int) -> Self:
        """Open the file at `path` for writing; make it, with all its tables, when there is none.

        Raises DataDirectoryInUse when another process has it, ReadModelUnusable when it is damaged or was made by
        another version, GuardRefused when it was made for another topic or number of partitions.
        """
        return cls(path, topic=topic, partitions=partitions)

    def apply(
        self,
        records: Sequence[LogRecord],
        next_offsets: Mapping[int, int] | None = None,
        on_step: StepObserver = unobserved,
        known: KnownSchemas | None = None,
    ) -> BatchOutcome:
        """Decode the records with the `known` schemas (default: the shipped), and apply them, all or nothing.

        Records are in offset order within each partition and begin where the position ends. `next_offsets` is the
        position after them per partition, by default the offset after the last record of each; offsets have legal
        holes, so that it may move without a record. Returns what was done. Raises duckdb.Error when the transaction
        fails as a whole: nothing is changed then, and the same call may be made again.
        """
        check_not_applied(self._position, records)
        table, rejections = decode_records(records, self.partitions, known)
        on_step(Step.DECODED)
        with self._transaction(on_step):
            outcome = self._write(table, rejections, records, on_step)
            advance(self._connection, self.topic, records, next_offsets or {})
            on_step(Step.POSITIONED)
        return outcome

    def release(self, known: KnownSchemas, on_step: StepObserver = unobserved) -> BatchOutcome | None:
        """Take out of quarantine what is there only because its schema, or its kind, was not known, and now is.

        Up to RELEASE_BYTES of records, in log order, are applied as if their schema had come in time, in one
        transaction with their removal: same partition, offset and recorded_at; the position stays. What is refused for
        another reason goes back with that reason. Returns what was done, None when nothing waits; call it again until
        then. Raises what `apply` raises.
        """
        records = quarantine.releasable(self._connection, known, RELEASE_BYTES)
        if not records:
            return None
        table, rejections = decode_records(records, self.partitions, known)
        on_step(Step.DECODED)
        with self._transaction(on_step):
            quarantine.remove(self._connection, records)
            outcome = self._write(table, rejections, records, on_step, earlier=True)
            self._connection.execute("DELETE FROM displaced")
        return outcome

    def checkpoint_if_due(self, wal_bytes: int | None = None, on_step: StepObserver = unobserved) -> None:
        """Move the write-ahead log into the file when it has `wal_bytes` (default CHECKPOINT_WAL_BYTES) or more."""
        wal = self.path.with_name(self.path.name + ".wal")
        due = CHECKPOINT_WAL_BYTES if wal_bytes is None else wal_bytes
        if wal.exists() and wal.stat().st_size >= due:
            self._connection.execute("CHECKPOINT")
            on_step(Step.CHECKPOINTED)

    def position(self) -> Position:
        """Return where in the log this file stands; asks nothing of DuckDB."""
        return self._position

    def last_records(self) -> LastRecords:
        """Return which record stands before the position, per partition; asks nothing of DuckDB."""
        return self._last_records

    def reader(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection of this process to the same file, for SELECT; close it after use."""
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor

    def close(self) -> None:
        """Checkpoint and close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def _write(
        self,
        table: object,
        rejections: list[Rejection],
        records: Sequence[LogRecord],
        on_step: StepObserver,
        *,
        earlier: bool = False,
    ) -> BatchOutcome:
        """Write what the records say; `earlier`: they lie before the position, and so maybe before their copies."""
        connection = self._connection
        staged = stage(table)
        connection.register("batch_events", staged.events)
        connection.register("batch_details", staged.details)
        self._run("stage")
        on_step(Step.STAGED)
        self._run("recall")
        self._run("deduplicate")
        self._run("compare_details")
        if earlier:
            self._run("displace")
        self._run("set_aside")
        on_step(Step.DEDUPLICATED)
        self._run("history")
        self._run("details")
        on_step(Step.HISTORY_WRITTEN)
        for step in self._projection.fold:
            step.run(connection)
        # Not in a `finally`: an aborted transaction refuses this too, and that error would hide the cause.
        connection.unregister("batch_events")
        connection.unregister("batch_details")
        on_step(Step.FOLDED)
        rejections = [*rejections, *quarantine.conflicts(connection, records)]
        quarantine.keep(connection, rejections)
        on_step(Step.QUARANTINED)
        applied = _one_int(connection, "SELECT count(*) FROM fresh")
        duplicates = _one_int(connection, "SELECT count(*) FROM copies WHERE NOT conflicts")
        reasons: dict[str, int] = {}
        for rejection in rejections:
            reasons[rejection.reason] = reasons.get(rejection.reason, 0) + 1
        return BatchOutcome(applied, duplicates, len(rejections), reasons)

    @contextmanager
    def _transaction(self, on_step: StepObserver) -> Iterator[None]:
        """Commit what the block did, or nothing of it."""
        self._connection.execute("BEGIN")
        try:
            self._check_epoch()
            self._count_batch()
            on_step(Step.BEGUN)
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            _roll_back(self._connection)
            raise
        self._remember()
        on_step(Step.COMMITTED)

    def _remember(self) -> None:
        """Keep what was committed at hand, so that asking for it never waits for DuckDB."""
        self._position = read_position(self._connection)
        self._last_records = read_last_records(self._connection)

    def _run(self, name: str) -> None:
        engine_statements(name).run(self._connection)

    def _count_batch(self) -> None:
        """Number the batch and what it may make, and keep the numbers where statements find them."""
        connection = self._connection
        connection.execute("UPDATE read_model SET batches = batches + 1")
        ((batch, notifications),) = connection.execute("SELECT batches, notifications FROM read_model").fetchall()
        connection.execute(f"SET VARIABLE batch = {batch}::INTEGER")
        connection.execute(f"SET VARIABLE notifications = {notifications}::BIGINT")

    def _check_epoch(self) -> None:
        epoch = read_epoch(self._connection)
        if epoch != self._epoch:
            raise GuardRefused(
                f"Another writer opened {self.path} (epoch {epoch}, ours is {self._epoch}).",
                hint="Stop one of the two: a read model has one writer.",
            )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # The transaction is gone already, or the instance is: the first error says so.
        return


def _one_int(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    # Fetched to the end: a connection with an unfinished result refuses other work.
    ((value,),) = connection.execute(sql).fetchall()
    return int(value)
