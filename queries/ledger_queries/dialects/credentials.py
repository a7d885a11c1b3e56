"""Credentials of dialects: the secret of a header, the caller that it names, and the roles that read."""

from __future__ import annotations

from typing import Final

from ledger_queries.desk import Desk
from ledger_schemas.access import Caller, Role
from ledger_schemas.errors import Forbidden, Unauthenticated

READERS: Final = frozenset({Role.APPLICATION, Role.AUDITOR, Role.OPERATOR, Role.PERSON})
"""Roles that may read notifications through a dialect; a person only their own."""


def secret_after(scheme: str, header: str | None) -> str | None:
    """Return the secret of a header value `<scheme> <secret>`; None where there is none.

    The name of a scheme is case-insensitive (RFC 9110, section 11.1).
    """
    given, _, secret = (header or "").partition(" ")
    return secret.strip() or None if given.lower() == scheme.lower() else None


def require_caller(desk: Desk, secret: str | None, roles: frozenset[Role] = READERS) -> Caller:
    """Return the caller of a secret. Raises Unauthenticated, DirectoryUnread, Forbidden.

    A dialect needs a credential always: a ledger without keys has none to offer, so it refuses everybody.
    """
    if secret is None:
        raise Unauthenticated("The request has no credential.", hint="Send the key that was issued to you.")
    caller = desk.directory.authenticate(secret)
    if caller.role not in roles:
        raise Forbidden("The credential has a role that this API does not serve.", hint="Ask with another key.")
    return caller
