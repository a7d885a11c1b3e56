"""The directory in memory: answers every request, and changes after COMMIT; a key may be revoked before."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ledger_projectors.directory.state import DirectoryState, Key
from ledger_schemas.access import Caller, Role, caller_of
from ledger_schemas.credentials import is_secret, split_credential
from ledger_schemas.errors import BadRequest, DirectoryUnread, Unauthenticated

REFUSED_HINT: Final = "Send `Authorization: Bearer KEY`; `notification-ledger keys issue` makes a key."

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class DirectoryMirror:
    """Implements `Directory` off a state that is replaced whole. Until `open`, nobody is let in.

    `operator_secret` is what commands on the same machine know from the run file: it holds while this process lives.
    """

    def __init__(self, *, operator_secret: str | None = None, clock: Clock = _now) -> None:
        """Begin empty and closed."""
        self._operator_secret = operator_secret
        self._clock = clock
        self._state = _Indexed(DirectoryState())
        self._revoked: frozenset[str] = frozenset()
        self._is_read = False

    @property
    def is_read(self) -> bool:
        """Whether the directory was read to the end that its log had at the start."""
        return self._is_read

    def replace(self, state: DirectoryState, *, unreadable: bool = False) -> None:
        """Take what the tables hold now, after their COMMIT. `unreadable`: the log has records that are in none.

        One of these may have issued a key: without any key that can be read, callers without a credential stay out.
        """
        self._state = _Indexed(state, unreadable=unreadable)

    def revoke(self, key_ids: Iterable[str]) -> None:
        """Refuse these keys from now on: the log has their revocation, the tables perhaps not yet."""
        self._revoked |= frozenset(key_ids)

    def open(self) -> None:
        """Let callers in: the directory was read to its end."""
        self._is_read = True

    def close(self) -> None:
        """Let nobody in any more: the directory is no longer followed."""
        self._is_read = False

    def authenticate(self, secret: str | None) -> Caller:
        """Return the caller of a credential. Raises DirectoryUnread and Unauthenticated."""
        state = self._readable()
        if secret is None:
            if state.has_keys:
                raise _refused()
            return Caller(Role.OPERATOR)
        if self._operator_secret is not None and hmac.compare_digest(secret.encode(), self._operator_secret.encode()):
            return Caller(Role.OPERATOR)
        key_id, own_secret = split_credential(secret) or ("", "")
        key = state.keys.get(key_id)
        is_its_secret = is_secret(own_secret, key.key_hash if key is not None else None)
        if key is None or not is_its_secret or not self._holds(key):
            raise _refused()
        try:
            return caller_of(key.role or "", key.tenant_id, key.recipient_id, key.key_id)
        except BadRequest:
            # A role of a later version, or a combination that none of ours has.
            raise _refused() from None

    def has_keys(self) -> bool:
        """Say whether a key was ever issued. Raises DirectoryUnread."""
        return self._readable().has_keys

    def tenant_settings(self, tenant_id: str) -> Mapping[str, str]:
        """Return the settings of a tenant. Raises DirectoryUnread."""
        return self._readable().settings.get(tenant_id, {})

    def team_members(self, tenant_id: str, team_id: str) -> Sequence[str]:
        """Return the recipients of a team, sorted. Raises DirectoryUnread."""
        return self._readable().teams.get((tenant_id, team_id), ())

    def _readable(self) -> _Indexed:
        if not self._is_read:
            raise DirectoryUnread(
                "The directory was not read to its end yet: who may ask is not known.", hint="Ask again in a moment."
            )
        return self._state

    def _holds(self, key: Key) -> bool:
        if key.key_id in self._revoked:
            return False
        return key.revoked_at is None and (key.expires_at is None or self._clock() < key.expires_at)


class _Indexed:
    """A state by what is asked of it; never changed."""

    def __init__(self, state: DirectoryState, *, unreadable: bool = False) -> None:
        self.keys = state.keys
        # A key of which only the revocation was read was issued, too.
        self.has_keys = bool(state.keys) or unreadable
        self.settings: dict[str, dict[str, str]] = {}
        for (tenant, name), value in sorted(state.settings.items()):
            self.settings.setdefault(tenant, {})[name] = value
        teams: dict[tuple[str, str], list[str]] = {}
        for tenant, team, recipient in sorted(state.members):
            teams.setdefault((tenant, team), []).append(recipient)
        self.teams = {team: tuple(members) for team, members in teams.items()}


def _refused() -> Unauthenticated:
    return Unauthenticated("The credential is missing or does not hold.", hint=REFUSED_HINT)
