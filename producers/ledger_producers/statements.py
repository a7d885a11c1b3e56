# ruff: noqa: D401 - first lines are the sentences of the models
"""The statements: one typed method per kind that makes an event and puts it.

Written by `python -m tests.emitter_methods`: change the models in `ledger_schemas.events`, not this file.
"""

from __future__ import annotations

from typing import Unpack
from uuid import UUID

from ledger_producers.fields import (
    ActionCompletedFields,
    ActionRevertedFields,
    AmendedFields,
    AttemptedFields,
    AudienceAddedFields,
    CancelledFields,
    ClickedFields,
    ComplainedFields,
    CreatedFields,
    DeferredFields,
    DeletedFields,
    DeliveredFields,
    EventFields,
    FailedFields,
    FiredFields,
    ObservedFields,
    OpenedFields,
    RetractedFields,
    SnoozedFields,
    UnsubscribedFields,
)
from ledger_producers.stating import Stating
from ledger_schemas.events import (
    NotificationAcknowledged,
    NotificationActionCompleted,
    NotificationActionReverted,
    NotificationAmended,
    NotificationArchived,
    NotificationAttempted,
    NotificationAudienceAdded,
    NotificationCancelled,
    NotificationClicked,
    NotificationComplained,
    NotificationCreated,
    NotificationDeferred,
    NotificationDeleted,
    NotificationDelivered,
    NotificationExpired,
    NotificationFailed,
    NotificationFired,
    NotificationObserved,
    NotificationOpened,
    NotificationRead,
    NotificationRetracted,
    NotificationSeen,
    NotificationSnoozed,
    NotificationUnarchived,
    NotificationUnread,
    NotificationUnsnoozed,
    NotificationUnsubscribed,
)
from ledger_schemas.facts import Receipt


class Statements(Stating):
    """One method per kind, which records what its first line says.

    Each raises ContractViolation that names the field, and what `put` raises.
    """

    async def created(self, tenant_id: str, **fields: Unpack[CreatedFields]) -> Receipt:
        """The notification exists: to whom, over which channels, about what."""
        return await self.state(NotificationCreated, tenant_id, None, fields)

    async def fired(self, tenant_id: str, notification_id: UUID, **fields: Unpack[FiredFields]) -> Receipt:
        """It was handed over for delivery."""
        return await self.state(NotificationFired, tenant_id, notification_id, fields)

    async def delivered(self, tenant_id: str, notification_id: UUID, **fields: Unpack[DeliveredFields]) -> Receipt:
        """It arrived: at the device, the mailbox, the inbox."""
        return await self.state(NotificationDelivered, tenant_id, notification_id, fields)

    async def opened(self, tenant_id: str, notification_id: UUID, **fields: Unpack[OpenedFields]) -> Receipt:
        """It was opened."""
        return await self.state(NotificationOpened, tenant_id, notification_id, fields)

    async def read(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """A person read it."""
        return await self.state(NotificationRead, tenant_id, notification_id, fields)

    async def acknowledged(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """A person confirmed it."""
        return await self.state(NotificationAcknowledged, tenant_id, notification_id, fields)

    async def failed(self, tenant_id: str, notification_id: UUID, **fields: Unpack[FailedFields]) -> Receipt:
        """A delivery did not happen."""
        return await self.state(NotificationFailed, tenant_id, notification_id, fields)

    async def attempted(self, tenant_id: str, notification_id: UUID, **fields: Unpack[AttemptedFields]) -> Receipt:
        """One try at a delivery, or one step of it, with what came of it."""
        return await self.state(NotificationAttempted, tenant_id, notification_id, fields)

    async def deferred(self, tenant_id: str, notification_id: UUID, **fields: Unpack[DeferredFields]) -> Receipt:
        """A delivery was put off; the provider goes on trying."""
        return await self.state(NotificationDeferred, tenant_id, notification_id, fields)

    async def cancelled(self, tenant_id: str, notification_id: UUID, **fields: Unpack[CancelledFields]) -> Receipt:
        """It will not be delivered any more, on purpose: called off, skipped, merged into another."""
        return await self.state(NotificationCancelled, tenant_id, notification_id, fields)

    async def expired(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """It stopped being of use before it was dealt with."""
        return await self.state(NotificationExpired, tenant_id, notification_id, fields)

    async def seen(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """It was shown to a person, in a list or a badge, without being opened."""
        return await self.state(NotificationSeen, tenant_id, notification_id, fields)

    async def clicked(self, tenant_id: str, notification_id: UUID, **fields: Unpack[ClickedFields]) -> Receipt:
        """A link or a button in it was clicked; which link is in personal.link."""
        return await self.state(NotificationClicked, tenant_id, notification_id, fields)

    async def unread(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """A person marked it as not read: a new fact, which takes nothing away."""
        return await self.state(NotificationUnread, tenant_id, notification_id, fields)

    async def archived(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """A person put it away."""
        return await self.state(NotificationArchived, tenant_id, notification_id, fields)

    async def unarchived(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """A person took it back from the archive."""
        return await self.state(NotificationUnarchived, tenant_id, notification_id, fields)

    async def snoozed(self, tenant_id: str, notification_id: UUID, **fields: Unpack[SnoozedFields]) -> Receipt:
        """A person put it off."""
        return await self.state(NotificationSnoozed, tenant_id, notification_id, fields)

    async def unsnoozed(self, tenant_id: str, notification_id: UUID, **fields: Unpack[EventFields]) -> Receipt:
        """It came back from being put off, by itself or by a person."""
        return await self.state(NotificationUnsnoozed, tenant_id, notification_id, fields)

    async def action_completed(
        self, tenant_id: str, notification_id: UUID, **fields: Unpack[ActionCompletedFields]
    ) -> Receipt:
        """A person carried out an action that it offers."""
        return await self.state(NotificationActionCompleted, tenant_id, notification_id, fields)

    async def action_reverted(
        self, tenant_id: str, notification_id: UUID, **fields: Unpack[ActionRevertedFields]
    ) -> Receipt:
        """A person took back an action that was carried out."""
        return await self.state(NotificationActionReverted, tenant_id, notification_id, fields)

    async def deleted(self, tenant_id: str, notification_id: UUID, **fields: Unpack[DeletedFields]) -> Receipt:
        """It was removed from view; the log keeps it."""
        return await self.state(NotificationDeleted, tenant_id, notification_id, fields)

    async def unsubscribed(
        self, tenant_id: str, notification_id: UUID, **fields: Unpack[UnsubscribedFields]
    ) -> Receipt:
        """The recipient wants no more of this sort."""
        return await self.state(NotificationUnsubscribed, tenant_id, notification_id, fields)

    async def complained(self, tenant_id: str, notification_id: UUID, **fields: Unpack[ComplainedFields]) -> Receipt:
        """The recipient reported it as unwanted."""
        return await self.state(NotificationComplained, tenant_id, notification_id, fields)

    async def amended(self, tenant_id: str, notification_id: UUID, **fields: Unpack[AmendedFields]) -> Receipt:
        """Its content changed: each field stated here, a record with all its parts, replaces what was said before."""
        return await self.state(NotificationAmended, tenant_id, notification_id, fields)

    async def audience_added(
        self, tenant_id: str, notification_id: UUID, **fields: Unpack[AudienceAddedFields]
    ) -> Receipt:
        """It has more recipients than its created could name, or than it had."""
        return await self.state(NotificationAudienceAdded, tenant_id, notification_id, fields)

    async def retracted(
        self, tenant_id: str, notification_id: UUID, retracted_event_id: UUID, **fields: Unpack[RetractedFields]
    ) -> Receipt:
        """An earlier event was a mistake and counts no more."""
        return await self.state(
            NotificationRetracted, tenant_id, notification_id, {"retracted_event_id": retracted_event_id, **fields}
        )

    async def observed(self, tenant_id: str, notification_id: UUID, **fields: Unpack[ObservedFields]) -> Receipt:
        """A raw fact of a provider that changes no state; what it held is in personal.data and attributes."""
        return await self.state(NotificationObserved, tenant_id, notification_id, fields)
