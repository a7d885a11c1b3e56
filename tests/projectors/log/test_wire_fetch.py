"""Fetch requests of our own: every record once and in order, however answers are cut and leaders come and go."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiokafka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.log import link as log_link
from ledger_projectors.log import source as source_module
from ledger_projectors.log import wire_fetch
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.log.wire_fetch import WireReader
from ledger_schemas import Position
from ledger_schemas.errors import GuardRefused
from tests.projectors.log.pretended_log import TOPIC, PretendedLog, batches_of, source_on

PYPROJECT: Final = Path(__file__).parents[3] / "pyproject.toml"
SIZES: Final = st.lists(st.integers(1, 6), max_size=6)
WAIT_SECONDS: Final = 20.0


@pytest.fixture(autouse=True, scope="module")
def impatience() -> Iterator[None]:
    """Have what waits for a broker wait for moments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "POLL_SECONDS", 0.05)
        patch.setattr(wire_fetch, "BACKOFF_SECONDS", 0.001)
        patch.setattr(log_link, "LOOK_TIMEOUT_SECONDS", 0.1)
        yield


async def read_to(source: KafkaSource, ends: dict[int, int], records_max: int = 1_000) -> list[LogRecord]:
    """Fetch until every partition has come to its end; check what each fetch says of itself."""
    found: list[LogRecord] = []
    reached: dict[int, int] = {}
    async with asyncio.timeout(WAIT_SECONDS):
        while any(reached.get(partition, 0) < end for partition, end in ends.items()):
            fetched = await source.fetch()
            assert len(fetched.records) <= records_max
            assert not reached or fetched.begin_offsets == reached
            for record in fetched.records:
                assert reached.get(record.partition, 0) <= record.offset < fetched.next_offsets[record.partition]
            reached = dict(fetched.next_offsets)
            found += fetched.records
    assert {**dict.fromkeys(ends, 0), **reached} == ends
    return found


async def fetch_nothing(source: KafkaSource) -> None:
    """Fetch again and again; nothing may come."""
    for _ in range(20):
        assert not (await source.fetch()).records


def values(found: list[LogRecord], partition: int) -> list[bytes | None]:
    """Return the values of one partition in the order in which they came."""
    return [record.value for record in found if record.partition == partition]


@given(
    sizes=st.lists(SIZES, min_size=1, max_size=3),
    hole=st.integers(0, 2),
    cuts=st.lists(st.integers(0, 900), min_size=1, max_size=5),
    records_max=st.integers(1, 12),
    limits=st.none() | st.lists(st.integers(0, 30), min_size=3, max_size=3),
)
def test_any_cutting_of_the_log_into_fetches_gives_the_same_records(
    sizes: list[list[int]], hole: int, cuts: list[int], records_max: int, limits: list[int] | None
) -> None:
    """However an answer is cut and however small a batch is: every record once, in order, up to `until`."""
    left = list(cuts)

    def cut(_: int) -> int:
        left.append(left.pop(0))
        return left[0]

    log = PretendedLog({number: batches_of(each, hole) for number, each in enumerate(sizes)}, cut)
    ends = {partition: log.end(partition) for partition in log.batches}
    until = None
    if limits is not None:
        ends = {partition: min(end, limits[partition]) for partition, end in ends.items()}
        until = Position({(TOPIC, partition): end for partition, end in ends.items()})

    async def work() -> list[LogRecord]:
        source = source_on(log, until=until, records_max=records_max)
        try:
            return await read_to(source, ends, records_max)
        finally:
            await source._running().reader.close()

    found = asyncio.run(work())
    for partition, end in ends.items():
        offsets = [offset for batch in log.batches[partition] for offset in batch.offsets if offset < end]
        assert [b"%d" % offset for offset in offsets] == values(found, partition)


def test_a_record_batch_that_is_left_out_is_found_out() -> None:
    """A reader that goes on behind what it never gave is refused, and nothing of what lies behind it is handed over."""
    log = PretendedLog({0: batches_of([3] * 9)}, lambda _: 0)

    async def work() -> None:
        source = source_on(log, records_max=3)
        reader = source._running().reader
        assert isinstance(reader, WireReader)
        try:
            assert [record.offset for record in (await source.fetch()).records] == [0, 1, 2]
            reader._states[0].read += 3
            with pytest.raises(GuardRefused, match=r"of any\.v1 partition 0 begins at offset"):
                await fetch_nothing(source)
        finally:
            await reader.close()

    asyncio.run(work())


def test_the_projector_extra_pins_the_installed_client() -> None:
    """The wire calls are no public interface of aiokafka: they are tested with one version, and run with that alone."""
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert f"aiokafka=={aiokafka.__version__}" in extras["projector"]


def test_a_leader_that_moves_costs_nothing() -> None:
    """Away, replaced, back: every record once, and metadata is asked for again."""
    log = PretendedLog({0: batches_of([2] * 4), 1: batches_of([3] * 4)}, lambda _: 0)

    async def work() -> None:
        source = source_on(log, records_max=2)
        found = list((await source.fetch()).records)
        log.leaders[0] = 2
        found += (await source.fetch()).records
        log.away = {1, 2}
        found += (await source.fetch()).records
        log.away = set()
        log.leaders = {1: 2}
        found += await read_to(source, {0: 8, 1: 12}, 2)
        await source._running().reader.close()
        assert [b"%d" % offset for offset in range(8)] == values(found, 0)
        assert [b"%d" % offset for offset in range(12)] == values(found, 1)
        assert log.metadata_asked > 0
        assert {1, 2} == {node for node, _ in log.asked}

    asyncio.run(work())


def test_while_records_keep_coming_they_are_gathered() -> None:
    """A record that comes alone comes at once; behind it, one request brings what comes in some milliseconds."""
    log = PretendedLog({0: batches_of([1])})
    alone, gathering = (wire_fetch.FETCH_WAIT_MS, 1), (wire_fetch.GATHER_WAIT_MS, wire_fetch.GATHER_BYTES_MIN)

    async def work() -> None:
        source = source_on(log)
        assert len((await source.fetch()).records) == 1
        await fetch_nothing(source)
        await source._running().reader.close()
        assert log.patience[:3] == [alone, gathering, alone]
        assert set(log.patience[3:]) == {alone}

    asyncio.run(work())


def test_a_leader_that_refuses_is_not_asked_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """An election takes a while, and a refusal no time at all: who asks on and on makes it longer."""
    log = PretendedLog({0: batches_of([2])})
    monkeypatch.setattr(wire_fetch, "BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr(wire_fetch, "leader_of", lambda *_: 2)

    async def work() -> None:
        source = source_on(log)
        assert not (await source.fetch()).records
        await source._running().reader.close()
        assert 1 <= len(log.asked) <= 4

    asyncio.run(work())


def test_another_log_behind_an_interruption_is_refused() -> None:
    """Made again while its leader was away, and longer by now than what was read: not one record of it comes."""
    log = PretendedLog({0: batches_of([5])})

    async def work() -> None:
        source = source_on(log)
        assert len((await source.fetch()).records) == 5
        log.away = {1}
        await source.fetch()
        log.batches = {0: batches_of([9], mark=b"'")}
        log.away = set()
        with pytest.raises(GuardRefused, match="partition 0 offset 4 holds another record"):
            await fetch_nothing(source)
        await source._running().reader.close()

    asyncio.run(work())


def test_another_log_behind_a_pause_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made again while no request was under way, and longer by now: no answer tells, and not one record of it comes."""
    log = PretendedLog({0: batches_of([5])})
    monkeypatch.setattr(wire_fetch, "UNSEEN_SECONDS", 0.01)

    async def work() -> None:
        source = source_on(log)
        assert len((await source.fetch()).records) == 5
        # What is in flight is answered, and nobody takes the answer.
        await asyncio.sleep(0.05)
        log.batches = {0: batches_of([9], mark=b"'")}
        with pytest.raises(GuardRefused, match="partition 0 offset 4 holds another record"):
            await fetch_nothing(source)
        await source._running().reader.close()

    asyncio.run(work())


def test_what_was_answered_before_a_pause_does_not_stand_for_what_comes_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer lay there all the while, and is of our log: what the log before it holds says nothing of the next one.

    The log lost that answer's records in the pause, and grew past them.
    """
    log = PretendedLog({0: batches_of([5, 5])}, lambda _: 0)
    monkeypatch.setattr(wire_fetch, "UNSEEN_SECONDS", 0.01)

    async def work() -> None:
        source = source_on(log, records_max=5)
        assert len((await source.fetch()).records) == 5
        await asyncio.sleep(0.05)
        log.batches = {0: [*batches_of([5]), *batches_of([5, 5, 5], mark=b"'")[1:]]}
        assert [record.value for record in (await source.fetch()).records] == [b"5", b"6", b"7", b"8", b"9"]
        with pytest.raises(GuardRefused, match="partition 0 offset 9 holds another record"):
            await fetch_nothing(source)
        await source._running().reader.close()

    asyncio.run(work())


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    kept=st.integers(0, 5),
    more=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    fetches=st.integers(0, 6),
    records_max=st.integers(1, 6),
    cut=st.integers(0, 400),
)
def test_what_is_handed_over_is_one_log_or_it_is_refused(
    sizes: list[int], kept: int, more: list[int], fetches: int, records_max: int, cut: int
) -> None:
    """In a pause a log, read up to anywhere, loses what lies behind any of its record batches, and grows past its end.

    What comes in all is the new log from its beginning, or the source refuses.
    """
    old = batches_of(sizes)
    # Longer than the old one: one of the same length has nothing to hand over that could be of another log.
    regrown = [*sizes[:kept], *more, sum(sizes)]
    new = [*old[:kept], *batches_of(regrown, mark=b"'")[len(old[:kept]) :]]
    expected = [b"%d%s" % (at, b"" if at < sum(sizes[:kept]) else b"'") for at in range(sum(regrown))]
    log = PretendedLog({0: old}, lambda _: cut)

    async def work() -> list[bytes | None] | None:
        source = source_on(log, records_max=records_max)
        found: list[LogRecord] = []
        try:
            for _ in range(fetches):
                found += (await source.fetch()).records
            # What is in flight is answered; then a pause.
            await asyncio.sleep(0.005)
            await asyncio.sleep(0.005)
            log.batches = {0: new}
            async with asyncio.timeout(WAIT_SECONDS):
                while source._handed[0] < len(expected):
                    found += (await source.fetch()).records
        except GuardRefused:
            return None
        finally:
            await source._running().reader.close()
        return values(found, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire_fetch, "UNSEEN_SECONDS", 0.002)
        assert asyncio.run(work()) in (None, expected)


def test_a_log_that_became_shorter_is_refused_with_its_range() -> None:
    """Truncated while it is read: the error names topic, partition, the log's offsets and ours."""
    log = PretendedLog({0: batches_of([5])})

    async def work() -> None:
        source = source_on(log)
        await source.fetch()
        log.batches = {0: batches_of([3])}
        with pytest.raises(GuardRefused, match=f"{TOPIC} partition 0 has offsets 0 to 3, the read model is at 5"):
            await fetch_nothing(source)
        await source._running().reader.close()

    asyncio.run(work())


def test_records_deleted_before_they_were_read_are_a_gap() -> None:
    """Retention that overtakes the source is refused, with the offsets that are there and the one that is wanted."""
    log = PretendedLog({0: batches_of([2])})

    async def work() -> None:
        source = source_on(log)
        await source.fetch()
        log.batches, log.start = {0: batches_of([2, 3, 4])}, 5
        with pytest.raises(GuardRefused, match=f"begins after .* {TOPIC} partition 0 has offsets 5 to 9, .* is at 2"):
            await fetch_nothing(source)
        await source._running().reader.close()

    asyncio.run(work())


def test_the_next_answer_is_asked_for_before_this_one_is_unpacked() -> None:
    """While 2 of 6 records are handed over, the broker is already asked for what lies behind all of them."""
    log = PretendedLog({0: batches_of([2] * 3)})

    async def work() -> None:
        source = source_on(log, records_max=2)
        assert len((await source.fetch()).records) == 2
        assert log.asked[:2] == [(1, [(0, 0)]), (1, [(0, 6)])]
        await source._running().reader.close()

    asyncio.run(work())


def test_no_partition_starves() -> None:
    """An answer with room for one partition serves another one each time."""
    log = PretendedLog({partition: batches_of([1] * 50) for partition in range(3)})

    async def answered(node: int, request: object, *, group: object) -> object:
        answer = await PretendedLog.send(log, node, request, group=group)
        ((_, (first, *others)),) = answer.topics
        answer.topics = [(TOPIC, [first, *((*other[:-1], b"") for other in others)])]
        return answer

    log.cut = lambda _: 0
    log.send = answered  # type: ignore[method-assign] # a broker whose answers are full with one partition

    async def work() -> None:
        source = source_on(log, records_max=9)
        found = list((await source.fetch()).records)
        await source._running().reader.close()
        assert [len(values(found, partition)) for partition in range(3)] == [3, 3, 3]

    asyncio.run(work())


def test_a_batch_closes_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large records make a batch of few: what it holds in memory is bounded, whatever the count allows."""
    log = PretendedLog({0: batches_of([1] * 20)})
    size = len(log.batches[0][0].data)
    monkeypatch.setattr(source_module, "BATCH_BYTES_MAX", 3 * size)

    async def work() -> None:
        source = source_on(log)
        sizes = [len((await source.fetch()).records) for _ in range(6)]
        await source._running().reader.close()
        assert all(0 < found <= 4 for found in sizes)

    asyncio.run(work())
