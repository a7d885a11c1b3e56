"""Finds the inbox entry of a Novu id: by what its emitter calls it, and by the id that is derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ledger_queries.dialects.novu import jobs
from ledger_queries.dialects.novu.event import Recorded
from ledger_queries.dialects.novu.object_ids import id_of_entry, ids_between, is_object_id
from ledger_queries.filters import Filter, Grain
from ledger_queries.finding import Page, find_deliveries, find_inbox_entries, find_total, walk_inbox_entry_ids
from ledger_queries.reading import Reading
from ledger_queries.recorded import RecordedContent, contents_of, events_of
from ledger_queries.rows import InboxEntryRow
from ledger_schemas import limits
from ledger_schemas.kinds import Kind

JOBS_MAX: Final = limits.PAGE_ROWS_MAX
"""Deliveries of one inbox entry that are shown as jobs, the newest first."""

KINDS: Final = (*jobs.KINDS, Kind.AMENDED)
"""Kinds of events that an answer is made of besides the rows."""


def find_recorded(reading: Reading, tenant_id: str, object_id: str, recipient_id: str | None) -> Recorded | None:
    """Return what is recorded of the one inbox entry that an id fits; with `recipient_id` only that recipient's."""
    # Both are asked: an emitter can call its own notification by the derived id of another.
    hits = [_stated(reading, tenant_id, object_id), _derived(reading, tenant_id, object_id.lower())]
    fitting = [hit for hit in hits if hit is not None]
    if len(fitting) != 1:
        return None
    (hit,) = fitting
    entry = hit.entry
    if recipient_id not in {None, entry.recipient_id}:
        return None
    (events,) = events_of(reading, [hit.number], KINDS, recipient_id=entry.recipient_id)
    of_notification = Filter(tenant=tenant_id, notification_id=(entry.notification_id,))
    of_recipient = of_notification.model_copy(update={"recipient": entry.recipient_id})
    return Recorded(
        object_id=hit.object_id,
        entry=entry,
        alone=find_total(reading, Grain.INBOX_ENTRY, of_notification) == 1,
        content=hit.content,
        deliveries=find_deliveries(reading, of_recipient, Page(limit=JOBS_MAX)).rows,
        events=events,
    )


@dataclass(frozen=True, slots=True)
class _Hit:
    """An inbox entry that an id fits; `object_id` is the id as it is shown."""

    object_id: str
    entry: InboxEntryRow
    number: int
    content: RecordedContent


def _stated(reading: Reading, tenant_id: str, object_id: str) -> _Hit | None:
    """Return the inbox entry whose emitter calls it so, if it is the only one."""
    spellings = tuple(dict.fromkeys((object_id, object_id.lower())))
    found = find_inbox_entries(reading, Filter(tenant=tenant_id, external_id=spellings), Page(limit=2))
    if len(found.rows) != 1:
        return None
    (entry,), (number,) = found.rows, found.numbers
    (content,) = contents_of(reading, [number], recipient_id=entry.recipient_id)
    return _Hit(content.external_id or object_id, entry, number, content)


def _derived(reading: Reading, tenant_id: str, object_id: str) -> _Hit | None:
    """Return the inbox entry whose derived id it is, if it is the only one and has no id of its emitter's.

    Every inbox entry whose id begins with the same four bytes is tried: about 65 seconds of entries. Their number has
    no limit. A search that takes too long ends with the deadline's error, so that 404 always means no such event.
    """
    candidates = walk_inbox_entry_ids(reading, Filter(tenant=tenant_id), ids_between(object_id))
    fitting = [
        (entry_id, recipient_id)
        for batch in candidates
        for entry_id, recipient_id in batch
        if id_of_entry(entry_id) == object_id
    ]
    if len(fitting) != 1:
        return None
    ((entry_id, recipient_id),) = fitting
    # By the recipient too: the ids of inbox entries are in no table, and so they are derived for that recipient alone.
    of_entry = Filter(tenant=tenant_id, recipient=recipient_id, inbox_entry_id=UUID(entry_id))
    found = find_inbox_entries(reading, of_entry, Page(limit=1))
    (entry,), (number,) = found.rows, found.numbers
    (content,) = contents_of(reading, [number], recipient_id=recipient_id)
    stated = content.external_id
    if stated and is_object_id(stated) and _stated(reading, tenant_id, stated):
        return None
    return _Hit(object_id, entry, number, content)
