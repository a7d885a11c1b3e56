"""The events of the directory: credentials, tenants, teams and devices, in a topic of their own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ledger_schemas.field_types import Id, RfcUuid
from ledger_schemas.ids import new_id
from ledger_schemas.parts import Part
from ledger_schemas.times import Time

DIRECTORY_TOPIC: Final = "notifications.directory.v1"

KeyHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a credential's secret, hexadecimal."""


class DirectoryKind(StrEnum):
    """What changed in the directory."""

    KEY_ISSUED = "key_issued"
    KEY_REVOKED = "key_revoked"
    TENANT_SETTINGS_CHANGED = "tenant_settings_changed"
    TEAM_MEMBERS_ADDED = "team_members_added"
    TEAM_MEMBERS_REMOVED = "team_members_removed"
    DEVICE_REGISTERED = "device_registered"
    DEVICE_UNREGISTERED = "device_unregistered"


class DirectoryEnvelope(Part):
    """What every event of the directory carries. `tenant_id` is None for what crosses tenants: an operator's key."""

    event_id: RfcUuid = Field(default_factory=new_id)
    tenant_id: Id | None = None
    occurred_at: Time
    actor: Id | None = None


class KeyIssued(DirectoryEnvelope):
    """A credential exists. The secret itself is nowhere: only its hash is."""

    kind: Literal[DirectoryKind.KEY_ISSUED] = DirectoryKind.KEY_ISSUED
    key_id: Id
    key_hash: KeyHash
    role: Id
    recipient_id: Id | None = None
    label: Id | None = None
    expires_at: Time | None = None


class KeyRevoked(DirectoryEnvelope):
    """A credential holds no more, for good."""

    kind: Literal[DirectoryKind.KEY_REVOKED] = DirectoryKind.KEY_REVOKED
    key_id: Id


class TenantSettingsChanged(DirectoryEnvelope):
    """Settings of a tenant have these values now; others stay. An empty value removes one."""

    kind: Literal[DirectoryKind.TENANT_SETTINGS_CHANGED] = DirectoryKind.TENANT_SETTINGS_CHANGED
    settings: dict[Id, Annotated[str, StringConstraints(max_length=1_000)]]


class TeamMembersAdded(DirectoryEnvelope):
    """Recipients are members of a team from now on."""

    kind: Literal[DirectoryKind.TEAM_MEMBERS_ADDED] = DirectoryKind.TEAM_MEMBERS_ADDED
    team_id: Id
    recipient_ids: tuple[Id, ...]


class TeamMembersRemoved(DirectoryEnvelope):
    """Recipients are members of a team no more."""

    kind: Literal[DirectoryKind.TEAM_MEMBERS_REMOVED] = DirectoryKind.TEAM_MEMBERS_REMOVED
    team_id: Id
    recipient_ids: tuple[Id, ...]


class DeviceRegistered(DirectoryEnvelope):
    """A device belongs to a recipient from now on, and to nobody else."""

    kind: Literal[DirectoryKind.DEVICE_REGISTERED] = DirectoryKind.DEVICE_REGISTERED
    recipient_id: Id
    device_token: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    platform: Id


class DeviceUnregistered(DirectoryEnvelope):
    """A device belongs to this recipient no more; to another, if it is another's now, it still does."""

    kind: Literal[DirectoryKind.DEVICE_UNREGISTERED] = DirectoryKind.DEVICE_UNREGISTERED
    recipient_id: Id
    device_token: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


DirectoryEvent = (
    KeyIssued
    | KeyRevoked
    | TenantSettingsChanged
    | TeamMembersAdded
    | TeamMembersRemoved
    | DeviceRegistered
    | DeviceUnregistered
)
"""Any event of the directory."""
