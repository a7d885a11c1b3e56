"""The three questions: list, count, get. Functions of an open reading and what is asked, to typed answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from ledger_queries.badges import read_folded_total
from ledger_queries.content import Content
from ledger_queries.facts import with_facts
from ledger_queries.filters import KINDS, Filter, Grain, GroupBy
from ledger_queries.pages import decode_cursor, encode_cursor
from ledger_queries.reading import Reading
from ledger_queries.rows import (
    DETAIL_ROWS_MAX,
    AnyRow,
    CountAnswer,
    DeliveryPage,
    DeliveryRow,
    Group,
    InboxEntryPage,
    InboxEntryRow,
    NotificationDetail,
    NotificationPage,
    NotificationRow,
    TimelineEvent,
)
from ledger_queries.sql import over_filter, statement
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest, NotFound

AnyPage = NotificationPage | InboxEntryPage | DeliveryPage


@dataclass(frozen=True, slots=True)
class _Form:
    """Where the statements of a grain lie, and what makes its rows and its pages."""

    folder: str
    model: type[AnyRow]
    row: Callable[[Mapping[str, Any]], AnyRow]
    page: type[AnyPage]


_FORMS: Final[Mapping[Grain, _Form]] = MappingProxyType(
    {
        Grain.NOTIFICATION: _Form("notifications", NotificationRow, NotificationRow.model_validate, NotificationPage),
        Grain.INBOX_ENTRY: _Form("inbox_entries", InboxEntryRow, InboxEntryRow.from_row, InboxEntryPage),
        Grain.DELIVERY: _Form("deliveries", DeliveryRow, DeliveryRow.model_validate, DeliveryPage),
    }
)


def fields_of(grain: Grain) -> tuple[str, ...]:
    """Return the names of the fields of a grain's rows, in their order."""
    row = _FORMS[grain].model
    return (*row.model_fields, *row.model_computed_fields)


def list_rows(
    reading: Reading, grain: Grain, asked: Filter, *, limit: int = limits.PAGE_ROWS_DEFAULT, cursor: str | None = None
) -> AnyPage:
    """Return one page of the rows that the filter finds, newest first, at most `limit` of them.

    Raises BadRequest when the grain cannot answer the filter or the limit is not 1 to PAGE_ROWS_MAX, CursorInvalid.
    """
    form = _FORMS[grain]
    parameters = asked.checked(grain).parameters()
    if not 1 <= limit <= limits.PAGE_ROWS_MAX:
        raise BadRequest(
            f"limit: must be 1 to PAGE_ROWS_MAX = {limits.PAGE_ROWS_MAX}.", hint="Ask for pages.", field="limit"
        )
    if cursor is not None:
        parameters |= decode_cursor(cursor, grain, asked, reading.projection_version).parameters(grain)
    # One row more than the page tells whether there is a next one, also when the last page is exactly full.
    parameters["rows"] = limit + 1
    found = reading.rows(over_filter(form.folder, f"{form.folder}/page", parameters), parameters)
    rows = [form.row(row) for row in with_facts(reading, grain, found[:limit])]
    more = len(found) > limit
    following = encode_cursor(rows[-1].sort_key(), grain, asked, reading.projection_version) if more else None
    return form.page.model_validate(
        {"position": str(reading.position), "grain": grain, "rows": rows, "next": following}
    )


def count_rows(reading: Reading, grain: Grain, asked: Filter, *, group_by: GroupBy | None = None) -> CountAnswer:
    """Return how many rows the filter finds: exactly those that `list_rows` walks through.

    The count of a group is the total of the same filter narrowed to that group. Groups of recipients and channels are
    at most GROUPS_MAX, largest first. Raises BadRequest when the grain cannot answer the filter.
    """
    folder = _FORMS[grain].folder
    parameters = asked.checked(grain).parameters()
    total = read_folded_total(reading, asked) if grain is Grain.INBOX_ENTRY and group_by is None else None
    if total is None:
        (counted,) = reading.rows(over_filter(folder, "total", parameters), parameters)
        total = int(counted["total"])
    groups: list[Group] | None = None
    complete: bool | None = None
    if group_by is GroupBy.KIND:
        given = {*parameters, "whole"} if grain is Grain.NOTIFICATION else parameters
        (reached,) = reading.rows(over_filter(folder, "by_kind", given), parameters)
        groups, complete = [Group(name=kind, count=reached[kind]) for kind in KINDS[grain]], True
    elif group_by is not None:
        parameters["groups"] = limits.GROUPS_MAX + 1
        found = reading.rows(over_filter(folder, f"{folder}/by_{group_by}", parameters), parameters)
        groups = [Group(name=row["name"], count=row["group_rows"]) for row in found[: limits.GROUPS_MAX]]
        complete = len(found) <= limits.GROUPS_MAX
    return CountAnswer(
        position=str(reading.position),
        grain=grain,
        total=total,
        group_by=group_by,
        groups=groups,
        groups_complete=complete,
    )


def get_notification(reading: Reading, tenant: str, notification_id: UUID) -> NotificationDetail:
    """Return one notification whole, also when its `created` has not come yet.

    Raises NotFound, in the same words for an id that nobody has and for one that another tenant has.
    """
    key: dict[str, object] = {"tenant": tenant, "notification_id": notification_id}
    places = _read_of_one(reading, "place", key)
    found = _read_of_one(reading, "notification", places[0]) if places else []
    if not found:
        raise NotFound(
            "The tenant has no notification with this id.",
            hint="Check the id and the tenant; a notification that was just recorded may need at_least.",
            field="notification_id",
        )
    (place,) = places
    contents = _read_of_one(reading, "content", {"n": place["n"]})
    title = {"title": contents[0]["title"] if contents else None}
    entries, entries_complete = _cut(reading, "inbox_entries", place, DETAIL_ROWS_MAX)
    deliveries, deliveries_complete = _cut(reading, "deliveries", place, DETAIL_ROWS_MAX)
    events, events_complete = _cut(reading, "timeline", place, limits.TIMELINE_EVENTS_MAX)
    (notification,) = with_facts(reading, Grain.NOTIFICATION, found)
    return NotificationDetail(
        position=str(reading.position),
        notification=NotificationRow.model_validate(notification | title),
        content=Content.from_row(contents[0]) if contents else None,
        inbox_entries=[InboxEntryRow.from_row(row | title) for row in with_facts(reading, Grain.INBOX_ENTRY, entries)],
        inbox_entries_complete=entries_complete,
        deliveries=[DeliveryRow.model_validate(row | title) for row in with_facts(reading, Grain.DELIVERY, deliveries)],
        deliveries_complete=deliveries_complete,
        timeline=[TimelineEvent.model_validate(row) for row in events],
        timeline_complete=events_complete,
        duplicates=_read_of_one(reading, "duplicates", key)[0]["duplicates"],
    )


def _read_of_one(reading: Reading, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    return reading.rows(statement(f"one_notification/{name}", parameters), parameters)


def _cut(reading: Reading, name: str, place: Mapping[str, object], most: int) -> tuple[Sequence[dict[str, Any]], bool]:
    rows = _read_of_one(reading, name, {**place, "rows": most + 1})
    return rows[:most], len(rows) <= most
