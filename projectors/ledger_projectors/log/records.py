"""Records of the log, one or a batch in columns, and the words of all rooms for what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self, overload

import numpy as np
import numpy.typing as npt

Headers = tuple[tuple[str, bytes | None], ...]
"""Names and values in their order. Of a name that is not UTF-8, the odd bytes stand as escapes (`\\xff`)."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One Kafka record. `recorded_at_ms`: broker append time, milliseconds since 1970, UTC."""

    topic: str
    partition: int
    offset: int
    recorded_at_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True, eq=False)
class LogRecords(Sequence[LogRecord]):
    """Records of one topic in columns, one value for each: what a batch is while nobody asks for a single record.

    `headers` holds, by index, those of records that have any. The columns are read, never changed.
    """

    topic: str
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    recorded_at_ms: npt.NDArray[np.int64]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: Mapping[int, Headers] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Sequence[LogRecord]) -> Self:
        """Return the records in columns; those that are already are returned as they are.

        Raises ValueError when they are not all of one topic.
        """
        if isinstance(records, cls):
            return records
        topics = {record.topic for record in records} or {""}
        if len(topics) > 1:
            raise ValueError(f"Records of one topic are wanted, not of {sorted(topics)}.")
        # One pass for each field: a tuple for each record would set off the garbage collector, which costs ten times
        # as much.
        count = len(records)
        return cls(
            topics.pop(),
            np.fromiter([record.partition for record in records], np.int32, count),
            np.fromiter([record.offset for record in records], np.int64, count),
            np.fromiter([record.recorded_at_ms for record in records], np.int64, count),
            [record.key for record in records],
            [record.value for record in records],
            {index: record.headers for index, record in enumerate(records) if record.headers},
        )

    @classmethod
    def joined(cls, topic: str, parts: Sequence[LogRecords]) -> Self:
        """Return the records of all parts, one part behind the other."""
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        headers: dict[int, Headers] = {}
        for part in parts:
            headers.update({len(keys) + index: found for index, found in part.headers.items()})
            keys += part.keys
            values += part.values
        return cls(
            topic,
            np.concatenate([np.empty(0, np.int32), *(part.partitions for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.offsets for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.recorded_at_ms for part in parts)]),
            keys,
            values,
            headers,
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> LogRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> LogRecord | Self:
        """Return the record at an index, or those of a slice; their numbers are plain Python's."""
        indexes = range(len(self))[index]
        if isinstance(indexes, range):
            return self._part(index if isinstance(index, slice) else slice(index), indexes)
        return LogRecord(
            self.topic,
            int(self.partitions[indexes]),
            int(self.offsets[indexes]),
            int(self.recorded_at_ms[indexes]),
            self.keys[indexes],
            self.values[indexes],
            self.headers.get(indexes, ()),
        )

    def __iter__(self) -> Iterator[LogRecord]:
        """Yield each record."""
        return map(self.__getitem__, range(len(self)))

    def size_bytes(self) -> int:
        """Return the bytes of all keys and values."""
        return sum(map(len, filter(None, self.keys))) + sum(map(len, filter(None, self.values)))

    def _part(self, part: slice, indexes: range) -> Self:
        return type(self)(
            self.topic,
            self.partitions[part],
            self.offsets[part],
            self.recorded_at_ms[part],
            self.keys[part],
            self.values[part],
            {indexes.index(index): found for index, found in self.headers.items() if index in indexes},
        )


class Reason(StrEnum):
    """Why a record is in quarantine; what the decoder refuses has its error's code."""

    UNDECODABLE = "undecodable"
    SCHEMA_UNKNOWN = "schema_unknown"
    KIND_UNKNOWN = "kind_unknown"
    CONTRACT_VIOLATION = "contract_violation"
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that cannot be applied, and why; `detail` holds no payload.

    `tenant_id` is that of the event which was decoded from the record; None when none was.
    """

    record: LogRecord
    reason: Reason
    detail: str
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What one committed batch did, in records; `rejections` are the quarantined ones themselves."""

    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = field(default=(), compare=False, repr=False)
