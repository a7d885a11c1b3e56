"""NextInteract's sent notification as its document describes it, field by field."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

BROADCAST_TYPES: Final = ("GT", "GE", "JN", "GA", "UN")
"""Team, event, JN, asset and user notifications."""

MESSAGE_CHARS_MAX: Final = 255
DESCRIPTION_CHARS_MAX: Final = 2_000
TEMPLATE_CHARS_MAX: Final = 100
SUBJECT_CHARS_MAX: Final = 256
KEY_CHARS_MAX: Final = 100
VALUE_CHARS_MAX: Final = 2_000

Milliseconds = Annotated[int, Field(examples=[1572950714981])]
"""Milliseconds since 1970-01-01T00:00:00Z."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EmailParam(_Answer):
    """One value that the mail was made with."""

    key: Annotated[str, Field(max_length=KEY_CHARS_MAX)]
    value: Annotated[str, Field(max_length=VALUE_CHARS_MAX)]


class SentNotification(_Answer):
    """One notification that was sent."""

    type: Annotated[str, Field(examples=list(BROADCAST_TYPES), description="The broadcast type of the notification.")]
    companyId: int | SkipJsonSchema[None] = Field(None, description="The company this notification belongs to.")
    eventUUID: str | SkipJsonSchema[None] = Field(None, description="The event, of type GE.")
    notificationScheduleId: int | SkipJsonSchema[None] = Field(
        None, description="Only present when the notification was scheduled."
    )
    message: Annotated[str, Field(max_length=MESSAGE_CHARS_MAX, description="The truncated message that was sent.")]
    description: Annotated[
        str | SkipJsonSchema[None],
        Field(max_length=DESCRIPTION_CHARS_MAX, description="A long description. Can contain team ids."),
    ] = None
    successful: bool = Field(description="Whether the sending of the notification was successful or not.")
    totalNotificationsSent: Annotated[int, Field(ge=0, description="Users to whom it was sent.")]
    notificationCreated: Milliseconds
    notificationCreatedBy: str = Field(description="User id of the user that created this record.")
    notificationModified: Milliseconds
    notificationModifiedBy: str = Field(description="User id of the user that modified this record.")
    teamIds: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(json_schema_extra={"uniqueItems": True}, description="Only available when it was scheduled."),
    ] = None
    brochureId: int | SkipJsonSchema[None] = Field(None, description="The asset, of type GA.")
    emailTemplate: Annotated[str | SkipJsonSchema[None], Field(max_length=TEMPLATE_CHARS_MAX)] = None
    emailSubject: Annotated[
        str | SkipJsonSchema[None],
        Field(max_length=SUBJECT_CHARS_MAX, description="Present if emailTemplate is present."),
    ] = None
    emailParams: list[EmailParam] | SkipJsonSchema[None] = None
