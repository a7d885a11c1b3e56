"""Quarantine: records that cannot be applied, kept whole with the reason, in the transaction of their batch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import duckdb
import pyarrow as pa
from polars import DataFrame

from ledger_projectors.log.records import BatchOutcome, LogRecord, LogRecords, Reason, Rejection
from ledger_projectors.store.projection import engine_sql
from ledger_schemas.errors import Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, SchemaReference, split_frame
from ledger_schemas.known_schemas import KnownSchemas

Place = tuple[int, int]
"""Where a record lies in the topic: partition, offset."""

_BEFORE_ALL: Place = (-1, -1)

_REJECTED: Final = pa.schema(
    [
        ("log_topic", pa.string()),
        ("log_partition", pa.int32()),
        ("log_offset", pa.int64()),
        ("recorded_at", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("tenant_id", pa.string()),
        ("record_key", pa.large_binary()),
        ("record_value", pa.large_binary()),
        ("record_headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
    ]
)
"""Rows of the table `quarantine`; recorded_at in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some records of the quarantine: all, or those with one reason, or those at some places; behind `after`.

    Places are (partition, offset). Several conditions must all hold.
    """

    reason: Reason | None = None
    places: tuple[Place, ...] | None = None
    after: Place | None = None


class Result(StrEnum):
    """What became of a record of the quarantine that was tried again."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Retried:
    """One record of the quarantine that was tried again; `reason` and `detail` say why it is refused still."""

    partition: int
    offset: int
    result: Result
    reason: Reason | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class RetryOutcome(BatchOutcome):
    """What one retry or release did: also record by record, in log order.

    `wanted`: where copies lie that were applied against the order of the log, since an earlier one with other content
    was in quarantine. They must be compared again, together.
    """

    retried: tuple[Retried, ...] = ()
    wanted: tuple[Place, ...] = ()


def conflicts(copies: DataFrame, records: Sequence[LogRecord]) -> list[Rejection]:
    """Return the records of copies (log_partition, log_offset, tenant_id) that state other content than the first."""
    if copies.is_empty():
        return []
    columns = LogRecords.of(records)
    # By index, not by record: of a large batch in columns no record exists before somebody asks for it.
    places = zip(columns.partitions.tolist(), columns.offsets.tolist(), strict=True)
    index_of = {place: index for index, place in enumerate(places)}
    detail = "Another event with the same tenant, notification and event_id, but other content, came first."
    return [
        Rejection(columns[index_of[partition, offset]], Reason.CONFLICT, detail, tenant)
        for partition, offset, tenant in copies.select("log_partition", "log_offset", "tenant_id").iter_rows()
    ]


def keep(connection: duckdb.DuckDBPyConnection, rejections: Sequence[Rejection], statement: str = "kept") -> None:
    """Write the rejected records to the table of `statement`, `quarantine`: key, value and headers as they came."""
    if not rejections:
        return
    records = [rejection.record for rejection in rejections]
    # One statement for all: one a row takes 2 ms each, and poison comes in thousands.
    table = pa.table(
        [
            [record.topic for record in records],
            [record.partition for record in records],
            [record.offset for record in records],
            [record.recorded_at_ms for record in records],
            [rejection.reason.value for rejection in rejections],
            [rejection.detail for rejection in rejections],
            [rejection.tenant_id for rejection in rejections],
            [record.key for record in records],
            [record.value for record in records],
            [[{"name": name, "value": value} for name, value in record.headers] for record in records],
        ],
        _REJECTED,
    )
    connection.register("rejected", table)
    connection.execute(engine_sql(statement))
    # Not in a `finally`: an aborted transaction refuses this too, and that error would hide the cause.
    connection.unregister("rejected")


def releasable(connection: duckdb.DuckDBPyConnection, known: KnownSchemas, bytes_max: int) -> list[LogRecord]:
    """Return the first records, in log order, that were kept for their schema or kind alone, and would not be now.

    At least one, if there is one; else up to `bytes_max` of values.
    """
    waiting = connection.execute(
        "SELECT DISTINCT reason, record_value[:$header] FROM quarantine "
        "WHERE reason IN ('schema_unknown', 'kind_unknown') AND record_value IS NOT NULL",
        {"header": SINGLE_OBJECT_HEADER_BYTES},
    ).fetchall()
    unknown = [beginning for reason, beginning in waiting if reason == Reason.SCHEMA_UNKNOWN]
    parameters = {
        "readable": [beginning for _, beginning in waiting if _readable(beginning, known)],
        # Of a kind that nobody knows: not readable, but what keeps them has changed, and a replay says so.
        "learnt": [beginning for beginning in unknown if _is_learnt(beginning, known)],
    }
    if not any(parameters.values()):
        return []
    limits = {"header": SINGLE_OBJECT_HEADER_BYTES, "bytes_max": bytes_max}
    rows = connection.execute(engine_sql("releasable"), parameters | limits).fetchall()
    return records_of_rows(rows)


def selected(
    connection: duckdb.DuckDBPyConnection, selection: Selection, *, records_max: int, bytes_max: int
) -> list[LogRecord]:
    """Return the first records of a selection, in log order, whatever they were kept for.

    At least one, if there is one; else up to `records_max`, and up to `bytes_max` of values.
    """
    after_partition, after_offset = selection.after or _BEFORE_ALL
    parameters = {
        "reason": selection.reason,
        "by_place": selection.places is not None,
        **_columns(selection.places or ()),
        "after_partition": after_partition,
        "after_offset": after_offset,
        "records_max": records_max,
        "bytes_max": bytes_max,
    }
    return records_of_rows(connection.execute(engine_sql("selected"), parameters).fetchall())


def references(records: Sequence[LogRecord]) -> set[SchemaReference]:
    """Return which schemas the records name; what begins with no frame names none."""
    found = set()
    for beginning in {record.value[:SINGLE_OBJECT_HEADER_BYTES] for record in records if record.value}:
        with contextlib.suppress(Undecodable):
            found.add(split_frame(beginning)[0])
    return found


def remove(connection: duckdb.DuckDBPyConnection, records: Sequence[LogRecord]) -> None:
    """Take records out of the table `quarantine`."""
    connection.execute(engine_sql("released"), _columns(_places(records)))


def duplicates_among(connection: duckdb.DuckDBPyConnection, records: Sequence[LogRecord]) -> set[Place]:
    """Return the places of those records that are further copies of events by now."""
    rows = connection.execute(engine_sql("became_duplicates"), _columns(_places(records))).fetchall()
    return {(partition, offset) for partition, offset in rows}


def outcomes(
    outcome: BatchOutcome, records: Sequence[LogRecord], duplicates: set[Place], wanted: tuple[Place, ...]
) -> RetryOutcome:
    """Return the outcome of a retry with what became of each record."""
    refused = {(one.record.partition, one.record.offset): one for one in outcome.rejections}
    retried = []
    for place in _places(records):
        if place in refused:
            retried.append(Retried(*place, Result.REFUSED, refused[place].reason, refused[place].detail))
        else:
            retried.append(Retried(*place, Result.DUPLICATE if place in duplicates else Result.APPLIED))
    return RetryOutcome(
        outcome.applied,
        outcome.duplicates,
        outcome.quarantined,
        outcome.reasons,
        outcome.rejections,
        tuple(retried),
        wanted,
    )


def prepare_dead_letters(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table that says which records the dead-letter topic has, in a file that does not have it."""
    if _has_dead_letters(connection):
        return
    connection.execute(engine_sql("dead_letters_table"))


def dead_letters_due(connection: duckdb.DuckDBPyConnection, *, records_max: int, bytes_max: int) -> list[Rejection]:
    """Return the first records that the dead-letter topic does not have with their present reason, in log order.

    At least one, if there is one; else up to `records_max`, and up to `bytes_max` of values.
    """
    rows = connection.execute(
        engine_sql("dead_letters_due"), {"records_max": records_max, "bytes_max": bytes_max}
    ).fetchall()
    return [
        Rejection(record, Reason(reason), detail)
        for record, (*_, reason, detail) in zip(records_of_rows([row[:-2] for row in rows]), rows, strict=True)
    ]


def mark_dead_letters(connection: duckdb.DuckDBPyConnection, produced: Sequence[tuple[int, int, Reason]]) -> None:
    """Write down that the dead-letter topic has these: partition, offset, and the reason that it was given."""
    columns = _columns([(partition, offset) for partition, offset, _ in produced])
    connection.execute(
        engine_sql("dead_letters_produced"), {**columns, "reasons": [reason.value for *_, reason in produced]}
    )


def marked_dead_letters(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, Reason]]:
    """Return what the dead-letter topic is known to have; nothing when it was never asked for."""
    if not _has_dead_letters(connection):
        return []
    rows = connection.execute("SELECT log_partition, log_offset, reason FROM dead_letters").fetchall()
    return [(partition, offset, Reason(reason)) for partition, offset, reason in rows]


def records_of_rows(rows: Sequence[tuple[Any, ...]]) -> list[LogRecord]:
    """Return the records of rows of the table `quarantine`, without reason and detail."""
    return [
        LogRecord(topic, partition, offset, at, key, value, tuple((one["name"], one["value"]) for one in headers))
        for topic, partition, offset, at, key, value, headers in rows
    ]


def _places(records: Sequence[LogRecord]) -> list[Place]:
    return [(record.partition, record.offset) for record in records]


def _columns(places: Sequence[Place]) -> dict[str, list[int]]:
    return {"partitions": [partition for partition, _ in places], "offsets": [offset for _, offset in places]}


def _has_dead_letters(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(connection.execute("FROM duckdb_tables() WHERE table_name = 'dead_letters'").fetchall())


def _is_learnt(beginning: bytes, known: KnownSchemas) -> bool:
    return split_frame(beginning)[0] in known


def _readable(beginning: bytes, known: KnownSchemas) -> bool:
    try:
        known.find(split_frame(beginning)[0])
    except Undecodable:
        return False
    return True
