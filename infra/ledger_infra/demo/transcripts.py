"""One sample of a vendor's API as lifecycle events: who it is for, what it says, and the facts that it states.

infra/guides/samples.md says which vendor field became what.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Final, Literal
from uuid import UUID

from ledger_schemas import Event, Kind, derive_notification_id, parse_event

Vendor = Literal["suger", "realtimeregister", "novu", "nextinteract", "easir"]

EASIR_READERS: Final = {"Get your notifications": ("user:54", "in_app")}
EASIR_OTHER_READER: Final = ("user:23", "push")
"""Recipient and channel, by heading. The document does not say whose its samples are: these are users of its own custom
notification, two of them, so that one user's list stays as the document shows it. The types are described as push."""

EASIR_SUBJECTS: Final = ("task", "email", "lead", "campaign", "scheduled_report", "notified_report", "rank", "case")
"""Parts of EASI'R's `data` that a notification can be about, the most particular first."""

SUGER_OUTCOMES: Final[Mapping[str, tuple[Kind, Mapping[str, Any]]]] = {
    "DONE": (Kind.DELIVERED, {}),
    "FAILED": (Kind.FAILED, {"permanent": True}),
}
"""Final values of Suger's `eventStatus`, and the fact that each states for every contact and channel."""

SUGER_OPENS: Final[Mapping[str, str]] = {"OPEN_EMAIL": "EMAIL"}
"""Suger's track events that are an opening, and the channel that they speak of."""

REGISTER_DATES: Final = {"deliveryDate": Kind.DELIVERED, "readDate": Kind.READ, "acknowledgeDate": Kind.ACKNOWLEDGED}
"""Dates of Realtime Register that state a fact of the lifecycle, beside the date of firing."""

NEXTINTERACT_CHANNEL: Final = "push"
"""NextInteract's document names no channel; it tells notifications to users from the e-mail that may go with them."""

NOVU_CHANNELS: Final = frozenset({"in_app", "email", "sms", "chat", "push"})
"""Novu's job types that are a delivery; the others (digest, delay, ...) are steps on the way."""

NOVU_FACTS: Final = {
    "Queued": Kind.FIRED,
    "Success": Kind.DELIVERED,
    "Failed": Kind.FAILED,
    "ReadConfirmation": Kind.READ,
}
"""Novu's execution details that state a fact of the lifecycle, by their status."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """One notification as a vendor's API answers with it (`row`), and the heading that it stands below."""

    vendor: Vendor
    heading: str
    row: Mapping[str, Any]


def tenant_of(vendor: Vendor) -> str:
    """Return the tenant that a vendor's samples belong to."""
    return f"{vendor}-demo"


def transcribe(sample: Sample) -> list[Event]:
    """Return the events that one sample states: its `created` first, then the facts that follow from it."""
    return _TRANSCRIBERS[sample.vendor](sample)


def derive_event_id(occurred_at: datetime, *identity: str | None) -> UUID:
    """Return the event id of a fact that has none of its own: the same for the same time and texts, always.

    A UUIDv8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, so that it is ordered by time, then bits of SHA-256
    over the time in microseconds and the texts. Raises OverflowError for a time before 1970.
    """
    microseconds = (occurred_at - _EPOCH) // timedelta(microseconds=1)
    digest = hashlib.sha256(json.dumps([microseconds, *identity]).encode()).digest()
    raw = bytearray((microseconds // 1000).to_bytes(6, "big") + digest[:10])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(raw))


@dataclass(slots=True)
class _Notification:
    """Collects the events of one sample: one envelope, event ids derived from what each event says."""

    vendor: Vendor
    external_id: str
    correlation_id: str | None = None
    events: list[Event] = field(default_factory=list)

    def created(self, at: datetime, *, data: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        """State that the notification exists; `data` is what no field of the contract holds, by the vendor's names."""
        personal = {name: fields[name] for name in ("title", "body") if name in fields}
        personal["data"] = json.dumps(data, ensure_ascii=False)
        if fields.get("addresses"):
            personal["addresses"] = json.dumps(fields["addresses"], ensure_ascii=False)
        stated = {name: value for name, value in fields.items() if value and name not in {"title", "body", "addresses"}}
        self.state(Kind.CREATED, at, personal=personal, external_id=self.external_id, **stated)

    def state(self, kind: Kind, at: datetime, **fields: Any) -> None:  # noqa: ANN401 - each kind has its own
        """State one fact of the notification."""
        tenant_id = tenant_of(self.vendor)
        names = ("recipient_id", "channel", "delivery_ref", "attempt_id")
        identity = (tenant_id, self.vendor, self.external_id, kind, *map(fields.get, names))
        envelope = {
            "kind": kind,
            "event_id": derive_event_id(at, *identity),
            "tenant_id": tenant_id,
            "notification_id": derive_notification_id(tenant_id, self.vendor, self.external_id),
            "occurred_at": at,
            "source": self.vendor,
            "correlation_id": self.correlation_id,
        }
        self.events.append(parse_event(envelope | fields))


def _suger(sample: Sample) -> list[Event]:
    rest = dict(sample.row)
    notification = _Notification(sample.vendor, rest.pop("eventID"))
    recipients = {"to": rest.pop("contactIds"), "cc": rest.pop("ccContactIds")}
    everybody = [contact for contacts in recipients.values() for contact in contacts]
    # Without a contact there is no audience that could carry the channels: they stay in the data.
    channels = rest.pop("channels") if everybody else rest["channels"]
    addressed = zip(recipients["to"], rest.pop("contactEmails"), strict=True)
    addresses = {contact: {"EMAIL": address} for contact, address in addressed}
    creator = rest["createdBy"] = dict(rest["createdBy"])
    actor, address = creator.pop("entityId"), creator.pop("email")
    if address:
        addresses[actor] = {"EMAIL": address}
    timestamp, changed = _time(rest.pop("timestamp")), _time(rest.pop("lastUpdateTime"))
    status, opens = rest.pop("eventStatus"), rest.pop("trackEvents")
    scheduled = status == "SCHEDULED"
    fields = {
        "scheduled_at": timestamp if scheduled else None,
        "audience": _audience(recipients, channels),
        "actor": actor,
        "action": rest.pop("action"),
        "priority": rest.pop("priority"),
        "subject": _subject(rest, "entityType", "entityID", "entityStatus"),
        "title": rest.pop("title"),
        "body": rest.pop("message"),
        "addresses": addresses,
    }
    del rest["organizationID"]
    notification.created(changed if scheduled else timestamp, data=rest, fields=fields)
    if status == "PENDING":
        notification.state(Kind.FIRED, changed)
    elif status in SUGER_OUTCOMES:
        notification.state(Kind.FIRED, timestamp)
        kind, outcome = SUGER_OUTCOMES[status]
        for contact, channel in product(everybody or [None], channels):
            notification.state(kind, changed, recipient_id=contact, channel=channel, **outcome)
    for opening in opens:
        at, channel = _time(opening["timestamp"]), SUGER_OPENS[opening["action"]]
        notification.state(Kind.OPENED, at, recipient_id=opening.get("contactId"), channel=channel)
    return notification.events


def _realtimeregister(sample: Sample) -> list[Event]:
    rest = dict(sample.row)
    notification = _Notification(sample.vendor, str(rest.pop("id")))
    customer = tenant_of(sample.vendor)
    rest.pop("customer", None)
    fired = _time(rest.pop("fireDate"))
    facts = [(kind, rest.pop(name)) for name, kind in REGISTER_DATES.items() if name in rest]
    fields = {
        "audience": _audience({"to": [customer]}, ["webhook"]),
        "category": rest.pop("notificationType"),
        "action": rest.pop("eventType"),
        "subject": _subject(rest, "processType", "processIdentifier", "subjectStatus"),
        "body": rest.pop("message"),
    }
    notification.created(fired, data=rest, fields=fields)
    notification.state(Kind.FIRED, fired)
    for kind, date in facts:
        over = {"channel": "webhook"} if kind == Kind.DELIVERED else {}
        notification.state(kind, _time(date), recipient_id=customer, **over)
    return notification.events


def _novu(sample: Sample) -> list[Event]:
    rest = dict(sample.row)
    notification = _Notification(sample.vendor, rest.pop("_id"), correlation_id=rest.pop("transactionId"))
    subscriber = rest["subscriber"] = dict(rest["subscriber"])
    recipient = subscriber.pop("subscriberId")
    addresses = {
        channel: subscriber.pop(name) for name, channel in (("email", "email"), ("phone", "sms")) if name in subscriber
    }
    fields = {
        "audience": _audience({"to": [recipient]}, [each for each in rest["channels"] if each in NOVU_CHANNELS]),
        "category": rest["template"]["triggers"][0]["identifier"],
        "priority": rest.pop("severity"),
        "tags": rest.pop("tags"),
        "addresses": {recipient: addresses},
    }
    notification.created(_time(rest.pop("createdAt")), data=rest, fields=fields)
    for job in rest["jobs"]:
        for detail in job["executionDetails"] if job["type"] in NOVU_CHANNELS else ():
            kind = NOVU_FACTS.get(detail["status"])
            if kind is None:
                continue
            more: dict[str, Any] = {"permanent": job["status"] == "failed"} if kind == Kind.FAILED else {}
            if kind in {Kind.DELIVERED, Kind.FAILED}:
                more["provider"] = detail["providerId"]
            notification.state(
                kind,
                _time(detail["createdAt"]),
                recipient_id=recipient,
                channel=job["type"],
                delivery_ref=job["_id"],
                attempt_id=detail["_id"],
                personal={"detail": detail["detail"]},
                **more,
            )
    return notification.events


def _nextinteract(sample: Sample) -> list[Event]:
    rest = dict(sample.row)
    number = rest["notificationScheduleId"]
    notification = _Notification(sample.vendor, f"nextinteract {sample.heading} {rest['type']} {number}")
    sent = _EPOCH + timedelta(milliseconds=rest.pop("notificationCreated"))
    # The document counts the people that it was sent to and names none of them.
    people = [f"user:unnamed-{n:03}" for n in range(1, rest.pop("totalNotificationsSent") + 1)]
    about = ("event", rest["eventUUID"]) if "eventUUID" in rest else ("company", str(rest["companyId"]))
    fields = {
        "audience": _audience({"to": people}, [NEXTINTERACT_CHANNEL]),
        "actor": f"user:{rest.pop('notificationCreatedBy')}",
        "category": rest.pop("type"),
        "subject": {"type": about[0], "id": about[1]},
        "body": rest.pop("message"),
    }
    successful = rest.pop("successful")
    notification.created(sent, data=rest, fields=fields)
    notification.state(Kind.FIRED, sent)
    for person in people:
        kind = Kind.DELIVERED if successful else Kind.FAILED
        notification.state(kind, sent, recipient_id=person, channel=NEXTINTERACT_CHANNEL)
    return notification.events


def _easir(sample: Sample) -> list[Event]:
    rest = dict(sample.row)
    notification = _Notification(sample.vendor, f"easir {sample.heading} {rest['id']}")
    reader, channel = EASIR_READERS.get(sample.heading, EASIR_OTHER_READER)
    parts = rest["data"]
    fields = {
        "audience": _audience({"to": [reader]}, [channel]),
        "category": rest.pop("type"),
        "action": parts.get("event", {}).get("type"),
        "actor": f"user:{parts['user']['id']}" if "user" in parts else None,
        "subject": next(({"type": name, "id": parts[name]["id"]} for name in EASIR_SUBJECTS if name in parts), None),
        "body": rest.pop("message"),
    }
    read_at = rest.pop("read_at")
    del rest["read"]
    notification.created(_time(rest.pop("created_at")), data=rest, fields=fields)
    if read_at is not None:
        notification.state(Kind.READ, _time(read_at), recipient_id=reader)
    return notification.events


def _audience(recipients: Mapping[str, list[str]], channels: list[str]) -> list[dict[str, Any]]:
    return [
        {"recipient_id": recipient, "role": role, "channels": channels}
        for role, members in recipients.items()
        for recipient in members
    ]


def _subject(rest: dict[str, Any], type_name: str, id_name: str, status_name: str) -> dict[str, Any] | None:
    """Move the business object out of `rest`; when its type or its id is missing, what there is stays there."""
    if not (rest.get(type_name) and rest.get(id_name)):
        return None
    return {"type": rest.pop(type_name), "id": rest.pop(id_name), "status": rest.pop(status_name, None) or None}


def _time(text: str) -> datetime:
    """Read a vendor's time; one without a zone is UTC."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_TRANSCRIBERS: Final[Mapping[Vendor, Callable[[Sample], list[Event]]]] = {
    "suger": _suger,
    "realtimeregister": _realtimeregister,
    "novu": _novu,
    "nextinteract": _nextinteract,
    "easir": _easir,
}
