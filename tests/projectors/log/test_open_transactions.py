"""What lies behind an open transaction of another producer counts as lag, is not applied early, and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from ledger_projectors.log import ends as log_ends
from ledger_projectors.log import source as source_module
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.ends import EndWatch, LogEnds
from ledger_projectors.projector import Projector
from ledger_projectors.publish.rebuild import rebuild
from ledger_schemas import KafkaConnection, Position, TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import GuardRefused, ReadModelBehind
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import (
    append_events,
    at,
    demo_events,
    open_model,
    producing,
    project,
    projecting,
    raw,
    source_of,
)
from tests.projectors.decode.foreign_writer import eventually, named

WAIT_SECONDS: Final = 30.0
EVENTS: Final = demo_events(3)
BEFORE: Final = EVENTS[:4]
INSIDE: Final = EVENTS[4:6]
BEHIND: Final = EVENTS[6:11]
HELD: Final = len(INSIDE) + len(BEHIND)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an alarm after moments, and a reader that brings nothing replaced after moments."""
    monkeypatch.setattr(log_ends, "END_POLL_SECONDS", 0.1)
    monkeypatch.setattr(log_ends, "HELD_BACK_SECONDS", 0.5)
    monkeypatch.setattr(source_module, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(source_module, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(source_module, "GUARD_SECONDS", 0.2)


@asynccontextmanager
async def held_back(connection: KafkaConnection, topic: TopicSpec) -> AsyncIterator[AIOKafkaProducer]:
    """Make a log of BEFORE, INSIDE in a transaction that stays open, and BEHIND; give the producer of INSIDE."""
    await ensure_topic(connection, topic)
    await append_events(connection, topic.name, BEFORE)
    async with producing(connection, transactional_id=topic.name) as producer:
        await producer.begin_transaction()
        for event in INSIDE:
            one = raw(event)
            await producer.send_and_wait(topic.name, one.value, key=one.key, partition=0)
        await append_events(connection, topic.name, BEHIND)
        yield producer


def codes(projector: Projector) -> list[AlarmCode]:
    """Return the codes of the alarms that hold, but for the room on this machine's disk."""
    return [alarm.code for alarm in projector.progress().alarms if alarm.code != AlarmCode.DISK_LOW]


@pytest.mark.parametrize("ends", ["commit", "abort"])
def test_records_behind_an_open_transaction_are_lag_until_it_ends(
    kafka: Kafka, topic_name: str, tmp_path: Path, ends: str
) -> None:
    """They count, are told with the command that ends it, are applied after its end, and its marker leaves no lag."""
    topic = TopicSpec(topic_name, 1)
    stands_at, end = len(BEFORE), len(BEFORE) + HELD

    async def work() -> None:
        async with (
            held_back(kafka.connection, topic) as producer,
            projecting(kafka.connection, model) as (projector, _),
        ):
            caught_up = asyncio.create_task(projector.wait_caught_up())
            await projector.wait_for(at(topic, stands_at), WAIT_SECONDS)
            await eventually(lambda: codes(projector) == [AlarmCode.LOG_HELD_BACK])
            progress = projector.progress()
            assert (progress.position, progress.end) == (at(topic, stands_at), at(topic, end))
            assert (progress.behind, progress.caught_up) == (HELD, False)
            (alarm,) = [one for one in progress.alarms if one.code == AlarmCode.LOG_HELD_BACK]
            assert f"{topic.name} partition 0: the readable log has ended at offset {stands_at} for" in alarm.detail
            assert f"{HELD} records wait behind it" in alarm.detail
            place = f"--topic {topic.name} --partition 0"
            assert f"kafka-transactions.sh --bootstrap-server ... describe-producers {place}" in alarm.hint
            assert f"abort {place} --start-offset {stands_at}" in alarm.hint
            assert not alarm.loses_facts
            with pytest.raises(ReadModelBehind) as behind:
                await projector.wait_for(at(topic, end), 0.1)
            assert "An open transaction holds back" in behind.value.message
            assert "kafka-transactions.sh" in behind.value.hint
            # Long enough for a hung connection to be made again, and for the guards to look.
            await asyncio.sleep(1.5)
            assert projector.progress().position == at(topic, stands_at)
            assert not caught_up.done()
            await (producer.commit_transaction() if ends == "commit" else producer.abort_transaction())
            await projector.wait_for(at(topic, end + 1), WAIT_SECONDS)
            await caught_up
            await eventually(lambda: not codes(projector))
            progress = projector.progress()
            assert (progress.position, progress.behind, progress.caught_up) == (at(topic, end + 1), 0, True)
            applied = len(BEFORE) + len(BEHIND) + (len(INSIDE) if ends == "commit" else 0)
            assert progress.applied + progress.duplicates == applied

    with capture_logs() as logs, open_model(tmp_path, topic.name) as model:
        asyncio.run(work())
    assert named(logs, "source.stalled") == []
    assert [line["alarm"] for line in named(logs, "projector.alarm_raised") if line["alarm"] != "disk_low"] == [
        "log_held_back"
    ]


def test_a_transaction_that_moves_on_raises_no_alarm() -> None:
    """A busy producer always has one open: the alarm is about a readable end that stands still, in that partition."""
    alarms = AlarmBoard()
    watch = EndWatch(_never, alarms)
    place, other = ("any.v1", 0), ("any.v1", 1)

    def look(now: float, readable: int, other_readable: int) -> list[str]:
        ends = LogEnds(Position({place: readable, other: other_readable}), Position({place: 100, other: 100}))
        return [alarm.subject for alarm in watch._held.look(ends, now)]

    late = log_ends.HELD_BACK_SECONDS
    assert look(0, 0, 7) == []
    assert look(late, 1, 7) == ["any.v1@1"]
    assert look(2 * late, 1, 8) == ["any.v1@0"]
    assert look(3 * late, 100, 100) == []
    assert look(4 * late, 1, 100) == []


def test_a_replay_reads_up_to_an_open_transaction(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A rebuild ends at the position of the old file, and without one where the readable records end."""
    topic = TopicSpec(topic_name, 1)

    async def rebuilt(folder: Path) -> Position:
        path = folder / "read_model.duckdb"
        return (await rebuild(path, kafka.connection, topic=topic.name, partitions=1)).position

    async def work() -> None:
        async with asyncio.timeout(WAIT_SECONDS), held_back(kafka.connection, topic) as producer:
            with open_model(tmp_path, topic.name) as model:
                await project(kafka.connection, model)
            assert await rebuilt(tmp_path) == at(topic, len(BEFORE))
            empty = tmp_path / "empty"
            empty.mkdir()
            assert await rebuilt(empty) == at(topic, len(BEFORE))
            await producer.abort_transaction()

    asyncio.run(work())


def test_a_position_beyond_an_open_transaction_is_of_another_log(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Only committed records were ever read: the refusal names the end, and where the transaction begins."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        async with held_back(kafka.connection, topic) as producer:
            with open_model(tmp_path, topic.name) as model, pytest.raises(GuardRefused) as refused:
                async with source_of(kafka.connection, model, position=at(topic, len(BEFORE) + 1)):
                    pass
            await producer.abort_transaction()
        assert (
            f"has offsets 0 to {len(BEFORE) + HELD} (from {len(BEFORE)} on in an open transaction), the read model is "
            f"at {len(BEFORE) + 1}" in refused.value.message
        )

    asyncio.run(work())


async def _never() -> LogEnds:
    raise AssertionError
