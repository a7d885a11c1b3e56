"""Emit two events with the .avsc files, fastavro and confluent-kafka: emit.py BOOTSTRAP_SERVERS TOPIC AVSC_FOLDER."""

import io
import json
import secrets
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import confluent_kafka
import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form


def uuid7() -> str:
    """Return a UUIDv7: milliseconds, version, variant, and random bits between. Python 3.14 has uuid.uuid7."""
    bits = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def frame(avsc: Path, event: dict[str, Any]) -> bytes:
    """Return the event in Avro single-object encoding."""
    schema = fastavro.parse_schema(json.loads(avsc.read_text(encoding="utf-8")))
    out = io.BytesIO()
    out.write(b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")))
    fastavro.schemaless_writer(out, schema, event)
    return out.getvalue()


def acknowledged(error: confluent_kafka.KafkaError | None, _: confluent_kafka.Message) -> None:
    """Stop when the log did not take an event; append the same bytes again, the event_id included."""
    if error is not None:
        raise confluent_kafka.KafkaException(error)


def main(bootstrap_servers: str, topic: str, avsc_folder: str) -> None:
    """State that a notification exists, and that it arrived."""
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": bootstrap_servers, "partitioner": "murmur2_random", "enable.idempotence": True}
    )
    notification_id = uuid7()

    def emit(kind: str, **stated: object) -> None:
        envelope = {
            "event_id": uuid7(),
            "tenant_id": "acme",
            "notification_id": notification_id,
            "occurred_at": datetime.now(UTC),
            "source": "shop",
        }
        value = frame(Path(avsc_folder, f"{kind}.v1.avsc"), envelope | stated)
        producer.produce(topic, key=notification_id, value=value, on_delivery=acknowledged)

    title = {"title": "Your parcel is on its way"}
    emit("created", audience=[{"recipient_id": "ann", "channels": ["email"]}], personal=title)
    emit("delivered", recipient_id="ann", channel="email")
    if producer.flush(30):
        sys.exit("No acknowledgement in 30 seconds.")


main(*sys.argv[1:])
