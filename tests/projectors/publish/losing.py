"""Logs that lose records: by retention or DeleteRecords from the beginning, by compaction anywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ledger_projectors.log.source import KafkaSource
from ledger_schemas import Position
from tests.faults.the_log import Place, append
from tests.projectors.building import administering, demo_events
from tests.projectors.publish.ledgers import EVENTS, PARTITIONS, Ledger

SMALL_SEGMENTS: Final = {
    "segment.ms": "100",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "100",
}
COMPACTING: Final = {**SMALL_SEGMENTS, "cleanup.policy": "compact"}
SEGMENT_SECONDS: Final = 0.3
"""After so long the next record opens a new segment; only segments that are closed are compacted."""

COMPACTION_SECONDS_MAX: Final = 120.0
"""The broker's cleaner looks for work every 15 seconds."""

ALL: Final = len(EVENTS) + 1
"""Records of a filled ledger's log: the events, and poison."""


def delete_before(ledger: Ledger, *offsets: int) -> None:
    """Let the broker delete the records before these offsets, partition by partition, as retention does."""

    async def work() -> None:
        async with administering(ledger.kafka.connection) as admin:
            await admin.delete_records(
                {
                    TopicPartition(ledger.topic.name, partition): RecordsToDelete(before_offset=offset)
                    for partition, offset in enumerate(offsets)
                    if offset
                }
            )

    asyncio.run(work())


def configure(ledger: Ledger, settings: Mapping[str, str]) -> None:
    """Set these settings of the topic, and the rest to what the ledger asks for."""

    async def work() -> None:
        async with administering(ledger.kafka.connection) as admin:
            wanted = {**ledger.topic.config(), **settings}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, ledger.topic.name, wanted)])

    asyncio.run(work())


def places_in_log(ledger: Ledger, until: Position) -> set[Place]:
    """Return where the log still has records before a position."""

    async def work() -> set[Place]:
        found: set[Place] = set()
        async with KafkaSource(
            ledger.kafka.connection,
            topic=ledger.topic.name,
            partitions=PARTITIONS,
            position=Position(),
            until=until,
        ) as source:
            while True:
                fetched = await source.fetch()
                found |= {(record.partition, record.offset) for record in fetched.records}
                if all(fetched.next_offsets[partition] >= offset for (_, partition), offset in until.items()):
                    return found

    return asyncio.run(work())


def compact(ledger: Ledger) -> set[Place]:
    """Compact the topic for a while; return where it still has records before the position of the file."""
    with ledger.open() as model:
        until = model.position()
    configure(ledger, SMALL_SEGMENTS)
    time.sleep(SEGMENT_SECONDS)
    append(ledger.kafka.connection, ledger.topic, demo_events(10, seed=2))
    configure(ledger, COMPACTING)
    deadline = time.monotonic() + COMPACTION_SECONDS_MAX
    while len(places_in_log(ledger, until)) == ALL:
        assert time.monotonic() < deadline, "The broker has not compacted the topic."
        time.sleep(1)
    configure(ledger, {})
    time.sleep(SEGMENT_SECONDS)
    return places_in_log(ledger, until)
