"""Fetches the directory's log on while the writer is busy: what has to act at once does not wait for a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from ledger_projectors.log.records import LogRecords
from ledger_projectors.log.source import Fetched, KafkaSource

IDLE_SECONDS: Final = 0.5
"""How long `next` waits for something."""


class FetchesAhead:
    """Shows each fetch to `seen` as it comes, and keeps it until it is taken. Use it as `async with`."""

    def __init__(self, source: KafkaSource, seen: Callable[[Fetched], None]) -> None:
        """Take an entered source; so many records as one batch of it has are kept at most."""
        self._source = source
        self._seen = seen
        self._waiting: list[Fetched] = []
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to fetch."""
        self._fetching = asyncio.create_task(self._fetch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Drop what was not taken."""
        self._fetching.cancel()
        # What it failed with is known, or of no more interest.
        await asyncio.gather(self._fetching, return_exceptions=True)

    async def next(self) -> Fetched | None:
        """Return what was fetched since, all of it as one; None: nothing came for IDLE_SECONDS.

        Raises what fetching raises, after what was fetched before.
        """
        if not self._waiting:
            self._arrived.clear()
            arrived = asyncio.create_task(self._arrived.wait())
            await asyncio.wait({self._fetching, arrived}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()
        if not self._waiting:
            if self._fetching.done():
                self._fetching.result()
            return None
        taken, self._waiting = self._waiting, []
        self._room.set()
        topic = next((one.records.topic for one in taken if one.records), "")
        records = LogRecords.joined(topic, [one.records for one in taken])
        return Fetched(records, taken[0].begin_offsets, taken[-1].next_offsets)

    async def _fetch(self) -> None:
        while True:
            fetched = await self._source.fetch()
            if not fetched.records and fetched.next_offsets == fetched.begin_offsets:
                continue
            self._seen(fetched)
            self._waiting.append(fetched)
            self._arrived.set()
            while sum(len(one.records) for one in self._waiting) >= self._source.batch_records_max:
                self._room.clear()
                await self._room.wait()
