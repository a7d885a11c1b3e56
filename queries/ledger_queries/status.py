"""The status policy: one word for how far a row has come, derived from its facts and never stored.

The same policy for analysts is the view `notification_status`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """How far a row has come, the furthest first."""

    DELETED = "deleted"
    ACKNOWLEDGED = "acknowledged"
    READ = "read"
    CLICKED = "clicked"
    OPENED = "opened"
    SEEN = "seen"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    DEFERRED = "deferred"
    FIRED = "fired"
    ATTEMPTED = "attempted"
    CREATED = "created"
    AWAITING_CREATED = "awaiting_created"


_BY_ANYBODY: Final = frozenset(
    {
        Status.CLICKED,
        Status.OPENED,
        Status.SEEN,
        Status.DELIVERED,
        Status.DEFERRED,
        Status.FIRED,
        Status.ATTEMPTED,
    }
)
"""What one recipient's fact is enough for."""


def status_of(
    facts: Collection[str], of_all: Mapping[Status, bool], *, failed_permanently: bool, listed: bool
) -> Status:
    """Return the status of a row with these facts.

    `of_all` says of the others whether they hold for every recipient of the row: one person's `read` does not make a
    broadcast read. A failure counts when it is permanent. `listed`: its `created` has come.
    """
    holds = {status for status, of_everybody in of_all.items() if of_everybody}
    holds |= {status for status in _BY_ANYBODY if status in facts}
    holds |= {Status.FAILED} if failed_permanently else set()
    holds |= {Status.CREATED} if listed else set()
    return next((status for status in Status if status in holds), Status.AWAITING_CREATED)
