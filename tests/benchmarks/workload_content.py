"""What the events of a workload say beyond their envelope: encoded once per variant, or per event where it has content.

The envelope's fields are the first of every schema; all that follows them is encoded here, by fastavro.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from fastavro import schemaless_writer
from fastavro.schema import parse_schema

from ledger_schemas import Kind
from ledger_schemas.shipped import current_schema

ENVELOPE: Final = (
    *("event_id", "tenant_id", "notification_id", "occurred_at", "recipient_id", "channel", "delivery_ref"),
    *("attempt_id", "source", "actor", "correlation_id", "causation_id"),
)
"""The fields that `workload` writes itself, in the order of every schema."""

VARIANTS: Final = 24
"""Different things that events of one lean kind say."""

PROVIDERS: Final = ("ses", "fcm", "twilio", "sendgrid")
_TITLES: Final = (
    "Your order {n} has shipped",
    "Invoice {n} is ready",
    "{n} new comments on “Quarterly plan”",
    "Zahlung über {n},00 € eingegangen",
    "Reminder: your appointment is tomorrow at 09:30",
    "Security alert: new sign-in from Firefox on Linux",
    "Build #{n} failed on main",
)
_SENTENCES: Final = (
    "Dear customer, your parcel was handed to the carrier today and should be with you within three working days. ",
    "You can follow it at any time with the link below; you need not be at home. ",
    "If you did not ask for this, please tell us at once, and change your password. ",
    "Grüße aus München, Ihr Team, and thank you for choosing us again. ",
    "This message was sent to you because you subscribed to updates of this project. ",
)
_CODES: Final = ("250 2.0.0 OK", "451 4.7.1 Try again later", "550 5.1.1 User unknown", "messages/accepted")


def tail(kind: Kind, said: Mapping[str, Any]) -> bytes:
    """Return the encoded fields of an event behind its envelope; what is not said is absent, or empty."""
    schema, absent = _tail_schema(kind)
    out = io.BytesIO()
    schemaless_writer(out, schema, {**absent, **said})
    return out.getvalue()


@cache
def lean_tails(kind: Kind) -> Sequence[bytes]:
    """Return what events of a kind without content say, in VARIANTS ways."""
    says = _LEAN.get(kind)
    return [tail(kind, says(number) if says else {}) for number in range(VARIANTS)]


def created(number: int, members: Sequence[tuple[str, list[str]]], external_id: str | None) -> bytes:
    """Return what the created of a notification says, its audience being (recipient, channels)."""
    said = _content(number)
    said["audience"] = _audience(members)
    said["external_id"] = external_id
    said["creator"] = {"type": "service", "id": "checkout"} if number % 3 else None
    said["attributes"] = json.dumps({"batch": number // 100, "ab": "AB"[number % 2]}) if number % 2 else None
    return tail(Kind.CREATED, said)


def amended(number: int) -> bytes:
    """Return what an amended says: another title and body, and now and then that a field is cleared."""
    content = _content(number)
    said = {name: content[name] for name in ("personal", "tags", "priority")}
    return tail(Kind.AMENDED, {**said, "cleared": ["severity"] if number % 4 == 0 else []})


def audience_added(members: Sequence[tuple[str, list[str]]]) -> bytes:
    """Return what an audience_added says."""
    return tail(Kind.AUDIENCE_ADDED, {"audience": _audience(members)})


def retracted(event_id: str) -> bytes:
    """Return what the retracted of an event says."""
    return tail(Kind.RETRACTED, {"retracted_event_id": event_id, "reason": "mistake"})


def _audience(members: Sequence[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    return [{"recipient_id": name, "role": "to", "channels": channels} for name, channels in members]


def _content(number: int) -> dict[str, Any]:
    sentences = 1 + number % 11
    body = "".join(_SENTENCES[(number + step) % len(_SENTENCES)] for step in range(sentences))
    personal = {
        "title": _TITLES[number % len(_TITLES)].format(n=number),
        "body": body,
        "body_formatted": f"<p>{body}</p>" if number % 5 == 0 else None,
        "link": f"https://shop.example/orders/{number}?utm_source=notification",
        "data": json.dumps(
            {"order": number, "items": [number % 7, 2, 3], "carrier": "any", "express": number % 2 == 0}
        ),
        "subject_name": f"Order {number}",
    }
    return {
        "personal": {name: personal.get(name) for name in _personal_fields()},
        "channels": ["webhook"] if number % 50 == 0 else [],
        "groups": [{"type": "team", "id": f"team-{number % 40}", "reference": None}] if number % 6 == 0 else [],
        "type": ("order_update", "invoice", "comment", "alert")[number % 4],
        "category": ("transactional", "social", "promotion")[number % 3],
        "action": "shipped" if number % 4 == 0 else None,
        "priority": ("normal", "high", "low")[number % 3],
        "severity": "warning" if number % 10 == 0 else None,
        "subject": {"type": "order", "id": f"order-{number}", "status": "shipped"},
        "template": {"id": f"template-{number % 30}", "name": None, "version": str(1 + number % 9)},
        "tags": ["orders", f"region-{number % 8}"],
        "contexts": [f"account-{number % 500}"] if number % 3 == 0 else [],
    }


def _of_provider(number: int, **more: object) -> dict[str, Any]:
    """Return what a provider adds to a fact: its name, and now and then raw details as its webhook has them."""
    said: dict[str, Any] = {"provider": PROVIDERS[number % len(PROVIDERS)], **more}
    if number % 3 == 0:
        said["attributes"] = json.dumps({"ip_pool": f"pool-{number % 4}", "size": 20_000 + number, "tls": True})
    if number % 4 == 0:
        said["personal"] = {**dict.fromkeys(_personal_fields()), "detail": f"{_CODES[number % 4]} id={number:032x}"}
    return said


def _clicked(number: int) -> dict[str, Any]:
    link = {**dict.fromkeys(_personal_fields()), "link": f"https://shop.example/offers/{number}"}
    return {**_of_provider(number, automated=number % 8 == 0, target=f"button-{number % 3}"), "personal": link}


_LEAN: Final[Mapping[Kind, Callable[[int], dict[str, Any]]]] = {
    Kind.FIRED: lambda number: {"provider": PROVIDERS[number % 4]},
    Kind.DELIVERED: _of_provider,
    Kind.OPENED: lambda number: _of_provider(number, automated=number % 4 == 0),
    Kind.CLICKED: _clicked,
    Kind.ATTEMPTED: lambda number: _of_provider(number, provider_code="250", status="accepted", retry=number % 9 == 0),
    Kind.DEFERRED: lambda number: _of_provider(number, reason="mailbox_full", provider_code="452"),
    Kind.FAILED: lambda number: _of_provider(number, reason="bounced", provider_code="550", permanent=number % 2 == 0),
    Kind.OBSERVED: lambda number: _of_provider(number, provider_event="rendering"),
    Kind.UNSUBSCRIBED: lambda number: _of_provider(number, scope="category"),
    Kind.COMPLAINED: lambda number: _of_provider(number, reason="abuse"),
    Kind.SNOOZED: lambda number: {"snoozed_until": 1_772_452_800_000_000 + number * 3_600_000_000},
    Kind.ACTION_COMPLETED: lambda number: {"action_type": ("primary", "secondary")[number % 2]},
    Kind.ACTION_REVERTED: lambda number: {"action_type": ("primary", "secondary")[number % 2]},
}


@cache
def _tail_schema(kind: Kind) -> tuple[Any, dict[str, Any]]:
    """Return the schema of what follows the envelope, and the value of each of its fields when nothing is said."""
    fields = current_schema(kind).parsed["fields"]
    assert tuple(field["name"] for field in fields[: len(ENVELOPE)]) == ENVELOPE
    rest = fields[len(ENVELOPE) :]
    absent = {field["name"]: _ABSENT.get(_shape(field["type"])) for field in rest}
    return parse_schema({"type": "record", "name": f"Tail.{kind}", "fields": rest}), absent


def _shape(node: Any) -> str:  # noqa: ANN401 - a schema is any JSON
    match node:
        case str(primitive):
            return primitive
        case {"type": str(shape)}:
            return shape
    return "null"


_ABSENT: Final[dict[str, Any]] = {"array": [], "boolean": False}


@cache
def _personal_fields() -> tuple[str, ...]:
    (personal,) = (field for field in _tail_schema(Kind.CREATED)[0]["fields"] if field["name"] == "personal")
    return tuple(field["name"] for field in personal["type"][1]["fields"])
