"""Floods of records that cannot be applied, through `up` and over HTTP: what they stop, and what they do not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ledger_schemas import TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import TooManyQuarantined
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw
from tests.running import STOP_TIMEOUT_SECONDS, RunningLedger, json_of

BATCH_EVENTS: Final = 600
QUARANTINE: Final = "/v1/operator/quarantine"
GARBAGE: Final = Raw(b'{"order": "garbage-marker"}')
CREATED: Final[dict[str, object]] = {"kind": "created", "tenant_id": "other", "source": "shop"}


def delivered() -> list[dict[str, object]]:
    """Return a batch of events as a client sends them, each with an event_id of its own."""
    envelope: dict[str, object] = {
        "kind": "delivered",
        "tenant_id": "acme",
        "source": "mailer",
        "channel": "email",
        "recipient_id": "ann",
    }
    return [
        envelope
        | {
            "event_id": str(uuid4()),
            "notification_id": str(uuid4()),
            "occurred_at": "2026-01-02T10:00:00Z",
        }
        for _ in range(BATCH_EVENTS)
    ]


def later(batch: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the same batch as a client sends it that makes up occurred_at at each try."""
    return [event | {"occurred_at": "2026-01-02T10:00:01Z"} for event in batch]


def alarms_of(ledger: RunningLedger) -> dict[str, dict[str, Any]]:
    """Return the alarms that a ledger tells which is ready, by their codes."""
    answer = ledger.get("/health/ready")
    assert answer["status"] == "ready"
    return {alarm["code"]: alarm for alarm in answer["alarms"]}


def test_batches_sent_twice_with_another_occurred_at_stop_nothing(tmp_path: Path) -> None:
    """1,200 conflicts of one tenant: the ledger is ready with the alarm, and another tenant's events are applied."""
    first, second = delivered(), delivered()
    with RunningLedger(tmp_path / "data") as ledger:
        for batch in (first, second):
            ledger.post(*batch)
        sent = [ledger.post(*later(first)), ledger.post(CREATED), ledger.post(*later(second)), ledger.post(CREATED)]
        for position in sent:
            other = ledger.get("/v1/notifications/count", tenant="other", at_least=position)
        assert other["total"] == 2
        created = CREATED | {"tenant_id": "acme", "notification_id": first[0]["notification_id"]}
        position = ledger.post(created | {"audience": [{"recipient_id": "ann", "channels": ["email"]}]})
        (delivery,) = ledger.get("/v1/deliveries", tenant="acme", at_least=position)["rows"]
        fact = delivery["facts"]["delivered"]
        assert fact["first_at"] == fact["last_at"] == "2026-01-02T10:00:00.000000Z"
        assert ledger.get(f"{QUARANTINE}/count", tenant="acme")["total"] == 2 * BATCH_EVENTS
        assert ledger.get(f"{QUARANTINE}/count", tenant="other")["total"] == 0
        by_tenant = ledger.get(f"{QUARANTINE}/count", reason="conflict", group_by="tenant")
        assert by_tenant["groups"] == [{"name": "acme", "count": 2 * BATCH_EVENTS}]
        assert {row["tenant_id"] for row in ledger.get(QUARANTINE, tenant="acme", limit="5")["rows"]} == {"acme"}
        listed = json_of(ledger.run("quarantine", "list", "--tenant", "acme", "--group-by", "reason", "--json"))
        assert listed["groups"] == [{"name": "conflict", "count": 2 * BATCH_EVENTS}]
        assert "tenant acme (" in alarms_of(ledger)[AlarmCode.CONFLICTS]["detail"]
    said = ledger.log.read_text(encoding="utf-8")
    assert "conflicts_by_tenant" in said
    assert str(first[0]["event_id"]) not in said


def test_unreadable_records_alarm_below_half_and_stop_above(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """30 % garbage of another writer: all good events are applied. More than half: `up` ends and says what it is."""
    topic = TopicSpec(topic_name, 1)
    settings = {
        "BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TOPIC": topic_name,
        "SCHEMAS_TOPIC": f"{topic_name}.schemas",
        "PARTITIONS": "1",
        "QUARANTINE_MAX": "20",
        "QUARANTINE_WINDOW_RECORDS": "100",
    }
    environment = {f"NOTIFICATION_LEDGER_{name}": value for name, value in settings.items()}

    async def append_garbage(count: int) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *[GARBAGE] * count)

    asyncio.run(append_garbage(30))
    with RunningLedger(tmp_path / "data", extra_environment=environment) as ledger:
        position = ledger.post(*[CREATED] * 70)
        assert ledger.get("/v1/notifications/count", tenant="other", at_least=position)["total"] == 70
        alarm = alarms_of(ledger)[AlarmCode.QUARANTINE_HIGH]
        assert "30 undecodable (text, no frame of ours: 30)" in alarm["detail"]
        assert "notification-ledger quarantine list" in alarm["hint"]
        asyncio.run(append_garbage(60))
        assert ledger.process is not None
        assert ledger.process.wait(STOP_TIMEOUT_SECONDS) == TooManyQuarantined.exit_code
    said = " ".join(ledger.log.read_text(encoding="utf-8").split())
    assert f"51 of 100 consecutive records of {topic_name} partition 0 cannot be read" in said
    assert "(text, no frame of ours: 51)" in said
    assert "NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS" in said
    assert "garbage-marker" not in said
