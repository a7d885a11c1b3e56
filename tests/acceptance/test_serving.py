import asyncio
from datetime import UTC, datetime

import pytest

from ledger_infra.demo.samples import VENDORS, sample_events
from ledger_infra.demo.transcripts import transcribe
from ledger_schemas.access import Caller, Role
from ledger_schemas.directory_events import DeviceRegistered

from .documents import DOCUMENTS, FURTHER
from .serving import EASIR, SUGER, Served, credential, event, secret_of


def bearer(tenant: str) -> dict[str, str]:
    """Return the native API's header with the secret of a tenant's application."""
    return {"Authorization": f"Bearer {secret_of(tenant)}"}


def test_the_ledger_answers_with_the_samples(ledger: Served) -> None:
    """Over a real socket: as many notifications of each tenant as its document has samples."""
    for vendor, samples in zip(VENDORS, (5, 5, 3, 2, 27), strict=True):
        answer = ledger.client.get(
            "/v1/notifications",
            params={"tenant": f"{vendor}-demo", "limit": 100},
            headers=bearer(f"{vendor}-demo"),
        )
        assert answer.status_code == 200, answer.text
        assert samples == len(answer.json()["rows"])


def test_a_sample_is_listed_when_it_was_created(ledger: Served) -> None:
    """As the samples are recorded when they occur, the order of a list is that of their times."""
    with ledger.model.cursor() as cursor:
        found = cursor.execute("SELECT notification_id, listed_at FROM notifications").fetchall()
    created = {each.notification_id: each.occurred_at for each in sample_events() if each.kind == "created"}
    assert created == {notification_id: at.astimezone(UTC) for notification_id, at in found}


def test_further_documents_fit_beside_the_samples(fresh_ledger: Served) -> None:
    """Each has ids of its own, so that none of its events is taken for a sample's."""
    for sample in FURTHER:
        fresh_ledger.put(*transcribe(sample))
    with fresh_ledger.model.cursor() as cursor:
        found = cursor.execute("SELECT notification_id FROM notifications").fetchall()
    assert len(DOCUMENTS) == len(found)


def test_what_is_put_is_answered_at_once(empty_ledger: Served) -> None:
    """An event that a test puts, and one that the application puts through its desk, which alone is kept."""
    empty_ledger.put(event("created", SUGER, 1, personal={"title": "Hello"}, data={"a": 1}))
    fired = event("fired", SUGER, 1, attributes={"b": 2})
    done = asyncio.run(empty_ledger.desk.put([fired], wait_seconds=0))
    assert done.shown
    assert empty_ledger.position() == done.position
    assert [fired] == empty_ledger.events
    answer = empty_ledger.client.get("/v1/notifications", params={"tenant": SUGER}, headers=bearer(SUGER))
    (row,) = answer.json()["rows"]
    assert row["title"] == "Hello"
    assert "fired" in row["facts"]


def test_the_directory_knows_the_keys_and_keeps_what_is_put(empty_ledger: Served) -> None:
    """One key of each role, of each person, and the operator's; devices are put where a test can look."""
    directory = empty_ledger.directory
    assert directory.authenticate(secret_of(EASIR, user="54")).recipient_id == "54"
    assert directory.authenticate(secret_of(EASIR, role=Role.AUDITOR)).role is Role.AUDITOR
    assert directory.authenticate(secret_of(None, role=Role.OPERATOR)).tenant_id is None
    empty_ledger.callers["new"] = Caller(Role.APPLICATION, "new-tenant")
    assert directory.authenticate("new").tenant_id == "new-tenant"
    device = DeviceRegistered.model_validate(
        {
            "tenant_id": EASIR,
            "occurred_at": datetime.now(UTC),
            "recipient_id": "54",
            "device_token": "0a1b",
            "platform": "iOS",
        }
    )
    asyncio.run(empty_ledger.desk.directory_sink.put_directory([device]))
    assert [device] == empty_ledger.directory_events


@pytest.mark.parametrize("dialect", VENDORS)
def test_a_credential_is_in_the_vendors_header(dialect: str) -> None:
    """Each scheme as its document has it."""
    (header,) = credential(dialect).items()
    assert (
        header
        == {
            "suger": ("Authorization", "Key key-of-suger-demo"),
            "realtimeregister": ("Authorization", "ApiKey key-of-realtimeregister-demo"),
            "novu": ("Authorization", "ApiKey key-of-novu-demo"),
            "nextinteract": ("x-nextinteract-authtoken", "key-of-nextinteract-demo"),
            "easir": ("Authorization", "Bearer key-of-easir-demo"),
        }[dialect]
    )
