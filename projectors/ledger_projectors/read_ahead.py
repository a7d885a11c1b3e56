"""Reads ahead: while a batch is written, the next is fetched and waits for its schemas; a large one is decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Final, Protocol, Self

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.decode.batch import DecodedBatch, decode_batch
from ledger_projectors.log.guards import check_follows
from ledger_projectors.log.records import LogRecords
from ledger_projectors.log.source import BATCH_BYTES_MAX, Fetched
from ledger_projectors.store.steps import Step, StepObserver
from ledger_schemas.positions import Position

DECODED_AHEAD_RECORDS_MIN: Final = 20_000
"""Fewer records are decoded all together by the writer, once it takes them: a call costs as much as some thousands."""

_NOTHING_LEARNT: Final = 0
_OF_SEVERAL: Final = -1


class Source(Protocol):
    """Where batches come from: `KafkaSource`, or what a test puts in its place."""

    @property
    def batch_records_max(self) -> int:
        """Up to so many records are one batch."""

    async def fetch(self) -> Fetched:
        """Return what comes next."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """What was fetched, and what was made of it with the schemas that were known when so many had been `learnt`.

    `decoded` is None for few records, which are not decoded yet. `size_bytes` is what their keys and values take.
    """

    fetched: Fetched
    decoded: DecodedBatch | None
    learnt: int
    size_bytes: int


class ReadAhead:
    """Fetches what comes next until a batch is full, and hands over all of it. Use it as `async with`.

    What comes while a batch is written is written at once behind it: the more the writer falls behind, the larger its
    batches get. Decoding has a thread of its own: DuckDB, on the writer's, seldom holds Python's lock.
    """

    def __init__(
        self,
        source: Source,
        schemas: AwaitedSchemas | None,
        *,
        partitions: int,
        stopping: asyncio.Event,
        report_retrying: Callable[[bool], None],
        on_step: StepObserver,
    ) -> None:
        """Take an entered source; the other arguments are the projector's."""
        self._source = source
        self._schemas = schemas
        self._partitions = partitions
        self._stopping = stopping
        self._report_retrying = report_retrying
        self._on_step = on_step
        self._decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="projector-decoder")
        self._waiting: list[ReadBatch] = []
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Drop what was read ahead."""
        self._reading.cancel()
        # What it failed with is known, or of no more interest.
        await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.to_thread(self._decoder.shutdown)

    async def next(self) -> ReadBatch | None:
        """Return what was read since, waiting for something; None: a stop was asked for meanwhile.

        Raises what fetching raises, behind what was fetched before.
        """
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._waiting and not self._stopping.is_set():
                self._arrived.clear()
                arrived = asyncio.create_task(self._arrived.wait())
                await asyncio.wait({self._reading, arrived, stopping}, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                if self._reading.done() and not self._waiting:
                    self._reading.result()
        finally:
            stopping.cancel()
        if self._stopping.is_set():
            return None
        taken = self._taken()
        self._on_step(Step.FETCHED)
        return taken

    def _taken(self) -> ReadBatch:
        """Take the batches that make up one together: the first, and those behind it while they fit."""
        records = size = parts = 0
        for batch in self._waiting:
            records += len(batch.fetched.records)
            size += batch.size_bytes
            if parts and (self._is_too_much(records, size) or batch.decoded is None):
                break
            parts += 1
            if batch.decoded is None:
                break
        taken = self._waiting[:parts]
        del self._waiting[:parts]
        self._room.set()
        return taken[0] if len(taken) == 1 else _joined(taken)

    def _is_full(self) -> bool:
        records = sum(len(batch.fetched.records) for batch in self._waiting)
        size = sum(batch.size_bytes for batch in self._waiting)
        # What brought nothing is handed over once.
        return bool(self._waiting) and (
            records >= self._source.batch_records_max
            or size >= BATCH_BYTES_MAX
            or not self._waiting[-1].fetched.records
        )

    def _is_too_much(self, records: int, size_bytes: int) -> bool:
        return records > self._source.batch_records_max or size_bytes > BATCH_BYTES_MAX

    async def _read(self) -> None:
        fetching = asyncio.create_task(self._source.fetch())
        try:
            # Asked for here, too: Python 3.11's wait_for forgets a cancellation where what it waits for has come.
            while not self._stopping.is_set():
                fetched = await fetching
                fetching = asyncio.create_task(self._source.fetch())
                if self._schemas is not None:
                    await self._schemas.wait(fetched.records, self._stopping, self._report_retrying)
                batch = await self._decoded(self._with_few(fetched))
                # Looked up behind the await: meanwhile what waited may have been taken.
                self._waiting.append(batch)
                self._arrived.set()
                while self._is_full():
                    self._room.clear()
                    await self._room.wait()
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    def _with_few(self, fetched: Fetched) -> Fetched:
        """Return what was fetched behind the few that nobody has decoded or taken yet, if they make up one batch."""
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.decoded is not None:
            return fetched
        records = len(last.fetched.records) + len(fetched.records)
        if self._is_too_much(records, last.size_bytes + fetched.records.size_bytes()):
            return fetched
        self._waiting.pop()
        return _joined_fetched([last.fetched, fetched])

    async def _decoded(self, fetched: Fetched) -> ReadBatch:
        learnt, known = _NOTHING_LEARNT, None
        if self._schemas is not None:
            learnt, known = self._schemas.learnt, self._schemas.known
        size = fetched.records.size_bytes()
        if len(fetched.records) < DECODED_AHEAD_RECORDS_MIN:
            return ReadBatch(fetched, None, learnt, size)
        decoded = await asyncio.get_running_loop().run_in_executor(
            self._decoder, decode_batch, fetched.records, self._partitions, known
        )
        return ReadBatch(fetched, decoded, learnt, size)


def _joined_fetched(parts: Sequence[Fetched]) -> Fetched:
    topic = next((part.records.topic for part in parts if part.records), "")
    for before, after in pairwise(parts):
        ends = Position({(topic, partition): offset for partition, offset in before.next_offsets.items()})
        check_follows(ends, topic, after.begin_offsets)
    return Fetched(
        LogRecords.joined(topic, [part.records for part in parts]), parts[0].begin_offsets, parts[-1].next_offsets
    )


def _joined(parts: Sequence[ReadBatch]) -> ReadBatch:
    learnt = {part.learnt for part in parts}
    return ReadBatch(
        _joined_fetched([part.fetched for part in parts]),
        DecodedBatch.joined([part.decoded for part in parts if part.decoded is not None]),
        # Batches that were decoded with other schemas are decoded again.
        learnt.pop() if len(learnt) == 1 else _OF_SEVERAL,
        sum(part.size_bytes for part in parts),
    )
