"""Directories for tests of single parts: what they know is stated, and never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ledger_schemas.access import Caller, Role
from ledger_schemas.errors import Unauthenticated


class StatedDirectory:
    """A directory that knows these secrets, settings of tenants and teams; without any secret it has no keys."""

    def __init__(
        self,
        callers: Mapping[str, Caller] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        teams: Mapping[tuple[str, str], Sequence[str]] | None = None,
    ) -> None:
        """Take callers by secret, settings by tenant, members by tenant and team."""
        self._callers = callers or {}
        self._settings = settings or {}
        self._teams = teams or {}

    def authenticate(self, secret: str | None) -> Caller:
        """Return the caller of a secret. Raises Unauthenticated."""
        if secret is None and not self._callers:
            return Caller(Role.OPERATOR)
        if secret is None or secret not in self._callers:
            raise Unauthenticated("The credential is missing or does not hold.")
        return self._callers[secret]

    def has_keys(self) -> bool:
        """Say whether there is any secret."""
        return bool(self._callers)

    def tenant_settings(self, tenant_id: str) -> Mapping[str, str]:
        """Return the settings of a tenant."""
        return self._settings.get(tenant_id, {})

    def team_members(self, tenant_id: str, team_id: str) -> Sequence[str]:
        """Return the recipients of a team."""
        return self._teams.get((tenant_id, team_id), ())


OPEN: Final = StatedDirectory()
"""Nobody has issued a key."""
