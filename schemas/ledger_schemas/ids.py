"""Ids: made (UUIDv7) or derived from what the emitter already knows (UUIDv8), RFC 9562."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import UUID

import uuid_utils.compat

CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""The one spelling of an id on the wire: lower case, 36 characters, a version and the variant of RFC 9562."""


def new_id() -> UUID:
    """Return a new time-ordered UUIDv7 (RFC 9562, section 5.7)."""
    made: UUID = uuid_utils.compat.uuid7()
    return made


def derive_notification_id(tenant_id: str, source: str, external_id: str) -> UUID:
    """Return the notification id of an emitter's own id: the same for the same three texts, always.

    A UUIDv8 (RFC 9562, section 5.8) of the first 16 bytes of SHA-256 over the three UTF-8 texts, each behind its
    length as four bytes, so that no two triples give the same input. Not ordered by time.
    """
    digest = hashlib.sha256()
    for text in (tenant_id, source, external_id):
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    raw = bytearray(digest.digest()[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(raw))
