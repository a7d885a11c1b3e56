"""Where each field of Realtime Register's notification comes from: one table, in the vendor's order."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.dialects.field_table import answer_of, member
from ledger_queries.dialects.times import utc_seconds
from ledger_queries.recorded import RecordedContent
from ledger_queries.rows import InboxEntryRow
from ledger_schemas import limits
from ledger_schemas.kinds import Kind

CHANNEL: Final = "webhook"
"""What `deliveryDate` speaks of."""

DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"message": "", "eventType": "", "notificationType": "", "isAsync": False}
)
"""Values of the required fields of which nothing is recorded."""

_PROCESS_ID: Final = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One notification of a customer as the ledger has it. `delivered_at` is of the channel webhook."""

    customer: str
    entry: InboxEntryRow
    content: RecordedContent
    delivered_at: datetime | None


Read = Callable[[Recorded], Any]
"""Reads one field. None: the ledger never recorded it."""


def _first(kind: Kind) -> Read:
    """Return what reads the first time of a kind, as the vendor writes times."""

    def read(recorded: Recorded) -> str | None:
        fact = recorded.entry.facts.get(kind.value)
        return None if fact is None else utc_seconds(fact.first_at)

    return read


def _datum(name: str, *types: type) -> Read:
    """Return what reads a key of the free-form data, when its value has one of the documented JSON types."""
    return lambda recorded: member(recorded.content.data, name, *types)


def _subject(part: str) -> Read:
    return lambda recorded: getattr(recorded.content.subject, part, None)


def _process(recorded: Recorded) -> int | None:
    text = recorded.content.correlation_id
    number = int(text) if text is not None and _PROCESS_ID.fullmatch(text) else None
    return None if number is None or number > limits.NUMBER_MAX else number


FIELDS: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "id": lambda recorded: recorded.content.number,
        "fireDate": _first(Kind.FIRED),
        "readDate": _first(Kind.READ),
        "acknowledgeDate": _first(Kind.ACKNOWLEDGED),
        "deliveryDate": lambda recorded: None if recorded.delivered_at is None else utc_seconds(recorded.delivered_at),
        "message": lambda recorded: recorded.content.body or recorded.content.title,
        "reason": lambda recorded: recorded.content.reason,
        "process": _process,
        "eventType": lambda recorded: recorded.content.action,
        "notificationType": lambda recorded: recorded.content.type,
        "payload": _datum("payload", dict),
        "isAsync": lambda recorded: member(recorded.content.attributes, "isAsync", bool),
        "processIdentifier": _subject("id"),
        "processType": _subject("type"),
        "customer": lambda recorded: recorded.customer,
        "transferType": _datum("transferType", str),
        "domainName": _datum("domainName", str),
        "hostName": _datum("hostName", str),
        "requestedDate": _datum("requestedDate", str),
        "actionDate": _datum("actionDate", str),
        "createdDate": _datum("createdDate", str),
        "expiryDate": _datum("expiryDate", str),
        "startDate": _datum("startDate", str),
        "endDate": _datum("endDate", str),
        "certificateId": _datum("certificateId", int),
        "provider": _datum("provider", str),
        "providerId": _datum("providerId", int),
        "product": _datum("product", str),
        "validationType": _datum("validationType", str),
        "currency": _datum("currency", str),
        "watermark": _datum("watermark", int, float),
        "balance": _datum("balance", int, float),
        "negativeSinceDate": _datum("negativeSinceDate", str),
        "negativeCurrency": _datum("negativeCurrency", str),
        "negativeLimit": _datum("negativeLimit", int, float),
        "negativeSoftLimit": _datum("negativeSoftLimit", int, float),
        "subjectStatus": _subject("status"),
        "statusDetail": _datum("statusDetail", str),
    }
)
"""Every field, by its name. What was never recorded gives None: it is left out, or its default stands for it."""


def notification_of(recorded: Recorded, names: Collection[str]) -> dict[str, Any]:
    """Return the named fields of a notification, in the vendor's order, without those that say nothing."""
    asked = {name: read for name, read in FIELDS.items() if name in names}
    return answer_of(asked, DEFAULTS, recorded)
