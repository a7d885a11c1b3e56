"""Quarantine: records that cannot be applied, kept whole with the reason, in the transaction of their batch."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ledger_projectors.records import LogRecord, Reason, Rejection


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
