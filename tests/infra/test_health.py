"""The health of a running `up` over HTTP: what the log holds back or loses is told, and what ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from ledger_schemas import LIFECYCLE_TOPIC, KafkaConnection
from ledger_schemas.topic import SCHEMAS_TOPIC
from tests.infra.test_up import CREATED
from tests.running import RunningLedger, run_command
from tests.topic_settings import alter, follow

WAIT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLedger]:
    """Give a ledger whose topic has one partition: a transaction in it holds back every write."""
    one = {"NOTIFICATION_LEDGER_PARTITIONS": "1"}
    with RunningLedger(tmp_path_factory.mktemp("health") / "data", extra_environment=one) as running:
        yield running


def ask(ledger: RunningLedger) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of /health/ready; alarms about this machine's disk are left out."""
    answer = httpx2.get(f"{ledger.api_url}/health/ready", trust_env=False)
    body: dict[str, Any] = answer.json()
    body["alarms"] = [alarm for alarm in body["alarms"] if alarm["code"] != "disk_low"]
    return answer.status_code, body


def wait(ledger: RunningLedger, holds: Callable[[int, dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
    """Ask until it holds, and return that answer."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(*(found := ask(ledger))):
        assert time.monotonic() < deadline, found
        time.sleep(POLL_SECONDS)
    return found


def test_a_setting_that_loses_facts_makes_it_not_ready(ledger: RunningLedger) -> None:
    """503 names each setting, what is lost and the command; following the commands makes it ready again."""
    connection = KafkaConnection(ledger.bootstrap_servers)
    alter(connection, LIFECYCLE_TOPIC, {"cleanup.policy": "compact", "max.message.bytes": "100000"})
    alter(connection, SCHEMAS_TOPIC, {"retention.ms": "1000000"})
    status, body = wait(ledger, lambda _, body: len(body["alarms"]) == 3)
    assert (status, body["code"]) == (503, "log_loses_facts")
    assert {alarm["code"] for alarm in body["alarms"]} == {"topic_settings"}
    for text in (
        f"The topic {LIFECYCLE_TOPIC} has cleanup.policy=compact, the ledger needs delete.",
        f"The topic {SCHEMAS_TOPIC} has retention.ms=1000000, the ledger needs -1.",
        "Facts are being lost.",
    ):
        assert text in body["detail"]
    assert "max.message.bytes" not in body["detail"]
    assert body["position"] is not None
    follow(connection, body["hint"])
    status, body = wait(ledger, lambda _, body: len(body["alarms"]) == 1)
    assert (status, body["status"]) == (200, "ready")
    assert "max.message.bytes=100000" in body["alarms"][0]["detail"]
    follow(connection, body["alarms"][0]["hint"])
    wait(ledger, lambda status, body: (status, body["alarms"]) == (200, []))


def test_what_an_open_transaction_holds_back_is_told(ledger: RunningLedger) -> None:
    """A write behind it counts as lag; health and a read that waits name the transaction; both end with it."""

    async def work() -> None:
        async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap_servers, transactional_id="stranger") as other:
            await other.begin_transaction()
            await other.send_and_wait(LIFECYCLE_TOPIC, b"left open", partition=0)
            position = await asyncio.to_thread(ledger.post, CREATED)
            question = f"{ledger.api_url}/v1/inbox?tenant=acme&recipient=ann&at_least={position}&wait_seconds=1"
            status, body = await asyncio.to_thread(wait, ledger, lambda _, body: bool(body["alarms"]))
            assert (status, body["lag_events"]) == (200, 2)
            (alarm,) = body["alarms"]
            assert alarm["code"] == "log_held_back"
            assert "2 records wait behind it" in alarm["detail"]
            refused = (await asyncio.to_thread(httpx2.get, question, trust_env=False)).json()
            assert refused["code"] == "read_model_behind"
            assert f"An open transaction holds back {LIFECYCLE_TOPIC} partition 0" in refused["detail"]
            assert "kafka-transactions.sh" in refused["hint"]
            await other.abort_transaction()
        answer = await asyncio.to_thread(httpx2.get, question.replace("=1", "=30"), trust_env=False)
        assert [row["title"] for row in answer.json()["rows"]] == ["Your parcel is on its way"]
        _, body = await asyncio.to_thread(wait, ledger, lambda _, body: not body["alarms"])
        assert body["lag_events"] == 0

    asyncio.run(work())


def test_until_caught_up_says_that_it_waits_for_open_transactions() -> None:
    """The help of the projector has it: to end before them would leave out what the log holds."""
    helped = " ".join(run_command("projector", "--help").stdout.replace("│", " ").split())
    assert "open transaction" in helped
