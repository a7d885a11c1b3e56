"""The events as Python values: one frozen model per kind, checked at the edge before a byte is written."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation
from ledger_schemas.ids import CANONICAL_UUID, new_id


class Kind(StrEnum):
    """Which lifecycle change an event is."""

    CREATED = "created"
    FIRED = "fired"
    DELIVERED = "delivered"
    OPENED = "opened"
    READ = "read"
    UNREAD = "unread"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _no_number(value: object) -> object:
    """Refuse a number, in a text too: whether it counts seconds, milliseconds or microseconds would be a guess."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_FIRST.match(value)):
        return value
    message = "must be a time of RFC 3339 with an offset, such as 2026-01-02T03:04:05Z"
    raise ValueError(message)


def _in_calendar(value: datetime) -> datetime:
    try:
        # Years 1 to 9999 with an offset may lie outside them in UTC, where no reader of the log could show them.
        value.astimezone(UTC)
    except OverflowError:
        message = "must lie in the years 1 to 9999, UTC"
        raise ValueError(message) from None
    return value


def _canonical(value: UUID) -> UUID:
    if not CANONICAL_UUID.fullmatch(str(value)):
        message = "must be a UUID of RFC 9562, versions 1 to 8"
        raise ValueError(message)
    return value


def _json_document(text: str) -> str:
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = "must be a JSON document as text"
        raise ValueError(message) from error
    if _depth(document) > limits.DATA_DEPTH_MAX:
        message = f"must not be nested deeper than DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}"
        raise ValueError(message)
    return text


def _no_constant(name: str) -> None:
    # Python reads NaN and Infinity; JSON (RFC 8259) has neither, and other readers of the log stop at them.
    raise ValueError(name)


def _depth(document: object) -> int:
    depth, level = 0, [document]
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


_DATE_FIRST = re.compile(r"\d{4}-\d\d-\d\d")
_NO_CONTROL = r"^[^\x00-\x1f\x7f]+$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=limits.ID_CHARS_MAX, pattern=_NO_CONTROL)]
"""An opaque id or code: 1 to 128 characters, no control characters."""

RfcUuid = Annotated[UUID, AfterValidator(_canonical)]
Time = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_calendar)]
"""An instant with an offset, in the years 1 to 9999: an aware datetime, or a text of RFC 3339."""

JsonText = Annotated[str, StringConstraints(max_length=limits.DATA_CHARS_MAX), AfterValidator(_json_document)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Personal(_Part):
    """Everything that may identify a person. `data` and `addresses` are JSON documents as text."""

    title: Annotated[str, StringConstraints(max_length=limits.TITLE_CHARS_MAX)] | None = None
    body: Annotated[str, StringConstraints(max_length=limits.BODY_CHARS_MAX)] | None = None
    data: JsonText | None = None
    addresses: JsonText | None = None
    detail: Annotated[str, StringConstraints(max_length=limits.DETAIL_CHARS_MAX)] | None = None


class AudienceMember(_Part):
    """One recipient of a notification, and the channels that it is meant to arrive over."""

    recipient_id: Id
    role: Id = "to"
    channels: Annotated[tuple[Id, ...], Field(max_length=limits.CHANNELS_PER_RECIPIENT_MAX)] = ()


class Subject(_Part):
    """The business object that a notification is about."""

    type: Id
    id: Id
    status: Id | None = None


class Envelope(_Part):
    """What every event carries. Times are aware; they are written as microseconds, UTC."""

    event_id: RfcUuid = Field(default_factory=new_id)
    tenant_id: Id
    notification_id: RfcUuid
    occurred_at: Time = Field(default_factory=_utc_now)
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

    # Field validators, not model validators: their errors name the field.
    @field_validator("delivery_ref")
    @classmethod
    def _reference_needs_channel(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("channel", "") is None:
            message = "needs channel: it tells apart deliveries over one channel"
            raise ValueError(message)
        return value


class NotificationCreated(Envelope):
    """The notification exists: to whom, over which channels, about what."""

    kind: Literal[Kind.CREATED] = Kind.CREATED
    notification_id: RfcUuid = Field(default_factory=new_id)
    audience: Annotated[tuple[AudienceMember, ...], Field(max_length=limits.RECIPIENTS_PER_EVENT_MAX)] = ()
    category: Id | None = None
    action: Id | None = None
    priority: Id | None = None
    subject: Subject | None = None
    external_id: Id | None = None
    scheduled_at: Time | None = None
    tags: Annotated[tuple[Id, ...], Field(max_length=limits.TAGS_PER_EVENT_MAX)] = ()

    @field_validator("audience")
    @classmethod
    def _members_once(cls, value: tuple[AudienceMember, ...]) -> tuple[AudienceMember, ...]:
        if len(value) != len({member.recipient_id for member in value}):
            message = "must name a recipient once"
            raise ValueError(message)
        return value


class NotificationFired(Envelope):
    """It was handed over for delivery."""

    kind: Literal[Kind.FIRED] = Kind.FIRED


class NotificationDelivered(Envelope):
    """It arrived: at the device, the mailbox, the inbox."""

    kind: Literal[Kind.DELIVERED] = Kind.DELIVERED
    provider: Id | None = None


class NotificationOpened(Envelope):
    """It was opened; `automated` when a machine did it."""

    kind: Literal[Kind.OPENED] = Kind.OPENED
    automated: bool = False


class NotificationRead(Envelope):
    """A person read it."""

    kind: Literal[Kind.READ] = Kind.READ


class NotificationUnread(Envelope):
    """A person marked it as not read."""

    kind: Literal[Kind.UNREAD] = Kind.UNREAD


class NotificationAcknowledged(Envelope):
    """A person confirmed it."""

    kind: Literal[Kind.ACKNOWLEDGED] = Kind.ACKNOWLEDGED


class NotificationFailed(Envelope):
    """A delivery did not happen; `permanent` when trying again cannot help."""

    kind: Literal[Kind.FAILED] = Kind.FAILED
    permanent: bool = False
    reason: Id | None = None
    provider: Id | None = None


Event = (
    NotificationCreated
    | NotificationFired
    | NotificationDelivered
    | NotificationOpened
    | NotificationRead
    | NotificationUnread
    | NotificationAcknowledged
    | NotificationFailed
)
"""Any event of the contract."""

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])

_LIMIT_NAMES: Final = {
    ("string_too_long", limits.ID_CHARS_MAX): "ID_CHARS_MAX",
    ("string_too_long", limits.TITLE_CHARS_MAX): "TITLE_CHARS_MAX",
    ("string_too_long", limits.BODY_CHARS_MAX): "BODY_CHARS_MAX",
    ("string_too_long", limits.DATA_CHARS_MAX): "DATA_CHARS_MAX",
    ("string_too_long", limits.DETAIL_CHARS_MAX): "DETAIL_CHARS_MAX",
    ("too_long", limits.RECIPIENTS_PER_EVENT_MAX): "RECIPIENTS_PER_EVENT_MAX",
    ("too_long", limits.CHANNELS_PER_RECIPIENT_MAX): "CHANNELS_PER_RECIPIENT_MAX",
    ("too_long", limits.TAGS_PER_EVENT_MAX): "TAGS_PER_EVENT_MAX",
}

_PATH_CHARS_MAX: Final = 200
"""An unknown field's name is the caller's; an error shows no more of it than this."""


def parse_event(document: dict[str, Any] | str | bytes) -> Event:
    """Return the event that a JSON document (or its already parsed form) states; its `kind` says which model.

    Raises ContractViolation that names the field, what was wrong, and what is allowed. The offending value is not
    repeated: it may be personal.
    """
    try:
        if isinstance(document, dict):
            return _ANY_EVENT.validate_python(document)
        return _ANY_EVENT.validate_json(document)
    except ValidationError as error:
        raise violation(error, kind_leads=True) from None


def violation(error: ValidationError, *, kind_leads: bool = False) -> ContractViolation:
    """Return the first finding of a pydantic error as a ContractViolation without the offending value.

    `kind_leads` says that the places of the findings begin with the kind, as those of a union do.
    """
    first = error.errors(include_input=False, include_url=False)[0]
    place = first["loc"][1:] if kind_leads else first["loc"]
    path = ".".join(map(str, place))[:_PATH_CHARS_MAX] or "event"
    wrong = first["msg"].removeprefix("Value error, ")
    if first["type"].startswith("union_tag"):  # pydantic's own message repeats what stood there.
        path, wrong = "kind", f"must be one of {', '.join(Kind)}"
    limit = _LIMIT_NAMES.get((first["type"], first.get("ctx", {}).get("max_length", 0)))
    named = f", {limit}" if limit else ""
    more = error.error_count() - 1
    suffix = f" ({more} more)" if more else ""
    return ContractViolation(
        f"{path}: {wrong}{named}{suffix}.",
        hint="Correct the field and send the event again; nothing was written.",
        field=path,
    )
