"""Where a log begins and ends, asked by a consumer that is stopped again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from ledger_infra.broker.ports import free_ports
from ledger_schemas import KafkaConnection, Position, TopicSpec
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.kafka_consumer import end_offsets, start_offsets
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, administering, append_raw


def test_offsets_are_told_by_partition(kafka: Kafka, topic_name: str) -> None:
    """Deleted records count in the end, and the start is the first offset that is left; an empty partition is at 0."""

    async def scenario() -> tuple[Position, Position, Position]:
        await ensure_topic(kafka.connection, TopicSpec(topic_name, 3))
        await append_raw(kafka.connection, topic_name, *[Raw(b"one", None, 1)] * 4, Raw(b"two", None, 2))
        async with administering(kafka.connection) as admin:
            await admin.delete_records({TopicPartition(topic_name, 1): RecordsToDelete(before_offset=3)})
        return (
            await start_offsets(kafka.connection, topic_name, range(3)),
            await end_offsets(kafka.connection, topic_name, range(3)),
            await end_offsets(kafka.connection, topic_name, [2]),
        )

    starts, ends, single = asyncio.run(scenario())
    assert starts == Position({(topic_name, 1): 3})
    assert ends == Position({(topic_name, 1): 4, (topic_name, 2): 1})
    assert single == Position({(topic_name, 2): 1})


@pytest.mark.parametrize("question", [start_offsets, end_offsets])
def test_a_broker_that_is_away_is_named(
    question: Callable[[KafkaConnection, str, Iterable[int]], Coroutine[None, None, Position]],
) -> None:
    """With the error that every part of the ledger has for it."""
    (port,) = free_ports(1)
    with pytest.raises(BrokerUnavailable, match=str(port)):
        asyncio.run(question(KafkaConnection(f"127.0.0.1:{port}"), "any", [0]))
