"""Publish a writer schema before the first event of it: publish_schema.py BOOTSTRAP_SERVERS SCHEMAS_TOPIC AVSC_FILE."""

import json
import sys
from pathlib import Path

import confluent_kafka
import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form


def acknowledged(error: confluent_kafka.KafkaError | None, _: confluent_kafka.Message) -> None:
    """Stop when the schema topic did not take it: no reader could read the events."""
    if error is not None:
        raise confluent_kafka.KafkaException(error)


def main(bootstrap_servers: str, topic: str, avsc_file: str) -> None:
    """Append the schema, as it is, under its fingerprint as it stands in a frame."""
    avsc = Path(avsc_file).read_text(encoding="utf-8")
    key = fingerprint(to_parsing_canonical_form(fastavro.parse_schema(json.loads(avsc))), "CRC-64-AVRO")
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    producer.produce(topic, key=key, value=avsc, on_delivery=acknowledged)
    if producer.flush(30):
        sys.exit("No acknowledgement in 30 seconds.")


main(*sys.argv[1:])
