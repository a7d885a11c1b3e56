"""The events of the directory: credentials, tenants, teams and devices, in a topic of their own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation
from ledger_schemas.field_types import Id, RfcUuid
from ledger_schemas.ids import new_id
from ledger_schemas.parts import Part
from ledger_schemas.times import Time

KeyHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a credential's secret, hexadecimal."""

SettingText = Annotated[str, StringConstraints(max_length=limits.SETTING_CHARS_MAX)]
DeviceToken = Annotated[str, StringConstraints(min_length=1, max_length=limits.DEVICE_TOKEN_CHARS_MAX)]
Members = Annotated[tuple[Id, ...], Field(min_length=1, max_length=limits.RECIPIENTS_PER_EVENT_MAX)]


class DirectoryKind(StrEnum):
    """What changed in the directory."""

    KEY_ISSUED = "key_issued"
    KEY_REVOKED = "key_revoked"
    TENANT_SETTINGS_CHANGED = "tenant_settings_changed"
    TEAM_MEMBERS_ADDED = "team_members_added"
    TEAM_MEMBERS_REMOVED = "team_members_removed"
    DEVICE_REGISTERED = "device_registered"
    DEVICE_UNREGISTERED = "device_unregistered"

    @property
    def record_name(self) -> str:
        """The name of the Avro record and of the model: `key_issued` is `KeyIssued`."""
        return "".join(word.capitalize() for word in self.value.split("_"))


class DirectoryEnvelope(Part):
    """What every event of the directory carries."""

    event_id: RfcUuid = Field(default_factory=new_id)
    occurred_at: Time
    actor: Id | None = None


class KeyIssued(DirectoryEnvelope):
    """A credential exists. The secret itself is nowhere: only its hash is.

    `tenant_id` is None for what crosses tenants: an operator's key. `role` is a text, so that an older reader keeps an
    event of a newer one; which roles hold is for `access` to say.
    """

    tenant_id: Id | None = None
    kind: Literal[DirectoryKind.KEY_ISSUED] = DirectoryKind.KEY_ISSUED
    key_id: Id
    key_hash: KeyHash
    role: Id
    recipient_id: Id | None = None
    label: Id | None = None
    expires_at: Time | None = None


class KeyRevoked(DirectoryEnvelope):
    """A credential holds no more, for good."""

    tenant_id: Id | None = None
    kind: Literal[DirectoryKind.KEY_REVOKED] = DirectoryKind.KEY_REVOKED
    key_id: Id


class TenantSettingsChanged(DirectoryEnvelope):
    """Settings of a tenant have these values now; others stay. An empty value removes one."""

    tenant_id: Id
    kind: Literal[DirectoryKind.TENANT_SETTINGS_CHANGED] = DirectoryKind.TENANT_SETTINGS_CHANGED
    settings: Annotated[dict[Id, SettingText], Field(min_length=1, max_length=limits.SETTINGS_PER_EVENT_MAX)]


class TeamMembersAdded(DirectoryEnvelope):
    """Recipients are members of a team from now on."""

    tenant_id: Id
    kind: Literal[DirectoryKind.TEAM_MEMBERS_ADDED] = DirectoryKind.TEAM_MEMBERS_ADDED
    team_id: Id
    recipient_ids: Members


class TeamMembersRemoved(DirectoryEnvelope):
    """Recipients are members of a team no more."""

    tenant_id: Id
    kind: Literal[DirectoryKind.TEAM_MEMBERS_REMOVED] = DirectoryKind.TEAM_MEMBERS_REMOVED
    team_id: Id
    recipient_ids: Members


class DeviceRegistered(DirectoryEnvelope):
    """A device belongs to a recipient from now on, and to nobody else."""

    tenant_id: Id
    kind: Literal[DirectoryKind.DEVICE_REGISTERED] = DirectoryKind.DEVICE_REGISTERED
    recipient_id: Id
    device_token: DeviceToken
    platform: Id


class DeviceUnregistered(DirectoryEnvelope):
    """A device belongs to this recipient no more; to another, if it is another's now, it still does."""

    tenant_id: Id
    kind: Literal[DirectoryKind.DEVICE_UNREGISTERED] = DirectoryKind.DEVICE_UNREGISTERED
    recipient_id: Id
    device_token: DeviceToken


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

_ANY: Final[TypeAdapter[DirectoryEvent]] = TypeAdapter(Annotated[DirectoryEvent, Field(discriminator="kind")])


def parse_directory_event(values: object) -> DirectoryEvent:
    """Return the event that plain values state; `kind` says which model. Raises ContractViolation, without values."""
    try:
        return _ANY.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"][1:])) or "event"
        raise ContractViolation(
            f"{path}: {first['msg'].removeprefix('Value error, ')}{_limit(first['type'], path)}.",
            hint="Correct the field; nothing was written.",
            field=path,
        ) from None


def _limit(finding: str, path: str) -> str:
    """Name the limit that was passed."""
    field, _, inside = path.partition(".")
    if finding == "string_too_long":
        name = {"settings": "SETTING_CHARS_MAX", "device_token": "DEVICE_TOKEN_CHARS_MAX"}.get(field, "ID_CHARS_MAX")
    elif finding == "too_long" and not inside:
        name = {"settings": "SETTINGS_PER_EVENT_MAX"}.get(field, "RECIPIENTS_PER_EVENT_MAX")
    else:
        return ""
    return f", {name} = {getattr(limits, name)}"
