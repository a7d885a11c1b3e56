"""A projector catches up and stays so, says how far it is, and stops where it was asked to."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from ledger_producers import Emitter
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import Position, TopicSpec
from ledger_schemas.errors import ReadModelBehind
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    append_events,
    assert_folded,
    at,
    demo_events,
    open_model,
    project,
    projecting,
    rows,
)
from tests.properties.strategies import said

CREATED: Final = said("created", "10:00:00").event
WAIT_SECONDS: Final = 30.0


def test_it_catches_up_with_the_log(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """From an empty file, in many batches, to the end of the log: the oracle's state, and numbers that add up."""
    topic = TopicSpec(topic_name, 3)
    events = demo_events(30)
    append(kafka.connection, topic, events)

    async def work(model: ReadModel) -> None:
        async with projecting(kafka.connection, model, batch_records_max=50) as (projector, _):
            before = projector.progress()
            await asyncio.wait_for(projector.wait_caught_up(), WAIT_SECONDS)
            after = projector.progress()
        assert (before.caught_up, before.applied, before.position) == (False, 0, Position())
        assert (after.caught_up, after.behind, after.quarantined) == (True, 0, 0)
        assert after.position == after.end == model.position()
        assert after.applied + after.duplicates == len(events)

    with open_model(tmp_path, topic.name, 3) as model:
        asyncio.run(work(model))
        assert_folded(kafka, topic, model)


def test_it_goes_on_where_it_stopped(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A second run begins at the position of the first: nothing comes twice, `until` is not passed by one record."""
    topic = TopicSpec(topic_name, 1)
    events = demo_events(4)
    append(kafka.connection, topic, events)
    half = len(events) // 2

    async def work() -> None:
        with open_model(tmp_path, topic.name) as model:
            first = (await project(kafka.connection, model, until=at(topic, half), batch_records_max=3)).progress()
            assert model.position() == first.position == at(topic, half)
        with open_model(tmp_path, topic.name) as model:
            second = (await project(kafka.connection, model)).progress()
            assert rows(model, "SELECT count(*) FROM quarantine") == [(0,)]
        counted = [one.applied + one.duplicates for one in (first, second)]
        assert counted == [half, len(events) - half]

    asyncio.run(work())


def test_a_read_sees_ones_own_write(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Whoever waits for the position of a Receipt then reads what he wrote, time after time."""
    topic = TopicSpec(topic_name, 3)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        async with (
            projecting(kafka.connection, model) as (projector, _),
            Emitter(kafka.connection, source="test", topic=topic) as emitter,
        ):
            for number in range(10):
                receipt = await emitter.created("acme", category=str(number))
                await projector.wait_for(receipt.position, WAIT_SECONDS)
                query = f"SELECT category FROM contents WHERE notification_id = '{receipt.notification_id}'"  # noqa: S608 - an id
                assert rows(model, query) == [(str(number),)]

    with open_model(tmp_path, topic.name, 3) as model:
        asyncio.run(work(model))


def test_a_wait_for_what_has_not_come_ends_in_time(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """After its time a wait says where the read model is and what was asked for; waiting for the past takes none."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_events(kafka.connection, topic.name, [CREATED])
        async with projecting(kafka.connection, model) as (projector, _):
            await projector.wait_for(at(topic, 1), WAIT_SECONDS)
            await projector.wait_for(at(topic, 1), 0.0)
            started = time.monotonic()
            with pytest.raises(ReadModelBehind, match=f"at {topic.name}@0:1, not yet at {topic.name}@0:2") as raised:
                await projector.wait_for(at(topic, 2), 0.2)
            assert 0.1 < time.monotonic() - started < WAIT_SECONDS
            assert raised.value.retryable

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def test_a_stop_ends_the_run_and_all_waits(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The batch in hand is committed, the run returns, and who waits for more is told at once, not in his time."""
    topic = TopicSpec(topic_name, 1)
    folding, go_on = threading.Event(), threading.Event()

    def observe(step: Step) -> None:
        if step == Step.FOLDED:
            folding.set()
            assert go_on.wait(WAIT_SECONDS)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_events(kafka.connection, topic.name, [CREATED])
        async with projecting(kafka.connection, model, on_step=observe) as (projector, running):
            waiting = asyncio.create_task(projector.wait_for(at(topic, 2), 1_000))
            assert await asyncio.to_thread(folding.wait, WAIT_SECONDS)
            projector.stop()
            assert not running.done()
            go_on.set()
            await asyncio.wait_for(running, WAIT_SECONDS)
            with pytest.raises(ReadModelBehind, match="was stopped at"):
                await asyncio.wait_for(waiting, WAIT_SECONDS)
            await projector.wait_for(at(topic, 1), 0.0)
            await asyncio.wait_for(projector.wait_caught_up(), WAIT_SECONDS)
        assert model.position() == at(topic, 1)
        assert rows(model, "SELECT kind FROM events") == [("created",)]

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def test_duckdb_never_works_on_the_threads_of_the_event_loop(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Fetching is done on the loop's thread; every step of every batch on one other thread, always the same."""
    topic = TopicSpec(topic_name, 3)
    append(kafka.connection, topic, demo_events(10))
    seen: set[tuple[Step, int]] = set()

    def observe(step: Step) -> None:
        seen.add((step, threading.get_ident()))

    with open_model(tmp_path, topic.name, 3) as model:
        asyncio.run(project(kafka.connection, model, batch_records_max=20, on_step=observe))
    here = threading.get_ident()
    assert {thread for step, thread in seen if step == Step.FETCHED} == {here}
    (writer,) = {thread for step, thread in seen if step != Step.FETCHED}
    assert writer != here
    assert {step for step, _ in seen} == {*Step} - {Step.CHECKPOINTED}
