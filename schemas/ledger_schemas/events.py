"""The events as Python values: one frozen model per kind, checked at the edge before a byte is written."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ledger_schemas import limits
from ledger_schemas.envelope import Envelope, named
from ledger_schemas.field_types import Id, RfcUuid
from ledger_schemas.ids import new_id
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import (
    AudienceMember,
    Creator,
    Digest,
    Group,
    Schedule,
    Subject,
    Template,
)
from ledger_schemas.times import Time


def _members_once(value: tuple[AudienceMember, ...]) -> tuple[AudienceMember, ...]:
    if len(value) != len({member.recipient_id for member in value}):
        message = "must name a recipient once"
        raise ValueError(message)
    return value


AS_RECORDED: Final = "as recorded"
"""The validation context of what stands in the log already: a limit that came later does not hold for it."""


def _kept_by_every_reader(value: int, info: ValidationInfo) -> int:
    if value > limits.NUMBER_MAX and info.context != AS_RECORDED:
        message = f"must be at most NUMBER_MAX = {limits.NUMBER_MAX}"
        raise ValueError(message)
    return value


Audience = Annotated[
    tuple[AudienceMember, ...],
    Field(max_length=limits.RECIPIENTS_PER_EVENT_MAX, fail_fast=True),
    AfterValidator(_members_once),
]


_COMMON: Final = frozenset({*Envelope.model_fields, "kind"})


class NotificationCreated(Envelope):
    """The notification exists: to whom, over which channels, about what.

    A `notification_id` that is left out is derived: from (tenant_id, source, external_id) where an external id is
    stated, else from (tenant_id, event_id).
    """

    kind: Literal[Kind.CREATED] = Kind.CREATED
    notification_id: RfcUuid = Field(default_factory=new_id)
    audience: Audience = ()
    channels: Annotated[tuple[Id, ...], Field(max_length=limits.CHANNELS_PER_RECIPIENT_MAX, fail_fast=True)] = ()
    groups: Annotated[tuple[Group, ...], Field(max_length=limits.GROUPS_PER_EVENT_MAX, fail_fast=True)] = ()
    type: Id | None = None
    category: Id | None = None
    action: Id | None = None
    reason: Id | None = None
    priority: Id | None = None
    severity: Id | None = None
    subject: Subject | None = None
    creator: Creator | None = None
    template: Template | None = None
    schedule: Schedule | None = None
    scheduled_at: Time | None = None
    expires_at: Time | None = None
    digest: Digest | None = None
    tags: Annotated[tuple[Id, ...], Field(max_length=limits.TAGS_PER_EVENT_MAX, fail_fast=True)] = ()
    contexts: Annotated[tuple[Id, ...], Field(max_length=limits.CONTEXTS_PER_EVENT_MAX, fail_fast=True)] = ()
    parent_notification_id: RfcUuid | None = None
    external_id: Id | None = None
    number: Annotated[int, Field(strict=True, ge=0), AfterValidator(_kept_by_every_reader)] | None = None

    # Before the fields, since the id depends on fields that come after it.
    @model_validator(mode="before")
    @classmethod
    def _named(cls, stated: Any) -> Any:  # noqa: ANN401 - a caller may state anything
        return named(stated) if isinstance(stated, dict) and "notification_id" not in stated else stated


class NotificationFired(Envelope):
    """It was handed over for delivery."""

    kind: Literal[Kind.FIRED] = Kind.FIRED
    provider: Id | None = None


class NotificationDelivered(Envelope):
    """It arrived: at the device, the mailbox, the inbox."""

    kind: Literal[Kind.DELIVERED] = Kind.DELIVERED
    provider: Id | None = None


class NotificationOpened(Envelope):
    """It was opened."""

    kind: Literal[Kind.OPENED] = Kind.OPENED
    automated: bool = False
    provider: Id | None = None


class NotificationRead(Envelope):
    """A person read it."""

    kind: Literal[Kind.READ] = Kind.READ


class NotificationAcknowledged(Envelope):
    """A person confirmed it."""

    kind: Literal[Kind.ACKNOWLEDGED] = Kind.ACKNOWLEDGED


class NotificationFailed(Envelope):
    """A delivery did not happen."""

    kind: Literal[Kind.FAILED] = Kind.FAILED
    permanent: bool = False
    reason: Id | None = None
    provider: Id | None = None
    provider_code: Id | None = None


class NotificationAttempted(Envelope):
    """One try at a delivery, or one step of it, with what came of it."""

    kind: Literal[Kind.ATTEMPTED] = Kind.ATTEMPTED
    provider: Id | None = None
    provider_code: Id | None = None
    status: Id | None = None
    reason: Id | None = None
    origin: Id | None = None
    retry: bool = False
    test: bool = False


class NotificationDeferred(Envelope):
    """A delivery was put off; the provider goes on trying."""

    kind: Literal[Kind.DEFERRED] = Kind.DEFERRED
    reason: Id | None = None
    provider: Id | None = None
    provider_code: Id | None = None
    retry_at: Time | None = None


class NotificationCancelled(Envelope):
    """It will not be delivered any more, on purpose: called off, skipped, merged into another."""

    kind: Literal[Kind.CANCELLED] = Kind.CANCELLED
    reason: Id | None = None


class NotificationExpired(Envelope):
    """It stopped being of use before it was dealt with."""

    kind: Literal[Kind.EXPIRED] = Kind.EXPIRED


class NotificationSeen(Envelope):
    """It was shown to a person, in a list or a badge, without being opened."""

    kind: Literal[Kind.SEEN] = Kind.SEEN


class NotificationClicked(Envelope):
    """A link or a button in it was clicked; which link is in personal.link."""

    kind: Literal[Kind.CLICKED] = Kind.CLICKED
    automated: bool = False
    provider: Id | None = None
    target: Id | None = None


class NotificationUnread(Envelope):
    """A person marked it as not read: a new fact, which takes nothing away."""

    kind: Literal[Kind.UNREAD] = Kind.UNREAD


class NotificationArchived(Envelope):
    """A person put it away."""

    kind: Literal[Kind.ARCHIVED] = Kind.ARCHIVED


class NotificationUnarchived(Envelope):
    """A person took it back from the archive."""

    kind: Literal[Kind.UNARCHIVED] = Kind.UNARCHIVED


class NotificationSnoozed(Envelope):
    """A person put it off."""

    kind: Literal[Kind.SNOOZED] = Kind.SNOOZED
    snoozed_until: Time | None = None


class NotificationUnsnoozed(Envelope):
    """It came back from being put off, by itself or by a person."""

    kind: Literal[Kind.UNSNOOZED] = Kind.UNSNOOZED


class NotificationActionCompleted(Envelope):
    """A person carried out an action that it offers."""

    kind: Literal[Kind.ACTION_COMPLETED] = Kind.ACTION_COMPLETED
    action_type: Id | None = None


class NotificationActionReverted(Envelope):
    """A person took back an action that was carried out."""

    kind: Literal[Kind.ACTION_REVERTED] = Kind.ACTION_REVERTED
    action_type: Id | None = None


class NotificationDeleted(Envelope):
    """It was removed from view; the log keeps it."""

    kind: Literal[Kind.DELETED] = Kind.DELETED
    reason: Id | None = None


class NotificationUnsubscribed(Envelope):
    """The recipient wants no more of this sort."""

    kind: Literal[Kind.UNSUBSCRIBED] = Kind.UNSUBSCRIBED
    provider: Id | None = None
    scope: Id | None = None


class NotificationComplained(Envelope):
    """The recipient reported it as unwanted."""

    kind: Literal[Kind.COMPLAINED] = Kind.COMPLAINED
    provider: Id | None = None
    reason: Id | None = None


class NotificationAmended(Envelope):
    """Its content changed: each field stated here, a record with all its parts, replaces what was said before."""

    kind: Literal[Kind.AMENDED] = Kind.AMENDED
    channels: Annotated[tuple[Id, ...], Field(max_length=limits.CHANNELS_PER_RECIPIENT_MAX, fail_fast=True)] = ()
    groups: Annotated[tuple[Group, ...], Field(max_length=limits.GROUPS_PER_EVENT_MAX, fail_fast=True)] = ()
    type: Id | None = None
    category: Id | None = None
    action: Id | None = None
    reason: Id | None = None
    priority: Id | None = None
    severity: Id | None = None
    subject: Subject | None = None
    template: Template | None = None
    schedule: Schedule | None = None
    scheduled_at: Time | None = None
    expires_at: Time | None = None
    digest: Digest | None = None
    tags: Annotated[tuple[Id, ...], Field(max_length=limits.TAGS_PER_EVENT_MAX, fail_fast=True)] = ()
    contexts: Annotated[tuple[Id, ...], Field(max_length=limits.CONTEXTS_PER_EVENT_MAX, fail_fast=True)] = ()
    cleared: Annotated[tuple[Id, ...], Field(max_length=limits.TAGS_PER_EVENT_MAX, fail_fast=True)] = ()

    @field_validator("cleared")
    @classmethod
    def _content_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) <= set(AMENDABLE):
            message = f"must name content fields: {', '.join(AMENDABLE)}"
            raise ValueError(message)
        return value


AMENDABLE: Final = (
    *(name for name in NotificationAmended.model_fields if name not in _COMMON and name != "cleared"),
    "personal",
)
"""What an amended may change, and `cleared` may name. `personal` stands for its key id, too."""


class NotificationAudienceAdded(Envelope):
    """It has more recipients than its created could name, or than it had."""

    kind: Literal[Kind.AUDIENCE_ADDED] = Kind.AUDIENCE_ADDED
    audience: Audience = ()


class NotificationRetracted(Envelope):
    """An earlier event was a mistake and counts no more."""

    kind: Literal[Kind.RETRACTED] = Kind.RETRACTED
    retracted_event_id: RfcUuid
    reason: Id | None = None


class NotificationObserved(Envelope):
    """A raw fact of a provider that changes no state; what it held is in personal.data and attributes."""

    kind: Literal[Kind.OBSERVED] = Kind.OBSERVED
    provider: Id | None = None
    provider_event: Id | None = None
    provider_code: Id | None = None


Event = (
    NotificationCreated
    | NotificationFired
    | NotificationDelivered
    | NotificationOpened
    | NotificationRead
    | NotificationAcknowledged
    | NotificationFailed
    | NotificationAttempted
    | NotificationDeferred
    | NotificationCancelled
    | NotificationExpired
    | NotificationSeen
    | NotificationClicked
    | NotificationUnread
    | NotificationArchived
    | NotificationUnarchived
    | NotificationSnoozed
    | NotificationUnsnoozed
    | NotificationActionCompleted
    | NotificationActionReverted
    | NotificationDeleted
    | NotificationUnsubscribed
    | NotificationComplained
    | NotificationAmended
    | NotificationAudienceAdded
    | NotificationRetracted
    | NotificationObserved
)
"""Any event of the contract."""
