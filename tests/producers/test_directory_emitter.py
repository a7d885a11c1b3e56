"""The directory's emitter: events in their order on a topic of their own, their schemas in the schema topic first."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from ledger_producers.directory_emitter import DirectoryEmitter
from ledger_producers.schema_publisher import read_bound
from ledger_schemas import Position
from ledger_schemas.directory_codec import current_directory_schema, decode_directory_event
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.errors import ContractViolation, TopicMisconfigured
from ledger_schemas.topic import TopicSpec, directory_topic_spec, ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.projectors.directory.building import every_kind

from .the_log import Record, log_of

EVENTS: Final = every_kind()


@pytest.fixture
def topics(kafka: Kafka, topic_name: str) -> tuple[TopicSpec, TopicSpec]:
    """Make a directory's topic and a schema topic that nobody else uses."""
    specs = directory_topic_spec(f"{topic_name}.directory"), schemas_topic_spec(f"{topic_name}.schemas")
    for spec in specs:
        asyncio.run(ensure_topic(kafka.connection, spec))
    return specs


def read_log(kafka: Kafka, topic: TopicSpec) -> list[Record]:
    """Return the records of a topic."""
    return asyncio.run(log_of(kafka, topic))


async def put(kafka: Kafka, topics: tuple[TopicSpec, TopicSpec], events: list[DirectoryEvent]) -> Position:
    """Append events by an emitter of their own."""
    async with DirectoryEmitter(kafka.connection, topic=topics[0], schemas_topic=topics[1]) as emitter:
        return await emitter.put_directory(events)


def test_events_lie_in_their_order_and_the_position_is_after_them(
    kafka: Kafka, topics: tuple[TopicSpec, TopicSpec]
) -> None:
    """Each under its tenant as key, none for what crosses tenants."""
    assert asyncio.run(put(kafka, topics, EVENTS)) == Position({(topics[0].name, 0): len(EVENTS)})
    log = read_log(kafka, topics[0])
    assert [decode_directory_event(record.value) for record in log] == EVENTS
    assert [record.key for record in log] == [
        None if event.tenant_id is None else event.tenant_id.encode() for event in EVENTS
    ]


def test_the_schema_topic_has_what_was_written_with_once(kafka: Kafka, topics: tuple[TopicSpec, TopicSpec]) -> None:
    """A reader of ten years on finds the schemas beside the log; a second emitter publishes nothing again."""
    for _ in range(2):
        asyncio.run(put(kafka, topics, EVENTS))
    kinds = {event.kind for event in EVENTS}
    bound = asyncio.run(read_bound(kafka.connection, topics[1]))
    bindings = [current_directory_schema(kind).binding for kind in kinds]
    assert {one.reference: one.text for one in bindings} == bound
    assert len(read_log(kafka, topics[1])) == len(kinds)


def test_one_event_that_breaks_a_rule_refuses_the_call(kafka: Kafka, topics: tuple[TopicSpec, TopicSpec]) -> None:
    """Nothing of it is written, the events before it neither."""
    broken = EVENTS[0].model_copy(update={"key_id": ""})
    with pytest.raises(ContractViolation, match="key_id"):
        asyncio.run(put(kafka, topics, [EVENTS[1], broken]))
    assert read_log(kafka, topics[0]) == []


def test_a_topic_that_is_missing_is_named(kafka: Kafka, topics: tuple[TopicSpec, TopicSpec]) -> None:
    """The emitter makes no topic: one that was mistyped would hold keys that nobody reads."""
    with pytest.raises(TopicMisconfigured, match="nowhere"):
        asyncio.run(put(kafka, (directory_topic_spec(f"{topics[0].name}.nowhere"), topics[1]), EVENTS))


def test_an_emitter_that_was_not_entered_says_so(kafka: Kafka) -> None:
    """Nothing is appended over a connection that is not there."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(DirectoryEmitter(kafka.connection).put_directory(EVENTS))
