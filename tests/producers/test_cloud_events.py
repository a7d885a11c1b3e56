"""CloudEvents in binary mode: read back by the CloudEvents SDK; without the request, no headers."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import unquote

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger_producers import Emitter
from ledger_producers.cloud_events import cloud_event_headers
from ledger_projectors.log.records import LogRecord
from ledger_schemas import LIFECYCLE_TOPIC, encode_event
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema
from tests.conftest import Kafka
from tests.producers.the_log import Record, fired, log_of, with_topic
from tests.projectors.building import open_model, rows
from tests.schemas.strategies import events

WHEN = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))


def emitted(kafka: Kafka, topic_name: str, *, cloud_events: bool) -> tuple[Event, Record]:
    """Emit one event and return it with its record."""

    async def scenario() -> tuple[Event, Record]:
        spec = await with_topic(kafka, topic_name, 1)
        event = fired(occurred_at=WHEN, source="shop: Größe/1 ?", recipient_id="ann")
        async with Emitter(kafka.connection, source="shop", topic=spec, cloud_events=cloud_events) as emitter:
            await emitter.put(event)
        (record,) = await log_of(kafka, spec)
        return event, record

    return asyncio.run(scenario())


def test_the_cloud_events_sdk_reads_a_record_from_the_broker(kafka: Kafka, topic_name: str) -> None:
    """Every attribute as the contract states it; the data are the framed Avro, byte for byte."""
    event, record = emitted(kafka, topic_name, cloud_events=True)
    message = KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
    found = from_kafka(message, JSONFormat())
    fingerprint = current_schema(Kind.FIRED).fingerprint.hex()
    assert found.get_attributes() == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": "shop%3A%20Gr%C3%B6%C3%9Fe%2F1%20%3F",
        "type": "notifications.lifecycle.fired.v1",
        "time": datetime(2026, 2, 3, 2, 5, 6, 7, tzinfo=UTC),
        "subject": str(event.notification_id),
        "dataschema": f"urn:avro:crc-64-avro:{fingerprint}",
        "partitionkey": str(event.notification_id),
        "datacontenttype": "application/avro",
    }
    assert encode_event(event) == record.value == found.get_data()
    assert event == record.event


def test_without_the_request_a_record_has_no_headers(kafka: Kafka, topic_name: str) -> None:
    """The same bytes, and nothing beside them."""
    event, record = emitted(kafka, topic_name, cloud_events=False)
    assert (encode_event(event), ()) == (record.value, record.headers)


def test_the_projector_ignores_the_headers(tmp_path: Path) -> None:
    """With them and without, the rows are the same."""
    event = fired()
    found = []
    for number, headers in enumerate(((), tuple(cloud_event_headers(event)))):
        record = LogRecord(
            LIFECYCLE_TOPIC, 0, 0, 1_000, str(event.notification_id).encode(), encode_event(event), headers
        )
        with open_model(tmp_path / str(number)) as model:
            assert model.apply([record]).applied == 1
            found.append(rows(model, "SELECT e::VARCHAR FROM events AS e"))
    assert found[0] == found[1]


@given(st.sampled_from(list(Kind)).flatmap(events))
def test_headers_of_any_event_are_ascii_and_its_time_is_rfc_3339(event: Event) -> None:
    """A source in any script becomes a URI-reference of one segment; the time has four digits of year and a Z."""
    headers = dict(cloud_event_headers(event))
    assert all(value.isascii() and value for value in headers.values())
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", headers["ce_source"].decode())
    assert unquote(headers["ce_source"].decode()) == event.source
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", headers["ce_time"])
    assert datetime.fromisoformat(headers["ce_time"].decode()) == event.occurred_at
