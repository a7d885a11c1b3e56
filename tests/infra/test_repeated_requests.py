"""The same request twice is one fact, by each way in: HTTP, the command line, the emitter."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import duckdb
import httpx2
import pytest

from ledger_producers import Emitter, hash_id
from ledger_schemas import AudienceMember, KafkaConnection, derive_notification_id, new_id
from ledger_schemas.errors import ContractViolation
from tests.running import RunningLedger, json_of

CREATED: dict[str, Any] = {
    "kind": "created",
    "source": "shop",
    "audience": [{"recipient_id": "ann", "channels": ["email"]}],
    "personal": {"title": "Your parcel is on its way"},
}
BATCH = 600


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLedger]:
    """Give one running ledger; each test has a tenant of its own."""
    with RunningLedger(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


@pytest.fixture
def tenant() -> str:
    """Give a tenant of the test's own."""
    return f"tenant-{uuid4()}"


def badge(ledger: RunningLedger, tenant: str, position: str) -> int:
    """Return how many unread entries ann has."""
    found = ledger.get("/v1/inbox/badge", tenant=tenant, recipient="ann", at_least=position)
    return int(found["unread"])


def quarantined(ledger: RunningLedger) -> int:
    """Return how many records are in quarantine, of all tenants."""
    return int(ledger.get("/v1/operator/quarantine/count")["total"])


def duplicates(ledger: RunningLedger, tenant: str) -> int:
    """Return how many further copies the read model has of a tenant's events."""
    answer = httpx2.post(f"{ledger.api_url}/v1/operator/snapshots", json={}, trust_env=False, timeout=60)
    with duckdb.connect(answer.json()["path"], read_only=True) as snapshot:
        found = snapshot.execute("SELECT count(*) FROM duplicates WHERE tenant_id = ?", [tenant]).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": str(new_id())},
        {"event_id": str(new_id()), "notification_id": str(new_id())},
        {"event_id": str(new_id()), "external_id": "order-1"},
        {"event_id": str(uuid4()), "occurred_at": "2026-01-02T03:04:05Z"},
    ],
    ids=["event_id", "notification_id", "external_id", "no UUIDv7"],
)
@pytest.mark.parametrize("way", ["http", "array", "emit", "emit FILE", "emitter"])
def test_a_created_that_is_sent_twice_counts_once(
    ledger: RunningLedger, tenant: str, tmp_path: Path, fields: dict[str, str], way: str
) -> None:
    """One badge, one duplicate, nothing in quarantine, whatever was left out beside event_id."""
    document = {**CREATED, "tenant_id": tenant, **fields}
    before = quarantined(ledger)
    positions = [send(ledger, document, way, tmp_path) for _ in range(2)]
    assert badge(ledger, tenant, positions[-1]) == 1
    assert duplicates(ledger, tenant) == 1
    assert quarantined(ledger) == before


def send(ledger: RunningLedger, document: dict[str, Any], way: str, folder: Path) -> str:
    """Send a document by one way in and return the position after it."""
    match way:
        case "http":
            answer = httpx2.post(f"{ledger.api_url}/v1/events", json=document, trust_env=False)
            return str(answer.json()["position"])
        case "array":
            return ledger.post(document)
        case "emit":
            return str(json_of(ledger.run("emit", json.dumps(document), "--json"))["position"])
        case "emit FILE":
            path = folder / "events.jsonl"
            path.write_text(json.dumps(document) + "\n", encoding="utf-8")
            return str(json_of(ledger.run("emit", str(path), "--json"))["position"])
    return asyncio.run(emit(ledger, document))


async def emit(ledger: RunningLedger, document: dict[str, Any]) -> str:
    """State a created with the emitter's keyword arguments."""
    fields = {name: value for name, value in document.items() if name not in {"kind", "tenant_id", "audience"}}
    audience = [AudienceMember(recipient_id="ann", channels=("email",))]
    async with Emitter(KafkaConnection(ledger.bootstrap_servers), source="other") as emitter:
        receipt = await emitter.created(document["tenant_id"], audience=audience, **fields)
    return str(receipt.position)


@pytest.mark.parametrize("way", ["http", "emit FILE", "emitter"])
def test_an_external_id_names_one_notification(ledger: RunningLedger, tenant: str, tmp_path: Path, way: str) -> None:
    """Two `created` of one (tenant, source, external_id), without any other id, are of one notification."""
    document = {**CREATED, "tenant_id": tenant, "external_id": "order-1"}
    positions = [send(ledger, document, way, tmp_path) for _ in range(2)]
    (row,) = ledger.get("/v1/notifications", tenant=tenant, at_least=positions[-1])["rows"]
    assert UUID(row["notification_id"]) == derive_notification_id(tenant, "shop", "order-1")
    assert badge(ledger, tenant, positions[-1]) == 1
    assert duplicates(ledger, tenant) == 0


def test_batches_that_are_sent_twice_are_duplicates_and_stop_nothing(ledger: RunningLedger, tenant: str) -> None:
    """Two batches of 600 `delivered` without occurred_at, each sent twice: 1,200 duplicates, no conflict, all up."""
    notification = str(new_id())
    before = quarantined(ledger)
    for _ in range(2):
        fields = {"kind": "delivered", "tenant_id": tenant, "source": "shop", "notification_id": notification}
        batch = [{**fields, "event_id": str(new_id()), "recipient_id": f"r{n}"} for n in range(BATCH)]
        positions = [ledger.post(*batch) for _ in range(2)]
    ledger.get("/v1/notifications/count", tenant=tenant, at_least=positions[-1])
    assert duplicates(ledger, tenant) == 2 * BATCH
    assert quarantined(ledger) == before
    assert ledger.ready()


@pytest.mark.parametrize("way", ["http", "emit", "emitter"])
def test_an_event_id_without_a_time_needs_occurred_at(
    ledger: RunningLedger, tenant: str, tmp_path: Path, way: str
) -> None:
    """422, exit code 4, ContractViolation: each names occurred_at, and nothing is written."""
    document = {**CREATED, "tenant_id": tenant, "event_id": str(uuid4())}
    match way:
        case "http":
            answer = httpx2.post(f"{ledger.api_url}/v1/events", json=document, trust_env=False)
            problem = answer.json()
            assert (answer.status_code, problem["code"], problem["field"]) == (422, "contract_violation", "occurred_at")
        case "emit":
            refused = ledger.run("emit", json.dumps(document))
            assert refused.returncode == ContractViolation.exit_code
            assert "occurred_at: must be stated" in refused.stderr
        case _:
            with pytest.raises(ContractViolation, match="occurred_at: must be stated"):
                asyncio.run(emit(ledger, document))


@pytest.mark.parametrize("way", ["http", "emit"])
def test_a_push_token_as_delivery_ref_is_told_what_to_do(
    ledger: RunningLedger, tenant: str, tmp_path: Path, way: str
) -> None:
    """The answer names the limit and the function that hashes; the hashed token is taken."""
    token = "t" * 163
    document = {"kind": "delivered", "tenant_id": tenant, "source": "shop", "notification_id": str(new_id())}
    document |= {"recipient_id": "ann", "channel": "push", "delivery_ref": token}
    if way == "http":
        answer = httpx2.post(f"{ledger.api_url}/v1/events", json=document, trust_env=False)
        assert answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
        told = answer.text
    else:
        refused = ledger.run("emit", json.dumps(document))
        assert refused.returncode == ContractViolation.exit_code
        told = refused.stderr
    assert ("ID_CHARS_MAX = 128" in told, "hash_id" in told, token in told) == (True, True, False)
    send(ledger, {**document, "delivery_ref": hash_id(token)}, way, tmp_path)
