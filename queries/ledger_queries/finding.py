"""Finds the rows of a page: filtered, ordered, from an offset or a row on, with their facts; or their ids alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from ledger_queries.badges import read_folded_total
from ledger_queries.facts import with_facts
from ledger_queries.filters import Filter, Grain
from ledger_queries.reading import Reading
from ledger_queries.rows import AnyRow, DeliveryRow, InboxEntryRow, NotificationRow
from ledger_queries.sorting import NEWEST_FIRST, RowKey, Sort, needs_content, page_fragments
from ledger_queries.sql import over_filter
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest

FOLDERS: Final[Mapping[Grain, str]] = MappingProxyType(
    {Grain.NOTIFICATION: "notifications", Grain.INBOX_ENTRY: "inbox_entries", Grain.DELIVERY: "deliveries"}
)
"""Where the statements of a grain lie, below `sql/`."""

WALK_IDS: Final = 10_000
"""Ids of one batch of a walk."""

_R = TypeVar("_R", bound=AnyRow)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the rows: `limit` of them, in an order, after `offset` others or after a row."""

    limit: int = limits.PAGE_ROWS_DEFAULT
    offset: int = 0
    sorts: Sequence[Sort] = NEWEST_FIRST
    after: RowKey | None = None


@dataclass(frozen=True, slots=True)
class Found(Generic[_R]):
    """The rows of a page, and the numbers of their notifications in the file.

    `total` is None where it was not asked for.
    """

    rows: list[_R]
    numbers: list[int]
    more: bool
    total: int | None
    last: RowKey | None


def find_notifications(reading: Reading, asked: Filter, page: Page, *, total: bool = False) -> Found[NotificationRow]:
    """Return notifications. Raises BadRequest when the grain cannot answer the filter, or a limit is passed."""
    return _find(reading, Grain.NOTIFICATION, NotificationRow.model_validate, asked, page, total=total)


def find_inbox_entries(reading: Reading, asked: Filter, page: Page, *, total: bool = False) -> Found[InboxEntryRow]:
    """Return inbox entries, as `find_notifications` does notifications."""
    return _find(reading, Grain.INBOX_ENTRY, InboxEntryRow.from_row, asked, page, total=total)


def find_deliveries(reading: Reading, asked: Filter, page: Page, *, total: bool = False) -> Found[DeliveryRow]:
    """Return deliveries, as `find_notifications` does notifications."""
    return _find(reading, Grain.DELIVERY, DeliveryRow.model_validate, asked, page, total=total)


def walk_inbox_entry_ids(
    reading: Reading, asked: Filter, ids_between: tuple[UUID, UUID]
) -> Iterator[list[tuple[str, str]]]:
    """Yield (inbox entry id, recipient id) in batches, ordered by the first; no row is read whole.

    Only entries of notifications whose id lies between the two count, both included. An inbox entry id is its 36
    characters: a UUID would take three times as long. The walk has no limit but the reading's deadline. Read it to its
    end before the next statement. Raises BadRequest when inbox entries cannot answer the filter.
    """
    grain, span = Grain.INBOX_ENTRY, {"id_from": ids_between[0], "id_to": ids_between[1]}
    parameters = {**asked.checked(grain).parameters(), **span}
    folder = FOLDERS[grain]
    yield from reading.batches(over_filter(folder, f"{folder}/ids", parameters), parameters, WALK_IDS)


def find_total(reading: Reading, grain: Grain, asked: Filter) -> int:
    """Return how many rows of a grain the filter finds. Raises BadRequest when the grain cannot answer it."""
    parameters = asked.checked(grain).parameters()
    folded = read_folded_total(reading, asked) if grain is Grain.INBOX_ENTRY else None
    return _counted(reading, grain, parameters) if folded is None else folded


def _find(
    reading: Reading,
    grain: Grain,
    as_row: Callable[[Mapping[str, Any]], _R],
    asked: Filter,
    page: Page,
    *,
    total: bool,
) -> Found[_R]:
    filtered = asked.checked(grain).parameters()
    _check(page)
    # One row more than the page tells whether there is a next one, also when the last page is exactly full.
    parameters = filtered | {"rows": page.limit + 1}
    if page.offset:
        parameters["skipped"] = page.offset
    if page.after is not None:
        parameters |= page.after.parameters(grain)
    given = {*parameters, "by_content"} if needs_content(page.sorts) else parameters
    folder = FOLDERS[grain]
    sql = over_filter(folder, f"{folder}/page", given, page_fragments(page.sorts, grain, page.after))
    found = reading.rows(sql, parameters)
    rows = with_facts(grain, found[: page.limit])
    return Found(
        rows=[as_row(row) for row in rows],
        numbers=[row["n"] for row in rows],
        more=len(found) > page.limit,
        total=find_total(reading, grain, asked) if total else None,
        last=RowKey.of(rows[-1], page.sorts, grain) if rows else None,
    )


def _counted(reading: Reading, grain: Grain, parameters: Mapping[str, object]) -> int:
    (counted,) = reading.rows(over_filter(FOLDERS[grain], "total", parameters), parameters)
    return int(counted["total"])


def _check(page: Page) -> None:
    if not 1 <= page.limit <= limits.PAGE_ROWS_MAX:
        raise BadRequest(
            f"limit: must be 1 to PAGE_ROWS_MAX = {limits.PAGE_ROWS_MAX}.", hint="Ask for pages.", field="limit"
        )
    if not 0 <= page.offset <= limits.PAGE_OFFSET_MAX:
        raise BadRequest(
            f"offset: must be 0 to PAGE_OFFSET_MAX = {limits.PAGE_OFFSET_MAX}.",
            hint="Go on by cursor, or narrow the filter.",
            field="offset",
        )
    if page.offset and page.after is not None:
        raise BadRequest("offset: cannot go with a cursor.", hint="Leave one of the two out.", field="offset")
