"""The keyword arguments of the emitter, typed: the fields of each kind, with those that every event carries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from ledger_schemas.events import AudienceMember, Personal, Subject


class EventFields(TypedDict, total=False):
    """What any event may carry.

    `source` defaults to the emitter's, `occurred_at` (aware) to now, `event_id` to a new UUIDv7: state it when you
    retry a fact that you stated before.
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


class CreatedFields(EventFields, total=False):
    """What `created` may carry besides; `notification_id` defaults to a new UUIDv7."""

    notification_id: UUID
    audience: Sequence[AudienceMember]
    category: str
    action: str
    priority: str
    subject: Subject
    external_id: str
    scheduled_at: datetime
    tags: Sequence[str]


class DeliveredFields(EventFields, total=False):
    """What `delivered` may carry besides."""

    provider: str


class OpenedFields(EventFields, total=False):
    """What `opened` may carry besides; `automated` when a machine did it."""

    automated: bool


class FailedFields(EventFields, total=False):
    """What `failed` may carry besides; `permanent` when trying again cannot help."""

    permanent: bool
    reason: str
    provider: str
