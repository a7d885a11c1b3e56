"""Since when each inbox entry of a page is read: its first read, or the first after it was marked as unread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ledger_queries.filters import Filter
from ledger_queries.finding import Found, Page, find_notifications
from ledger_queries.reading import Reading
from ledger_queries.recorded import RecordedEvent, events_of
from ledger_queries.rows import InboxEntryRow
from ledger_schemas.kinds import Kind

_READ: Final = Kind.READ.value
_UNREAD: Final = Kind.UNREAD.value


def read_times(reading: Reading, found: Found[InboxEntryRow]) -> list[datetime | None]:
    """Return for each row since when it is read; None for one that is not read now.

    Only rows that were once marked as unread need their events.
    """
    times = [entry.facts[_READ].first_at if entry.is_read else None for entry in found.rows]
    again = [row for row, entry in enumerate(found.rows) if entry.is_read and _UNREAD in entry.facts]
    rows, numbers = [found.rows[row] for row in again], [found.numbers[row] for row in again]
    for row, time in zip(again, _since_unread(reading, rows, numbers), strict=True):
        times[row] = time
    return times


def _since_unread(reading: Reading, rows: Sequence[InboxEntryRow], numbers: Sequence[int]) -> list[datetime]:
    if not rows:
        return []
    asked = Filter(tenant=rows[0].tenant_id, notification_id=tuple({row.notification_id for row in rows}))
    # What names no recipient is that of the only one.
    only_one = {
        row.notification_id
        for row in find_notifications(reading, asked, Page(limit=len(rows))).rows
        if row.recipients == 1
    }
    times = []
    for row, events in zip(rows, events_of(reading, numbers, (Kind.READ, Kind.UNREAD)), strict=True):
        named = {row.recipient_id, None} if row.notification_id in only_one else {row.recipient_id}
        times.append(_since([event for event in events if event.recipient_id in named]))
    return times


def _since(events: Sequence[RecordedEvent]) -> datetime:
    unread = max(_order(event) for event in events if event.kind is Kind.UNREAD)
    return min(event.occurred_at for event in events if event.kind is Kind.READ and _order(event) > unread)


def _order(event: RecordedEvent) -> tuple[datetime, datetime, str]:
    """Return by what the fold tells the later of two events."""
    return min(event.occurred_at, event.recorded_at), event.occurred_at, str(event.event_id)
