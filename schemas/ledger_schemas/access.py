"""Who asks: the roles, the caller that a credential names, and the directory that knows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.errors import BadRequest, Unauthenticated
from ledger_schemas.positions import Position


class Role(StrEnum):
    """What a credential is for. All but the operator belong to one tenant."""

    SERVICE = "service"
    """Emits events."""
    APPLICATION = "application"
    """Reads and marks for a tenant, whoever the recipient is."""
    PERSON = "person"
    """Reads and marks one recipient's inbox."""
    ANALYST = "analyst"
    """Lists and counts."""
    AUDITOR = "auditor"
    """Reads everything of a tenant, its quarantine included."""
    OPERATOR = "operator"
    """Does everything, for every tenant."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `tenant_id` is None for an operator alone, `recipient_id` is set for a person alone.

    `key_id` names the credential. It is None for a caller over loopback before the first key, and for a command that
    has the secret of `run.json`.
    """

    role: Role
    tenant_id: str | None = None
    recipient_id: str | None = None
    key_id: str | None = None


def caller_of(role: str, tenant_id: str | None, recipient_id: str | None, key_id: str | None = None) -> Caller:
    """Return the caller that a key names. Raises BadRequest for a combination that no key may have."""
    if role not in set(Role):
        raise BadRequest(f"role: there is none {role[:100]!r}.", hint=f"Allowed are {', '.join(Role)}.", field="role")
    if role == Role.OPERATOR and tenant_id is not None:
        raise BadRequest(
            "tenant: an operator crosses tenants and has none.", hint="Leave the tenant out.", field="tenant"
        )
    if role != Role.OPERATOR and tenant_id is None:
        raise BadRequest(f"tenant: the role {role} belongs to one tenant.", hint="Name the tenant.", field="tenant")
    if role == Role.PERSON and recipient_id is None:
        raise BadRequest(
            "recipient: a person's key is for one recipient.", hint="Name the recipient.", field="recipient"
        )
    if role != Role.PERSON and recipient_id is not None:
        raise BadRequest(
            f"recipient: the role {role} is for no single recipient.",
            hint="Leave the recipient out, or choose the role person.",
            field="recipient",
        )
    return Caller(Role(role), tenant_id, recipient_id, key_id)


class Directory(Protocol):
    """What the directory says now: credentials, settings of tenants, teams and devices. Safe on any thread."""

    def authenticate(self, secret: str | None) -> Caller:
        """Return the caller of a credential; None: the request has none.

        Raises DirectoryUnread until the directory was read to its end, and Unauthenticated: a credential is missing
        though keys exist, or it is unknown, revoked or expired. While no key was ever issued, a request without a
        credential is the operator's.
        """
        ...

    def has_keys(self) -> bool:
        """Say whether a key was ever issued. Raises DirectoryUnread."""
        ...

    def tenant_settings(self, tenant_id: str) -> Mapping[str, str]:
        """Return the settings of a tenant, by name; empty when it has none."""
        ...

    def team_members(self, tenant_id: str, team_id: str) -> Sequence[str]:
        """Return the recipients of a team, sorted; empty when nobody is in it."""
        ...


class DirectorySink(Protocol):
    """Takes events into the directory's topic."""

    async def put_directory(self, events: Sequence[DirectoryEvent]) -> Position:
        """Append events and return, when all are safe, the position after them."""
        ...


class _NoKeys:
    """A directory in which nothing was ever stated: every caller without a credential is the operator."""

    def authenticate(self, secret: str | None) -> Caller:
        if secret is not None:
            raise Unauthenticated("No key was ever issued.", hint="Ask without a credential.")
        return Caller(Role.OPERATOR)

    def has_keys(self) -> bool:
        return False

    def tenant_settings(self, tenant_id: str) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's own
        return {}

    def team_members(self, tenant_id: str, team_id: str) -> Sequence[str]:  # noqa: ARG002 - the protocol's own
        return ()


NO_KEYS: Final[Directory] = _NoKeys()
"""The directory of a read model that has none."""
