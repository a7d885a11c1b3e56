"""Quarantine: records that cannot be applied, kept whole with the reason, in the transaction of their batch."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ledger_projectors.projection import engine_sql
from ledger_projectors.records import LogRecord, Reason, Rejection
from ledger_schemas.errors import Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, split_frame
from ledger_schemas.known_schemas import KnownSchemas


def conflicts(connection: duckdb.DuckDBPyConnection, records: Sequence[LogRecord]) -> list[Rejection]:
    """Return the records of a deduplicated batch that state other content under an event's identity."""
    rows = connection.execute("SELECT log_partition, log_offset FROM copies WHERE conflicts ORDER BY ALL").fetchall()
    if not rows:
        return []
    by_place = {(record.partition, record.offset): record for record in records}
    detail = "Another event with the same tenant, notification and event_id, but other content, came first."
    return [Rejection(by_place[place], Reason.CONFLICT, detail) for place in rows]


def keep(connection: duckdb.DuckDBPyConnection, rejections: Sequence[Rejection]) -> None:
    """Write the rejected records to the table `quarantine`: key, value and headers as they came."""
    if not rejections:
        return
    connection.executemany(
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


def releasable(connection: duckdb.DuckDBPyConnection, known: KnownSchemas, bytes_max: int) -> list[LogRecord]:
    """Return the first records, in log order, that were kept for their schema or kind alone, and are readable now.

    At least one, if there is one; else up to `bytes_max` of values.
    """
    waiting = connection.execute(
        "SELECT DISTINCT record_value[:$header] FROM quarantine "
        "WHERE reason IN ('schema_unknown', 'kind_unknown') AND record_value IS NOT NULL",
        {"header": SINGLE_OBJECT_HEADER_BYTES},
    ).fetchall()
    readable = [beginning for (beginning,) in waiting if _readable(beginning, known)]
    if not readable:
        return []
    rows = connection.execute(
        engine_sql("releasable"), {"readable": readable, "header": SINGLE_OBJECT_HEADER_BYTES, "bytes_max": bytes_max}
    ).fetchall()
    return [
        LogRecord(topic, partition, offset, at, key, value, tuple((one["name"], one["value"]) for one in headers))
        for topic, partition, offset, at, key, value, headers in rows
    ]


def remove(connection: duckdb.DuckDBPyConnection, records: Sequence[LogRecord]) -> None:
    """Take records out of the table `quarantine`."""
    connection.execute(
        engine_sql("released"),
        {"partitions": [record.partition for record in records], "offsets": [record.offset for record in records]},
    )


def _readable(beginning: bytes, known: KnownSchemas) -> bool:
    try:
        known.find(split_frame(beginning)[0])
    except Undecodable:
        return False
    return True
