"""Whatever the order in which source, decoder and writer have their turns, what is handed over is the log, whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors import read_ahead
from ledger_projectors.decode import batch as decoding
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.log.guards import check_follows
from ledger_projectors.log.records import LogRecord, LogRecords
from ledger_projectors.log.source import Fetched
from ledger_projectors.read_ahead import ReadAhead, ReadBatch
from ledger_projectors.store.steps import unobserved
from ledger_schemas import LIFECYCLE_TOPIC, Position
from ledger_schemas.errors import GuardRefused

DECODED_MIN: Final = 3
BATCH_MAX: Final = 8
PARTITION: Final = 0

turns = st.integers(0, 4)
schedules = st.lists(st.tuples(st.integers(0, BATCH_MAX), turns, turns, turns), min_size=1, max_size=12)
"""Of each fetch: how many records it brings, and how many turns of the event loop source, schemas and writer take."""


class OneLog:
    """A source of records that are nothing but their offsets; its last fetch never ends."""

    def __init__(
        self, fetches: Sequence[tuple[int, int]], *, skip_before: int | None = None, value: bytes | None = None
    ) -> None:
        """Bring so many records after so many turns; skip one record before the fetch of that number."""
        self.batch_records_max = BATCH_MAX
        self.end, self.total = 0, sum(count for count, _ in fetches)
        self._left = list(enumerate(fetches))
        self._skip_before = skip_before
        self._value = value

    async def fetch(self) -> Fetched:
        """Return the next records of the log."""
        if not self._left:
            await asyncio.Event().wait()
        number, (count, waits) = self._left.pop(0)
        await take_turns(waits)
        begin = self.end + (number == self._skip_before)
        self.end = begin + count
        offsets = range(begin, self.end)
        records = [LogRecord(LIFECYCLE_TOPIC, PARTITION, offset, 0, None, self._value) for offset in offsets]
        return Fetched(LogRecords.of(records), {PARTITION: begin}, {PARTITION: self.end})


class SlowSchemas:
    """Schemas that are all known, after some turns."""

    def __init__(self, waits: Sequence[int]) -> None:
        """Take so many turns, of each batch in order."""
        self.known, self.learnt = None, 1
        self.asked = 0
        self._waits = list(waits)

    async def wait(self, records: LogRecords, *_: Any) -> None:  # noqa: ANN401 - nothing of it matters here
        """Take the turns of one batch; count the records that were asked about."""
        self.asked += len(records)
        await take_turns(self._waits.pop(0) if self._waits else 0)


async def take_turns(count: int) -> None:
    """Let the event loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)


def read_on(source: OneLog, schemas: SlowSchemas, stopping: asyncio.Event) -> ReadAhead:
    """Return what reads a source ahead."""
    return ReadAhead(
        source,
        cast("AwaitedSchemas", schemas),
        partitions=1,
        stopping=stopping,
        report_retrying=lambda _: None,
        on_step=unobserved,
    )


async def handed_over(source: OneLog, schemas: SlowSchemas, writer_turns: Sequence[int]) -> list[ReadBatch]:
    """Take all batches as a writer does who needs so many turns for each of them; stop behind the last record."""
    stopping = asyncio.Event()
    batches: list[ReadBatch] = []
    at = 0
    waits = list(writer_turns)
    async with read_on(source, schemas, stopping) as ahead, asyncio.timeout(5):
        while at < source.total:
            batch = await ahead.next()
            assert batch is not None
            batches.append(batch)
            at = batch.fetched.next_offsets[PARTITION]
            await take_turns(waits.pop(0) if waits else 0)
        stopping.set()
    return batches


@settings(max_examples=300, deadline=None)
@given(schedules)
def test_what_is_read_ahead_is_the_log_whole_and_in_order(schedule: list[tuple[int, int, int, int]]) -> None:
    """Every record comes once, in order, whatever is taken while something else is decoded; each batch says where."""
    source = OneLog([(count, waits) for count, waits, _, _ in schedule])
    schemas = SlowSchemas([waits for _, _, waits, _ in schedule])
    empty = EVENT_SCHEMA.empty_table()
    with (
        patch.object(read_ahead, "DECODED_AHEAD_RECORDS_MIN", DECODED_MIN),
        patch.object(decoding, "decode_records", lambda *_: (empty, [])),
    ):
        batches = asyncio.run(handed_over(source, schemas, [waits for _, _, _, waits in schedule]))
    position = Position({})
    for batch in batches:
        check_follows(position, LIFECYCLE_TOPIC, batch.fetched.begin_offsets)
        position = Position({(LIFECYCLE_TOPIC, PARTITION): batch.fetched.next_offsets[PARTITION]})
        assert len(batch.fetched.records) <= BATCH_MAX
    offsets = [record.offset for batch in batches for record in batch.fetched.records]
    assert offsets == list(range(sum(count for count, _, _, _ in schedule)))


@pytest.mark.parametrize("decoded_min", [1, DECODED_MIN], ids=["decoded ahead", "few"])
def test_what_is_read_ahead_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch, decoded_min: int) -> None:
    """However long the writer takes: large records wait in the log and not in memory, nor in one transaction."""
    monkeypatch.setattr(read_ahead, "BATCH_BYTES_MAX", 30)
    monkeypatch.setattr(read_ahead, "DECODED_AHEAD_RECORDS_MIN", decoded_min)
    monkeypatch.setattr(decoding, "decode_records", lambda *_: (EVENT_SCHEMA.empty_table(), []))
    source = OneLog([(1, 0)] * 20, value=bytes(10))
    stopping = asyncio.Event()

    async def work() -> None:
        at = 0
        async with read_on(source, SlowSchemas([]), stopping) as ahead, asyncio.timeout(5):
            while at < source.total:
                batch = await ahead.next()
                assert batch is not None
                assert batch.fetched.records.size_bytes() <= 30
                at = batch.fetched.next_offsets[PARTITION]
                await asyncio.sleep(0.02)
                # Three that wait, and one that finds no room behind them; another fetch is under way.
                assert source.end - at <= 3 + 1 + 1
            stopping.set()

    asyncio.run(work())


def test_what_does_not_follow_is_refused_and_not_put_together() -> None:
    """A source that leaves out a record between two fetches is found out before anything of them is handed over."""
    source = OneLog([(1, 0), (1, 0)], skip_before=1)
    with pytest.raises(GuardRefused, match=r"begins at offset 2; what comes before it ends at 1\."):
        asyncio.run(handed_over(source, SlowSchemas([0, 0]), [5, 5]))


def test_what_came_before_does_not_wait_for_the_schemas_of_what_comes_behind() -> None:
    """A few records are handed over while a schema of the next ones, that may never come, is waited for."""
    source = OneLog([(1, 0), (1, 5)])
    source.total = 1
    (batch,) = asyncio.run(handed_over(source, SlowSchemas([0, 10**9]), [0]))
    assert [record.offset for record in batch.fetched.records] == [0]


def test_the_schemas_of_a_record_are_looked_for_once() -> None:
    """However many fetches are put together behind it: else a writer that is behind makes its reader slower still."""
    schemas = SlowSchemas([])
    batches = asyncio.run(handed_over(OneLog([(1, 0)] * 6), schemas, [30]))
    assert sum(len(batch.fetched.records) for batch in batches) == 6
    assert len(batches) < 6
    assert schemas.asked == 6
