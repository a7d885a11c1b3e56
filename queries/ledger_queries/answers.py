"""The three questions: list, count, get. Functions of an open reading and what is asked, to typed answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from ledger_queries.content import Content
from ledger_queries.facts import with_facts
from ledger_queries.filters import KINDS, Filter, Grain, GroupBy
from ledger_queries.finding import (
    FOLDERS,
    Found,
    Page,
    find_deliveries,
    find_inbox_entries,
    find_notifications,
    find_total,
)
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
from ledger_queries.sorting import Sort, parse_sort
from ledger_queries.sql import over_filter, reaches, statement
from ledger_schemas import limits
from ledger_schemas.errors import NotFound

AnyPage = NotificationPage | InboxEntryPage | DeliveryPage


_ROWS: Final[Mapping[Grain, type[AnyRow]]] = MappingProxyType(
    {Grain.NOTIFICATION: NotificationRow, Grain.INBOX_ENTRY: InboxEntryRow, Grain.DELIVERY: DeliveryRow}
)


def fields_of(grain: Grain) -> tuple[str, ...]:
    """Return the names of the fields of a grain's rows, in their order."""
    row = _ROWS[grain]
    return (*row.model_fields, *row.model_computed_fields)


def list_rows(
    reading: Reading,
    grain: Grain,
    asked: Filter,
    *,
    limit: int = limits.PAGE_ROWS_DEFAULT,
    cursor: str | None = None,
    offset: int = 0,
    sort: str | None = None,
    total: bool = False,
) -> AnyPage:
    """Return one page of the rows that the filter finds, at most `limit` of them, the newest first if no `sort` says.

    Raises BadRequest when the grain cannot answer the filter, the order cannot be, or limit or offset pass theirs;
    CursorInvalid.
    """
    asked.checked(grain)
    sorts = parse_sort(sort)
    after = None if cursor is None else decode_cursor(cursor, sorts, grain, asked, reading.projection_version)
    page = Page(limit=limit, offset=offset, sorts=sorts, after=after)
    stated = {"position": str(reading.position), "grain": grain}
    if grain is Grain.NOTIFICATION:
        notifications = find_notifications(reading, asked, page, total=total)
        following = _next(reading, notifications, grain, asked, sorts)
        return NotificationPage(**stated, rows=notifications.rows, next=following, total=notifications.total)
    if grain is Grain.INBOX_ENTRY:
        entries = find_inbox_entries(reading, asked, page, total=total)
        following = _next(reading, entries, grain, asked, sorts)
        return InboxEntryPage(**stated, rows=entries.rows, next=following, total=entries.total)
    deliveries = find_deliveries(reading, asked, page, total=total)
    following = _next(reading, deliveries, grain, asked, sorts)
    return DeliveryPage(**stated, rows=deliveries.rows, next=following, total=deliveries.total)


def _next(reading: Reading, found: Found[Any], grain: Grain, asked: Filter, sorts: Sequence[Sort]) -> str | None:
    if not found.more or found.last is None:
        return None
    return encode_cursor(found.last, sorts, grain, asked, reading.projection_version)


def count_rows(reading: Reading, grain: Grain, asked: Filter, *, group_by: GroupBy | None = None) -> CountAnswer:
    """Return how many rows the filter finds: exactly those that `list_rows` walks through.

    The count of a group is the total of the same filter narrowed to that group. Groups of recipients and channels are
    at most GROUPS_MAX, largest first. Raises BadRequest when the grain cannot answer the filter.
    """
    folder = FOLDERS[grain]
    parameters = asked.checked(grain).parameters()
    total = find_total(reading, grain, asked)
    groups: list[Group] | None = None
    complete: bool | None = None
    if group_by is GroupBy.KIND:
        counts = "\n".join(f'    coalesce(count_if({reaches(kind)}), 0) AS "{kind}",' for kind in KINDS[grain])
        (reached,) = reading.rows(over_filter(folder, "by_kind", parameters, {"kinds": counts}), parameters)
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
    numbered = _read_of_one(reading, "number", key)
    found = _read_of_one(reading, "notification", numbered[0]) if numbered else []
    if not found:
        raise NotFound(
            "The tenant has no notification with this id.",
            hint="Check the id and the tenant; a notification that was just recorded may need at_least.",
            field="notification_id",
        )
    (number,) = numbered
    contents = _read_of_one(reading, "content", {"n": number["n"]})
    title = {"title": contents[0]["title"] if contents else None}
    entries, entries_complete = _cut(reading, "inbox_entries", number, DETAIL_ROWS_MAX)
    deliveries, deliveries_complete = _cut(reading, "deliveries", number, DETAIL_ROWS_MAX)
    events, events_complete = _cut(reading, "timeline", number, limits.TIMELINE_EVENTS_MAX)
    (notification,) = with_facts(Grain.NOTIFICATION, found)
    if contents and contents[0]["channels"]:
        notification["channels"] = sorted({*notification["channels"], *contents[0]["channels"]})
    return NotificationDetail(
        position=str(reading.position),
        notification=NotificationRow.model_validate(notification | title),
        content=Content.from_row(contents[0]) if contents else None,
        inbox_entries=[InboxEntryRow.from_row(row | title) for row in with_facts(Grain.INBOX_ENTRY, entries)],
        inbox_entries_complete=entries_complete,
        deliveries=[DeliveryRow.model_validate(row | title) for row in with_facts(Grain.DELIVERY, deliveries)],
        deliveries_complete=deliveries_complete,
        timeline=[TimelineEvent.model_validate(row) for row in events],
        timeline_complete=events_complete,
        duplicates=_read_of_one(reading, "duplicates", key)[0]["duplicates"],
    )


def _read_of_one(reading: Reading, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    return reading.rows(statement(f"one_notification/{name}", parameters), parameters)


def _cut(reading: Reading, name: str, number: Mapping[str, object], most: int) -> tuple[Sequence[dict[str, Any]], bool]:
    rows = _read_of_one(reading, name, {**number, "rows": most + 1})
    return rows[:most], len(rows) <= most
