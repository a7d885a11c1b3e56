"""The answers as typed values: rows at the three grains, pages of them, counts, and one notification whole."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import Field, computed_field

from ledger_queries.answer_types import Absent, Answer, Time
from ledger_queries.content import Content
from ledger_queries.facts import Facts
from ledger_queries.filters import Grain, GroupBy
from ledger_queries.status import Status, status_of
from ledger_schemas.ids import derive_inbox_entry_id
from ledger_schemas.kinds import Kind

DETAIL_ROWS_MAX: Final = 10_000
"""Inbox entries, and deliveries, that `get` answers with."""


ListedAt = Annotated[Time | None, Field(description="When it is listed under; null until its `created` has come.")]
FailedPermanently = Annotated[bool, Field(description="A `failed` of it says that no later try will succeed.")]


class NotificationRow(Answer):
    """Grain: notification. Facts of everything below it merged; reversible states as numbers of recipients."""

    tenant_id: str
    notification_id: UUID
    listed_at: ListedAt
    title: str | None
    channels: list[str] = Field(description="Of its deliveries, and those of its content that name no recipient.")
    recipients: int
    recipients_fired: int = Field(description="Recipients to whom it was handed over for delivery.")
    recipients_delivered: int
    recipients_failed: int
    recipients_cancelled: int
    recipients_expired: int
    recipients_seen: int = Field(description="Recipients who have seen it.")
    recipients_opened: int
    recipients_clicked: int
    recipients_read: int = Field(description="Recipients whose inbox entry is read now.")
    recipients_acknowledged: int
    recipients_archived: int = Field(description="Recipients whose inbox entry is archived now.")
    recipients_snoozed: int = Field(description="Recipients whose inbox entry is snoozed now.")
    recipients_deleted: int
    deliveries: int
    failed_permanently: FailedPermanently
    facts: Facts

    @computed_field(description="How far all of its recipients have come, by the status policy.")  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Return how far all of its recipients have come."""
        somebody = self.recipients > 0
        of_all = {
            Status.DELETED: "deleted" in self.facts and self.recipients_deleted == self.recipients,
            Status.ACKNOWLEDGED: somebody and self.recipients_acknowledged == self.recipients,
            Status.READ: somebody and self.recipients_read == self.recipients,
            Status.CANCELLED: "cancelled" in self.facts and self.recipients_cancelled == self.recipients,
            Status.EXPIRED: "expired" in self.facts and self.recipients_expired == self.recipients,
        }
        return status_of(
            self.facts, of_all, failed_permanently=self.failed_permanently, listed=self.listed_at is not None
        )


class _OfOneRecipient(Answer):
    """What an inbox entry and a delivery have alike."""

    tenant_id: str
    notification_id: UUID
    recipient_id: str
    listed_at: ListedAt
    title: str | None
    is_seen: bool = Field(description="A person has seen, opened, clicked or read it, or marked it as unread.")
    is_read: bool = Field(description="Read now: the latest of its `read` and `unread` is a `read`.")
    is_archived: bool = Field(description="Archived now: the latest of its `archived` and `unarchived` says so.")
    is_snoozed: bool = Field(description="Snoozed now: the latest of its `snoozed` and `unsnoozed` says so.")
    snoozed_until: Time | None = Field(
        description="While it is snoozed, what the latest `snoozed` says; never compared with a clock."
    )
    is_deleted: bool = Field(description="It was removed from view.")
    failed_permanently: FailedPermanently
    facts: Facts

    @computed_field(description="How far it has come, by the status policy.")  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Return how far it has come."""
        of_all = {
            Status.DELETED: self.is_deleted,
            Status.ACKNOWLEDGED: "acknowledged" in self.facts,
            Status.READ: self.is_read,
            Status.CANCELLED: "cancelled" in self.facts,
            Status.EXPIRED: "expired" in self.facts,
        }
        return status_of(
            self.facts, of_all, failed_permanently=self.failed_permanently, listed=self.listed_at is not None
        )


class InboxEntryRow(_OfOneRecipient):
    """Grain: inbox entry, one notification as one recipient has it."""

    inbox_entry_id: UUID = Field(description="One id for this notification as this recipient has it.")
    channels: list[str]
    deliveries: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the entry of a row, with its id, which follows from the rest: no table holds it."""
        derived = derive_inbox_entry_id(row["tenant_id"], row["notification_id"], row["recipient_id"])
        return cls.model_validate({**row, "inbox_entry_id": derived})


class DeliveryRow(_OfOneRecipient):
    """Grain: delivery, one inbox entry over one channel."""

    channel: str
    delivery_ref: Annotated[str | None, Absent] = Field(
        description="Tells apart devices, steps or resends over one channel; null: none was given."
    )


AnyRow = NotificationRow | InboxEntryRow | DeliveryRow


class _Reflecting(Answer):
    position: str = Field(
        description="Where in the log the answer stands; pass it as at_least to read no earlier than this.",
        examples=["notifications.lifecycle.v1@0:128,3:17"],
    )


class _Page(_Reflecting):
    grain: Grain = Field(description="What one row stands for.")
    next: str | None = Field(description="Cursor of the next page; null: there is no more.")
    total: int | None = Field(None, description="All rows that the filter finds; null where it was not asked for.")


class NotificationPage(_Page):
    """One page of notifications, newest first."""

    rows: list[NotificationRow]


class InboxEntryPage(_Page):
    """One page of inbox entries, newest first."""

    rows: list[InboxEntryRow]


class DeliveryPage(_Page):
    """One page of deliveries, newest first."""

    rows: list[DeliveryRow]


class Group(Answer):
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


class Shelf(StrEnum):
    """Where an inbox entry is, for its recipient: on the first that applies of deleted, archived, snoozed, inbox."""

    INBOX = "inbox"
    SNOOZED = "snoozed"
    ARCHIVED = "archived"
    DELETED = "deleted"


class ShelfCounts(Answer):
    """How many listed inbox entries of one recipient are on one shelf."""

    shelf: Shelf
    total: int
    unread: int = Field(description="Not read now.")
    unseen: int = Field(description="Never seen by a person.")
    unacknowledged: int = Field(description="Never acknowledged.")


class BadgeAnswer(_Reflecting):
    """The badge of a recipient: what is on the shelf `inbox`, and what is on every shelf."""

    total: int = Field(description="Inbox entries that are not deleted, archived or snoozed.")
    unread: int = Field(description="Of these, not read now.")
    unseen: int = Field(description="Of these, never seen by a person.")
    unacknowledged: int = Field(description="Of these, never acknowledged.")
    shelves: list[ShelfCounts] = Field(description="Each shelf once: inbox, snoozed, archived, deleted.")


class TimelineEvent(Answer):
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
    provider_code: str | None
    provider_event: str | None
    automated: bool | None
    permanent: bool | None
    reason: str | None
    status: str | None
    origin: str | None
    retry: bool | None
    test: bool | None
    retry_at: Time | None
    target: str | None
    scope: str | None
    snoozed_until: Time | None
    action_type: str | None
    cleared: list[str] | None
    retracted_event_id: UUID | None
    is_retracted: bool = Field(description="A `retracted` names it: it counts no more.")


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
