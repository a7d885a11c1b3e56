"""Where in the log a read model file stands: read, checked and advanced in the transaction of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import numpy as np
import numpy.typing as npt

from ledger_projectors.log.guards import LastRecords, digest_of
from ledger_projectors.log.records import LogRecord, LogRecords
from ledger_schemas.errors import GuardRefused
from ledger_schemas.positions import Position


def read_position(connection: duckdb.DuckDBPyConnection) -> Position:
    """Return the position that the file states, as the transaction of `connection` sees it."""
    rows = connection.execute("SELECT log_topic, log_partition, next_offset FROM positions").fetchall()
    return Position({(topic, partition): offset for topic, partition, offset in rows})


def read_last_records(connection: duckdb.DuckDBPyConnection, topic: str) -> LastRecords:
    """Return which record stands before the position, in each partition of a topic that had one."""
    rows = connection.execute(
        "SELECT log_partition, last_offset, epoch_ms(last_recorded_at), last_digest FROM positions "
        "WHERE last_offset IS NOT NULL AND log_topic = ?",
        [topic],
    ).fetchall()
    return {partition: (offset, recorded_at, digest) for partition, offset, recorded_at, digest in rows}


def check_not_applied(position: Position, records: Sequence[LogRecord]) -> None:
    """Check that no record lies before the position: applied again, it would be its own duplicate.

    Raises GuardRefused.
    """
    log = LogRecords.of(records)
    for partition, indexes in _by_partition(log):
        stands_at = position.get((log.topic, partition), 0)
        offset = int(log.offsets[indexes].min())
        if offset < stands_at:
            raise GuardRefused(
                f"Offset {offset} of {log.topic} partition {partition} was applied before; the read model is at "
                f"{stands_at}.",
                hint="Read the log from the position that the read model states.",
            )


def advance(
    connection: duckdb.DuckDBPyConnection,
    topic: str,
    records: Sequence[LogRecord],
    next_offsets: Mapping[int, int],
) -> None:
    """Move the stored position behind the records, and behind holes up to `next_offsets`; never back.

    DELETE and INSERT, because an UPDATE of a row that an open reader may still ask for keeps DuckDB 2.0 from every
    CHECKPOINT until that reader is done.
    """
    log = LogRecords.of(records)
    last = {partition: log[int(indexes[-1])] for partition, indexes in _by_partition(log)}
    stood = connection.execute(
        "SELECT log_partition, next_offset, last_offset, epoch_us(last_recorded_at), last_digest FROM positions "
        "WHERE log_topic = ?",
        [topic],
    ).fetchall()
    moved = []
    for partition, next_offset, *last_record in stood:
        after, applied = max(next_offset, next_offsets.get(partition, 0)), last_record
        if (record := last.get(partition)) is not None:
            after = max(after, record.offset + 1)
            applied = [record.offset, record.recorded_at_ms * 1_000, digest_of(record)]
        if after > next_offset:
            moved.append([partition, after, *applied])
    if moved:
        partitions, *columns = map(list, zip(*moved, strict=True))
        connection.execute(
            "DELETE FROM positions WHERE log_topic = ? AND list_contains(?, log_partition)", [topic, partitions]
        )
        connection.execute(
            "INSERT INTO positions SELECT ?, unnest(?), unnest(?), unnest(?::BIGINT[]), "
            "make_timestamptz(unnest(?::BIGINT[])), unnest(?::VARCHAR[])",
            [topic, partitions, *columns],
        )


def _by_partition(records: LogRecords) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield each partition that has records, with their indexes in order."""
    for partition in np.flatnonzero(np.bincount(records.partitions)).tolist():
        yield partition, np.flatnonzero(records.partitions == partition)
