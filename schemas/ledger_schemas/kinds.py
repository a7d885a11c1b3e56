"""The kinds: which lifecycle change an event is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Which lifecycle change an event is: the six that every notification may go through, then the further ones."""

    CREATED = "created"
    FIRED = "fired"
    DELIVERED = "delivered"
    OPENED = "opened"
    READ = "read"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    ATTEMPTED = "attempted"
    DEFERRED = "deferred"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SEEN = "seen"
    CLICKED = "clicked"
    UNREAD = "unread"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    SNOOZED = "snoozed"
    UNSNOOZED = "unsnoozed"
    ACTION_COMPLETED = "action_completed"
    ACTION_REVERTED = "action_reverted"
    DELETED = "deleted"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    AMENDED = "amended"
    AUDIENCE_ADDED = "audience_added"
    RETRACTED = "retracted"
    OBSERVED = "observed"

    @property
    def record_name(self) -> str:
        """The name of the Avro record and of the model: `audience_added` is `NotificationAudienceAdded`."""
        return "Notification" + "".join(word.capitalize() for word in self.value.split("_"))


DATED: Final = (
    *(Kind.FIRED, Kind.DELIVERED, Kind.FAILED, Kind.CANCELLED, Kind.EXPIRED),
    *(Kind.SEEN, Kind.OPENED, Kind.CLICKED, Kind.READ, Kind.ACKNOWLEDGED),
)
"""Kinds whose first time is a column of the read model's rows: what queries count, filter and sort by most."""

OF_NOTIFICATIONS: Final = (Kind.CREATED, Kind.AMENDED, Kind.AUDIENCE_ADDED, Kind.RETRACTED)
"""Kinds that speak of a notification as a whole: rows below it do not show them."""
