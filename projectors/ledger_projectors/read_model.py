"""One DuckDB read model file: opened by one writer, advanced batch by batch, each batch one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from ledger_projectors.decode import decode_records
from ledger_projectors.projection import Projection, engine_sql, lifecycle
from ledger_projectors.records import BatchOutcome, LogRecord, Reason, Rejection
from ledger_projectors.steps import Step, StepObserver, unobserved
from ledger_schemas.errors import DataDirectoryInUse, GuardRefused
from ledger_schemas.positions import Position

FORMAT_VERSION: Final = 1
"""Of the file as a whole; another format is rebuilt from the log, never altered in place."""

CHECKPOINT_WAL_BYTES: Final = 256 * 1024 * 1024
"""WAL size at which the projector checkpoints between two batches; DuckDB's own 16 MB halves the throughput."""

OWN_CHECKPOINT_THRESHOLD: Final = "1TB"
"""Keeps DuckDB from checkpointing inside a commit: when it happens is the projector's decision."""

THREADS: Final = 2


class ReadModel:
    """The only writer of one DuckDB file. Not thread-safe: one thread applies; readers use `reader()`.

    Everything that a batch changes (history, folded rows, duplicates, quarantine, position) is one transaction, so
    that the file states, at every instant, the exact fold of everything before its position.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, topic: str, partitions: int) -> None:
        """Use `create_or_open`, which checks what it opens."""
        self._connection = connection
        self._projection: Projection = lifecycle()
        self.path = path
        self.topic = topic
        self.partitions = partitions
        self._epoch = 0

    @classmethod
    def create_or_open(cls, path: Path, *, topic: str, partitions: int) -> Self:
        """Open the file at `path` for writing; make it, with all its tables, when there is none.

        Raises DataDirectoryInUse when another process has it, GuardRefused when it was made by another version of
        the projections, for another topic, or for another number of partitions.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path)
        model = cls(connection, path, topic, partitions)
        try:
            connection.execute(f"SET checkpoint_threshold = '{OWN_CHECKPOINT_THRESHOLD}'")
            connection.execute(engine_sql("session"))
            if not connection.execute("FROM duckdb_tables() WHERE table_name = 'read_model'").fetchall():
                model._create()
            model._guard()
            model._take_epoch()
        except BaseException:
            connection.close()
            raise
        return model

    def apply(
        self,
        records: Sequence[LogRecord],
        next_offsets: Mapping[int, int] | None = None,
        on_step: StepObserver = unobserved,
    ) -> BatchOutcome:
        """Decode the records and apply them, all or nothing; return what was done.

        Records are in offset order within each partition and begin where the position ends. `next_offsets` is the
        position after them per partition, by default the offset after the last record of each; offsets have legal
        holes, so that it may move without a record. Raises duckdb.Error when the transaction fails as a whole: nothing
        is changed then, and the same call may be made again.
        """
        table, rejections = decode_records(records, self.partitions)
        on_step(Step.DECODED)
        connection = self._connection
        connection.execute("BEGIN")
        try:
            self._check_epoch()
            on_step(Step.BEGUN)
            outcome = self._write(table, rejections, records, on_step)
            self._advance(records, next_offsets or {})
            on_step(Step.POSITIONED)
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        on_step(Step.COMMITTED)
        return outcome

    def checkpoint_if_due(self, wal_bytes: int | None = None, on_step: StepObserver = unobserved) -> None:
        """Move the write-ahead log into the file when it has `wal_bytes` (default CHECKPOINT_WAL_BYTES) or more."""
        wal = self.path.with_name(self.path.name + ".wal")
        due = CHECKPOINT_WAL_BYTES if wal_bytes is None else wal_bytes
        if wal.exists() and wal.stat().st_size >= due:
            self._connection.execute("CHECKPOINT")
            on_step(Step.CHECKPOINTED)

    def position(self) -> Position:
        """Return where in the log this file stands."""
        return read_position(self._connection)

    def last_records(self) -> dict[int, tuple[int, int, str]]:
        """Return, per partition, the last applied record: its offset, its append time in ms, its digest."""
        rows = self._connection.execute(
            "SELECT log_partition, last_offset, epoch_ms(last_recorded_at), last_digest FROM positions "
            "WHERE last_offset IS NOT NULL"
        ).fetchall()
        return {partition: (offset, recorded_at, digest) for partition, offset, recorded_at, digest in rows}

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
        self, table: object, rejections: list[Rejection], records: Sequence[LogRecord], on_step: StepObserver
    ) -> BatchOutcome:
        connection = self._connection
        connection.register("batch", table)
        connection.execute(engine_sql("stage"))
        # Not in a `finally`: an aborted transaction refuses this too, and that error would hide the cause.
        connection.unregister("batch")
        on_step(Step.STAGED)
        connection.execute(engine_sql("deduplicate"))
        on_step(Step.DEDUPLICATED)
        connection.execute(engine_sql("history"))
        on_step(Step.HISTORY_WRITTEN)
        for step in self._projection.fold:
            connection.execute(step)
        on_step(Step.FOLDED)
        rejections = [*rejections, *self._conflicts(records)]
        self._quarantine(rejections)
        on_step(Step.QUARANTINED)
        applied = _one_int(connection, "SELECT count(*) FROM fresh")
        duplicates = _one_int(connection, "SELECT count(*) FROM copies WHERE NOT conflicts")
        reasons: dict[str, int] = {}
        for rejection in rejections:
            reasons[rejection.reason] = reasons.get(rejection.reason, 0) + 1
        return BatchOutcome(applied, duplicates, len(rejections), reasons)

    def _conflicts(self, records: Sequence[LogRecord]) -> list[Rejection]:
        rows = self._connection.execute(
            "SELECT log_partition, log_offset FROM copies WHERE conflicts ORDER BY ALL"
        ).fetchall()
        if not rows:
            return []
        by_place = {(record.partition, record.offset): record for record in records}
        detail = "Another event with the same tenant, notification and event_id, but other content, came first."
        return [Rejection(by_place[place], Reason.CONFLICT, detail) for place in rows]

    def _quarantine(self, rejections: list[Rejection]) -> None:
        if not rejections:
            return
        self._connection.executemany(
            "INSERT INTO quarantine VALUES (?, ?, ?, make_timestamptz(?), ?, ?, ?, ?, ?)",
            [
                [
                    rejection.record.topic,
                    rejection.record.partition,
                    rejection.record.offset,
                    rejection.record.recorded_at_ms * 1_000,
                    rejection.reason.value,
                    rejection.detail,
                    rejection.record.key,
                    rejection.record.value,
                    [{"name": name, "value": value} for name, value in rejection.record.headers],
                ]
                for rejection in rejections
            ],
        )

    def _advance(self, records: Sequence[LogRecord], next_offsets: Mapping[int, int]) -> None:
        last = {record.partition: record for record in records}
        for partition, record in last.items():
            after = max(next_offsets.get(partition, 0), record.offset + 1)
            self._connection.execute(
                "UPDATE positions SET next_offset = ?, last_offset = ?, last_recorded_at = make_timestamptz(?), "
                "last_digest = ? WHERE log_topic = ? AND log_partition = ?",
                [after, record.offset, record.recorded_at_ms * 1_000, digest_of(record), self.topic, partition],
            )
        for partition in next_offsets.keys() - last.keys():
            self._connection.execute(
                "UPDATE positions SET next_offset = greatest(next_offset, ?) WHERE log_topic = ? AND log_partition = ?",
                [next_offsets[partition], self.topic, partition],
            )

    def _create(self) -> None:
        connection = self._connection
        connection.execute("BEGIN")
        connection.execute(engine_sql("engine_tables"))
        connection.execute(self._projection.create)
        connection.execute("INSERT INTO read_model VALUES (?, 0)", [FORMAT_VERSION])
        projection = self._projection
        connection.execute(
            "INSERT INTO projections VALUES (?, ?, ?)", [projection.name, projection.version, projection.digest]
        )
        connection.executemany(
            "INSERT INTO positions (log_topic, log_partition, next_offset) VALUES (?, ?, 0)",
            [[self.topic, partition] for partition in range(self.partitions)],
        )
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")

    def _guard(self) -> None:
        rebuild = "Rebuild it from the log: `notification-ledger rebuild`."
        found = _one_int(self._connection, "SELECT format_version FROM read_model")
        if found != FORMAT_VERSION:
            raise GuardRefused(
                f"{self.path} has file format {found}; this version writes {FORMAT_VERSION}.", hint=rebuild
            )
        stored = self._connection.execute("FROM projections ORDER BY projection").fetchall()
        ours = [(self._projection.name, self._projection.version, self._projection.digest)]
        if stored != ours:
            had = ", ".join(f"{name} {version} ({digest[:12]})" for name, version, digest in stored)
            have = ", ".join(f"{name} {version} ({digest[:12]})" for name, version, digest in ours)
            raise GuardRefused(f"{self.path} holds the projections {had}; this version has {have}.", hint=rebuild)
        places = self._connection.execute("SELECT log_topic, log_partition FROM positions ORDER BY ALL").fetchall()
        if places != [(self.topic, partition) for partition in range(self.partitions)]:
            topics = ", ".join(sorted({topic for topic, _ in places}))
            raise GuardRefused(
                f"{self.path} was made for {topics} with {len(places)} partitions, "
                f"not for {self.topic} with {self.partitions}.",
                hint="Use the settings that it was made with, or another data directory.",
            )

    def _take_epoch(self) -> None:
        self._connection.execute("UPDATE read_model SET epoch = epoch + 1")
        self._epoch = _one_int(self._connection, "SELECT epoch FROM read_model")

    def _check_epoch(self) -> None:
        epoch = _one_int(self._connection, "SELECT epoch FROM read_model")
        if epoch != self._epoch:
            raise GuardRefused(
                f"Another writer opened {self.path} (epoch {epoch}, ours is {self._epoch}).",
                hint="Stop one of the two: a read model has one writer.",
            )


def read_position(connection: duckdb.DuckDBPyConnection) -> Position:
    """Return the position that the file states, as the transaction of `connection` sees it."""
    rows = connection.execute("SELECT log_topic, log_partition, next_offset FROM positions").fetchall()
    return Position({(topic, partition): offset for topic, partition, offset in rows})


def digest_of(record: LogRecord) -> str:
    """Return what tells this record from another at the same offset: SHA-256 over key and value, hexadecimal."""
    return hashlib.sha256((record.key or b"") + b"\0" + (record.value or b"")).hexdigest()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config={"threads": THREADS})
    except (duckdb.IOException, duckdb.SerializationException, duckdb.CatalogException) as error:
        if "Could not set lock" in str(error):
            raise DataDirectoryInUse(
                f"Another process has {path}.",
                hint="Stop it (`notification-ledger up` or `projector` on the same data directory), "
                "or choose another with --data-dir.",
            ) from error
        raise GuardRefused(
            f"{path} is not a file that this version of DuckDB can open ({type(error).__name__}).",
            hint="Rebuild it from the log: `notification-ledger rebuild` keeps the old file.",
        ) from error


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
