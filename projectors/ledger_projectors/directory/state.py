"""What the directory says, and the pure fold of events into it: the order of the log decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from ledger_schemas.directory_events import (
    DeviceRegistered,
    DeviceUnregistered,
    DirectoryEvent,
    KeyIssued,
    KeyRevoked,
    TeamMembersAdded,
    TeamMembersRemoved,
    TenantSettingsChanged,
)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

FOLD_VERSION: Final = 1
"""Raised with any change of what the fold makes of an event: a file of another version reads the directory again."""


@dataclass(frozen=True, slots=True)
class Key:
    """One credential. Without `key_hash`, only its revocation was read: it never holds."""

    key_id: str
    key_hash: str | None = None
    role: str | None = None
    tenant_id: str | None = None
    recipient_id: str | None = None
    label: str | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """Whose a device is now, and the push service that it is registered with."""

    recipient_id: str
    platform: str
    registered_at: datetime


@dataclass(slots=True)
class Changes:
    """What events change, row by row; None: the row is gone."""

    keys: dict[str, Key] = field(default_factory=dict)
    settings: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """By tenant and name."""
    members: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    """By tenant, team and recipient: whether it is one."""
    devices: dict[tuple[str, str], Device | None] = field(default_factory=dict)
    """By tenant and device token."""
    event_ids: set[UUID] = field(default_factory=set)
    """Of the events that were applied, and not seen before."""
    duplicates: int = 0


@dataclass(slots=True)
class DirectoryState:
    """All that the tables hold, by their keys."""

    keys: dict[str, Key] = field(default_factory=dict)
    settings: dict[tuple[str, str], str] = field(default_factory=dict)
    members: set[tuple[str, str, str]] = field(default_factory=set)
    devices: dict[tuple[str, str], Device] = field(default_factory=dict)
    event_ids: set[UUID] = field(default_factory=set)

    def changed_by(self, events: Iterable[DirectoryEvent]) -> Changes:
        """Return what the events change, in their order; nothing here is changed. One seen before changes nothing."""
        changes = Changes()
        for event in events:
            if event.event_id in self.event_ids or event.event_id in changes.event_ids:
                changes.duplicates += 1
                continue
            changes.event_ids.add(event.event_id)
            self._apply(event, changes)
        return changes

    def with_changes(self, changes: Changes) -> DirectoryState:
        """Return the state after the changes; this one stays as it is, for those who read it meanwhile."""
        gone = {member for member, is_one in changes.members.items() if not is_one}
        return DirectoryState(
            self.keys | changes.keys,
            _present({**self.settings, **changes.settings}),
            (self.members | {member for member, is_one in changes.members.items() if is_one}) - gone,
            _present({**self.devices, **changes.devices}),
            self.event_ids | changes.event_ids,
        )

    def _apply(self, event: DirectoryEvent, changes: Changes) -> None:
        match event:
            case KeyIssued() | KeyRevoked():
                key = changes.keys.get(event.key_id) or self.keys.get(event.key_id) or Key(event.key_id)
                changes.keys[event.key_id] = (
                    _issued(key, event) if isinstance(event, KeyIssued) else _revoked(key, event)
                )
            case TenantSettingsChanged():
                changes.settings.update({(event.tenant_id, one): text or None for one, text in event.settings.items()})
            case TeamMembersAdded() | TeamMembersRemoved():
                members = ((event.tenant_id, event.team_id, recipient) for recipient in event.recipient_ids)
                changes.members.update(dict.fromkeys(members, isinstance(event, TeamMembersAdded)))
            case DeviceRegistered():
                device = Device(event.recipient_id, event.platform, event.occurred_at)
                changes.devices[event.tenant_id, event.device_token] = device
            case DeviceUnregistered():
                device_key = event.tenant_id, event.device_token
                owner = changes.devices[device_key] if device_key in changes.devices else self.devices.get(device_key)
                if owner is not None and owner.recipient_id == event.recipient_id:
                    changes.devices[device_key] = None


def _issued(key: Key, event: KeyIssued) -> Key:
    """Return the key that an event issues; the first one to issue a key_id stands, and a revocation stays."""
    if key.key_hash is not None:
        return key
    return Key(
        event.key_id,
        event.key_hash,
        event.role,
        event.tenant_id,
        event.recipient_id,
        event.label,
        event.occurred_at,
        event.expires_at,
        key.revoked_at,
    )


def _revoked(key: Key, event: KeyRevoked) -> Key:
    return Key(
        key.key_id,
        key.key_hash,
        key.role,
        key.tenant_id,
        key.recipient_id,
        key.label,
        key.issued_at,
        key.expires_at,
        key.revoked_at or event.occurred_at,
    )


def _present(rows: dict[_Key, _Value | None]) -> dict[_Key, _Value]:
    return {key: value for key, value in rows.items() if value is not None}
