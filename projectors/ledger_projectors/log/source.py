"""The source: reads a fixed list of partitions from the position that the read model states, in offset order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog
from aiokafka.errors import KafkaError

from ledger_projectors.log.ends import LogEnds
from ledger_projectors.log.guards import LastRecords, check_follows, digest_of
from ledger_projectors.log.link import LogLink
from ledger_projectors.log.records import LogRecords
from ledger_projectors.log.wire_request import Part
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable, SettingInvalid, TopicMisconfigured
from ledger_schemas.positions import Position
from ledger_schemas.topic import unavailable

BATCH_RECORDS_MAX: Final = 200_000
"""Records of one batch when catching up: large batches are what throughput comes from."""

BATCH_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of keys and values at which a batch closes, whatever its count; its last record batch may go beyond it."""

POLL_SECONDS: Final = 0.5
"""How long one fetch waits for a first record before it says that there is none, and fills a batch when behind."""

READ_RECORDS_MAX: Final = 10_000
"""Records unpacked before others on the event loop have their turn."""

GUARD_SECONDS: Final = 10.0
"""How often the guards look at the log while it is read. A look asks for metadata and both ends of the log, and reads
one record batch of each partition again."""

STALL_SECONDS: Final = 30.0
"""How long nothing may come of a partition whose end lies ahead, before the connection is made again."""

_log = structlog.get_logger("ledger_projectors.log.source")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records in offset order within each partition, and of every partition the offsets before and after them.

    They are all that the log holds from `begin_offsets` on to before `next_offsets`; neither need be a record's, since
    offsets have legal holes.
    """

    records: LogRecords
    begin_offsets: Mapping[int, int]
    next_offsets: Mapping[int, int]


class KafkaSource:
    """Reads one topic from a position; no consumer group, no stored offsets but the read model's.

    Use it as an async context manager. Entering raises BrokerUnavailable, and GuardRefused when the log is not the
    one that the read model was made from.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        partitions: int,
        position: Position,
        last_records: LastRecords | None = None,
        until: Position | None = None,
        batch_records_max: int = BATCH_RECORDS_MAX,
    ) -> None:
        """Read from `position` on, and, when `until` is given, nothing from there on."""
        self._connection = connection
        self._topic = topic
        limits = {} if until is None else {one: until.get((topic, one), 0) for one in range(partitions)}
        self._limits: Mapping[int, int] = limits
        self.batch_records_max = batch_records_max
        self._link: LogLink | None = None
        # What was handed over, and what was read: between the two lies what did not fit into a batch.
        self._handed = {partition: position.get((topic, partition), 0) for partition in range(partitions)}
        self._read = dict(self._handed)
        self._last = dict(last_records or {})
        self._spare: deque[Part] = deque()
        self._guarded_at = 0.0
        self._stalls = _StallWatch()

    async def __aenter__(self) -> Self:
        """Connect, and check that log and position belong together."""
        self._link = await self._open()
        self._guarded_at = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.close()

    async def fetch(self) -> Fetched:
        """Return what comes next: up to the batch's limits, or nothing when POLL_SECONDS bring nothing.

        A broker that is away is waited for: nothing comes, and nothing is lost. A connection that brings nothing for
        STALL_SECONDS while there is more is made again. Raises GuardRefused when the log no longer holds what comes
        next or is another one, ProjectorFailed when a record cannot be taken from the broker at all.
        """
        link = self._running()
        began, before, begin_offsets = time.monotonic(), dict(self._read), dict(self._handed)
        if began - self._guarded_at >= GUARD_SECONDS and await link.look(self._read):
            self._guarded_at = began
        batch = _Batch(self.batch_records_max)
        closes_at = began + POLL_SECONDS
        hung = False
        while not batch.full and not hung:
            if self._spare:
                part, rest = batch.take(self._spare.popleft())
                self._handed[part.partition] = part.next_offset
                if rest is not None:
                    self._spare.appendleft(rest)
            elif (left := closes_at - time.monotonic()) > 0:
                hung = await self._read_on(link, left, batch.room)
            else:
                break
            if batch.parts and not self._spare and not link.reader.goes_on:
                break
        if hung or self._stalls.found(time.monotonic() - began, before, self._read):
            await self._reconnect(link)
        return Fetched(LogRecords.joined(self._topic, batch.parts), begin_offsets, dict(self._handed))

    async def end(self) -> Position:
        """Return where the readable records end now: what lies behind an open transaction is not among them.

        Raises BrokerUnavailable.
        """
        return (await self.ends()).readable

    async def ends(self) -> LogEnds:
        """Return where the log ends now, and up to where it can be read. Raises BrokerUnavailable."""
        try:
            ranges = await self._running().ranges()
        except (KafkaError, TimeoutError, OSError) as error:
            raise unavailable(self._connection, error) from error
        readable = {partition: log.readable for partition, log in ranges.items()}
        # An open transaction is no hung connection: a reader stands still at its beginning.
        self._stalls.ends_at({one: min(end, self._limits.get(one, end)) for one, end in readable.items()})
        end = {partition: log.end for partition, log in ranges.items()}
        return LogEnds(self._position(readable), self._position(end))

    async def _open(self) -> LogLink:
        link = await LogLink.connect(self._connection, self._topic, self._handed, self._last, self._limits)
        for partition, limit in self._limits.items():
            if self._handed[partition] >= limit:
                link.reader.pause(partition)
        return link

    async def _read_on(self, link: LogLink, seconds: float, room: int) -> bool:
        """Take in what comes next; say whether the reader hangs. One that was cut off must not be asked again."""
        try:
            async with asyncio.timeout(seconds + STALL_SECONDS):
                parts = await link.read(self._read, self._last, seconds, min(room, READ_RECORDS_MAX), BATCH_BYTES_MAX)
        except TimeoutError:
            return True
        for part in parts:
            limit = self._limits.get(part.partition)
            if limit is not None and part.begin_offset >= limit:
                continue
            check_follows(self._position(self._read), self._topic, {part.partition: part.begin_offset})
            if limit is not None and part.next_offset >= limit:
                link.reader.pause(part.partition)
                part = part.until(limit)  # noqa: PLW2901 - what lies behind it is not for this source
            self._read[part.partition] = part.next_offset
            if part.records:
                last = part.records[-1]
                self._last[part.partition] = (last.offset, last.recorded_at_ms, digest_of(last))
            self._spare.append(part)
        # Unpacking takes the processor: others have their turn.
        await asyncio.sleep(0)
        return False

    async def _reconnect(self, link: LogLink) -> None:
        """Read on from what was handed over, on a new connection; when there is none to be had, on the old one."""
        _log.warning(
            "source.stalled", topic=self._topic, position=str(self._position(self._handed)), seconds=STALL_SECONDS
        )
        try:
            opened = await self._open()
        except (
            BrokerUnavailable,
            SettingInvalid,
            TopicMisconfigured,
        ) as error:  # SettingInvalid: an unreadable TLS file
            _log.warning("source.not_reconnected", cause=str(error))
            return
        self._link = opened
        self._spare.clear()
        self._read = dict(self._handed)
        await link.close()

    def _position(self, offsets: Mapping[int, int]) -> Position:
        return Position({(self._topic, partition): offset for partition, offset in offsets.items()})

    def _running(self) -> LogLink:
        if self._link is None:
            raise RuntimeError("Use the source inside `async with`.")
        return self._link


class _Batch:
    """What one fetch hands over, until it is full."""

    def __init__(self, records_max: int) -> None:
        self.parts: list[LogRecords] = []
        self.room = records_max
        self._bytes_left = BATCH_BYTES_MAX

    @property
    def full(self) -> bool:
        return self.room <= 0 or self._bytes_left <= 0

    def take(self, part: Part) -> tuple[Part, Part | None]:
        """Take as much of a part as there is room for, and return that and the rest."""
        taken, rest = part.cut(self.room)
        self.parts.append(taken.records)
        self.room -= len(taken.records)
        self._bytes_left -= taken.unpacked_bytes
        return taken, rest


class _StallWatch:
    """Adds up, for each partition, how long nothing was found of it in fetches although the log goes on."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._answered_at = 0.0
        self._idle: dict[int, float] = {}

    def ends_at(self, ends: dict[int, int]) -> None:
        """Hear where the log ends now."""
        self._ends, self._answered_at = ends, time.monotonic()

    def found(self, seconds: float, before: Mapping[int, int], read: Mapping[int, int]) -> bool:
        """Say whether a fetch of so many seconds was one too many: a partition stands still that should not."""
        # A broker that is away does not tell the end: it is waited for.
        is_recent = time.monotonic() - self._answered_at < STALL_SECONDS
        self._idle = {
            partition: self._idle.get(partition, 0.0) + seconds
            for partition, offset in read.items()
            if is_recent and offset == before[partition] and offset < self._ends.get(partition, 0)
        }
        stalled = max(self._idle.values(), default=0.0) >= STALL_SECONDS
        if stalled:
            self._idle = {}
        return stalled
