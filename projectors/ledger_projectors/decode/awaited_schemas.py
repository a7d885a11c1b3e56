"""Awaited schemas: what a batch's frames name is looked for before the batch is decoded, within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from ledger_projectors.log.records import LogRecord, LogRecords
from ledger_schemas.errors import RegistryRefused, Unavailable, Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, SchemaReference, split_frame
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.schema_store import SCHEMA_WAIT_SECONDS, SchemaStore

LOOK_AGAIN_SECONDS: Final = 0.25
"""How often the schema topic is read meanwhile."""

POLL_SECONDS: Final = 1.0
"""How often the store is asked for what nobody waits for any more, but lies in quarantine."""

REST_PER_WAIT: Final = 9.0
"""After a wait in vain, new references are looked for but not waited for, for so many times as long: a stream of
forged headers costs a tenth of the time and no more. What comes later is released from quarantine."""

REFERENCES_LOGGED_MAX: Final = 10

RETRY_SECONDS_FIRST: Final = 0.5
RETRY_SECONDS_MAX: Final = 30.0
"""Back-off while the store, or the registry, is away."""

_log = structlog.get_logger("ledger_projectors.projector")


class AwaitedSchemas:
    """Waits for the writer schemas of a batch: long enough for a publisher that is late, never for ever.

    A reference that a reachable store still lacks is given up and not waited for again, unless the store has grown
    since: one forged header must not stop everyone, and a stream of them must not slow everyone down. A store that is
    away is waited for as long as it takes.
    """

    def __init__(self, store: SchemaStore, wait_seconds: float = SCHEMA_WAIT_SECONDS) -> None:
        """Take an entered store."""
        self._store = store
        self._wait_seconds = wait_seconds
        self._given_up: dict[SchemaReference, int] = {}
        self._resting = (0.0, 0)

    @property
    def known(self) -> KnownSchemas:
        """What the store knows by now."""
        return self._store.known

    @property
    def learnt(self) -> int:
        """How many references the store has learnt of: it only ever grows."""
        return self._store.learnt

    def steady(self) -> AbstractAsyncContextManager[None]:
        """Keep `known` as it is for as long as the context lasts."""
        return self._store.steady()

    async def wait(
        self, records: Sequence[LogRecord], stopping: asyncio.Event, report_retrying: Callable[[bool], None]
    ) -> None:
        """Return when every schema that the records name is known or given up, or when `stopping` is set.

        `report_retrying` hears True while the store or the registry is away, and False when it answers again.
        """
        missing = self._missing(_references(records))
        delay = RETRY_SECONDS_FIRST
        deadline: float | None = None
        # Whoever writes ids of a registry registers first: its answer is asked for once, the topic's again and again.
        unasked = missing
        while missing and not stopping.is_set():
            try:
                await self._store.find(unasked)
            except (Unavailable, RegistryRefused) as error:
                report_retrying(True)  # noqa: FBT003 - the name is its question
                _log.warning("projector.schemas_unreachable", cause=str(error), retry_seconds=delay)
                await pause(stopping, delay)
                delay, deadline = min(delay * 2, RETRY_SECONDS_MAX), None
                continue
            report_retrying(False)  # noqa: FBT003 - as above
            delay, unasked = RETRY_SECONDS_FIRST, set()
            missing = self._missing(missing)
            now = time.monotonic()
            # Time counts from when the store was reachable: an outage uses none of it up.
            if deadline is None:
                deadline = now if self._rests(now) else now + self._wait_seconds
            if missing and now >= deadline:
                self._give_up(missing, now)
                return
            if missing:
                await pause(stopping, min(LOOK_AGAIN_SECONDS, deadline - now))

    async def watch(self) -> None:
        """Keep the store current until cancelled, so that schemas which come later are noticed without an event."""
        delay = POLL_SECONDS
        while True:
            await asyncio.sleep(delay)
            try:
                await self._store.refresh()
                delay = POLL_SECONDS
            except Unavailable as error:
                delay = min(delay * 2, RETRY_SECONDS_MAX)
                _log.warning("projector.schemas_unreachable", cause=str(error), retry_seconds=delay)

    async def look_again(self, references: Iterable[SchemaReference]) -> None:
        """Ask once for these, given up or not. While the store or the registry is away, what is known is all there is.

        Waits for nobody: whether they were found, `known` says.
        """
        missing = [one for one in references if one not in self.known]
        if not missing:
            return
        try:
            await self._store.find(missing)
        except (Unavailable, RegistryRefused) as error:
            _log.warning("projector.schemas_unreachable", cause=str(error))

    def _missing(self, references: Iterable[SchemaReference]) -> set[SchemaReference]:
        return {
            one for one in references if one not in self.known and self._given_up.get(one, -1) != self._store.learnt
        }

    def _rests(self, now: float) -> bool:
        until, learnt = self._resting
        # A store that has grown has a publisher at work: worth waiting for again.
        return now < until and learnt == self._store.learnt

    def _give_up(self, missing: set[SchemaReference], now: float) -> None:
        self._given_up.update(dict.fromkeys(missing, self._store.learnt))
        if not self._rests(now):
            self._resting = (now + REST_PER_WAIT * self._wait_seconds, self._store.learnt)
        _log.error(
            "projector.schemas_given_up",
            count=len(missing),
            schemas=sorted(map(str, missing))[:REFERENCES_LOGGED_MAX],
        )


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Return after so many seconds, or as soon as `stopping` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _references(records: Sequence[LogRecord]) -> set[SchemaReference]:
    # Distinct beginnings first, and by Arrow: a batch of thousands has a few.
    values = pa.array(LogRecords.of(records).values, pa.large_binary())
    references = set()
    for beginning in pc.unique(pc.binary_slice(values, 0, SINGLE_OBJECT_HEADER_BYTES)).to_pylist():
        with contextlib.suppress(Undecodable):
            references.add(split_frame(beginning or b"")[0])
    return references
