"""How a notification becomes NextInteract's sent notification: where each field is recorded, and what it is if not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.dialects.field_table import answer_of, member
from ledger_queries.dialects.nextinteract.answer_types import (
    DESCRIPTION_CHARS_MAX,
    KEY_CHARS_MAX,
    MESSAGE_CHARS_MAX,
    SUBJECT_CHARS_MAX,
    TEMPLATE_CHARS_MAX,
    VALUE_CHARS_MAX,
)
from ledger_queries.recorded import RecordedContent, RecordedEvent
from ledger_queries.rows import NotificationRow

SAID: Final = (
    "body",
    "creator",
    "data",
    "groups",
    "schedule",
    "template",
    "title",
    "type",
)
"""The fields of the content that the table reads."""

COMPANY: Final = "company"
EVENT: Final = "event"
BROCHURE: Final = "brochure"
TEAM: Final = "team"
"""Types of the groups that an audience is drawn from."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LONG: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one notification: its row, what it says, and its latest `amended`."""

    row: NotificationRow
    content: RecordedContent
    amended: RecordedEvent | None = None

    @property
    def listed_at(self) -> datetime:
        """Return when it was created, which the answer is ordered by."""
        assert self.row.listed_at is not None  # noqa: S101 - only what is listed is found
        return self.row.listed_at

    @property
    def schedule_id(self) -> str | None:
        """Return the schedule that fired it; None: it is adhoc."""
        return self.content.schedule.id if self.content.schedule else None

    def groups(self, group_type: str) -> list[str]:
        """Return the ids of its groups of a type, each once, in their order."""
        return list(dict.fromkeys(group.id for group in self.content.groups or () if group.type == group_type))

    def is_of(self, group_type: str, group_id: str) -> bool:
        """Say whether its audience was drawn from a group."""
        return group_id in self.groups(group_type)


def _creator(of: Recorded) -> str | None:
    return of.content.creator.id if of.content.creator else None


def _template(of: Recorded) -> str | None:
    return of.content.template.name if of.content.template else None


def _description(of: Recorded) -> str | None:
    """Return the long description; where an adhoc notification has none, its teams, as the document has it."""
    stated: str | None = member(of.content.data, "description", str)
    if stated is not None:
        return stated
    return None if of.schedule_id else ",".join(of.groups(TEAM)) or None


def _successful(row: NotificationRow) -> bool:
    """Say whether it went out: something arrived, or not all that was handed over failed."""
    if "delivered" in row.facts or "failed" not in row.facts:
        return True
    return row.recipients_failed < row.recipients_fired


def _email_params(of: Recorded) -> list[dict[str, str]] | None:
    """Return the recorded objects that have a key and a value, which are texts."""
    stated: list[Any] | None = member(of.content.data, "emailParams", list)
    if stated is None:
        return None
    return [
        {"key": key[:KEY_CHARS_MAX], "value": value[:VALUE_CHARS_MAX]}
        for one in stated
        if isinstance(one, dict)
        and isinstance(key := one.get("key"), str)
        and isinstance(value := one.get("value"), str)
    ]


def _cut(text: str | None, chars_max: int) -> str | None:
    return text if text is None else text[:chars_max]


def _long(*ids: str) -> int | None:
    """Return the first id that is a whole number in decimal digits: the vendor's ids of this kind are."""
    return next((int(one) for one in ids if _LONG.fullmatch(one)), None)


Read = Callable[[Recorded], Any]
"""Reads one field. None: the ledger never recorded it."""

FIELDS: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "type": lambda of: of.content.type,
        "companyId": lambda of: _long(*of.groups(COMPANY)),
        "eventUUID": lambda of: next(iter(of.groups(EVENT)), None),
        "notificationScheduleId": lambda of: _long(of.schedule_id or ""),
        "message": lambda of: _cut(of.content.body, MESSAGE_CHARS_MAX),
        "description": lambda of: _cut(_description(of), DESCRIPTION_CHARS_MAX),
        "successful": lambda of: _successful(of.row),
        "totalNotificationsSent": lambda of: of.row.recipients_fired,
        "notificationCreated": lambda of: milliseconds(of.listed_at),
        "notificationCreatedBy": _creator,
        "notificationModified": lambda of: milliseconds(of.amended.occurred_at if of.amended else of.listed_at),
        "notificationModifiedBy": lambda of: (of.amended and of.amended.actor) or _creator(of),
        "teamIds": lambda of: (of.schedule_id and of.groups(TEAM)) or None,
        "brochureId": lambda of: _long(*of.groups(BROCHURE)),
        "emailTemplate": lambda of: _cut(_template(of), TEMPLATE_CHARS_MAX),
        "emailSubject": lambda of: _cut(of.content.title or (_template(of) and ""), SUBJECT_CHARS_MAX),
        "emailParams": _email_params,
    }
)
"""NextInteract's fields: in the order of its sample, then in that of its field table."""

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "type": "",
        "message": "",
        "notificationCreatedBy": "",
        "notificationModifiedBy": "",
    }
)
"""What a field is that the document has always and that was never recorded. Any other is then absent."""


def sent_notification(of: Recorded) -> dict[str, Any]:
    """Return NextInteract's sent notification, its keys in the order of the document."""
    return answer_of(FIELDS, DEFAULTS, of)


def latest(amended: Sequence[RecordedEvent]) -> RecordedEvent | None:
    """Return the latest of the `amended` events of a notification, by the fold's own rule."""
    return max(
        amended,
        key=lambda one: (min(one.occurred_at, one.recorded_at), one.occurred_at, one.event_id),
        default=None,
    )


def milliseconds(at: datetime) -> int:
    """Return a time as the vendor writes it. What is finer is cut, so that a time is never later than it was."""
    return (at - _EPOCH) // _MILLISECOND
