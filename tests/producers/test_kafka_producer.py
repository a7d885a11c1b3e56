import asyncio
import gc
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from ledger_infra.broker.ports import free_ports
from ledger_producers import kafka_producer
from ledger_producers.kafka_producer import start_producer, stop_producer
from ledger_schemas import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable
from tests.conftest import Kafka

ALL_IN_SYNC_REPLICAS = -1
"""Kafka's number for acks=all."""

SLACK_SECONDS = 10.0


@pytest.fixture
def silent_broker() -> Iterator[KafkaConnection]:
    """Give an address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")


def test_a_producer_is_idempotent_and_waits_for_all_replicas(kafka: Kafka) -> None:
    """The broker gave it a producer id, by which it recognises repetitions; aiokafka's default is neither."""

    async def scenario() -> tuple[bool, int]:
        producer = await start_producer(kafka.connection)
        try:
            return producer._txn_manager.has_pid(), producer._sender._acks
        finally:
            await stop_producer(producer, SLACK_SECONDS)

    assert asyncio.run(scenario()) == (True, ALL_IN_SYNC_REPLICAS)


def test_stopping_twice_is_stopping(kafka: Kafka) -> None:
    """An emitter may be left while its producer is being replaced."""

    async def scenario() -> None:
        producer = await start_producer(kafka.connection)
        await stop_producer(producer, SLACK_SECONDS)
        await stop_producer(producer, SLACK_SECONDS)

    asyncio.run(scenario())


def test_starting_is_bounded(silent_broker: KafkaConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONNECT_TIMEOUT_SECONDS, whatever the other side does not say; a closed port is told at once."""
    monkeypatch.setattr(kafka_producer, "CONNECT_TIMEOUT_SECONDS", 0.5)
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="TimeoutError"):
        asyncio.run(start_producer(silent_broker))
    with pytest.raises(BrokerUnavailable):
        asyncio.run(start_producer(KafkaConnection(f"127.0.0.1:{free_ports(1)[0]}")))
    assert 0.5 <= time.monotonic() - begun < SLACK_SECONDS


def test_giving_up_while_starting_leaves_nothing_open(
    silent_broker: KafkaConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled start closes what it had opened."""

    async def scenario() -> None:
        task = asyncio.create_task(start_producer(silent_broker))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
        gc.collect()  # An open producer would complain now.
    assert caplog.text == ""
