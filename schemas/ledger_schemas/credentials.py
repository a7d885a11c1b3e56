"""Credentials: how one is made, what is stored of it, and how one that comes back is compared."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "nl"
"""What every credential begins with, so that scanners of source code find one that leaked."""

SECRET_BYTES: Final = 32
"""256 random bits: nothing to guess, so that one round of SHA-256 is enough."""

KEY_ID_BYTES: Final = 8

_NO_HASH: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: `credential` is for its owner and shown once, the rest is for the directory."""

    key_id: str
    key_hash: str
    credential: str = field(repr=False)


def new_key() -> NewKey:
    """Make a key: `nl_<key_id>_<secret>`, the secret of 256 random bits."""
    key_id, secret = secrets.token_hex(KEY_ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    return NewKey(key_id, hash_secret(secret), f"{PREFIX}_{key_id}_{secret}")


def split_credential(credential: str) -> tuple[str, str] | None:
    """Return key_id and secret of a credential; None: it is none."""
    prefix, _, rest = credential.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if prefix == PREFIX and key_id and secret else None


def hash_secret(secret: str) -> str:
    """Return what is stored of a secret: its SHA-256, 64 lower-case hexadecimal characters."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, key_hash: str | None) -> bool:
    """Say whether a secret has this hash, in a time that says nothing; None: there is no such key."""
    same = hmac.compare_digest(hash_secret(secret), key_hash or _NO_HASH)
    return same and key_hash is not None
