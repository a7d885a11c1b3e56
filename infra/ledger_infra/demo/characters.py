"""The characters of the stream: six channels with their habits, and four invented tenants with what they send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ChannelCharacter:
    """How one channel behaves. Shares are of its deliveries; `latency_seconds` is the median from fired to delivered.

    `opened` are openings by people, of the deliveries that are read; `automated_opened` those by machines.
    """

    provider: str
    latency_seconds: float
    bounced: float = 0.0
    bounce_reason: str = "unreachable"
    retried: float = 0.0
    opened: float = 0.0
    automated_opened: float = 0.0


CHANNELS: Final[Mapping[str, ChannelCharacter]] = {
    "in_app": ChannelCharacter("inbox", 0.2),
    "email": ChannelCharacter("mail-relay", 4.0, 0.02, "mailbox_unknown", 0.05, 0.8, 0.45),
    "sms": ChannelCharacter("sms-gateway", 6.0, 0.015, "number_unassigned", 0.04),
    "push": ChannelCharacter("push-service", 0.8, 0.01, "token_unregistered", 0.02, 0.6),
    "chat": ChannelCharacter("chat-bridge", 0.7, 0.002, "room_archived", 0.03, 0.3),
    "webhook": ChannelCharacter("webhook-sender", 0.4, 0.005, "endpoint_gone", 0.1),
}


@dataclass(frozen=True, slots=True)
class Template:
    """One sort of notification. `title` and `body` may name {number}; `weight` is relative within the tenant.

    `read` and `acknowledged` are shares of the recipients that it reached. `broadcast` makes it go to many.
    """

    type: str
    action: str
    priority: str
    subject: str
    title: str
    body: str
    channels: tuple[str, ...]
    weight: float
    read: float
    acknowledged: float = 0.0
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class TenantCharacter:
    """One tenant of the stream: its `share` of all notifications, its people, and what it sends."""

    tenant_id: str
    source: str
    share: float
    people: int
    templates: tuple[Template, ...]


ATELIER: Final = TenantCharacter(
    tenant_id="atelier-crm",
    source="crm",
    share=0.44,
    people=4_000,
    templates=(
        Template(
            "mention",
            "comment.mentioned",
            "normal",
            "document",
            "You were mentioned",
            "Somebody mentioned you in document {number}.",
            ("in_app", "email"),
            5.0,
            read=0.72,
        ),
        Template(
            "task",
            "task.assigned",
            "high",
            "task",
            "Task {number} is yours",
            "Task {number} was assigned to you. It is due on Friday.",
            ("in_app",),
            3.0,
            read=0.85,
            acknowledged=0.3,
        ),
        Template(
            "digest",
            "digest.sent",
            "low",
            "workspace",
            "Your week in short",
            "{number} things happened in your workspace.",
            ("email",),
            2.0,
            read=0.35,
        ),
    ),
)
"""A SaaS: inbox first, e-mail beside it."""

HARBOUR: Final = TenantCharacter(
    tenant_id="harbour-shop",
    source="orders",
    share=0.30,
    people=9_000,
    templates=(
        Template(
            "order",
            "order.confirmed",
            "normal",
            "order",
            "Order {number} is confirmed",
            "Thank you. We are packing order {number}.",
            ("email",),
            4.0,
            read=0.6,
        ),
        Template(
            "parcel",
            "parcel.shipped",
            "normal",
            "parcel",
            "Parcel {number} is on its way",
            "Parcel {number} arrives tomorrow between 9 and 12.",
            ("email", "sms"),
            4.0,
            read=0.75,
        ),
        Template(
            "offer",
            "campaign.sent",
            "low",
            "campaign",
            "Ten percent on everything blue",
            "Until Sunday, with the code BLUE{number}.",
            ("email",),
            1.5,
            read=0.15,
        ),
    ),
)
"""A shop: e-mail, and a text message when the parcel leaves."""

MERIDIAN: Final = TenantCharacter(
    tenant_id="meridian-bank",
    source="payments",
    share=0.20,
    people=2_500,
    templates=(
        Template(
            "payment",
            "payment.booked",
            "normal",
            "payment",
            "Payment {number} was booked",
            "Payment {number} left your account.",
            ("push",),
            5.0,
            read=0.7,
        ),
        Template(
            "approval",
            "payment.approval_requested",
            "urgent",
            "payment",
            "Approve payment {number}",
            "Confirm payment {number} in the app within ten minutes.",
            ("push", "in_app"),
            3.0,
            read=0.95,
            acknowledged=0.9,
        ),
        Template(
            "sign_in",
            "device.signed_in",
            "high",
            "device",
            "A new device signed in",
            "If it was not you, call us. Reference {number}.",
            ("push", "sms"),
            1.0,
            read=0.8,
            acknowledged=0.5,
        ),
    ),
)
"""A bank: push to every device of a person, and answers that count."""

BEACON: Final = TenantCharacter(
    tenant_id="beacon-ops",
    source="alerting",
    share=0.06,
    people=220,
    templates=(
        Template(
            "alert",
            "alert.raised",
            "high",
            "service",
            "Service {number} is slow",
            "The error budget of service {number} burns too fast.",
            ("chat", "webhook"),
            9.0,
            read=0.8,
            acknowledged=0.6,
        ),
        Template(
            "page",
            "page.sent",
            "urgent",
            "incident",
            "Incident {number}",
            "You are on call for incident {number}.",
            ("push", "sms"),
            4.0,
            read=0.97,
            acknowledged=0.95,
        ),
        Template(
            "maintenance",
            "maintenance.announced",
            "low",
            "window",
            "Maintenance on Saturday",
            "Window {number}: 02:00 to 04:00 UTC. Save your work.",
            ("email",),
            0.4,
            read=0.55,
            acknowledged=0.1,
            broadcast=True,
        ),
    ),
)
"""An operations team: few notifications, some of them to everybody."""

TENANTS: Final = (ATELIER, HARBOUR, MERIDIAN, BEACON)
