"""The desk of every API: waits on the event loop, reads in a worker thread, puts facts into the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool

from ledger_queries.reading import Partitions, Reader, Reading, open_reading, refuse_unreachable, require
from ledger_schemas import limits
from ledger_schemas.access import Directory, DirectorySink
from ledger_schemas.errors import ApiUnavailable, ReadModelBehind
from ledger_schemas.events import Event
from ledger_schemas.facts import FactSink
from ledger_schemas.positions import Position

WaitFor = Callable[[Position, float], Awaitable[None]]
"""Returns when the read model has reached a position, or raises after that many seconds."""

WAIT_SLACK_SECONDS: Final = 1.0
"""How much longer than it was asked to a wait may take: it ends by itself, and then it says why."""

QUERY_SECONDS_MAX: Final = 10.0
"""How long one question may keep DuckDB busy before it is stopped with QueryTooLong."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Put:
    """What became of facts that were put: where they are in the log, and whether the read model shows them yet."""

    position: Position
    shown: bool


class Desk:
    """What a route may use. `sink` and `directory_sink` are None where nothing can be written."""

    def __init__(
        self,
        reader: Reader,
        *,
        directory: Directory,
        wait_for: WaitFor | None = None,
        sink: FactSink | None = None,
        directory_sink: DirectorySink | None = None,
        query_seconds_max: float = QUERY_SECONDS_MAX,
    ) -> None:
        """Take the parts. `wait_for` is None where nobody moves the read model on."""
        self.directory = directory
        self._reader = reader
        self._wait_for = wait_for
        self._sink = sink
        self._directory_sink = directory_sink
        self._query_seconds_max = query_seconds_max
        self._partitions: Partitions | None = None

    async def read(
        self, question: Callable[[Reading], _Answer], *, at_least: Position | None = None, wait_seconds: float = 0.0
    ) -> _Answer:
        """Answer a question in a worker thread, in one snapshot, from a position on if asked.

        Raises ReadModelBehind, PositionInvalid, QueryTooLong, and what the question raises.
        """
        if at_least and self._wait_for is not None:
            refuse_unreachable(await self._all_partitions(), at_least)
            await self._wait(at_least, wait_seconds)

        def read() -> _Answer:
            with open_reading(self._reader, self._query_seconds_max) as reading:
                require(reading, at_least)
                return question(reading)

        return await run_in_threadpool(read)

    async def put(self, events: Sequence[Event], *, wait_seconds: float) -> Put:
        """Append facts and wait, for a bounded time, until the read model shows them. Raises what the sink raises."""
        position = await self.append(events)
        return Put(position, await self.is_shown(position, wait_seconds))

    async def append(self, events: Sequence[Event]) -> Position:
        """Append facts and return the position after them. Raises what the sink raises."""
        if self._sink is None:
            raise ApiUnavailable("Nothing can be written here.", hint="Ask a running ledger.")
        position = Position()
        for start in range(0, len(events), limits.BATCH_EVENTS_MAX):
            for receipt in await self._sink.put_many(events[start : start + limits.BATCH_EVENTS_MAX]):
                position = position.merged(receipt.position)
        return position

    async def is_shown(self, position: Position, wait_seconds: float) -> bool:
        """Wait for a bounded time until the read model stands at a position; say whether it does."""
        if self._wait_for is None or not position:
            return not position
        try:
            async with asyncio.timeout(wait_seconds + WAIT_SLACK_SECONDS):
                await self._wait_for(position, wait_seconds)
        except (ReadModelBehind, TimeoutError):
            return False
        return True

    @property
    def directory_sink(self) -> DirectorySink:
        """Where events of the directory go. Raises ApiUnavailable where nothing can be written."""
        if self._directory_sink is None:
            raise ApiUnavailable("Nothing can be written here.", hint="Ask a running ledger.")
        return self._directory_sink

    async def _wait(self, wanted: Position, seconds: float) -> None:
        """Wait for the position, for a bounded time; the reading that follows checks whether it was reached.

        Raises ReadModelBehind when `wait_for` says why it was not.
        """
        assert self._wait_for is not None  # noqa: S101 - the caller asks
        try:
            async with asyncio.timeout(seconds + WAIT_SLACK_SECONDS):
                await self._wait_for(wanted, seconds)
        except ReadModelBehind as error:
            raise ReadModelBehind(error.message, hint=error.hint, field="at_least") from error
        except TimeoutError:
            return

    async def _all_partitions(self) -> Partitions:
        """Return the partitions of the read model, asked of its file once: they never change."""

        def read() -> Partitions:
            with open_reading(self._reader) as reading:
                return reading.partitions

        if self._partitions is None:
            self._partitions = await run_in_threadpool(read)
        return self._partitions
