"""The follower of the directory's log: reads it on, folds it on the writer's thread, and then changes the mirror.

A revocation is the exception: it acts as soon as it was read. The writer may be busy with a batch for many seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from ledger_projectors.directory.fetches_ahead import FetchesAhead
from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import DirectoryOutcome, DirectoryStore, decode_directory
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.ends import END_POLL_SECONDS, EndWatch
from ledger_projectors.log.source import Fetched, KafkaSource
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.writer_thread import WriterThread
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.directory_events import KeyRevoked
from ledger_schemas.positions import Position

BATCH_RECORDS_MAX: Final = 10_000
"""Events of the directory that one transaction folds."""

_log = structlog.get_logger("ledger_projectors.directory")

Moved = Callable[[Position], Awaitable[None]]
"""Hears where in the directory's log the file stands."""


def directory_source(
    connection: KafkaConnection, read_model: ReadModel, *, until: Position | None = None
) -> KafkaSource:
    """Return the source that reads the directory's log on from where the file stands, under the guards of any log."""
    return KafkaSource(
        connection,
        topic=read_model.directory_topic,
        partitions=1,
        position=read_model.position(),
        last_records=read_model.last_directory_record(),
        until=until,
        batch_records_max=BATCH_RECORDS_MAX,
    )


class DirectoryFollower:
    """Keeps tables and mirror at the end of the directory's log.

    The mirror opens once they have reached the end that the log had at the start: the high watermark, so that what
    waits behind an open transaction is waited for.
    """

    def __init__(
        self, read_model: ReadModel, source: KafkaSource, mirror: DirectoryMirror, alarms: AlarmBoard | None = None
    ) -> None:
        """Take an open read model and an entered source of its directory's log."""
        self._topic = read_model.directory_topic
        self._read_model = read_model
        self._store = DirectoryStore(read_model)
        self._source = source
        self._mirror = mirror
        self._alarms = alarms or AlarmBoard()
        self._ends = EndWatch(source.ends, self._alarms, "directory_end")
        self._end_known = asyncio.Event()
        self._read = asyncio.Event()

    @property
    def is_read(self) -> bool:
        """Whether the directory was read to the end that its log had at the start."""
        return self._read.is_set()

    async def wait_read(self) -> None:
        """Return when it was."""
        await self._read.wait()

    async def run(self, writer: WriterThread, stopping: asyncio.Event, moved: Moved) -> None:
        """Follow the log until cancelled or asked to stop; `moved` hears of each commit.

        A broker that is away is waited for: the mirror stays as it is, and closed if it was. Raises GuardRefused when
        the log is another, ProjectorFailed when DuckDB fails for good. Whatever ends it, the mirror closes.
        """
        watching = asyncio.create_task(self._ends.watch(self._first_end))
        try:
            state = await writer.tried(self._load)
            with contextlib.suppress(TimeoutError):
                # An empty log is read at once, and not only after a fetch that finds nothing.
                await asyncio.wait_for(self._end_known.wait(), END_POLL_SECONDS)
            async with FetchesAhead(self._source, self._revoke) as fetches:
                while state is not None and not stopping.is_set():
                    if watching.done():
                        watching.result()
                    await self._open_if_read(moved)
                    if (fetched := await fetches.next()) is not None:
                        state = await self._advance(writer, state, fetched)
                        await moved(self._position())
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self._mirror.close()

    async def _advance(self, writer: WriterThread, state: DirectoryState, fetched: Fetched) -> DirectoryState | None:
        """Fold what was fetched and, after its COMMIT, change the mirror to what the tables then hold."""
        work = partial(self._store.apply, state, fetched.records, fetched.begin_offsets, fetched.next_offsets)
        outcome = await writer.tried(work)
        if outcome is None:
            return None
        self._tell(outcome)
        # Not read from the tables again: that takes longer with every key, member and device.
        return await writer.tried(lambda: self._show(state.with_changes(outcome.changes)))

    def _load(self) -> DirectoryState:
        return self._show(self._store.state())

    def _show(self, state: DirectoryState) -> DirectoryState:
        waiting = self._store.quarantined()
        self._mirror.replace(state, unreadable=waiting > 0)
        self._alarms.report("directory", [_alarm(self._topic, waiting)] if waiting else [])
        return state

    def _revoke(self, fetched: Fetched) -> None:
        events, _ = decode_directory(fetched.records)
        self._mirror.revoke(event.key_id for event in events if isinstance(event, KeyRevoked))

    async def _open_if_read(self, moved: Moved) -> None:
        first = self._ends.first
        if not self._read.is_set() and first is not None and self._position().reached(first):
            self._mirror.open()
            self._read.set()
            _log.info("directory.read", position=str(self._position()))
            await moved(self._position())

    def _tell(self, outcome: DirectoryOutcome) -> None:
        _log.debug("directory.batch_committed", applied=len(outcome.changes.event_ids), position=str(self._position()))
        if outcome.rejections:
            _log.error("directory.records_quarantined", count=len(outcome.rejections), reasons=outcome.reasons)

    def _position(self) -> Position:
        return self._read_model.position().only(self._topic)

    async def _first_end(self) -> None:
        self._end_known.set()


def _alarm(topic: str, waiting: int) -> Alarm:
    return Alarm(
        AlarmCode.DIRECTORY_UNREADABLE,
        f"{waiting} record(s) of {topic} cannot be read and were not applied: a key may hold that somebody revoked.",
        hint="`notification-ledger quarantine list` shows them. State the same facts again; where a later "
        "version of the ledger wrote them, upgrade: its first start reads the directory again.",
        subject=topic,
    )


async def replay_directory(read_model: ReadModel, connection: KafkaConnection, until: Position | None) -> None:
    """Fold the directory's log up to `until`, without one to its readable end: for a rebuild, which owns the file.

    Raises GuardRefused, BrokerUnavailable and duckdb.Error.
    """
    topic, store = read_model.directory_topic, DirectoryStore(read_model)
    limit = until.only(topic) if until is not None else None
    async with directory_source(connection, read_model, until=limit) as source:
        target = limit if limit is not None else await source.end()
        state = await asyncio.to_thread(store.state)
        while not read_model.position().reached(target):
            fetched = await source.fetch()
            outcome = await asyncio.to_thread(
                store.apply, state, fetched.records, fetched.begin_offsets, fetched.next_offsets
            )
            state = state.with_changes(outcome.changes)
