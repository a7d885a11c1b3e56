"""Kafka's default partitioner over a whole column of keys: murmur2, as Java has it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from aiokafka.partitioner import murmur2

from ledger_projectors.decode.arrow_views import Bytes

KEY_BYTES: Final = 36
"""A record's key is the text of a UUID."""

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = np.uint32(0x5BD1E995)
_SHIFT: Final = np.uint32(24)
_LAST_SHIFTS: Final = (np.uint32(13), np.uint32(15))
"""The constants of org.apache.kafka.common.utils.Utils.murmur2."""

_POSITIVE: Final = 0x7FFFFFFF
"""Kafka drops the sign instead of taking the absolute value (Utils.toPositive)."""


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that a record with this key belongs in."""
    hashed: int = murmur2(key)
    return (hashed & _POSITIVE) % partitions


def partitions_of(keys: Bytes, partitions: int) -> npt.NDArray[np.int64]:
    """Return the partition of each key, for the bytes of keys of KEY_BYTES each, one behind the other."""
    words = keys.view("<u4").reshape(-1, KEY_BYTES // 4).T
    hashed = np.full(words.shape[1], _SEED ^ KEY_BYTES, np.uint32)
    for word in words:
        mixed = word * _MULTIPLIER
        mixed ^= mixed >> _SHIFT
        mixed *= _MULTIPLIER
        hashed *= _MULTIPLIER
        hashed ^= mixed
    hashed ^= hashed >> _LAST_SHIFTS[0]
    hashed *= _MULTIPLIER
    hashed ^= hashed >> _LAST_SHIFTS[1]
    return (hashed & np.uint32(_POSITIVE)).astype(np.int64) % partitions
