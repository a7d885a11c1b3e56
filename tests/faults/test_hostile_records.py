"""Fault 13: what no emitter of ours would append. The projector is never stuck on it; its neighbours are applied."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastavro import schemaless_writer

from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, Kind, TopicSpec, encode_event, parse_event
from ledger_schemas.codec import wire_values
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.limits import RECIPIENTS_PER_EVENT_MAX
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, demo_events, open_model, project, raw, rows

MESSAGE_BYTES: Final = 1_000_000
"""As much as a broker takes unless it is told otherwise."""

DEPTH: Final = 200_000
EVENTS: Final = demo_events(3)


def test_records_past_every_limit_stop_nothing(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """10,000 recipients, a megabyte of text, JSON 200,000 deep: each is applied or kept with its reason, at once."""
    topic = TopicSpec(topic_name, 1)
    deep = "[" * DEPTH + "]" * DEPTH
    members = [{"recipient_id": f"r{number}", "role": "", "channels": []} for number in range(10_000)]
    bad = [
        _with(_created(), audience=members),
        _with(_created(), audience=members[: RECIPIENTS_PER_EVENT_MAX + 1]),
        _with(_created(), attributes=deep),
        _with(_created(), tags=["x" * (MESSAGE_BYTES - 2_000)]),
        _with(_created(), tags=["x"] * 300_000),
        _with(_created(), contexts=[""] * (MESSAGE_BYTES - 2_000)),
        Raw(b"\xc3\x01" + b"\xff" * (MESSAGE_BYTES - 2_000), b"key"),
    ]
    mixed = [one for number, event in enumerate(EVENTS) for one in (raw(event), bad[number % len(bad)])]
    assert len(mixed) >= 2 * len(bad)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *mixed)
        await project(kafka.connection, model)

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))
        assert sum(model.position().values()) == len(mixed)
        kept = rows(model, "SELECT log_offset, record_value FROM quarantine ORDER BY ALL")
        sent = {offset: one.value for offset, one in enumerate(mixed)}
        assert all(sent[offset] == value for offset, value in kept)
        neighbours = set(range(0, len(mixed), 2))
        assert neighbours.isdisjoint(offset for offset, _ in kept)
        set_down = rows(model, "SELECT count(*) FROM events UNION ALL SELECT count(*) FROM duplicates")
        assert sum(count for (count,) in set_down) + len(kept) == len(mixed)
        reasons = dict(rows(model, "SELECT reason, count(*) FROM quarantine GROUP BY ALL"))
        assert reasons["contract_violation"] >= 2


def _created() -> Event:
    return parse_event({"kind": "created", "tenant_id": "acme", "source": "foreign"})


def _with(event: Event, **values: Any) -> Raw:  # noqa: ANN401 - any field
    """Return the event with values that its emitter would refuse."""
    schema = current_schema(Kind.CREATED)
    stated: Mapping[str, Any] = wire_values(event)
    assert encode_event(event)
    assert stated.keys() >= values.keys()
    out = io.BytesIO()
    out.write(header_of(SchemaReference.to_fingerprint(schema.fingerprint)))
    schemaless_writer(out, schema.parsed, {**stated, **values})
    return Raw(out.getvalue(), str(event.notification_id).encode())
