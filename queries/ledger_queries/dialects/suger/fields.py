"""How a notification becomes Suger's notification event: where each field is recorded, and what it is if it is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.dialects.field_table import answer_of, member
from ledger_queries.dialects.suger.vocabulary import OPEN_EMAIL
from ledger_queries.dialects.times import utc_milliseconds
from ledger_queries.recorded import RecordedContent, RecordedEvent
from ledger_queries.rows import NotificationRow


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one notification: its row, what it says, and its `opened` events, oldest first."""

    row: NotificationRow
    content: RecordedContent
    opened: Sequence[RecordedEvent] = ()

    @property
    def due_at(self) -> datetime:
        """Return when it is scheduled, else listed: what the list filters and sorts by."""
        due_at = self.content.scheduled_at or self.row.listed_at
        assert due_at is not None  # noqa: S101 - only what is listed is found
        return due_at


Read = Callable[[Recorded], Any]
"""Reads one field. None: the ledger never recorded it."""

SAID: Final = (
    "action",
    "addresses",
    "attributes",
    "audience",
    "body",
    "channels",
    "creator",
    "creator_address",
    "creator_name",
    "data",
    "external_id",
    "priority",
    "scheduled_at",
    "subject",
    "subject_name",
    "title",
)
"""The fields of the content that the table reads."""

CC: Final = ("cc", "to_cc")
ADDRESS: Final = "to_address"
"""The role of a member who is an address alone: its id is made and is never shown."""

CREATED_BY: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "email": lambda of: of.content.creator_address,
        "entityId": lambda of: of.content.creator and of.content.creator.id,
        "entityType": lambda of: of.content.creator and of.content.creator.type,
        "name": lambda of: of.content.creator_name,
    }
)

FIELDS: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "action": lambda of: of.content.action,
        "ccContactIds": lambda of: _members(of, lambda role: role in CC),
        "channels": lambda of: of.content.channels or of.row.channels,
        "contactEmails": lambda of: list(_addresses(of)),
        "contactIds": lambda of: _members(of, lambda role: role not in {"cc", ADDRESS}),
        "createdBy": lambda of: {name: read(of) or "" for name, read in CREATED_BY.items()},
        "customFields": lambda of: member(of.content.data, "customFields", dict),
        "entityID": lambda of: of.content.subject and of.content.subject.id,
        "entityName": lambda of: of.content.subject_name,
        "entityStatus": lambda of: of.content.subject and of.content.subject.status,
        "entityType": lambda of: of.content.subject and of.content.subject.type,
        "eventID": lambda of: of.content.external_id or str(of.row.notification_id),
        "eventStatus": lambda of: member(of.content.attributes, "eventStatus", str) or _derived_status(of),
        "info": lambda of: member(of.content.data, "info", dict),
        "isActionItem": lambda of: member(of.content.attributes, "isActionItem", bool),
        "lastUpdateTime": lambda of: utc_milliseconds(_last_update(of)),
        "message": lambda of: of.content.body,
        "organizationID": lambda of: of.row.tenant_id,
        "partner": lambda of: member(of.content.attributes, "partner", str),
        "priority": lambda of: of.content.priority,
        "requireAudit": lambda of: member(of.content.attributes, "requireAudit", bool),
        "timestamp": lambda of: utc_milliseconds(of.due_at),
        "title": lambda of: of.content.title,
        "trackEvents": lambda of: list(_track_events(of)),
    }
)
"""Suger's fields in the order of its document."""

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "action": "",
        "channels": (),
        "customFields": {},
        "entityID": "",
        "entityName": "",
        "entityStatus": "",
        "entityType": "",
        "eventStatus": "",
        "isActionItem": False,
        "message": "",
        "partner": "",
        "priority": "",
        "requireAudit": False,
        "title": "",
    }
)
"""What a field is that was never recorded: Suger's empty value. One without a default, `info`, is then absent."""

MAIL: Final = "email"
"""The channel of track events, in any case of letters: their only action is OPEN_EMAIL."""

OPENINGS: Final = frozenset({"opened", "automated_opened"})
"""Facts that update nothing: openings by people are in trackEvents, those by machines are nobody's."""


def notification_event(of: Recorded) -> dict[str, Any]:
    """Return Suger's notification event, its keys in the order of Suger's document."""
    return answer_of(FIELDS, DEFAULTS, of)


def _members(of: Recorded, has_role: Callable[[str], bool]) -> list[str]:
    return [member.recipient_id for member in of.content.audience or () if has_role(member.role)]


def _addresses(of: Recorded) -> Iterator[str]:
    for recipient_id in _members(of, lambda role: role == ADDRESS):
        by_channel = member(of.content.addresses, recipient_id, dict) or {}
        yield from (str(address) for channel, address in by_channel.items() if channel.casefold() == MAIL)


def _track_events(of: Recorded) -> Iterator[dict[str, str]]:
    addressed: Collection[str] = set(_members(of, lambda role: role == ADDRESS))
    for event in of.opened:
        if event.automated or event.channel is None or event.channel.casefold() != MAIL:
            continue
        known = event.recipient_id is not None and event.recipient_id not in addressed
        contact = {"contactId": str(event.recipient_id)} if known else {}
        yield {"action": OPEN_EMAIL, **contact, "timestamp": utc_milliseconds(event.occurred_at)}


def _last_update(of: Recorded) -> datetime:
    return max(fact.last_at for name, fact in of.row.facts.items() if name not in OPENINGS)


def _derived_status(of: Recorded) -> str | None:
    """Return how far it has come, where nobody stated it."""
    if "delivered" in of.row.facts:
        return "DONE"
    if of.row.failed_permanently:
        return "FAILED"
    if "fired" in of.row.facts:
        return "PENDING"
    return "SCHEDULED" if of.content.scheduled_at else None
