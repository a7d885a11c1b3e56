"""One fetch request by aiokafka's wire client, and its answer, partition by partition.

Source: Kafka's protocol guide, Fetch API, versions 4 to 11. The calls are no public interface of aiokafka: the extra
`projector` pins the version that they are tested with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from ledger_projectors.log.record_batches import RecordBatch, check, committed, unpack, walk
from ledger_projectors.log.records import LogRecords

FETCH_BYTES: Final = 16 * 1024 * 1024
"""Bytes of one answer. Two of them are in memory for each leader: one is unpacked while the next is on its way."""

FETCH_PARTITION_BYTES: Final = 2 * 1024 * 1024
"""Bytes of one partition in an answer."""

_READ_COMMITTED: Final = 1
_ABORTED_FIRST_VERSION: Final = 4
"""Here the list of what was aborted is the second field behind the log's end; from the next version on, the third."""


@dataclass(frozen=True, slots=True)
class Part:
    """What comes next in one partition: its records, the offsets before them and after them and holes, and their bytes.

    `begin_offset` is where what was read before ends. `unpacked_bytes` are those of keys and values, or more.
    """

    partition: int
    begin_offset: int
    records: LogRecords
    next_offset: int
    unpacked_bytes: int

    def cut(self, records: int) -> tuple[Self, Self | None]:
        """Return its first so many records, and what is left, if anything is."""
        if len(self.records) <= records:
            return self, None
        head, rest = self.records[:records], self.records[records:]
        size = self.unpacked_bytes * records // len(self.records)
        taken = type(self)(self.partition, self.begin_offset, head, int(head.offsets[-1]) + 1, size)
        return taken, type(self)(self.partition, taken.next_offset, rest, self.next_offset, self.unpacked_bytes - size)

    def until(self, offset: int) -> Self:
        """Return what lies before an offset."""
        kept = self.records[: int(np.searchsorted(self.records.offsets, offset))]
        return type(self)(self.partition, self.begin_offset, kept, min(self.next_offset, offset), self.unpacked_bytes)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a leader says of one partition: an error, or 0 and where what is committed ends, and record batches."""

    partition: int
    offset: int
    error_code: int
    end: int
    aborted: Sequence[tuple[int, int]]
    data: bytes

    def batches(self) -> Iterator[tuple[RecordBatch, bool]]:
        """Yield the whole record batches, each with whether its records are to be read."""
        return committed(walk(self.data), self.aborted)


def client_of(consumer: AIOKafkaConsumer) -> AIOKafkaClient:
    """Return the client inside a started consumer: it asks for one topic's metadata, and for bytes."""
    return consumer._client  # noqa: SLF001 - there is no public way to either


def leader_of(client: AIOKafkaClient, topic: str, partition: int) -> int | None:
    """Return the node that leads a partition, None when that is not known."""
    node: int | None = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    return None if node is None or node < 0 else node


async def fetch_from(
    client: AIOKafkaClient,
    leader: int,
    topic: str,
    offsets: Sequence[tuple[int, int]],
    *,
    wait_ms: int,
    bytes_min: int = 1,
    partition_bytes: int = FETCH_PARTITION_BYTES,
    apart: bool = False,
) -> list[Answer]:
    """Ask a leader for what lies in its partitions from these offsets on, (partition, offset) each.

    `wait_ms` is how long it may wait for `bytes_min`; of each partition it sends `partition_bytes`, or a single record
    batch that is larger. `apart` takes a connection of its own for the request: a broker
    answers each connection in order, and others need not wait as well. Raises KafkaError when it cannot be asked.
    """
    wanted = [(partition, offset, partition_bytes) for partition, offset in offsets]
    request = FetchRequest(wait_ms, bytes_min, FETCH_BYTES, _READ_COMMITTED, [(topic, wanted)])
    group = ConnectionGroup.COORDINATION if apart else ConnectionGroup.DEFAULT
    response = await client.send(leader, request, group=group)
    asked = dict(offsets)
    answers = []
    for _, partitions in response.topics:
        for partition, code, _, end, *more in partitions:
            aborted = more[0 if response.API_VERSION == _ABORTED_FIRST_VERSION else 1]
            answers.append(Answer(partition, asked[partition], code, end, aborted or (), more[-1] or b""))
    return answers


def part_of(topic: str, partition: int, batch: RecordBatch, from_offset: int, *, wanted: bool) -> Part:
    """Unpack a record batch from an offset on; not `wanted`, it is checked and its records are passed over.

    Raises CorruptRecordException.
    """
    if wanted:
        records = unpack(batch, topic, partition, from_offset)
    else:
        check(batch)
        records = LogRecords.joined(topic, [])
    size = records.size_bytes() if batch.compressed else len(batch.data)
    return Part(partition, from_offset, records, max(from_offset, batch.next_offset), size)


async def look(client: AIOKafkaClient, topic: str, partition: int, offset: int, *, wait_ms: int) -> list[Part]:
    """Return the record batch of a partition that an offset lies in, or the next one behind it; nothing at its end.

    Raises KafkaError when its leader cannot be asked or refuses.
    """
    leader = leader_of(client, topic, partition)
    if leader is None:
        return []
    parts: list[Part] = []
    for answer in await fetch_from(client, leader, topic, [(partition, offset)], wait_ms=wait_ms, partition_bytes=1):
        if answer.error_code:
            raise for_code(answer.error_code)({TopicPartition(topic, partition): offset})
        for batch, wanted in answer.batches():
            parts.append(part_of(topic, partition, batch, offset, wanted=wanted))
            offset = parts[-1].next_offset
    return parts
