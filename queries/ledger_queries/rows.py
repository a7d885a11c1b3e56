"""The answers as typed values: rows at the three grains, pages of them, counts, and one notification whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ledger_queries.filters import Grain, GroupBy
from ledger_queries.pages import SortKey
from ledger_schemas.kinds import Kind

DETAIL_ROWS_MAX: Final = 10_000
"""Inbox entries, and deliveries, that `get` answers with."""


def rfc_3339(value: datetime) -> str:
    """Return a time as every answer writes it: RFC 3339, UTC, microseconds."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[
    datetime,
    PlainSerializer(rfc_3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-02T03:04:05.000000Z"]}),
]
_Absent = BeforeValidator(lambda value: None if value == "" else value)
"""The read model writes an absent delivery_ref as an empty text."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class FactColumns(_Answer):
    """What was said of the row, per fact: earliest and latest occurred_at, and how many distinct events said it."""

    first_fired_at: Time | None
    last_fired_at: Time | None
    fired_count: int
    first_delivered_at: Time | None
    last_delivered_at: Time | None
    delivered_count: int
    first_opened_at: Time | None = Field(description="By a person; a machine's opening is `automated_opened`.")
    last_opened_at: Time | None
    opened_count: int
    first_automated_opened_at: Time | None
    last_automated_opened_at: Time | None
    automated_opened_count: int
    first_read_at: Time | None
    last_read_at: Time | None
    read_count: int
    first_unread_at: Time | None
    last_unread_at: Time | None
    unread_count: int
    first_acknowledged_at: Time | None
    last_acknowledged_at: Time | None
    acknowledged_count: int
    first_failed_at: Time | None
    last_failed_at: Time | None
    failed_count: int
    failed_permanently: bool


class NotificationRow(FactColumns):
    """Grain: notification. Facts of everything below it merged; reversible states as numbers of recipients."""

    tenant_id: str
    notification_id: UUID
    listed_at: Time | None = Field(description="When it is listed under; null until its `created` has come.")
    title: str | None
    first_created_at: Time | None
    last_created_at: Time | None
    created_count: int
    channels: list[str]
    recipients: int
    recipients_delivered: int
    recipients_opened: int
    recipients_read: int = Field(description="Recipients whose inbox entry is read now.")
    recipients_acknowledged: int
    recipients_failed: int
    deliveries: int

    def sort_key(self) -> SortKey:
        """Return where the row stands in a list."""
        return SortKey(_listed(self.listed_at), self.notification_id)


class InboxEntryRow(FactColumns):
    """Grain: inbox entry, one notification as one recipient has it."""

    tenant_id: str
    notification_id: UUID
    recipient_id: str
    listed_at: Time | None
    title: str | None
    is_read: bool = Field(description="Read now: the latest of its `read` and `unread` is a `read`.")
    channels: list[str]
    deliveries: int

    def sort_key(self) -> SortKey:
        """Return where the row stands in a list."""
        return SortKey(_listed(self.listed_at), self.notification_id, self.recipient_id)


class DeliveryRow(FactColumns):
    """Grain: delivery, one inbox entry over one channel."""

    tenant_id: str
    notification_id: UUID
    recipient_id: str
    channel: str
    delivery_ref: Annotated[str | None, _Absent] = Field(
        description="Tells apart devices, steps or resends over one channel; null: none was given."
    )
    listed_at: Time | None
    title: str | None
    is_read: bool

    def sort_key(self) -> SortKey:
        """Return where the row stands in a list."""
        return SortKey(
            _listed(self.listed_at), self.notification_id, self.recipient_id, self.channel, self.delivery_ref or ""
        )


class _Reflecting(_Answer):
    position: str = Field(
        description="Where in the log the answer stands; pass it as at_least to read no earlier than this.",
        examples=["notifications.lifecycle.v1@0:128,3:17"],
    )


class _Page(_Reflecting):
    grain: Grain = Field(description="What one row stands for.")
    next: str | None = Field(description="Cursor of the next page; null: there is no more.")


class NotificationPage(_Page):
    """One page of notifications, newest first."""

    rows: list[NotificationRow]


class InboxEntryPage(_Page):
    """One page of inbox entries, newest first."""

    rows: list[InboxEntryRow]


class DeliveryPage(_Page):
    """One page of deliveries, newest first."""

    rows: list[DeliveryRow]


class Group(_Answer):
    """How many of the counted rows belong to one recipient, channel or kind."""

    name: str
    count: int


class CountAnswer(_Reflecting):
    """How many rows a filter finds, and how many in each group when it was asked."""

    grain: Grain = Field(description="What is counted.")
    total: int
    group_by: GroupBy | None = None
    groups: list[Group] | None = Field(
        None,
        description="By recipient and by channel: largest first, then by name. By kind: every kind of the grain. "
        "A row that belongs to several groups is counted in each.",
    )
    groups_complete: bool | None = Field(None, description="False: there are more groups than GROUPS_MAX.")


class SubjectAnswer(_Answer):
    """The business object that the notification is about."""

    type: str
    id: str
    status: str | None


class AudienceAnswer(_Answer):
    """One member of the audience, as `created` named it."""

    recipient_id: str
    role: str
    channels: list[str]


class Content(_Answer):
    """What the notification says: per field, the value of its earliest `created` that has one."""

    source: str | None
    actor: str | None
    category: str | None
    action: str | None
    priority: str | None
    subject: SubjectAnswer | None
    external_id: str | None
    scheduled_at: Time | None
    tags: list[str] | None
    audience: list[AudienceAnswer] | None
    title: str | None
    body: str | None
    data: Any = Field(description="Free-form data, parsed; a text when it is not a JSON document that can be shown.")
    personal_key_id: str | None = Field(description="The key that title, body and data are encrypted with, if any.")


class TimelineEvent(_Answer):
    """One event of the history."""

    event_id: UUID
    kind: Kind
    occurred_at: Time
    recorded_at: Time
    log_partition: int
    log_offset: int = Field(description="Offset of the first copy of the event.")
    recipient_id: str | None
    channel: str | None
    delivery_ref: str | None
    attempt_id: str | None
    source: str
    actor: str | None
    correlation_id: str | None
    causation_id: str | None
    provider: str | None
    automated: bool | None
    permanent: bool | None
    reason: str | None


class NotificationDetail(_Reflecting):
    """One notification whole: its row, what it says, everything below it, and its history."""

    notification: NotificationRow
    content: Content | None = Field(description="Null until its `created` has come.")
    inbox_entries: list[InboxEntryRow]
    inbox_entries_complete: bool = Field(description=f"False: there are more than {DETAIL_ROWS_MAX}.")
    deliveries: list[DeliveryRow]
    deliveries_complete: bool = Field(description=f"False: there are more than {DETAIL_ROWS_MAX}.")
    timeline: list[TimelineEvent] = Field(description="Oldest first, by (occurred_at, event_id).")
    timeline_complete: bool = Field(description="False: there are more events than TIMELINE_EVENTS_MAX.")
    duplicates: int = Field(description="Further copies of its events in the log; they changed nothing.")


def _listed(value: datetime | None) -> datetime:
    if value is None:
        message = "a row without listed_at stands in no list"
        raise ValueError(message)
    return value.astimezone(UTC)
