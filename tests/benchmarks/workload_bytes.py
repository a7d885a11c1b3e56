"""Avro's texts and times and UUIDs as bytes, whole columns of them at once where that is worth its while."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

ID_CHARS: Final = 36
EPOCH_BYTES: Final = 8
"""A time between 1988 and 2540, in microseconds, as an Avro long."""

ID_LENGTH: Final = bytes([2 * ID_CHARS])
"""What a UUID's text begins with."""

ABSENT: Final = b"\0"
"""The first branch of a union: null."""

_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_DASHES: Final = (8, 13, 18, 23)
_DIGITS: Final = np.array([place for place in range(ID_CHARS) if place not in _DASHES])

Draw = np.random.Generator
Numbers = npt.NDArray[np.int64]


def short_text(said: str) -> bytes:
    """Return a short text as Avro has it: its length, zigzag, then its bytes."""
    encoded = said.encode()
    assert len(encoded) < 64
    return bytes([2 * len(encoded)]) + encoded


def present(said: str) -> bytes:
    """Return a short text as the second branch of a union."""
    return b"\x02" + short_text(said)


def cut(flat: bytes, size: int) -> list[bytes]:
    """Return the parts of this size that lie one behind the other."""
    return [flat[start : start + size] for start in range(0, len(flat), size)]


def long_bytes(numbers: Numbers) -> bytes:
    """Return Avro longs of EPOCH_BYTES each, one behind the other."""
    zigzag = (numbers << 1).astype(np.uint64)
    assert zigzag.min(initial=2**50) >= 2**49
    assert zigzag.max(initial=0) < 2**56
    shifts = np.arange(EPOCH_BYTES, dtype=np.uint64) * np.uint64(7)
    parts = ((zigzag[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    parts[:, :-1] |= 0x80
    return parts.tobytes()


def time_ordered_ids(at_microseconds: Numbers, version: Numbers, rng: Draw) -> npt.NDArray[np.uint8]:
    """Return a UUID for each time (rows x 16 bytes): 48 bits of milliseconds, the rest drawn."""
    raw = np.frombuffer(rng.bytes(16 * len(at_microseconds)), np.uint8).reshape(-1, 16).copy()
    raw[:, :6] = (at_microseconds // 1_000).astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    raw[:, 6] = raw[:, 6] & 0x0F | (version << 4).astype(np.uint8)
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    return raw


def uuid_texts(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the text of each UUID: rows x 16 bytes to rows x 36 characters."""
    texts = np.full((len(raw), ID_CHARS), ord("-"), np.uint8)
    texts[:, _DIGITS] = _HEX[np.stack([raw >> 4, raw & 0x0F], axis=2).reshape(-1, 32)]
    return texts
