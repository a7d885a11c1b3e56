"""Where each field of EASI'R's notification comes from: one table, in the vendor's order."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.recorded import RecordedContent
from ledger_queries.rows import InboxEntryRow

SAID: Final = (
    "action",
    "body",
    "body_formatted",
    "data",
    "title",
    "type",
)
"""The fields of the content that the table reads."""

CUSTOM: Final = "custom"
"""The type of a notification that a user writes, and of one of which no type is recorded."""

_LINE_BREAK: Final = "<br>"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One notification as one user has it. `read_at` is None unless it is read now."""

    entry: InboxEntryRow
    content: RecordedContent
    read_at: datetime | None


def _data(recorded: Recorded) -> dict[str, Any]:
    """Return the recorded data, with what happened as `event`: first, but for the user who did it."""
    document = recorded.content.data if isinstance(recorded.content.data, dict) else {}
    if recorded.content.action is None:
        return document
    event = document.get("event")
    described = {**(event if isinstance(event, dict) else {}), "type": recorded.content.action}
    first = {"user": document["user"]} if "user" in document else {}
    return {
        **first,
        "event": described,
        **{name: part for name, part in document.items() if name not in {"user", "event"}},
    }


def _message(recorded: Recorded) -> str:
    return recorded.content.body or recorded.content.title or ""


def _message_formatted(recorded: Recorded) -> str:
    """Return what is recorded; else the message as one paragraph, safe to show as HTML, its line breaks kept."""
    if recorded.content.body_formatted is not None:
        return recorded.content.body_formatted
    lines = _message(recorded).split(_LINE_BREAK)
    return f"<p>{_LINE_BREAK.join(html.escape(line, quote=False) for line in lines)}</p>"


FIELDS: Final[Mapping[str, Callable[[Recorded], Any]]] = MappingProxyType(
    {
        "id": lambda recorded: str(recorded.entry.notification_id),
        "type": lambda recorded: recorded.content.type or CUSTOM,
        "data": _data,
        "message": _message,
        "message_formatted": _message_formatted,
        "read": lambda recorded: recorded.entry.is_read,
        "read_at": lambda recorded: wall_time(recorded.read_at),
        "created_at": lambda recorded: wall_time(recorded.entry.listed_at),
    }
)
"""Every field, by its name; all of them are in every row."""


def notification_of(recorded: Recorded) -> dict[str, Any]:
    """Return a notification as a row of the list."""
    return {name: take(recorded) for name, take in FIELDS.items()}


def wall_time(time: datetime | None) -> str | None:
    """Return a time as the vendor writes it, without a zone: `2015-03-22 10:25:50`, in UTC."""
    return None if time is None else time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
