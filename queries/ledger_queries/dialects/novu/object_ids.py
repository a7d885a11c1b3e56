"""Ids of 24 hexadecimal digits, as Novu's database makes them: taken from what is recorded, else derived from it."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import UUID

PATTERN: Final = r"^[0-9a-fA-F]{24}$"

_DIGITS: Final = 24
_TIME_DIGITS: Final = 8
_HASH_DIGITS: Final = 16
_REST_BITS: Final = 96
"""Of an id of 128 bits, what comes after its first four bytes."""


def is_object_id(text: str | None) -> bool:
    """Say whether a text can stand where Novu has an id of its database."""
    return text is not None and re.fullmatch(PATTERN, text, re.ASCII) is not None


def hashed_id(*texts: str) -> str:
    """Return an id for what has none: the first 24 hexadecimal digits of SHA-256 over the texts, joined by a zero byte.

    Of one text these are the digits of that text's own hash.
    """
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:_DIGITS]


def id_of_entry(inbox_entry_id: str) -> str:
    """Return the `_id` of an inbox entry that its emitter gave none; its own id is 36 lowercase characters.

    The first four bytes are those of the inbox entry's id, its time; eight bytes of SHA-256 over the id's 36
    characters follow.
    """
    return inbox_entry_id[:_TIME_DIGITS] + hashlib.sha256(inbox_entry_id.encode()).hexdigest()[:_HASH_DIGITS]


def ids_between(object_id: str) -> tuple[UUID, UUID]:
    """Return between which notification ids that of a derived `_id` lies, both included.

    The id of an inbox entry begins with the first six bytes of its notification's id.
    """
    first = int(object_id[:_TIME_DIGITS], 16) << _REST_BITS
    return UUID(int=first), UUID(int=first | (1 << _REST_BITS) - 1)
