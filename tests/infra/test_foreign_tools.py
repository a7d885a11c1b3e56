"""Programs that know nothing of the ledger write to its log and read what it holds."""

import io
import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import confluent_kafka
import fastavro
import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.publish.snapshot import publish_snapshot
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import append, read_log, read_records

NOTIFICATION_ID = "01940b0e-5c00-7000-8000-000000000001"
DELIVERED = {
    "event_id": "01940b0e-5c00-7000-8000-000000000002",
    "tenant_id": "acme",
    "notification_id": NOTIFICATION_ID,
    "occurred_at": 1_767_225_600_000_000,
    "recipient_id": "ann",
    "channel": "email",
    "source": "a service in another language",
}


@pytest.fixture
def topic(kafka: Kafka, topic_name: str) -> TopicSpec:
    """Give a topic that holds the events of a small stream."""
    topic = TopicSpec(topic_name, 3)
    append(kafka.connection, topic, list(generate(StreamPlan(notifications=20))))
    return topic


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_an_event_written_with_the_avsc_and_a_kafka_client_alone_is_applied(
    kafka: Kafka, topic_name: str, tmp_path: Path, codec: str
) -> None:
    """The schema, single-object framing and librdkafka's murmur2 are all that a writer needs, however it compresses."""
    topic = TopicSpec(topic_name, 6)
    append(kafka.connection, topic, [])
    schema = fastavro.parse_schema(json.loads(files("ledger_schemas").joinpath("avro/delivered.v1.avsc").read_text()))
    frame = io.BytesIO()
    frame.write(b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")))
    fastavro.schemaless_writer(frame, schema, DELIVERED)
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2", "compression.type": codec}
    )
    for _ in range(20):  # Enough alike to be worth compressing.
        producer.produce(topic.name, key=NOTIFICATION_ID.encode(), value=frame.getvalue())
    assert producer.flush(30) == 0
    records = read_records(kafka.connection, topic)
    with ReadModel.create_or_open(tmp_path / "model.duckdb", topic=topic.name, partitions=6) as model:
        outcome = model.apply(records)
        assert (outcome.applied, outcome.duplicates, outcome.quarantined) == (1, 19, 0)
        rows = model.reader().execute("SELECT recipient_id, delivered_count FROM deliveries").fetchall()
    assert rows == [("ann", 1)]


def test_librdkafka_puts_a_key_on_the_partition_where_the_emitter_puts_it(kafka: Kafka, topic: TopicSpec) -> None:
    """For every key of a topic, librdkafka's murmur2 gives the partition that the emitter chose."""
    ours = {
        str(placed.recorded.event.notification_id).encode(): placed.partition
        for placed in read_log(kafka.connection, topic)
    }
    theirs: dict[bytes | None, int | None] = {}
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2"})

    def delivered(error: object, message: confluent_kafka.Message) -> None:
        assert error is None
        theirs[message.key()] = message.partition()

    for key in ours:
        producer.produce(topic.name, key=key, value=b"", on_delivery=delivered)
    producer.flush(30)
    assert theirs == ours


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed (Debian: kcat)")
def test_kcat_reads_the_keys(kafka: Kafka, topic: TopicSpec) -> None:
    """The program kcat shows one record per event, keyed by the 36 lower-case characters of its notification's id."""
    command = ["kcat", "-b", kafka.bootstrap_servers, "-t", topic.name, "-C", "-e", "-q", "-f", "%k\n"]
    keys = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    expected = sorted(str(placed.recorded.event.notification_id) for placed in read_log(kafka.connection, topic))
    assert sorted(keys) == expected
    assert all(key == str(UUID(key)) for key in keys)


def test_the_duckdb_command_line_reads_a_snapshot(kafka: Kafka, topic: TopicSpec, tmp_path: Path) -> None:
    """The command line of DuckDB 1.5 opens a snapshot, counts its rows and shows the comments of its views."""
    records = read_records(kafka.connection, topic)
    with ReadModel.create_or_open(tmp_path / "model.duckdb", topic=topic.name, partitions=3) as model:
        model.apply(records)
        publish_snapshot(model.reader(), tmp_path / "snapshot.duckdb")
        ((notifications,),) = model.reader().execute("SELECT count(*) FROM notifications").fetchall()
    found = _duckdb(tmp_path / "snapshot.duckdb", "SELECT count(*) AS notifications FROM notification_status")
    assert found == [{"notifications": notifications}]
    (comment,) = _duckdb(
        tmp_path / "snapshot.duckdb", "SELECT comment FROM duckdb_views() WHERE view_name = 'inbox_entries'"
    )
    assert "Grain: inbox entry" in comment["comment"]


def _duckdb(file: Path, sql: str) -> list[dict[str, Any]]:
    command = [str(Path(sys.executable).with_name("duckdb")), "-readonly", "-json", str(file), sql]
    rows: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return rows
