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
from ledger_projectors.read_model import ReadModel
from ledger_schemas import Event, Position, TopicSpec
from ledger_schemas.errors import ReadModelBehind
from ledger_schemas.topic import ensure_topic
from tests.conftest import prepare_schemas
from tests.faults.the_log import FAST_CLOCK
from tests.projectors.building import assert_folded, demo_events, open_model, projecting

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


async def _emit(kafka: NativeKafka, topic: TopicSpec, events: Sequence[Event]) -> Position:
    """Append events and return the position after all of them."""
    async with Emitter(kafka.connection, source="test", topic=topic, clock=lambda: FAST_CLOCK) as emitter:
        receipts = await emitter.put_many(events)
    return reduce(Position.merged, (receipt.position for receipt in receipts))
