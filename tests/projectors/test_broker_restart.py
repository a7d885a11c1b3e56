"""A broker that dies under a running projector is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Final

import pytest

from ledger_infra.broker import NativeKafka
from ledger_producers import Emitter
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, Position, TopicSpec
from ledger_schemas.errors import ReadModelBehind
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from ledger_schemas.schema_topic import binding_of
from ledger_schemas.topic import ensure_topic
from tests.conftest import prepare_schemas
from tests.faults.the_log import FAST_CLOCK
from tests.projectors.building import append_raw, assert_folded, at, demo_events, open_model, projecting, rows
from tests.projectors.decode.foreign_writer import (
    eventually,
    next_version,
    publish,
    reading_schemas,
    with_topics,
    written_with,
)

WAIT_SECONDS: Final = 90.0
OUTAGE_SECONDS: Final = 2.0
NEVER: Final = Position({("another topic", 0): 1})

pytestmark = pytest.mark.kafka


def test_a_broker_that_dies_and_comes_back_costs_nothing(tmp_path: Path, topic_name: str) -> None:
    """Killed under a running projector and started again: it goes on by itself, nothing is lost or doubled."""
    topic = TopicSpec(topic_name, 3)
    events = demo_events(30)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        async with projecting(kafka.connection, model, batch_records_max=20) as (projector, running):
            before = await _emit(kafka, topic, events[:150])
            # With records still to fetch or to apply, as the chance of the moment has it.
            await asyncio.to_thread(kafka.kill)
            with pytest.raises(ReadModelBehind):
                await projector.wait_for(NEVER, OUTAGE_SECONDS)
            assert not running.done()
            await asyncio.to_thread(kafka.start)
            after = await _emit(kafka, topic, events[150:])
            await projector.wait_for(before.merged(after), WAIT_SECONDS)
            assert not running.done()

    with NativeKafka(tmp_path / "kafka") as kafka, open_model(tmp_path, topic.name, 3) as model:
        asyncio.run(prepare_schemas(kafka.connection))
        asyncio.run(work(model))
        assert_folded(kafka, topic, model)


@pytest.mark.timeout(180)
def test_a_broker_outage_while_a_schema_is_awaited_quarantines_nothing(topic_name: str, tmp_path: Path) -> None:
    """The schema store is away with the broker: the projector says that it tries again, and reads on afterwards."""
    ahead = next_version(Kind.CREATED)
    event = parse_event({"kind": "created", "tenant_id": "acme", "source": "shop"})

    async def work(kafka: NativeKafka, model: ReadModel) -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, written_with(ahead, event))
        async with reading_schemas(kafka, model, schemas, wait_seconds=WAIT_SECONDS) as (projector, running):
            # In the middle of the wait.
            await asyncio.sleep(1.0)
            await asyncio.to_thread(kafka.kill)
            await eventually(lambda: projector.progress().retrying)
            assert (running.done(), sum(model.position().values())) == (False, 0)
            await asyncio.to_thread(kafka.start)
            await publish(kafka.connection, schemas, binding_of(ahead))
            await projector.wait_for(at(topic, 1), WAIT_SECONDS)
        assert rows(model, "SELECT count(*) FROM quarantine") == [(0,)]

    with NativeKafka(tmp_path / "kafka") as kafka, open_model(tmp_path, topic_name, 1) as model:
        asyncio.run(work(kafka, model))


async def _emit(kafka: NativeKafka, topic: TopicSpec, events: Sequence[Event]) -> Position:
    """Append events and return the position after all of them."""
    async with Emitter(kafka.connection, source="test", topic=topic, clock=lambda: FAST_CLOCK) as emitter:
        receipts = await emitter.put_many(events)
    return reduce(Position.merged, (receipt.position for receipt in receipts))
