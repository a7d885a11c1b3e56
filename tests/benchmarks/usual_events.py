"""Events as services emit them: time-ordered ids, one of a few tenants, a recipient, a channel, and little else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger_schemas import Event, Kind, new_id, parse_event

_BEGIN: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_BODY: Final = "Dear customer, your order was handed to the carrier today and should be with you within three days. "


def _member(number: int) -> dict[str, Any]:
    return {"recipient_id": f"user-{number % 10_000:05d}", "channels": ["email", "in_app"]}


def _content(number: int) -> dict[str, Any]:
    return {
        "channels": ["email", "in_app"],
        "type": "order_update",
        "category": "transactional",
        "priority": "normal",
        "subject": {"type": "order", "id": f"order-{number}", "status": "shipped"},
        "template": {"id": "order-shipped", "version": "7"},
        "tags": ["orders", "eu"],
        "personal": {
            "title": f"Your order {number} has shipped",
            "body": _BODY * 2,
            "link": f"https://shop.example/orders/{number}",
            "data": json.dumps({"order": number, "items": [1, 2, 3], "carrier": "any"}),
        },
    }


_MORE: Final[Mapping[Kind, Callable[[int], dict[str, Any]]]] = {
    Kind.CREATED: lambda number: {
        **_content(number),
        "audience": [_member(number), _member(number + 1), _member(number + 2)],
        "external_id": f"order-{number}-shipped",
    },
    Kind.AMENDED: _content,
    Kind.AUDIENCE_ADDED: lambda number: {"audience": [_member(number), _member(number + 1), _member(number + 2)]},
    Kind.FIRED: lambda _: {"provider": "ses"},
    Kind.DELIVERED: lambda _: {"provider": "ses"},
    Kind.OPENED: lambda number: {"provider": "ses", "automated": number % 3 == 0},
    Kind.CLICKED: lambda number: {"provider": "ses", "target": f"button-{number % 3}"},
    Kind.ATTEMPTED: lambda _: {"provider": "ses", "provider_code": "250", "status": "accepted"},
    Kind.DEFERRED: lambda _: {"provider": "ses", "reason": "mailbox_full", "provider_code": "452"},
    Kind.FAILED: lambda _: {"provider": "ses", "reason": "bounced", "provider_code": "550", "permanent": True},
    Kind.SNOOZED: lambda number: {"snoozed_until": _BEGIN + timedelta(hours=number % 100)},
    Kind.RETRACTED: lambda _: {"retracted_event_id": new_id(), "reason": "duplicate"},
    Kind.OBSERVED: lambda _: {"provider": "ses", "provider_event": "rendering", "attributes": '{"attempt": 1}'},
}
"""What an event of a kind usually says beside the envelope."""


def usual_event(kind: Kind, number: int) -> Event:
    """Return an event of a kind; another number gives another one, about another notification."""
    whole = kind in {Kind.CREATED, Kind.AMENDED, Kind.AUDIENCE_ADDED}
    address = {} if whole else {"recipient_id": f"user-{number % 10_000:05d}", "channel": "email"}
    envelope = {
        "kind": kind,
        "event_id": new_id(),
        "tenant_id": f"tenant-{number % 5}",
        "notification_id": new_id(),
        "occurred_at": _BEGIN + timedelta(milliseconds=number),
        "source": "shop",
        "correlation_id": f"order-{number}",
    }
    more = _MORE[kind](number) if kind in _MORE else {}
    return parse_event({**envelope, **address, **more})
