"""Ids: made (UUIDv7) or derived from what is already known (UUIDv8), all RFC 9562."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import uuid_utils.compat

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation

CANONICAL_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""The one spelling of an id on the wire: lower case, 36 characters, a version and the variant of RFC 9562."""

TIME_BYTES: Final = 6
"""The first 48 bits of a UUIDv7, and of our time-ordered UUIDv8: milliseconds since 1970, big-endian."""

_TIMED_VERSION: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def new_id() -> UUID:
    """Return a new time-ordered UUIDv7 (RFC 9562, section 5.7)."""
    made: UUID = uuid_utils.compat.uuid7()
    return made


def derive_notification_id(tenant_id: str, source: str, external_id: str) -> UUID:
    """Return the notification id of an emitter's own id: the same for the same three texts, always.

    A UUIDv8 (RFC 9562, section 5.8) of the first 16 bytes of SHA-256 over the three UTF-8 texts, each behind its
    length as four bytes, so that no two triples give the same input. Not ordered by time. Raises ContractViolation
    when a text is empty or not valid Unicode.
    """
    return _uuid8(_named_hash(tenant_id=tenant_id, source=source, external_id=external_id)[:16])


def derive_created_id(tenant_id: str, event_id: UUID) -> UUID:
    """Return the notification id of a `created` that states none and has no external id: the same for every retry.

    A UUIDv8: the first 48 bits of the event id, its time in a UUIDv7, then SHA-256 over (tenant, event id). Raises
    ContractViolation when the tenant is empty or not valid Unicode.
    """
    return _uuid8(event_id.bytes[:TIME_BYTES] + _named_hash(tenant_id=tenant_id, event_id=str(event_id))[:10])


def time_of(event_id: UUID) -> datetime | None:
    """Return the time inside a UUIDv7, to the millisecond; None for any other id, and past the year 9999."""
    milliseconds = int.from_bytes(event_id.bytes[:TIME_BYTES], "big")
    if event_id.version != _TIMED_VERSION or milliseconds > limits.OCCURRED_AT_MICROSECONDS_MAX // 1_000:
        return None
    return _EPOCH + milliseconds * _MILLISECOND


def derive_event_id(occurred_at: datetime, identity: str, *more: str) -> UUID:
    """Return the event id of a provider's fact: the same for every redelivery of it, ordered by the provider's time.

    A UUIDv8: the milliseconds of `occurred_at` (aware; the provider's own time) since 1970 as 48 bits, as a UUIDv7 has
    them and 0 before 1970, then SHA-256 over those milliseconds in decimal and the identity. The identity is the
    adapter's to declare: the provider's event id only where it is documented as stable, else (message id, kind,
    provider time, recipient, url). Raises ContractViolation when the time is naive, when all texts of the
    identity are empty, or when one is not valid Unicode.
    """
    if occurred_at.tzinfo is None:
        raise ContractViolation("occurred_at: must have an offset.", field="occurred_at")
    milliseconds = (occurred_at - _EPOCH) // _MILLISECOND
    prefix = max(0, milliseconds).to_bytes(TIME_BYTES, "big")
    if not any((identity, *more)):
        raise ContractViolation("identity: must not be empty: what has no name has no id.", field="identity")
    return _uuid8(prefix + _hash(str(milliseconds), identity, *more)[:10])


def hash_id(text: str) -> str:
    """Return an id of 71 characters for a text that is too long for one, or too personal: `sha256:` and 64 hex digits.

    The digits are SHA-256 over the text in UTF-8. Raises ContractViolation when the text is not valid Unicode.
    """
    try:
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    except UnicodeEncodeError:
        raise ContractViolation("An id cannot be derived from a text that is not valid Unicode.") from None


def derive_inbox_entry_id(tenant_id: str, notification_id: UUID, recipient_id: str) -> UUID:
    """Return the id of one notification as one recipient has it; as ordered by time as the notification's own id.

    A UUIDv8: the first 48 bits of the notification id, then SHA-256 over (tenant, notification, recipient). Raises
    ContractViolation when a text is empty or not valid Unicode.
    """
    digest = _named_hash(tenant_id=tenant_id, notification_id=str(notification_id), recipient_id=recipient_id)
    return _uuid8(notification_id.bytes[:TIME_BYTES] + digest[:10])


def _named_hash(**texts: str) -> bytes:
    """Return the hash of texts of which none may be empty; the names are for the error."""
    for name, text in texts.items():
        if not text:
            raise ContractViolation(f"{name}: must not be empty: what has no name has no id.", field=name)
    return _hash(*texts.values())


def _hash(*texts: str) -> bytes:
    """Return SHA-256 over UTF-8 texts, each behind its length as four bytes, big-endian."""
    digest = hashlib.sha256()
    for text in texts:
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            raise ContractViolation("An id cannot be derived from a text that is not valid Unicode.") from None
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.digest()


def _uuid8(raw: bytes) -> UUID:
    marked = bytearray(raw)
    marked[6] = (marked[6] & 0x0F) | 0x80
    marked[8] = (marked[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(marked))
