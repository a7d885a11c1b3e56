"""The keyword arguments of the emitter, typed: fields of all events, then those of each kind.

Written by `python -m tests.emitter_methods`: change the models in `ledger_schemas.events`, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from ledger_schemas.parts import AudienceMember, Creator, Digest, Group, Personal, Schedule, Subject, Template


class EventFields(TypedDict, total=False):
    """What any event may carry.

    `source` defaults to the emitter's, `event_id` to a new UUIDv7, `occurred_at` (aware) to the time inside `event_id`.
    State `event_id` when you may state the same fact again: an id that is no UUIDv7 needs `occurred_at`, too.
    """

    event_id: UUID
    occurred_at: datetime
    recipient_id: str
    channel: str
    delivery_ref: str
    attempt_id: str
    source: str
    actor: str
    correlation_id: str
    causation_id: str
    personal: Personal
    personal_key_id: str
    attributes: str


class CreatedFields(EventFields, total=False):
    """What `created` may carry besides.

    A `notification_id` that is left out is derived: from (tenant_id, source, external_id) where an external id is
    stated, else from (tenant_id, event_id).
    """

    notification_id: UUID
    audience: Sequence[AudienceMember]
    channels: Sequence[str]
    groups: Sequence[Group]
    type: str
    category: str
    action: str
    reason: str
    priority: str
    severity: str
    subject: Subject
    creator: Creator
    template: Template
    schedule: Schedule
    scheduled_at: datetime
    expires_at: datetime
    digest: Digest
    tags: Sequence[str]
    contexts: Sequence[str]
    parent_notification_id: UUID
    external_id: str
    number: int


class FiredFields(EventFields, total=False):
    """What `fired` may carry besides."""

    provider: str


class DeliveredFields(EventFields, total=False):
    """What `delivered` may carry besides."""

    provider: str


class OpenedFields(EventFields, total=False):
    """What `opened` may carry besides."""

    automated: bool
    provider: str


class FailedFields(EventFields, total=False):
    """What `failed` may carry besides."""

    permanent: bool
    reason: str
    provider: str
    provider_code: str


class AttemptedFields(EventFields, total=False):
    """What `attempted` may carry besides."""

    provider: str
    provider_code: str
    status: str
    reason: str
    origin: str
    retry: bool
    test: bool


class DeferredFields(EventFields, total=False):
    """What `deferred` may carry besides."""

    reason: str
    provider: str
    provider_code: str
    retry_at: datetime


class CancelledFields(EventFields, total=False):
    """What `cancelled` may carry besides."""

    reason: str


class ClickedFields(EventFields, total=False):
    """What `clicked` may carry besides."""

    automated: bool
    provider: str
    target: str


class SnoozedFields(EventFields, total=False):
    """What `snoozed` may carry besides."""

    snoozed_until: datetime


class ActionCompletedFields(EventFields, total=False):
    """What `action_completed` may carry besides."""

    action_type: str


class ActionRevertedFields(EventFields, total=False):
    """What `action_reverted` may carry besides."""

    action_type: str


class DeletedFields(EventFields, total=False):
    """What `deleted` may carry besides."""

    reason: str


class UnsubscribedFields(EventFields, total=False):
    """What `unsubscribed` may carry besides."""

    provider: str
    scope: str


class ComplainedFields(EventFields, total=False):
    """What `complained` may carry besides."""

    provider: str
    reason: str


class AmendedFields(EventFields, total=False):
    """What `amended` may carry besides."""

    channels: Sequence[str]
    groups: Sequence[Group]
    type: str
    category: str
    action: str
    reason: str
    priority: str
    severity: str
    subject: Subject
    template: Template
    schedule: Schedule
    scheduled_at: datetime
    expires_at: datetime
    digest: Digest
    tags: Sequence[str]
    contexts: Sequence[str]
    cleared: Sequence[str]


class AudienceAddedFields(EventFields, total=False):
    """What `audience_added` may carry besides."""

    audience: Sequence[AudienceMember]


class RetractedFields(EventFields, total=False):
    """What `retracted` may carry besides."""

    reason: str


class ObservedFields(EventFields, total=False):
    """What `observed` may carry besides."""

    provider: str
    provider_event: str
    provider_code: str
