"""A record belongs into the partition that Kafka's Java default partitioner gives its key."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.decode.partitioning import partition_of, partitions_of

KAFKAS_OWN: Final = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""What the unit test of Apache Kafka expects of murmur2 (org.apache.kafka.common.utils.UtilsTest)."""


@pytest.mark.parametrize("key", KAFKAS_OWN)
def test_one_key_is_hashed_as_kafka_does(key: bytes) -> None:
    """Among 2^31 - 1 partitions, which keep all that the sign leaves, the partition is Kafka's own hash."""
    assert (KAFKAS_OWN[key] & 0x7FFFFFFF) % (2**31 - 1) == partition_of(key, 2**31 - 1)


@given(keys=st.lists(st.uuids(), min_size=1, max_size=50), partitions=st.sampled_from([1, 2, 6, 7, 50, 2**31 - 1]))
def test_a_column_of_keys_is_hashed_like_each_of_them(keys: list[UUID], partitions: int) -> None:
    """A whole column gives, key by key, the partitions that Kafka's partitioner gives each alone."""
    texts = [str(key).encode() for key in keys]
    column = np.frombuffer(b"".join(texts), np.uint8)
    assert [partition_of(text, partitions) for text in texts] == partitions_of(column, partitions).tolist()


def test_no_keys_have_no_partitions() -> None:
    """An empty column gives an empty one."""
    assert partitions_of(np.empty(0, np.uint8), 6).tolist() == []
