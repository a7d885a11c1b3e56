"""The events of one kind of a page's notifications: only those of rows that reached the kind are read."""

from __future__ import annotations

from ledger_queries.finding import Found
from ledger_queries.reading import Reading
from ledger_queries.recorded import RecordedEvent, events_of
from ledger_queries.rows import NotificationRow
from ledger_schemas.kinds import Kind


def page_events(reading: Reading, found: Found[NotificationRow], kind: Kind) -> list[list[RecordedEvent]]:
    """Return the events of a kind of each row, oldest first; of `opened`, a row that machines alone opened has none."""
    reached = [kind.value in row.facts for row in found.rows]
    numbers = [number for number, has_any in zip(found.numbers, reached, strict=True) if has_any]
    events = iter(events_of(reading, numbers, {kind}))
    return [next(events) if has_any else [] for has_any in reached]
