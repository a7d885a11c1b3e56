"""Finds the inbox entry of a Novu id: first by what its emitter calls it, then by the id that is derived."""

from __future__ import annotations

from typing import Final

from ledger_queries.dialects.novu import jobs
from ledger_queries.dialects.novu.event import Recorded
from ledger_queries.dialects.novu.object_ids import id_of_entry, ids_between, is_object_id
from ledger_queries.filters import Filter
from ledger_queries.finding import Page, Place, find_deliveries, find_inbox_entries
from ledger_queries.reading import Reading
from ledger_queries.recorded import contents_of, events_of
from ledger_queries.rows import InboxEntryRow
from ledger_schemas import limits
from ledger_schemas.kinds import Kind

CANDIDATES_MAX: Final = 10_000
"""Inbox entries that a derived id is looked for among: those that its first four bytes, 65 seconds, leave."""

CANDIDATES_PER_PAGE: Final = limits.PAGE_ROWS_MAX

JOBS_MAX: Final = limits.PAGE_ROWS_MAX
"""Deliveries of one inbox entry that are shown as jobs, the newest first."""

KINDS: Final = (*jobs.KINDS, Kind.AMENDED)
"""Kinds of events that an answer is made of besides the rows."""


def find_recorded(reading: Reading, tenant_id: str, object_id: str, recipient_id: str | None) -> Recorded | None:
    """Return what is recorded of the one inbox entry that an id fits; with `recipient_id` only that recipient's."""
    hit = _stated(reading, tenant_id, object_id) or _derived(reading, tenant_id, object_id)
    if hit is None or recipient_id not in {None, hit[0].recipient_id}:
        return None
    entry, place = hit
    (content,) = contents_of(reading, [place])
    (events,) = events_of(reading, [place], KINDS)
    of_notification = Filter(tenant=tenant_id, notification_id=(entry.notification_id,))
    of_recipient = of_notification.model_copy(update={"recipient": entry.recipient_id})
    return Recorded(
        object_id=_id_of(reading, tenant_id, entry, content.external_id),
        entry=entry,
        alone=len(find_inbox_entries(reading, of_notification, Page(limit=2)).rows) == 1,
        content=content,
        deliveries=find_deliveries(reading, of_recipient, Page(limit=JOBS_MAX)).rows,
        events=events,
    )


_Hit = tuple[InboxEntryRow, Place]


def _stated(reading: Reading, tenant_id: str, object_id: str) -> _Hit | None:
    """Return the inbox entry whose emitter calls it so, if it is the only one."""
    spellings = tuple(dict.fromkeys((object_id, object_id.lower())))
    found = find_inbox_entries(reading, Filter(tenant=tenant_id, external_id=spellings), Page(limit=2))
    return (found.rows[0], found.places[0]) if len(found.rows) == 1 else None


def _derived(reading: Reading, tenant_id: str, object_id: str) -> _Hit | None:
    """Return the inbox entry whose derived id it is, if it is the only one and has no id of its emitter's."""
    hits: list[_Hit] = []
    passed, after, more = 0, None, True
    while more and passed < CANDIDATES_MAX:
        page = Page(limit=CANDIDATES_PER_PAGE, after=after)
        found = find_inbox_entries(reading, Filter(tenant=tenant_id), page, ids_between=ids_between(object_id))
        hits += [
            (row, place)
            for row, place in zip(found.rows, found.places, strict=True)
            if id_of_entry(row.inbox_entry_id) == object_id.lower()
        ]
        passed, after, more = passed + len(found.rows), found.last, found.more
    if len(hits) != 1:
        return None
    entry, place = hits[0]
    (content,) = contents_of(reading, [place])
    return hits[0] if _id_of(reading, tenant_id, entry, content.external_id) == object_id.lower() else None


def _id_of(reading: Reading, tenant_id: str, entry: InboxEntryRow, external_id: str | None) -> str:
    """Return the id of an inbox entry: its emitter's, where that has the form and names no other; else derived."""
    if external_id is not None and is_object_id(external_id) and _stated(reading, tenant_id, external_id):
        return external_id
    return id_of_entry(entry.inbox_entry_id)
