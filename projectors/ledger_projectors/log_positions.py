"""Where in the log a read model file stands: read, checked and advanced in the transaction of its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import duckdb

from ledger_projectors.records import LogRecord
from ledger_schemas.errors import GuardRefused
from ledger_schemas.positions import Position

LastRecords = Mapping[int, tuple[int, int, str]]
"""Per partition, the last applied record: its offset, its append time in ms, its digest."""


def read_position(connection: duckdb.DuckDBPyConnection) -> Position:
    """Return the position that the file states, as the transaction of `connection` sees it."""
    rows = connection.execute("SELECT log_topic, log_partition, next_offset FROM positions").fetchall()
    return Position({(topic, partition): offset for topic, partition, offset in rows})


def read_last_records(connection: duckdb.DuckDBPyConnection) -> LastRecords:
    """Return which record stands before the position, in each partition that had one."""
    rows = connection.execute(
        "SELECT log_partition, last_offset, epoch_ms(last_recorded_at), last_digest FROM positions "
        "WHERE last_offset IS NOT NULL"
    ).fetchall()
    return {partition: (offset, recorded_at, digest) for partition, offset, recorded_at, digest in rows}


def check_not_applied(position: Position, records: Sequence[LogRecord]) -> None:
    """Check that no record lies before the position: applied again, it would be its own duplicate.

    Raises GuardRefused.
    """
    for record in records:
        stands_at = position.get((record.topic, record.partition), 0)
        if record.offset < stands_at:
            raise GuardRefused(
                f"Offset {record.offset} of {record.topic} partition {record.partition} was applied before; the read "
                f"model is at {stands_at}.",
                hint="Read the log from the position that the read model states.",
            )


def advance(
    connection: duckdb.DuckDBPyConnection,
    topic: str,
    records: Sequence[LogRecord],
    next_offsets: Mapping[int, int],
) -> None:
    """Move the stored position behind the records, and behind holes up to `next_offsets`; never back."""
    last = {record.partition: record for record in records}
    for partition, record in last.items():
        after = max(next_offsets.get(partition, 0), record.offset + 1)
        connection.execute(
            "UPDATE positions SET next_offset = ?, last_offset = ?, last_recorded_at = make_timestamptz(?), "
            "last_digest = ? WHERE log_topic = ? AND log_partition = ?",
            [after, record.offset, record.recorded_at_ms * 1_000, digest_of(record), topic, partition],
        )
    for partition in next_offsets.keys() - last.keys():
        connection.execute(
            "UPDATE positions SET next_offset = greatest(next_offset, ?) WHERE log_topic = ? AND log_partition = ?",
            [next_offsets[partition], topic, partition],
        )


def digest_of(record: LogRecord) -> str:
    """Return what tells this record from another at the same offset: SHA-256 over key and value, hexadecimal."""
    return hashlib.sha256((record.key or b"") + b"\0" + (record.value or b"")).hexdigest()
