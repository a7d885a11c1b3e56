"""Answers on a terminal: tables for people; for programs, the same JSON document as over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger_queries.answer_types import rfc_3339
from ledger_queries.answers import AnyPage
from ledger_queries.rows import (
    AnyRow,
    BadgeAnswer,
    CountAnswer,
    InboxEntryRow,
    NotificationDetail,
    NotificationRow,
    ShelfCounts,
    TimelineEvent,
)

PIPE_COLUMNS: Final = 240
"""Width when nobody's terminal sets one: a pipe should not cut ids."""

TITLE_CHARS: Final = 60
"""How much of a title a table shows."""


def print_json(answer: BaseModel) -> None:
    """Write the answer as one line of JSON, identical to the body over HTTP."""
    sys.stdout.write(f"{answer.model_dump_json()}\n")


def print_progress(rows: int) -> None:
    """Say on standard error how many rows have come so far."""
    sys.stderr.write(f"{rows} rows\n")


def print_page(page: AnyPage) -> None:
    """Write one page as a table, with the position and the next cursor below."""
    if page.grain == "notification":
        columns: Sequence[str] = _NOTIFICATION_COLUMNS
    elif page.grain == "inbox_entry":
        columns = _ENTRY_COLUMNS
    else:
        columns = _DELIVERY_COLUMNS
    table = table_of(columns, (_cells(row) for row in page.rows))
    footer = [f"{len(page.rows)} rows" if page.total is None else f"{len(page.rows)} of {page.total} rows"]
    if page.next is not None:
        footer.append(f"more: --cursor {page.next}")
    print_table(table, page.position, *footer)


def print_count(answer: CountAnswer) -> None:
    """Write a count: its groups as a table, the total below."""
    footer = [f"{answer.total} rows of grain {answer.grain}"]
    if answer.groups is None:
        print_table(None, answer.position, *footer)
        return
    if not answer.groups_complete:
        footer.append(f"only the {len(answer.groups)} largest groups")
    table = table_of([str(answer.group_by), "count"], ([group.name, str(group.count)] for group in answer.groups))
    print_table(table, answer.position, *footer)


def print_badge(answer: BadgeAnswer) -> None:
    """Write a badge: a line for each shelf."""
    columns = tuple(ShelfCounts.model_fields)
    rows = ([str(getattr(shelf, name)) for name in columns] for shelf in answer.shelves)
    print_table(table_of(columns, rows), answer.position, f"{answer.unread} unread in the inbox")


def print_detail(detail: NotificationDetail) -> None:
    """Write one notification: what it says, its inbox entries, its deliveries, its timeline."""
    row, content = detail.notification, detail.content
    head: list[list[str]] = [
        ["notification_id", str(row.notification_id)],
        ["listed_at", rfc_3339(row.listed_at) if row.listed_at else "not listed: its created has not come yet"],
        ["recipients", f"{row.recipients}, of them read {row.recipients_read}"],
        ["reached", _reached(row)],
    ]
    if content is not None:
        said = content.model_dump(mode="json", exclude={"audience"}, exclude_none=True)
        head += [[name, str(value)] for name, value in said.items()]
    console = _console()
    console.print(table_of(["notification", ""], head))
    for title, columns, rows, complete in (
        ("inbox entries", _ENTRY_COLUMNS, map(_cells, detail.inbox_entries), detail.inbox_entries_complete),
        ("deliveries", _DELIVERY_COLUMNS, map(_cells, detail.deliveries), detail.deliveries_complete),
        ("timeline", _TIMELINE_COLUMNS, map(_event_cells, detail.timeline), detail.timeline_complete),
    ):
        console.print(table_of(columns, rows, title=title if complete else f"{title} (cut)"))
    print_table(None, detail.position, f"{len(detail.timeline)} events", f"{detail.duplicates} duplicates")


_NOTIFICATION_COLUMNS: Final = (
    "listed_at",
    "notification_id",
    "title",
    "channels",
    "recipients",
    "delivered",
    "opened",
    "read",
    "acknowledged",
    "failed",
)
_ENTRY_COLUMNS: Final = ("listed_at", "notification_id", "recipient", "title", "channels", "read", "reached")
_DELIVERY_COLUMNS: Final = (
    "listed_at",
    "notification_id",
    "recipient",
    "channel",
    "delivery_ref",
    "title",
    "read",
    "reached",
)
_TIMELINE_COLUMNS: Final = ("occurred_at", "kind", "recipient", "channel", "delivery_ref", "source", "note", "event_id")


def _cells(row: AnyRow) -> list[str]:
    listed = rfc_3339(row.listed_at) if row.listed_at else ""
    title = row.title or ""
    if len(title) > TITLE_CHARS:
        title = f"{title[: TITLE_CHARS - 1]}…"
    first = [listed, str(row.notification_id)]
    if isinstance(row, NotificationRow):
        numbers = (
            row.recipients,
            row.recipients_delivered,
            row.recipients_opened,
            row.recipients_read,
            row.recipients_acknowledged,
            row.recipients_failed,
        )
        return [*first, title, ", ".join(row.channels), *map(str, numbers)]
    read = "yes" if row.is_read else "no"
    if isinstance(row, InboxEntryRow):
        return [*first, row.recipient_id, title, ", ".join(row.channels), read, _reached(row)]
    return [*first, row.recipient_id, row.channel, row.delivery_ref or "", title, read, _reached(row)]


def _event_cells(event: TimelineEvent) -> list[str]:
    notes = [
        event.reason,
        "permanent" if event.permanent else None,
        "automated" if event.automated else None,
        "retracted" if event.is_retracted else None,
        event.provider,
    ]
    return [
        rfc_3339(event.occurred_at),
        event.kind,
        event.recipient_id or "",
        event.channel or "",
        event.delivery_ref or "",
        event.source,
        ", ".join(note for note in notes if note),
        str(event.event_id),
    ]


def _reached(row: AnyRow) -> str:
    return ", ".join(row.facts)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """Return a table of foreign texts; times and notification ids are not folded."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column.endswith(("_at", "notification_id")))
    for row in rows:
        table.add_row(*map(_shown, row))
    return table


def _shown(text: str) -> Text:
    """Return foreign text without what a terminal would obey: control characters, direction marks, markup."""
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))


def print_table(table: Table | None, position: str | None = None, *footer: str) -> None:
    """Write a table, if there is one, the lines of the footer, and the position that all of it reflects, if any."""
    console = _console()
    if table is not None:
        console.print(table)
    stands = [] if position is None else [f"position: {position or 'the beginning of the log'}"]
    for line in (*footer, *stands):
        console.print(_shown(line), soft_wrap=True)


def _console() -> Console:
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
