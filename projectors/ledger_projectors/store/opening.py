"""Opens a read model file for its one writer: makes it, checks that it is ours, and takes the epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ledger_projectors.directory.tables import clear_tables, create_tables, fold_digest
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_projectors.store.projection import Projection, engine_sql
from ledger_schemas.errors import DataDirectoryInUse, GuardRefused, ProjectorFailed, ReadModelUnusable

OWN_CHECKPOINT_THRESHOLD: Final = "1TB"
"""Keeps DuckDB from checkpointing inside a commit: when it happens is the projector's decision."""

THREADS: Final = 1
REBUILD_HINT: Final = "Make it again from the log: `notification-ledger rebuild` keeps the old file."


@dataclass(frozen=True, slots=True)
class Logs:
    """Which logs a file is made from: the lifecycle topic with its partitions, and the directory's topic."""

    topic: str
    partitions: int
    directory_topic: str

    def all_partitions(self) -> list[tuple[str, int]]:
        """Return every topic and partition, in order."""
        return sorted([*((self.topic, one) for one in range(self.partitions)), (self.directory_topic, 0)])


def open_file(path: Path, projection: Projection, logs: Logs) -> duckdb.DuckDBPyConnection:
    """Open the file at `path` for writing; make it, with all its tables, when there is none.

    Raises DataDirectoryInUse when another process has it, ReadModelUnusable when it is damaged or was made by another
    version, GuardRefused when it was made for another topic or number of partitions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path)
    try:
        with damage_reported(path):
            _prepare(connection, path, projection, logs)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: duckdb.DuckDBPyConnection, path: Path, projection: Projection, logs: Logs) -> None:
    connection.execute(f"SET checkpoint_threshold = '{OWN_CHECKPOINT_THRESHOLD}'")
    connection.execute(engine_sql("session"))
    if not connection.execute("FROM duckdb_tables() WHERE table_name = 'read_model'").fetchall():
        _create(connection, projection, logs)
    _check_version(connection, path, projection)
    _check_log(connection, path, logs)
    _refresh_directory(connection, logs)
    _refresh_views(connection, projection)


def take_epoch(connection: duckdb.DuckDBPyConnection) -> int:
    """Count this writer in and return its number: no transaction of an earlier one may commit any more."""
    connection.execute("UPDATE read_model SET epoch = epoch + 1")
    return read_epoch(connection)


def read_epoch(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the last writer that opened the file."""
    ((epoch,),) = connection.execute("SELECT epoch FROM read_model").fetchall()
    return int(epoch)


def in_use(path: Path) -> DataDirectoryInUse:
    """Return what to raise when another process has the file."""
    return DataDirectoryInUse(
        f"Another process has {path}.",
        hint="Stop it (`notification-ledger up` or `projector` on the same data directory), "
        "or choose another with --data-dir.",
    )


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """Say of an open file what an error of DuckDB means: it has no room for now (ProjectorFailed), or it is damaged.

    Raises ReadModelUnusable for that.
    """
    try:
        yield
    except duckdb.Error as error:
        cause = type(error).__name__
        if may_pass(error):
            raise ProjectorFailed(
                f"{path} cannot be used for now ({cause}).",
                hint="Nothing was changed. Free memory or room on the disk, and try again.",
            ) from error
        raise ReadModelUnusable(f"{path} cannot be read ({cause}): it is damaged.", hint=REBUILD_HINT) from error


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config={"threads": THREADS})
    except duckdb.Error as error:
        # Of any class: a write-ahead log that does not fit its checksums is a plain Error, a header another.
        if "Could not set lock" in str(error):
            raise in_use(path) from error
        raise ReadModelUnusable(
            f"{path} cannot be opened by this version of DuckDB: {str(error).splitlines()[0]}", hint=REBUILD_HINT
        ) from error


def _create(connection: duckdb.DuckDBPyConnection, projection: Projection, logs: Logs) -> None:
    connection.execute("BEGIN")
    connection.execute(engine_sql("engine_tables"))
    create_tables(connection)
    connection.execute(projection.create_tables)
    connection.execute(projection.create_views)
    digests = (projection.digest, projection.views_digest, fold_digest())
    connection.execute(
        "INSERT INTO read_model VALUES (?, ?, ?, ?, 0, ?, ?)",
        [projection.version, *digests, logs.partitions, logs.directory_topic],
    )
    connection.executemany(
        "INSERT INTO positions (log_topic, log_partition, next_offset) VALUES (?, ?, 0)",
        [list(partition) for partition in logs.all_partitions()],
    )
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, projection: Projection) -> None:
    columns = {name for (name,) in connection.execute("SELECT column_name FROM (DESCRIBE read_model)").fetchall()}
    if "digest" not in columns:
        raise ReadModelUnusable(f"{path} was made by an earlier version of the ledger.", hint=REBUILD_HINT)
    ((version, digest),) = connection.execute('SELECT "version", digest FROM read_model').fetchall()
    if (version, digest) != (projection.version, projection.digest):
        raise ReadModelUnusable(
            f"{path} holds version {version} of the read model ({digest[:12]}); "
            f"this is version {projection.version} ({projection.digest[:12]}).",
            hint=REBUILD_HINT,
        )


def _check_log(connection: duckdb.DuckDBPyConnection, path: Path, logs: Logs) -> None:
    stored = connection.execute("SELECT log_topic, log_partition FROM positions ORDER BY ALL").fetchall()
    if stored != logs.all_partitions():
        topics = ", ".join(f"{count} partition(s) of {name}" for name, count in Counter(t for t, _ in stored).items())
        raise GuardRefused(
            f"{path} was made for {topics}, not for {logs.partitions} partition(s) of {logs.topic} and 1 of "
            f"{logs.directory_topic}.",
            hint="Use the settings that it was made with, or another data directory.",
        )


def _refresh_directory(connection: duckdb.DuckDBPyConnection, logs: Logs) -> None:
    """Let the directory be read again from its beginning when other code folded it: it is small, and then right."""
    if connection.execute("SELECT directory_digest FROM read_model").fetchall() == [(fold_digest(),)]:
        return
    connection.execute("BEGIN")
    clear_tables(connection)
    connection.execute("DELETE FROM positions WHERE log_topic = ?", [logs.directory_topic])
    connection.execute(
        "INSERT INTO positions (log_topic, log_partition, next_offset) VALUES (?, 0, 0)", [logs.directory_topic]
    )
    connection.execute("UPDATE read_model SET directory_digest = ?", [fold_digest()])
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")


def _refresh_views(connection: duckdb.DuckDBPyConnection, projection: Projection) -> None:
    """Replace the views when they changed: no row of the file depends on them."""
    stored = connection.execute("SELECT views_digest FROM read_model").fetchall()
    if stored == [(projection.views_digest,)]:
        return
    connection.execute("BEGIN")
    connection.execute(projection.create_views)
    connection.execute("UPDATE read_model SET views_digest = ?", [projection.views_digest])
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
