"""What reads a topic's partitions on from given offsets: the port that both clients of Kafka have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from ledger_projectors.log.records import LogRecord, LogRecords


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


class LogReader(Protocol):
    """Reads on from where it was begun, each partition in order, and never says what it read before.

    What Kafka answers and trying again does not mend is raised as aiokafka's KafkaError; OffsetOutOfRangeError among
    it. A broker that is away is waited for, without a word.
    """

    @property
    def goes_on(self) -> bool:
        """Say whether the log is known to hold more than was read."""

    async def read(self, seconds: float, records_max: int, bytes_max: int) -> list[Part]:
        """Return what there is, at least a part when anything comes within `seconds`, and not much above the limits."""

    def pause(self, partition: int) -> None:
        """Read no more of a partition."""

    def take_interrupted(self) -> set[int]:
        """Return the partitions whose reading was interrupted since this was asked: it may be another log now."""

    async def record_at(self, partition: int, offset: int, seconds: float) -> LogRecord | None:
        """Return the first record from an offset on, None when none came within `seconds`."""

    async def close(self) -> None:
        """Stop reading; the connection stays."""
