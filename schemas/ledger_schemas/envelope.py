"""The envelope that every event carries, and what is filled in where a field of it is left out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from ledger_schemas.errors import ContractViolation
from ledger_schemas.field_types import AttributesText, Id, RfcUuid
from ledger_schemas.ids import derive_created_id, derive_notification_id, new_id, time_of
from ledger_schemas.parts import Part, Personal
from ledger_schemas.times import Time

_UUID: Final = TypeAdapter[UUID](RfcUuid)


def _time_of_event_id(stated: dict[str, Any]) -> datetime | None:
    return time_of(stated["event_id"])


class Envelope(Part):
    """What every event carries. Times are aware; they are written as microseconds, UTC.

    What is left out is a function of what is stated, so that the same statement twice is one fact: `occurred_at` is the
    time inside `event_id`, which is a new UUIDv7 where none is stated.
    """

    event_id: RfcUuid = Field(default_factory=new_id)
    tenant_id: Id
    notification_id: RfcUuid
    occurred_at: Time = Field(default_factory=_time_of_event_id, validate_default=True)
    recipient_id: Id | None = None
    channel: Id | None = None
    delivery_ref: Id | None = None
    attempt_id: Id | None = None
    source: Id
    actor: Id | None = None
    correlation_id: Id | None = None
    causation_id: Id | None = None
    personal: Personal | None = None
    personal_key_id: Id | None = None
    attributes: AttributesText | None = None

    # Field validators, not model validators: their errors name the field.
    @field_validator("occurred_at", mode="before")
    @classmethod
    def _stated_or_in_event_id(cls, value: object, info: ValidationInfo) -> object:
        event_id = info.data.get("event_id")
        if value is None and event_id is not None and time_of(event_id) is None:
            message = "must be stated, because event_id has no time inside: only a UUIDv7 has, until the year 9999"
            raise ValueError(message)
        return value

    @field_validator("delivery_ref")
    @classmethod
    def _reference_needs_channel(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("channel", "") is None:
            message = "needs channel: it tells apart deliveries over one channel"
            raise ValueError(message)
        return value


def named(stated: dict[str, Any]) -> dict[str, Any]:
    """Return a statement of `created` with the notification_id that it leaves out, and with its event_id.

    The id is derived from (tenant_id, source, external_id), without an external id from (tenant_id, event_id). A
    statement in which one of these is missing or invalid is returned as it is: the error about that field follows.
    """
    try:
        event_id = _UUID.validate_python(stated["event_id"]) if "event_id" in stated else new_id()
        if stated.get("external_id") is None:
            notification_id = derive_created_id(stated["tenant_id"], event_id)
        else:
            notification_id = derive_notification_id(stated["tenant_id"], stated["source"], stated["external_id"])
    except (ValidationError, ContractViolation, KeyError, AttributeError):
        return stated
    return {**stated, "event_id": event_id, "notification_id": notification_id}
