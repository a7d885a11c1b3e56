"""One example event of every kind, the same at every call: what the documents of the contract show."""

from __future__ import annotations

from typing import Any, Final

from ledger_schemas.codec import decode_wire, encode_event
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from ledger_schemas.shipped import current_schema

NOTIFICATION_ID: Final = "019b76da-9478-7000-8000-000000000001"
EVENT_ID: Final = "019b76da-a800-7000-8000-000000000002"
OCCURRED_AT: Final = "2026-01-01T00:00:00Z"
"""The milliseconds in EVENT_ID, as a UUIDv7 has them."""

WORKED_KIND: Final = Kind.DELIVERED
"""The kind whose example is taken apart byte by byte: it speaks of all three grains, and is short."""

_ENVELOPE: Final[dict[str, Any]] = {
    "event_id": EVENT_ID,
    "tenant_id": "acme",
    "notification_id": NOTIFICATION_ID,
    "occurred_at": OCCURRED_AT,
    "source": "shop",
}
_ANN: Final[dict[str, Any]] = {"recipient_id": "ann"}
_ANN_BY_EMAIL: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
_LATER: Final = "2026-01-01T08:00:00Z"

_STATED: Final[dict[Kind, dict[str, Any]]] = {
    Kind.CREATED: {
        "audience": [{"recipient_id": "ann", "channels": ["email", "in_app"]}],
        "personal": {"title": "Your parcel is on its way"},
        "category": "shipping",
        "subject": {"type": "order", "id": "1001"},
        "external_id": "parcel-1001",
    },
    Kind.FIRED: {},
    Kind.DELIVERED: _ANN_BY_EMAIL,
    Kind.OPENED: _ANN_BY_EMAIL | {"automated": True},
    Kind.READ: _ANN,
    Kind.ACKNOWLEDGED: _ANN,
    Kind.FAILED: _ANN_BY_EMAIL | {"permanent": True, "reason": "mailbox_unknown", "provider_code": "550"},
    Kind.ATTEMPTED: _ANN_BY_EMAIL | {"attempt_id": "1", "status": "accepted", "provider_code": "250"},
    Kind.DEFERRED: _ANN_BY_EMAIL | {"reason": "greylisted", "provider_code": "451", "retry_at": _LATER},
    Kind.CANCELLED: {"reason": "order_cancelled"},
    Kind.EXPIRED: {},
    Kind.SEEN: _ANN,
    Kind.CLICKED: _ANN_BY_EMAIL | {"target": "track_parcel", "personal": {"link": "https://shop.example/track/1001"}},
    Kind.UNREAD: _ANN,
    Kind.ARCHIVED: _ANN,
    Kind.UNARCHIVED: _ANN,
    Kind.SNOOZED: _ANN | {"snoozed_until": _LATER},
    Kind.UNSNOOZED: _ANN,
    Kind.ACTION_COMPLETED: _ANN | {"action_type": "primary"},
    Kind.ACTION_REVERTED: _ANN | {"action_type": "primary"},
    Kind.DELETED: _ANN | {"reason": "by_recipient"},
    Kind.UNSUBSCRIBED: _ANN_BY_EMAIL | {"scope": "shipping"},
    Kind.COMPLAINED: _ANN_BY_EMAIL | {"reason": "abuse"},
    Kind.AMENDED: {"personal": {"title": "Your parcel arrives tomorrow"}, "tags": ["rescheduled"]},
    Kind.AUDIENCE_ADDED: {"audience": [{"recipient_id": "bob", "role": "cc"}]},
    Kind.RETRACTED: {"retracted_event_id": "019b76da-9860-7000-8000-000000000003", "reason": "sent_by_mistake"},
    Kind.OBSERVED: _ANN_BY_EMAIL | {"provider_event": "processed", "attributes": '{"pool": "transactional"}'},
}


def example_event(kind: Kind) -> Event:
    """Return the example of one kind."""
    return parse_event({"kind": kind.value, **_ENVELOPE, **_STATED[kind]})


def example_values(kind: Kind) -> dict[str, Any]:
    """Return the example as its `.avsc` describes it, in plain JSON: times are microseconds, ids are text.

    A field that has its default is left out.
    """
    values = decode_wire(encode_event(example_event(kind))).values
    return _stated(current_schema(kind).document, values)


def _stated(record: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    stated = {}
    for field in record["fields"]:
        value = values[field["name"]]
        if "default" in field and value == field["default"]:
            continue
        inner = field["type"][1] if isinstance(field["type"], list) else field["type"]
        if isinstance(value, dict):
            value = _stated(inner, value)
        elif isinstance(inner, dict) and isinstance(inner.get("items"), dict):
            value = [_stated(inner["items"], item) for item in value]
        stated[field["name"]] = value
    return stated
