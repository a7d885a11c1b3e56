"""Suger's answers as its document describes them, field by field and in its order."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from ledger_queries.dialects.suger.vocabulary import (
    OPEN_EMAIL,
    Action,
    Channel,
    EntityType,
    EventStatus,
    Partner,
    Priority,
)

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2024-07-29T15:51:28.071Z"],
    ),
]
"""RFC 3339, UTC, milliseconds."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CreatedBy(_Answer):
    """Who made the event."""

    email: str = Field(description="The email of the creator.")
    entityId: str = Field(description="The ID of the creator.")
    entityType: EntityType = Field(description="The Entity type of the creator, either USER or API_CLIENT.")
    name: str = Field(description="The name of the creator.")


class TrackEvent(_Answer):
    """One opening of the mail by a person."""

    action: Annotated[str, Field(examples=[OPEN_EMAIL])]
    contactId: str | SkipJsonSchema[None] = Field(
        None, description="The ID of the contact who triggered the track event; absent where nobody knows."
    )
    timestamp: Time = Field(description="timestamp of the track event happened.")


class NotificationEvent(_Answer):
    """One notification event."""

    action: Action
    ccContactIds: list[str] = Field(description="Cc contactIds that will receive this notification")
    channels: list[Channel] = Field(description="The list of channels this event will be sent to.")
    contactEmails: list[str] = Field(description="Contact emails that will receive this notification")
    contactIds: list[str] = Field(description="ContactIds that will receive this notification")
    createdBy: CreatedBy
    customFields: dict[str, Any] = Field(description="Custom fields of the notification event.")
    entityID: str
    entityName: str = Field(description="The name of the entity.")
    entityStatus: str
    entityType: EntityType
    eventID: str = Field(description="notification event id.")
    eventStatus: EventStatus
    info: dict[str, Any] | SkipJsonSchema[None] = Field(
        None, description="Additional info of the notification event; absent where none was recorded."
    )
    isActionItem: bool = Field(description="If this notification event is an action item.")
    lastUpdateTime: Time = Field(description="timestamp of the event when it is updated.")
    message: str = Field(description="The message of the notification event such as email body.")
    organizationID: str = Field(description="suger organization id.")
    partner: Partner
    priority: Priority
    requireAudit: bool = Field(description="If this notification event is an auditing event.")
    timestamp: Time = Field(description="timestamp of the event when it is scheduled or created.")
    title: str = Field(description="The title of the notification event such as email subject.")
    trackEvents: list[TrackEvent] = Field(description="The track events of the notification event.")


class NotificationEvents(_Answer):
    """A page of notification events."""

    nextOffset: int | SkipJsonSchema[None] = Field(None, description="Absent: there are no more records.")
    notificationEvents: list[NotificationEvent]
    totalCount: int | SkipJsonSchema[None] = Field(
        None, description="Only available when the request is made with offset=0."
    )
