"""A user's custom notification: the request's body, and the events that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from ledger_queries.dialects.easir.failures import wrong
from ledger_queries.dialects.easir.fields import CUSTOM
from ledger_schemas import limits
from ledger_schemas.events import Event
from ledger_schemas.ids import derive_created_id, derive_event_id, new_id, time_of
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event

SOURCE: Final = "easir"
TEAM: Final = "team"
"""The type of the groups of an audience."""

MESSAGE_CHARS_MAX: Final = 512
USERS_MAX: Final = 10_000
"""Users that one request may name."""

RECIPIENTS_MAX: Final = 100_000
"""Users that one request may reach, those of its teams included."""

_NO_OBJECT: Final = "must be a JSON object"
"""In place of pydantic's words, which name a class."""

REQUEST_KEY_HOURS_MAX: Final = 24
"""How old the time in an Idempotency-Key may be."""


def _integer(value: object) -> object:
    """Return an integer as JSON has them: 1.0 is one, true and "1" are none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        message = "must be an integer"
        raise ValueError(message)
    return value


_Number = Annotated[int, Field(ge=1, le=limits.NUMBER_MAX), BeforeValidator(_integer)]


class Notify(BaseModel):
    """Whom to notify: users, members of teams, or both."""

    users: Annotated[list[_Number], Field(max_length=USERS_MAX)] = []
    teams: Annotated[list[_Number], Field(max_length=limits.GROUPS_PER_EVENT_MAX)] = []


class CustomNotification(BaseModel):
    """What is said, and to whom."""

    message: Annotated[str, Field(min_length=1, max_length=MESSAGE_CHARS_MAX)]
    notify: Notify


BODY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["message", "notify"],
    "properties": {
        "message": {"type": "string", "minLength": 1, "maxLength": MESSAGE_CHARS_MAX},
        "notify": {
            "type": "object",
            "properties": {
                name: {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1, "maximum": limits.NUMBER_MAX},
                    "maxItems": items_max,
                }
                for name, items_max in (("users", USERS_MAX), ("teams", limits.GROUPS_PER_EVENT_MAX))
            },
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}}
                for name in ("users", "teams")
            ],
        },
    },
    "example": {"message": "This is a custom notification", "notify": {"users": [1, 54, 23], "teams": [1, 5, 8]}},
}
"""The body in the OpenAPI document: either list may be absent, not both."""


def parse_custom(document: object) -> CustomNotification:
    """Return what a body states. Raises RequestValidationError that names each field."""
    try:
        custom = CustomNotification.model_validate(document)
    except ValidationError as error:
        raise RequestValidationError(
            [
                {**finding, "loc": ("body", *finding["loc"]), "msg": _NO_OBJECT}
                if finding["type"] == "model_type"
                else {**finding, "loc": ("body", *finding["loc"])}
                for finding in error.errors(include_url=False)
            ]
        ) from None
    if not custom.notify.users and not custom.notify.teams:
        raise RequestValidationError(
            [
                {"loc": ("body", "notify", name), "msg": f"is required without notify.{other}", "type": "value_error"}
                for name, other in (("users", "teams"), ("teams", "users"))
            ]
        )
    return custom


def recipients_of(custom: CustomNotification, members_of: Callable[[str], Sequence[str]]) -> list[str]:
    """Return the users and the members of the teams, each once, as recipient ids."""
    named = [str(user) for user in custom.notify.users]
    named += [member for team in dict.fromkeys(custom.notify.teams) for member in members_of(str(team))]
    recipients = list(dict.fromkeys(named))
    if len(recipients) > RECIPIENTS_MAX:
        raise wrong("notify", f"must not reach more than RECIPIENTS_MAX = {RECIPIENTS_MAX} users", "body")
    return recipients


def request_key(stated: str | None) -> UUID:
    """Return what tells a request from every other: its Idempotency-Key, else a new one. It has a time inside.

    Raises RequestValidationError for a key that is no UUIDv7 of about now.
    """
    if stated is None:
        return new_id()
    try:
        key = UUID(stated)
    except ValueError:
        key = None
    at = None if key is None else time_of(key)
    now = datetime.now(UTC)
    latest = now + timedelta(seconds=limits.CLOCK_SKEW_SECONDS_MAX)
    if key is None or at is None or not now - timedelta(hours=REQUEST_KEY_HOURS_MAX) <= at <= latest:
        raise wrong("Idempotency-Key", f"must be a UUIDv7 of the last {REQUEST_KEY_HOURS_MAX} hours", "header")
    return key


def custom_events(
    tenant: str, user: str, custom: CustomNotification, recipients: Sequence[str], key: UUID
) -> list[Event]:
    """Return the events of a custom notification: created, its further audience, fired.

    The same request with the same key gives the same events, so that the log has its facts once.
    """
    return [parse_event(document) for document in _documents(tenant, user, custom, recipients, key)]


def _documents(
    tenant: str, user: str, custom: CustomNotification, recipients: Sequence[str], key: UUID
) -> Iterator[dict[str, Any]]:
    at = time_of(key)
    assert at is not None  # noqa: S101 - request_key gives no other

    def event_id(kind: Kind, part: int = 0) -> UUID:
        return derive_event_id(at, SOURCE, tenant, user, str(key), kind, str(part))

    common = {
        "tenant_id": tenant,
        "notification_id": derive_created_id(tenant, event_id(Kind.CREATED)),
        "occurred_at": at,
        "source": SOURCE,
        "actor": user,
    }
    parts = [
        [{"recipient_id": recipient} for recipient in recipients[start : start + limits.RECIPIENTS_PER_EVENT_MAX]]
        for start in range(0, max(len(recipients), 1), limits.RECIPIENTS_PER_EVENT_MAX)
    ]
    yield common | {
        "kind": Kind.CREATED,
        "event_id": event_id(Kind.CREATED),
        "type": CUSTOM,
        "audience": parts[0],
        "groups": [{"type": TEAM, "id": str(team)} for team in dict.fromkeys(custom.notify.teams)],
        "personal": {"body": custom.message},
    }
    for part, audience in enumerate(parts[1:], start=1):
        yield common | {
            "kind": Kind.AUDIENCE_ADDED,
            "event_id": event_id(Kind.AUDIENCE_ADDED, part),
            "audience": audience,
        }
    yield common | {"kind": Kind.FIRED, "event_id": event_id(Kind.FIRED)}
