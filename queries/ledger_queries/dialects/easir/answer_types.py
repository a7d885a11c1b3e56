"""EASI'R's answers as its document has them: what its OpenAPI document shows."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

_CLOSED: Final = ConfigDict(extra="forbid")

WallTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]
"""A time in UTC, without a zone."""


class Notification(TypedDict):
    """A notification as one user has it; what is in `data` depends on the type."""

    __pydantic_config__ = _CLOSED  # type: ignore[misc] # as pydantic documents it

    id: str
    type: str
    data: dict[str, Any]
    message: str
    message_formatted: str
    read: bool
    read_at: WallTime | None
    created_at: WallTime


class Urls(TypedDict):
    """The pages before and after; null at the ends."""

    __pydantic_config__ = _CLOSED  # type: ignore[misc]

    previous: str | None
    next: str | None


class Pagination(TypedDict):
    """Which page it is, of how many rows, and how many of the user's notifications are unread."""

    __pydantic_config__ = _CLOSED  # type: ignore[misc]

    total: int
    page: int
    per_page: int
    urls: Urls
    unread: int


class NotificationPage(TypedDict):
    """One page of a user's notifications, newest first."""

    __pydantic_config__ = _CLOSED  # type: ignore[misc]

    data: list[Notification]
    pagination: Pagination


class Queued(TypedDict):
    """The notification is in the log."""

    __pydantic_config__ = _CLOSED  # type: ignore[misc]

    queued: bool
