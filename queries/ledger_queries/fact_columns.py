"""What rows tell: of each fact, when and how often; and what an inbox entry or a delivery is now."""

from __future__ import annotations

from pydantic import Field

from ledger_queries.answer_types import Answer, Time


class FactColumns(Answer):
    """What was said of the row, per fact: earliest and latest occurred_at, and how many distinct events said it."""

    first_fired_at: Time | None
    last_fired_at: Time | None
    fired_count: int
    first_attempted_at: Time | None
    last_attempted_at: Time | None
    attempted_count: int
    first_deferred_at: Time | None
    last_deferred_at: Time | None
    deferred_count: int
    first_delivered_at: Time | None
    last_delivered_at: Time | None
    delivered_count: int
    first_failed_at: Time | None
    last_failed_at: Time | None
    failed_count: int
    failed_permanently: bool
    first_cancelled_at: Time | None
    last_cancelled_at: Time | None
    cancelled_count: int
    first_expired_at: Time | None
    last_expired_at: Time | None
    expired_count: int
    first_seen_at: Time | None
    last_seen_at: Time | None
    seen_count: int
    first_opened_at: Time | None = Field(description="By a person; a machine's opening is `automated_opened`.")
    last_opened_at: Time | None
    opened_count: int
    first_automated_opened_at: Time | None
    last_automated_opened_at: Time | None
    automated_opened_count: int
    first_clicked_at: Time | None = Field(description="By a person; a machine's click is `automated_clicked`.")
    last_clicked_at: Time | None
    clicked_count: int
    first_automated_clicked_at: Time | None
    last_automated_clicked_at: Time | None
    automated_clicked_count: int
    first_read_at: Time | None
    last_read_at: Time | None
    read_count: int
    first_unread_at: Time | None
    last_unread_at: Time | None
    unread_count: int
    first_acknowledged_at: Time | None
    last_acknowledged_at: Time | None
    acknowledged_count: int
    first_archived_at: Time | None
    last_archived_at: Time | None
    archived_count: int
    first_unarchived_at: Time | None
    last_unarchived_at: Time | None
    unarchived_count: int
    first_snoozed_at: Time | None
    last_snoozed_at: Time | None
    snoozed_count: int
    first_unsnoozed_at: Time | None
    last_unsnoozed_at: Time | None
    unsnoozed_count: int
    first_action_completed_at: Time | None
    last_action_completed_at: Time | None
    action_completed_count: int
    first_action_reverted_at: Time | None
    last_action_reverted_at: Time | None
    action_reverted_count: int
    first_deleted_at: Time | None
    last_deleted_at: Time | None
    deleted_count: int
    first_unsubscribed_at: Time | None
    last_unsubscribed_at: Time | None
    unsubscribed_count: int
    first_complained_at: Time | None
    last_complained_at: Time | None
    complained_count: int


class FactColumnsOfNotification(FactColumns):
    """What is told of a notification alone, beside what every row tells."""

    first_created_at: Time | None
    last_created_at: Time | None
    created_count: int
    first_amended_at: Time | None
    last_amended_at: Time | None
    amended_count: int
    first_audience_added_at: Time | None
    last_audience_added_at: Time | None
    audience_added_count: int
    first_retracted_at: Time | None
    last_retracted_at: Time | None
    retracted_count: int


class States(Answer):
    """What an inbox entry or a delivery is now, and whether it was seen or deleted."""

    is_seen: bool = Field(description="A person has seen, opened, clicked or read it, or marked it as unread.")
    is_read: bool = Field(description="Read now: the latest of its `read` and `unread` is a `read`.")
    is_archived: bool = Field(description="Archived now: the latest of its `archived` and `unarchived` says so.")
    is_snoozed: bool = Field(description="Snoozed now: the latest of its `snoozed` and `unsnoozed` says so.")
    snoozed_until: Time | None = Field(
        description="While it is snoozed, what the latest `snoozed` says; never compared with a clock."
    )
    is_deleted: bool = Field(description="It was removed from view.")
