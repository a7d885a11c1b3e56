"""Marks inbox entries as read, archived and the like: each mark is an event, put into the log like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from ledger_queries.desk import Desk
from ledger_queries.filters import Filter, Grain
from ledger_queries.reading import Reading
from ledger_queries.sql import over_filter
from ledger_schemas import limits
from ledger_schemas.access import Caller
from ledger_schemas.errors import ContractViolation, LimitExceeded
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from ledger_schemas.positions import Position

MARKED_ENTRIES_MAX: Final = 100_000
"""Inbox entries that one call may mark."""

SOURCE: Final = "marks"
"""The source of the events that marks become."""


class Mark(StrEnum):
    """What an inbox entry can be marked as; each is the kind of the event that it becomes."""

    SEEN = "seen"
    READ = "read"
    UNREAD = "unread"
    ACKNOWLEDGED = "acknowledged"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    SNOOZED = "snoozed"
    UNSNOOZED = "unsnoozed"
    ACTION_COMPLETED = "action_completed"
    ACTION_REVERTED = "action_reverted"
    DELETED = "deleted"


_ALREADY: Final[Mapping[Mark, tuple[str, bool]]] = MappingProxyType(
    {
        Mark.SEEN: ("is_seen", True),
        Mark.READ: ("is_read", True),
        Mark.UNREAD: ("is_read", False),
        Mark.ACKNOWLEDGED: ("is_acknowledged", True),
        Mark.ARCHIVED: ("is_archived", True),
        Mark.UNARCHIVED: ("is_archived", False),
        Mark.UNSNOOZED: ("is_snoozed", False),
        Mark.DELETED: ("is_deleted", True),
    }
)
"""By what a row shows that a mark holds already: it is not made twice. The others may differ each time."""

_OF_ACTIONS: Final = (Mark.ACTION_COMPLETED, Mark.ACTION_REVERTED)


@dataclass(frozen=True, slots=True)
class Marking:
    """A mark, and the inbox entries that it is for: those that a filter with a recipient finds.

    `snoozed_until` goes with SNOOZED alone; `action_type` with the two of actions, which need it.
    """

    mark: Mark
    asked: Filter
    snoozed_until: datetime | None = None
    action_type: str | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """What became of a marking.

    It is for what the read model held at `as_of`: what arrives meanwhile stays as it is. `marked` and `unchanged` are
    notifications; `unchanged` were marked so already. `position` is the one after the events, empty when there are
    none; `is_shown` says whether the read model shows them.
    """

    as_of: Position
    position: Position
    marked: Sequence[UUID]
    unchanged: Sequence[UUID]
    is_shown: bool


async def mark_entries(desk: Desk, caller: Caller, marking: Marking, *, wait_seconds: float) -> Marked:
    """Put one event for each inbox entry that is not marked so yet, and wait until the read model shows them.

    Deleted entries are passed over. Raises ContractViolation, LimitExceeded above MARKED_ENTRIES_MAX, and what the sink
    raises.
    """
    _check(marking)
    asked = marking.asked
    if marking.mark is not Mark.DELETED:
        asked = asked.model_copy(update={"deleted": False})
    as_of, rows = await desk.read(lambda reading: (reading.position, _rows(reading, asked)))
    column, holds = _ALREADY.get(marking.mark, ("", True))
    marked = [row["notification_id"] for row in rows if row.get(column) is not holds]
    unchanged = [row["notification_id"] for row in rows if row.get(column) is holds]
    position = Position()
    for start in range(0, len(marked), limits.BATCH_EVENTS_MAX):
        part = marked[start : start + limits.BATCH_EVENTS_MAX]
        # In a worker thread: making a thousand events takes the processor for tens of milliseconds.
        position = position.merged(await desk.append(await run_in_threadpool(_events, caller, marking, part)))
    return Marked(as_of, position, marked, unchanged, await desk.is_shown(position, wait_seconds))


def _rows(reading: Reading, asked: Filter) -> list[dict[str, Any]]:
    parameters = asked.checked(Grain.INBOX_ENTRY).parameters() | {"rows": MARKED_ENTRIES_MAX + 1}
    rows = reading.rows(over_filter("inbox_entries", "inbox_entries/to_mark", parameters), parameters)
    if len(rows) > MARKED_ENTRIES_MAX:
        raise LimitExceeded(
            f"These are more than MARKED_ENTRIES_MAX = {MARKED_ENTRIES_MAX} inbox entries.",
            hint="Mark them in parts: up to a time with created_before, for instance.",
        )
    return rows


def _events(caller: Caller, marking: Marking, notification_ids: Sequence[UUID]) -> list[Event]:
    return [_event(caller, marking, one) for one in notification_ids]


def _event(caller: Caller, marking: Marking, notification_id: UUID) -> Event:
    stated = {
        "kind": Kind(marking.mark.value),
        "tenant_id": marking.asked.tenant,
        "notification_id": notification_id,
        "recipient_id": marking.asked.recipient,
        "source": SOURCE,
        "actor": caller.recipient_id or caller.key_id,
        "snoozed_until": marking.snoozed_until,
        "action_type": marking.action_type,
    }
    return parse_event({name: value for name, value in stated.items() if value is not None})


def _check(marking: Marking) -> None:
    if marking.asked.recipient is None:
        raise ContractViolation("recipient: is required.", hint="State whose inbox it is.", field="recipient")
    if (marking.mark in _OF_ACTIONS) != (marking.action_type is not None):
        raise ContractViolation(
            f"action_type: goes with {' and '.join(_OF_ACTIONS)}, which need it.",
            hint="State it with one of these, and with nothing else.",
            field="action_type",
        )
    if marking.snoozed_until is not None and marking.mark is not Mark.SNOOZED:
        raise ContractViolation("snoozed_until: goes with snoozed alone.", hint="Leave it out.", field="snoozed_until")
