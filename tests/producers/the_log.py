"""A topic to write to, the log read back by a plain consumer, and where Kafka's own clients would have put a key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from ledger_schemas import KafkaConnection, TopicSpec, decode_event, new_id
from ledger_schemas.events import Event
from ledger_schemas.parsing import parse_event
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka

TENANT: Final = "acme"
PARTITIONS: Final = 6
READ_TIMEOUT_SECONDS: Final = 60.0
LOG_APPEND_TIME: Final = 1
"""Kafka's number for a timestamp that the broker set."""

_MASK: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in the log."""

    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def event(self) -> Event:
        """Return the event in it."""
        return decode_event(self.value)


def fired(notification_id: UUID | None = None, **fields: Any) -> Event:  # noqa: ANN401 - any field
    """Return one event."""
    named = {"tenant_id": TENANT, "notification_id": notification_id or new_id(), "source": "test"}
    return parse_event({"kind": "fired", **named, **fields})


async def with_topic(kafka: Kafka, name: str, partitions: int = PARTITIONS) -> TopicSpec:
    """Make the topic and return what it is."""
    spec = TopicSpec(name, partitions)
    await ensure_topic(kafka.connection, spec)
    return spec


async def log_of(kafka: Kafka, spec: TopicSpec) -> list[Record]:
    """Return what the topic holds."""
    return await read_log(kafka.connection, spec.name, spec.partitions)


async def read_log(connection: KafkaConnection, topic: str, partitions: int) -> list[Record]:
    """Return every record of the topic up to its end of now, by partition and offset."""
    consumer = AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False, auto_offset_reset="none")
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        records: list[Record] = []
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += [
                        Record(r.partition, r.offset, r.timestamp, r.timestamp_type, r.key, r.value, tuple(r.headers))
                        for r in found
                    ]
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def java_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's Java producer gives a key: murmur2, sign bit off, modulo."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return the 32 bits of `org.apache.kafka.common.utils.Utils.murmur2`, unsigned."""
    multiplier, shift, length = 0x5BD1E995, 24, len(data)
    hashed = (0x9747B28C ^ length) & _MASK
    whole = length // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & _MASK
        word = (word ^ word >> shift) * multiplier & _MASK
        hashed = (hashed * multiplier & _MASK) ^ word
    if whole < length:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & _MASK
    hashed = (hashed ^ hashed >> 13) * multiplier & _MASK
    return hashed ^ hashed >> 15
