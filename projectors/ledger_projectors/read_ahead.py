"""Reads ahead: the next batch is fetched, its schemas are waited for, and it is decoded, while another is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from ledger_projectors.awaited_schemas import AwaitedSchemas
from ledger_projectors.decode import Decoded, decode_records
from ledger_projectors.source import Fetched
from ledger_projectors.steps import Step, StepObserver

_NOTHING_LEARNT = 0


class Source(Protocol):
    """Where batches come from: `KafkaSource`, or what a test puts in its place."""

    async def fetch(self) -> Fetched:
        """Return what comes next."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """What was fetched, and what was made of it with the schemas that were known when so many had been `learnt`."""

    fetched: Fetched
    decoded: Decoded
    learnt: int


class ReadAhead:
    """Keeps one batch decoded, and one fetched, ahead of the batch that is written. Use it as an async context manager.

    Decoding has a thread of its own: DuckDB, on the writer's, holds no lock of Python's for most of its time.
    """

    def __init__(
        self,
        source: Source,
        schemas: AwaitedSchemas | None,
        *,
        partitions: int,
        stopping: asyncio.Event,
        tell_retrying: Callable[[bool], None],
        on_step: StepObserver,
    ) -> None:
        """Take an entered source; the other arguments are the projector's."""
        self._source = source
        self._schemas = schemas
        self._partitions = partitions
        self._stopping = stopping
        self._tell_retrying = tell_retrying
        self._on_step = on_step
        self._decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="projector-decoder")

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self._fetching = asyncio.create_task(self._source.fetch())
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Drop what was read ahead."""
        for task in (self._reading, self._fetching):
            task.cancel()
        # What these failed with is known, or of no more interest.
        await asyncio.gather(self._reading, self._fetching, return_exceptions=True)
        await asyncio.to_thread(self._decoder.shutdown)

    @property
    def learnt(self) -> int:
        """How many references the schema store has learnt of."""
        return _NOTHING_LEARNT if self._schemas is None else self._schemas.learnt

    async def next(self) -> ReadBatch | None:
        """Return the next batch, and begin to read the one after it; None: a stop was asked for meanwhile.

        Raises what fetching raises.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({self._reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._stopping.is_set() or not self._reading.done():
            return None
        found = self._reading.result()
        self._reading = asyncio.create_task(self._read())
        return found

    async def _read(self) -> ReadBatch:
        fetched = await self._fetching
        self._on_step(Step.FETCHED)
        self._fetching = asyncio.create_task(self._source.fetch())
        if self._schemas is not None and fetched.records:
            await self._schemas.wait(fetched.records, self._stopping, self._tell_retrying)
        learnt = self.learnt
        known = None if self._schemas is None else self._schemas.known
        decoded = await asyncio.get_running_loop().run_in_executor(
            self._decoder, decode_records, fetched.records, self._partitions, known
        )
        return ReadBatch(fetched, decoded, learnt)
