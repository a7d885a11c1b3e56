"""A workload on a real broker: a native one for as long as a command runs, or one that answers already."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from ledger_infra.broker import NativeKafka
from ledger_schemas import KafkaConnection, Position, TopicSpec
from ledger_schemas.topic import ensure_topic
from tests.benchmarks.measuring import progress
from tests.benchmarks.workload import Workload
from tests.conftest import prepare_schemas

QUEUE_RECORDS_MAX: Final = 200_000
QUEUE_KIB_MAX: Final = 256 * 1024
FLUSH_SECONDS: Final = 120.0


@contextmanager
def broker(bootstrap_servers: str | None, folder: Path) -> Iterator[KafkaConnection]:
    """Give the broker at `bootstrap_servers`, or start one whose log is kept below `folder`; with all our schemas."""
    if bootstrap_servers is not None:
        connection = KafkaConnection(bootstrap_servers)
        asyncio.run(prepare_schemas(connection))
        yield connection
        return
    progress("starting a broker")
    with NativeKafka(folder) as native:
        asyncio.run(prepare_schemas(native.connection))
        yield native.connection


def new_topic(connection: KafkaConnection, partitions: int) -> str:
    """Make a topic as the ledger has them, and return its name."""
    name = f"benchmark.{uuid.uuid4().hex}"
    asyncio.run(ensure_topic(connection, TopicSpec(name, partitions)))
    return name


def append(connection: KafkaConnection, topic: str, workload: Workload) -> Position:
    """Append every record in its order, and return the position behind the last. Raises RuntimeError when one fails."""
    producer = Producer(producer_options(connection))
    failed: list[str] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(str(error))

    for key, value, partition in zip(workload.keys, workload.values, workload.partition.tolist(), strict=True):
        while True:
            try:
                producer.produce(topic, value=value, key=key, partition=partition, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(FLUSH_SECONDS)
    if left or failed:
        raise RuntimeError(f"{left} records were not appended, {len(failed)} failed: {failed[:1]}")
    return end_of(topic, workload)


def end_of(topic: str, workload: Workload) -> Position:
    """Return the position behind a workload that was appended to an empty topic."""
    counts = [0] * workload.partitions
    for partition in workload.partition.tolist():
        counts[partition] += 1
    return Position({(topic, partition): count for partition, count in enumerate(counts)})


def producer_options(connection: KafkaConnection) -> dict[str, str | int | float | bool]:
    """Return what a producer needs that keeps the order of each partition and sends large batches."""
    return {
        "bootstrap.servers": connection.bootstrap_servers,
        "enable.idempotence": True,
        "linger.ms": 20,
        "batch.size": 512 * 1024,
        "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
        "queue.buffering.max.kbytes": QUEUE_KIB_MAX,
    }
