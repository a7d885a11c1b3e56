"""The broker that tests ask for answers, wherever it runs."""

import asyncio
from typing import Protocol

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from ledger_schemas.connection import KafkaConnection


class HasConnection(Protocol):
    """What the fixture gives, as far as these tests look at it."""

    @property
    def connection(self) -> KafkaConnection:
        """Return what the ledger's clients are built from."""


@pytest.fixture
def connection(kafka: HasConnection) -> KafkaConnection:
    """Give what clients of the session's broker are built from."""
    return kafka.connection


@pytest.mark.parametrize("compression", ["lz4", "snappy", "zstd"])
def test_the_broker_compresses_with_its_native_libraries(
    connection: KafkaConnection, topic_name: str, compression: str
) -> None:
    """A topic that the broker itself compresses takes a record: the jars' compiled parts work on this platform."""

    async def append() -> int:
        options = connection.client_options()
        admin = AIOKafkaAdminClient(**options)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(topic_name, 1, 1, topic_configs={"compression.type": compression})])
        finally:
            await admin.close()
        producer = AIOKafkaProducer(acks="all", **options)
        await producer.start()
        try:
            return int((await producer.send_and_wait(topic_name, b"x" * 1000)).offset)
        finally:
            await producer.stop()

    assert asyncio.run(append()) == 0


def test_no_topic_is_created_by_accident(connection: KafkaConnection, topic_name: str) -> None:
    """Writing to a topic that nobody created fails, and creates none."""

    async def append() -> None:
        producer = AIOKafkaProducer(request_timeout_ms=2_000, **_without_timeout(connection))
        await producer.start()
        try:
            await producer.send_and_wait(topic_name, b"x")
        finally:
            await producer.stop()

    with pytest.raises(UnknownTopicOrPartitionError):
        asyncio.run(append())


def _without_timeout(connection: KafkaConnection) -> dict[str, object]:
    return {name: value for name, value in connection.client_options().items() if name != "request_timeout_ms"}
