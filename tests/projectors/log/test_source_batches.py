"""What writers in other languages put on a real broker comes through."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Producer

from ledger_schemas import TopicSpec
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, at, open_model, project, rows, source_of
from tests.projectors.log.test_source import read_to
from tests.projectors.store.batch_writing import CODECS, ODD_NAME, ODD_NAME_SHOWN, Written, append_batches, batch_of

FOREIGN: Final = 40
"""Records that librdkafka writes in each compression."""


def write_foreign(kafka: Kafka, topic: str) -> list[bytes]:
    """Have librdkafka write records in each compression, and return their values."""
    values = []
    for codec in CODECS:
        producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "compression.type": codec, "linger.ms": 50, "acks": "all"}
        )
        for number in range(FOREIGN):
            values.append(f"{codec} {number} {'-' * 200}".encode())
            producer.produce(topic, values[-1], b"key", 0)
        assert producer.flush(30) == 0
    return values


def test_every_compression_is_read(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """None, gzip, snappy, lz4 and zstd, as librdkafka writes them, in one log and across fetches."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        written = await asyncio.to_thread(write_foreign, kafka, topic.name)
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model, batch_records_max=7) as source:
                found = await read_to(source, at(topic, len(written)))
        assert written == [one.value for one in found]
        assert list(range(len(written))) == [one.offset for one in found]

    asyncio.run(work())


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_a_header_name_of_odd_bytes_goes_to_quarantine_with_them(
    kafka: Kafka, topic_name: str, tmp_path: Path, codec: str
) -> None:
    """Kafka takes any bytes for a header name: the record is data as any other, and hides none beside or behind it."""
    topic = TopicSpec(topic_name, 2)
    # Only the broker may say that a time is its own.
    odd = batch_of(
        Written(0, b"before"),
        Written(1, b"odd", headers=((ODD_NAME, b"\xff"),)),
        Written(2, b"behind"),
        codec=codec,
        attributes=0,
    )

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, Raw(b"other", partition=1), Raw(b"first"))
        await append_batches(kafka.connection, topic.name, [odd])
        await append_raw(kafka.connection, topic.name, Raw(b"other too", partition=1), Raw(b"last"))
        with open_model(tmp_path, topic.name, 2) as model:
            # Begun again behind each batch: what the guard reads again may be the odd one.
            for offset in range(1, 6):
                await project(kafka.connection, model, until=at(topic, offset, min(offset, 2)))
            kept = rows(model, "SELECT record_value, record_headers FROM quarantine ORDER BY log_partition, log_offset")
        assert [value for value, _ in kept] == [b"first", b"before", b"odd", b"behind", b"last", b"other", b"other too"]
        assert [headers for _, headers in kept if headers] == [[{"name": ODD_NAME_SHOWN, "value": b"\xff"}]]

    asyncio.run(work())
