"""Every event that a read model file holds, in log order, as its emitter stated it: for a log that has lost some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final

from ledger_queries.reading import Reading
from ledger_queries.sql import statement
from ledger_schemas.codec import WireEvent
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema

WALK_OFFSETS: Final = 4_000
"""Offsets of one partition that are read at a time: so many events are in memory, at most."""


@dataclass(frozen=True, slots=True)
class HistoryCounts:
    """How many events a file holds, and how many further records of its log: copies, and those in quarantine."""

    events: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event, and where the log had it. `recorded_at_ms` is when the log took it, milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    recorded_at_ms: int
    event: WireEvent


def count_history(reading: Reading) -> HistoryCounts:
    """Return how much there is."""
    return HistoryCounts(**reading.rows(statement("history/counts", ()), {})[0])


def walk_history(reading: Reading) -> Iterator[HistoryEvent]:
    """Yield every event that was applied, by partition and offset, retracted ones too.

    A `created` that states no number gets the one that it has: that of its place in this log. Fields that this version
    does not know were not kept by the file, and are not there.
    """
    partitions = reading.rows(statement("history/partitions", ()), {})
    for log in partitions:
        first, last = log["first"], log["last"]
        while first is not None and first <= last:
            before = first + WALK_OFFSETS
            found = _between(reading, {"partition": log["partition"], "first": first, "before": before})
            for row in found:
                yield _event(log["topic"], row, len(partitions))
            first = before if found else _next(reading, log["partition"], before)


def _between(reading: Reading, where: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what each event of a stretch of the log states, by the names of its fields, in order.

    Table by table: in one statement DuckDB reads the directory and the wide columns of all events each time.
    """
    rows = reading.rows(statement("history/events", ()), where)
    if not rows:
        return []
    numbers = {row["n"] for row in rows}
    of_number = {
        one["n"]: one for one in reading.rows(statement("history/notifications", ()), {"numbers": list(numbers)})
    }
    by_offset = {row["log_offset"]: row for row in rows}
    for row in rows:
        row.update(of_number[row["n"]])
    for name in ("history/contents", "history/details"):
        for more in reading.rows(statement(name, ()), where):
            stated = by_offset.get(more["log_offset"])
            if stated is not None:
                stated.update(more)
    return sorted(rows, key=itemgetter("log_offset"))


def _next(reading: Reading, partition: int, first: int) -> int | None:
    (row,) = reading.rows(statement("history/next", ()), {"partition": partition, "first": first})
    offset: int | None = row["log_offset"]
    return offset


def _event(topic: str, row: dict[str, Any], partitions: int) -> HistoryEvent:
    kind = Kind(row["kind"])
    partition, offset = row["log_partition"], row["log_offset"]
    values = {name: absent if (value := row.get(name)) is None else value for name, absent in _fields(kind)}
    if kind is Kind.CREATED and values["number"] is None:
        values["number"] = offset * partitions + partition
    return HistoryEvent(topic, partition, offset, row["recorded_at"], WireEvent(kind, values))


@cache
def _fields(kind: Kind) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a kind, each with what it is where the file has no value: its default."""
    return tuple((field["name"], field.get("default")) for field in current_schema(kind).document["fields"])
