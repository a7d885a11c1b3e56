"""What stands around a simulated projector: its source, its schema store, and a clock that jumps."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from random import Random
from types import TracebackType
from typing import Any, Final, Self, cast
from unittest.mock import patch

from aiokafka import TopicPartition

from ledger_projectors.decode import awaited_schemas
from ledger_projectors.log import ends as log_ends
from ledger_projectors.log import topic_watch
from ledger_projectors.log.ends import LogEnds
from ledger_projectors.log.guards import (
    LastRecords,
    LogRange,
    check_partitions,
    check_range,
    check_reachable,
    check_record,
)
from ledger_projectors.log.records import LogRecord, LogRecords
from ledger_projectors.log.source import Fetched, KafkaSource
from ledger_projectors.store import checkpoints
from ledger_schemas import LIFECYCLE_TOPIC, Position
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.framing import SchemaReference
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.schema_store import SchemaStore
from tests.simulator.conditions import Conditions
from tests.simulator.the_log import SimulatedLog, records_between, reference_of

OUTAGE_SHARE: Final = 0.08
"""Of fetches that find the broker away, and so nothing."""

AWAY_SHARE: Final = 0.2
"""Of questions to the schema store that it does not answer."""

IN_TIME_SHARE: Final = 0.3
"""Of schemas that are published while a batch waits for them."""

BATCHES_PER_LIFE: Final = (1, 1, 2, 2, 3)
"""Few: of a small batch nearly all time goes into planning its statements."""

EACH_TURN_SECONDS: Final = 0.0
"""At every turn of the event loop: a timer would make a round depend on the speed of the machine."""

JUMPS_SECONDS: Final = (0.0, 0.001, 0.5, 11.0, 3_600.0, 1e9)


class SimulatedSource:
    """Gives the records of a log in memory in batches of any cut, as KafkaSource does; the broker goes away at times.

    Entering refuses a log that is not the read model's, by what the read model says of its last records.
    """

    def __init__(
        self,
        log: SimulatedLog,
        rng: Random,
        *,
        position: Position,
        last_records: LastRecords,
        until: Position,
        conditions: Conditions,
        batches: int | None = None,
        pieces: int = 0,
    ) -> None:
        """Read from `position` on, and nothing from `until` on; in about so many batches, by default drawn.

        Instead of batches it may be `pieces`: what reads ahead puts them together. While transactions are open, nothing
        behind their beginning is read.
        """
        self._log = log
        self._rng = rng
        self._last_records = dict(last_records)
        self._next = {partition: position.get((LIFECYCLE_TOPIC, partition), 0) for partition in range(log.partitions)}
        self._until = {partition: until.get((LIFECYCLE_TOPIC, partition), 0) for partition in range(log.partitions)}
        left = sum(
            len(records_between(log, partition, begin, self._until[partition]))
            for partition, begin in self._next.items()
        )
        self._at_once = batches == 1
        self._batch_records = 1 + left // (batches or pieces or rng.choice(BATCHES_PER_LIFE))
        self._conditions = conditions
        self.fetches = 0
        # Batches are cut as they were drawn: none is put together with another.
        self.batch_records_max = sys.maxsize if pieces else 1

    async def __aenter__(self) -> Self:
        """Check that the log is the one that the read model was made from."""
        check_partitions(LIFECYCLE_TOPIC, self._log.partitions, len(self._next))
        for partition, ours in self._next.items():
            place = TopicPartition(LIFECYCLE_TOPIC, partition)
            end = self._log.ends[partition]
            readable = self._conditions.readable(partition)
            check_range(place, LogRange(self._log.begins.get(partition, 0), readable, end), ours)
            check_reachable(place, end, self._until[partition])
            if (last := self._last_records.get(partition)) is not None:
                for record in records_between(self._log, partition, last[0], last[0] + 1):
                    check_record(place, last, record)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def fetch(self) -> Fetched:
        """Return what comes next, maybe nothing."""
        await asyncio.sleep(0)
        self.fetches += 1
        away = self._conditions.away = self._rng.random() < OUTAGE_SHARE
        records: list[LogRecord] = []
        begin_offsets = dict(self._next)
        if not away:
            read_through = all(offset >= self._limit(partition) for partition, offset in self._next.items())
            await self._conditions.meet(read_through=read_through)
            partitions = list(self._next)
            self._rng.shuffle(partitions)
            for partition in partitions:
                records += self._take(partition, max(0, self._batch_records - len(records)))
        return Fetched(LogRecords.of(records), begin_offsets, dict(self._next))

    async def ends(self) -> LogEnds:
        """Return where the log ends. Raises BrokerUnavailable while the broker is away."""
        return await self._conditions.ends()

    def as_kafka(self) -> KafkaSource:
        """Return it as what it stands for."""
        return cast("KafkaSource", self)

    def _limit(self, partition: int) -> int:
        return min(self._until[partition], self._conditions.readable(partition))

    def _left(self, partition: int) -> Sequence[LogRecord]:
        return records_between(self._log, partition, self._next[partition], self._limit(partition))

    def _take(self, partition: int, room: int) -> list[LogRecord]:
        left = self._left(partition)
        taken = list(left[: room if self._at_once else self._rng.choice((room, room, room // 2))])
        behind = left[len(taken)].offset if len(taken) < len(left) else self._limit(partition)
        if taken:
            # Over a hole behind them, or up to it: both are the position after these records.
            self._next[partition] = self._rng.choice((taken[-1].offset + 1, behind))
        elif room > 0:
            self._next[partition] = max(self._next[partition], behind)
        return taken


class SimulatedStore:
    """A schema store: what is published late comes while a batch waits for it, or after a number of fetches, or never.

    It is away at times. `published` outlives it: it is what the schema topic holds.
    """

    def __init__(self, log: SimulatedLog, published: list[str], rng: Random) -> None:
        """Read what is published already; the rest of the log's schemas may come."""
        self.known = KnownSchemas()
        self.learnt = 0
        self._published = published
        self._texts = {reference_of(text): text for text in log.schemas()}
        self._rng = rng
        self._teaching = asyncio.Lock()
        self._learn()

    def steady(self) -> AbstractAsyncContextManager[Any]:
        """Keep `known` as it is for as long as the context lasts."""
        return self._teaching

    async def refresh(self) -> None:
        """Learn what is published by now; now and then that is one more, or all."""
        async with self._teaching:
            waiting = [text for text in self._texts.values() if text not in self._published]
            if waiting and self._rng.random() < IN_TIME_SHARE:
                self._published += self._rng.sample(waiting, self._rng.choice((1, len(waiting))))
            self._learn()

    async def find(self, references: Iterable[SchemaReference]) -> None:
        """Look for them. Raises BrokerUnavailable at times."""
        list(references)
        if self._rng.random() < AWAY_SHARE:
            raise BrokerUnavailable("The simulated schema topic is away.")
        await self.refresh()

    def as_store(self) -> SchemaStore:
        """Return it as what it stands for."""
        return cast("SchemaStore", self)

    def _learn(self) -> None:
        for text in self._published:
            self.learnt += self.known.learn(reference_of(text), text)


class JumpingClock:
    """Stands for the module `time`: no two answers agree on anything but that monotonic time does not go back."""

    def __init__(self, rng: Random) -> None:
        """Begin anywhere."""
        self._rng = rng
        self._now = rng.choice(JUMPS_SECONDS)

    def monotonic(self) -> float:
        """Return a time not before the last one."""
        self._now += self._rng.choice(JUMPS_SECONDS)
        return self._now

    def perf_counter(self) -> float:
        """Return any time."""
        return self._rng.choice(JUMPS_SECONDS)

    def time(self) -> float:
        """Return any time."""
        return self._rng.choice((0.0, 1e9, 7e9))

    def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        self._now += seconds

    async def pause(self, stopping: asyncio.Event, seconds: float) -> None:
        """Pass the time at once."""
        if not stopping.is_set():
            self._now += seconds
        await asyncio.sleep(0)


@contextmanager
def no_time_passes(clock: JumpingClock) -> Iterator[None]:
    """Give every module of the projector this clock; nothing sleeps, and nothing watches by itself."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("ledger_projectors.")]
    with (
        patch.object(awaited_schemas, "POLL_SECONDS", 3_600.0),
        patch.object(checkpoints, "ROOM_POLL_SECONDS", 3_600.0),
        patch.object(log_ends, "END_POLL_SECONDS", EACH_TURN_SECONDS),
        patch.object(log_ends, "HELD_BACK_SECONDS", EACH_TURN_SECONDS),
        patch.object(topic_watch, "SETTINGS_POLL_SECONDS", EACH_TURN_SECONDS),
    ):
        patches: list[Any] = [patch.object(one, "time", clock) for one in modules if getattr(one, "time", None) is time]
        patches += [patch.object(one, "pause", clock.pause) for one in modules if hasattr(one, "pause")]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()
