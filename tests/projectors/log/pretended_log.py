"""A log in memory behind the calls that the wire reader makes: leaders that move, answers that are cut anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import NodeNotReadyError, NotLeaderForPartitionError, OffsetOutOfRangeError

from ledger_projectors.log.link import LogLink
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.log.wire_fetch import WireReader
from ledger_schemas import KafkaConnection, Position
from tests.projectors.store.batch_writing import Written, batch_of

TOPIC: Final = "any.v1"


@dataclass(frozen=True)
class Batch:
    """A record batch of the log, the offsets of its records, and where it ends."""

    data: bytes
    offsets: range
    next_offset: int


def batches_of(sizes: Sequence[int], hole: int = 0, mark: bytes = b"") -> list[Batch]:
    """Return batches of so many records, with a hole in the offsets behind each; values say offset and `mark`."""
    found, base = [], 0
    for size in sizes:
        records = [Written(base + number, b"%d%s" % (base + number, mark)) for number in range(size)]
        after = base + size + hole
        found.append(Batch(batch_of(*records, base=base, next_offset=after), range(base, base + size), after))
        base = after
    return found


@dataclass
class PretendedLog:
    """What a client and a consumer are asked; `cut` says how many bytes of a partition an answer holds.

    `patience` is, of each request, how many milliseconds it would wait, and for how many bytes.
    """

    batches: dict[int, list[Batch]]
    cut: Callable[[int], int] = lambda whole: whole
    leaders: dict[int, int] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)
    asked: list[tuple[int, list[tuple[int, int]]]] = field(default_factory=list)
    patience: list[tuple[int, int]] = field(default_factory=list)
    metadata_asked: int = 0
    start: int = 0

    @property
    def cluster(self) -> PretendedLog:
        """Be its own cluster."""
        return self

    def leader_for_partition(self, place: TopicPartition) -> int:
        """Say who leads: node 1, where nothing else is said."""
        return self.leaders.get(place.partition, 1)

    @property
    def _client(self) -> PretendedLog:
        return self

    def force_metadata_update(self) -> asyncio.Future[bool]:
        """Count how often."""
        self.metadata_asked += 1
        return self.set_topics([])

    def set_topics(self, _: Sequence[str]) -> asyncio.Future[bool]:
        """Have been done at once."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return the partitions."""
        return set(self.batches)

    def end(self, partition: int) -> int:
        """Return the offset behind the last record of a partition."""
        return max((batch.next_offset for batch in self.batches[partition]), default=0)

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Say where each partition begins."""
        return dict.fromkeys(places, self.start)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Say where each partition ends."""
        return {place: self.end(place.partition) for place in places}

    async def send(self, node: int, request: Any, *, group: object) -> Any:  # noqa: ANN401, ARG002 - as the client has it
        """Answer one fetch request as a broker does, waiting a moment when there is nothing."""
        ((_, wanted),) = request.topics
        self.asked.append((node, [(partition, offset) for partition, offset, _ in wanted]))
        self.patience.append((request._max_wait_ms, request._min_bytes))
        await asyncio.sleep(0)
        if node in self.away:
            raise NodeNotReadyError
        answers = [self._answer(node, partition, offset) for partition, offset, _ in wanted]
        if not any(answer[-1] or answer[1] for answer in answers):
            await asyncio.sleep(0.001)
        return SimpleNamespace(API_VERSION=11, topics=[(TOPIC, answers)])

    def _answer(self, node: int, partition: int, offset: int) -> tuple[int, int, int, int, int, list[Any], int, bytes]:
        end = self.end(partition)
        code, data = 0, b""
        if self.leader_for_partition(TopicPartition(TOPIC, partition)) != node:
            code = NotLeaderForPartitionError.errno
        elif not self.start <= offset <= end:
            code = OffsetOutOfRangeError.errno
        else:
            ahead = [batch for batch in self.batches[partition] if batch.next_offset > offset]
            whole = b"".join(batch.data for batch in ahead)
            # As a broker does, at least the first batch, and then anything up to the limit.
            data = whole[: max(self.cut(len(whole)), len(ahead[0].data))] if ahead else b""
        return (partition, code, end, end, 0, [], -1, data)


def source_on(log: PretendedLog, *, until: Position | None = None, records_max: int = 1_000) -> KafkaSource:
    """Return an entered source that reads a pretended log from its beginning."""
    start: Mapping[int, int] = dict.fromkeys(log.batches, 0)
    source = KafkaSource(
        KafkaConnection("127.0.0.1:1"),
        topic=TOPIC,
        partitions=len(start),
        position=Position(),
        until=until,
        batch_records_max=records_max,
    )
    source._link = LogLink(log, log, TOPIC, len(start))
    source._link.reader = WireReader(log, TOPIC, start)
    source._guarded_at = float("inf")
    return source
