"""The devices that a user receives notifications on: what registers one and what takes it away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ledger_queries.dialects.easir.failures import wrong
from ledger_schemas.directory_events import DeviceRegistered, DeviceUnregistered

PLATFORMS: Final = ("iOS", "Android")
TOKEN_CHARS_MAX: Final = 1_000

BODY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"type": {"type": "string", "enum": [*PLATFORMS], "default": PLATFORMS[0]}},
    "example": {"type": "iOS"},
}
"""The body in the OpenAPI document. It may be absent."""


def platform_of(document: object) -> str:
    """Return the platform that a body states, iOS where it states none. Raises RequestValidationError."""
    if not isinstance(document, dict):
        raise wrong("body", "must be a JSON object", "body")
    platform = document.get("type", PLATFORMS[0])
    if platform not in PLATFORMS:
        raise wrong("type", f"must be one of {', '.join(PLATFORMS)}", "body")
    return str(platform)


def registered(tenant: str, user: str, token: str, platform: str) -> DeviceRegistered:
    """Return the event that makes a device this user's, and no other's."""
    return DeviceRegistered(
        tenant_id=tenant,
        occurred_at=datetime.now(UTC),
        actor=user,
        recipient_id=user,
        device_token=token,
        platform=platform,
    )


def unregistered(tenant: str, user: str, token: str) -> DeviceUnregistered:
    """Return the event that takes a device from this user, and from no other."""
    return DeviceUnregistered(
        tenant_id=tenant, occurred_at=datetime.now(UTC), actor=user, recipient_id=user, device_token=token
    )
