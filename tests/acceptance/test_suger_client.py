"""Suger's own client, as it is published, over a socket: what it reads is what the vendor's application gets."""

from collections.abc import Iterator

import pytest
from suger_sdk_python import ApiClient, Configuration, NotificationEvent
from suger_sdk_python.api.notification_api import NotificationApi
from suger_sdk_python.exceptions import BadRequestException, ServiceException, UnauthorizedException

from .serving import NOVU, SUGER, Served, event, secret_of
from .suger import OF_NOON, ask, created, samples

FIRST, LAST = "2025-11-03", "2025-11-09"
"""The days of the samples whose words the client knows: its enums are closed, and the last sample's partner is none."""

KNOWN = [row for row in samples() if row["eventID"] not in {"suger-event-0002", "suger-event-0005"}]


def client_of(served: Served, secret: str, scheme: str = "Key") -> NotificationApi:
    """Return the client: its two settings are the base URL and the key."""
    return NotificationApi(
        ApiClient(
            Configuration(
                host=f"{served.client.base_url}".rstrip("/") + "/suger",
                api_key={"APIKeyAuth": secret},
                api_key_prefix={"APIKeyAuth": scheme},
            )
        )
    )


@pytest.fixture
def client(ledger: Served) -> NotificationApi:
    """Give a client of the samples' organization."""
    return client_of(ledger, secret_of(SUGER))


@pytest.mark.acceptance("S1-01", "S1-15")
def test_the_client_reads_every_field(ledger: Served, client: NotificationApi) -> None:
    """What it holds is what was sent, and what was sent are the samples."""
    answer = client.list_notification_events(SUGER, start_date=FIRST, end_date=LAST)
    assert [NotificationEvent.from_dict(row) for row in KNOWN] == answer.notification_events
    assert answer.total_count == len(KNOWN)
    assert answer.next_offset is None
    sent = ask(ledger, {"startDate": FIRST, "endDate": LAST}).json()
    assert sent["notificationEvents"] == KNOWN


@pytest.mark.acceptance("S1-02", "S1-03")
def test_the_client_asks_for_days(client: NotificationApi) -> None:
    """Those of one event alone."""
    answer = client.list_notification_events(SUGER, start_date="2025-11-06", end_date="2025-11-06")
    assert [each.event_id for each in answer.notification_events or ()] == ["suger-event-0003"]


@pytest.mark.acceptance("S1-07", "S1-08")
def test_the_client_walks_pages(client: NotificationApi) -> None:
    """It goes on while there is a next offset."""

    def walk() -> Iterator[str | None]:
        offset: int | None = 0
        while offset is not None:
            page = client.list_notification_events(SUGER, start_date=FIRST, end_date=LAST, limit=2, offset=offset)
            assert page.total_count == (len(KNOWN) if offset == 0 else None)
            yield from (each.event_id for each in page.notification_events or ())
            offset = page.next_offset

    assert list(walk()) == [row["eventID"] for row in KNOWN]


@pytest.mark.acceptance("S1-09")
@pytest.mark.parametrize(
    ("priorities", "found"), [("HIGH", ["0001"]), ("HIGH,CRITICAL", ["0003", "0001"]), ("", ["0004", "0003", "0001"])]
)
def test_the_client_asks_for_priorities(client: NotificationApi, priorities: str, found: list[str]) -> None:
    """None are all: the client's own description says HIGH and CRITICAL, and the document wins."""
    answer = client.list_notification_events(SUGER, start_date=FIRST, end_date=LAST, priorities=priorities)
    assert [f"suger-event-{number}" for number in found] == [each.event_id for each in answer.notification_events or ()]


@pytest.mark.acceptance("S1-13")
def test_the_client_reads_an_empty_page(client: NotificationApi) -> None:
    """Of days without events."""
    answer = client.list_notification_events(SUGER, end_date="2000-01-01")
    assert answer.notification_events == []
    assert answer.total_count == 0


@pytest.mark.acceptance("S1-29")
def test_the_client_reads_an_opening_by_somebody_unknown(empty_ledger: Served) -> None:
    """Without a contact."""
    empty_ledger.put(created(1, channels=["EMAIL"]), event("opened", SUGER, 1, channel="EMAIL"))
    client = client_of(empty_ledger, secret_of(SUGER))
    answer = client.list_notification_events(SUGER, start_date=OF_NOON["startDate"], end_date=OF_NOON["endDate"])
    ((opening,),) = [each.track_events for each in answer.notification_events or () if each.track_events]
    assert opening.contact_id is None
    assert opening.action == "OPEN_EMAIL"


@pytest.mark.acceptance("S1-30")
def test_the_client_raises_its_own_errors(fresh_ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """By status, with the JSON string as the body."""
    client = client_of(fresh_ledger, secret_of(SUGER))
    with pytest.raises(BadRequestException) as refused:
        client.list_notification_events(SUGER, limit=1_001)
    assert str(refused.value.body).startswith('"limit: ')
    monkeypatch.setattr(fresh_ledger.desk, "read", None)
    with pytest.raises(ServiceException) as failed:
        client.list_notification_events(SUGER)
    assert failed.value.body == '"Internal server error"'


@pytest.mark.acceptance("S1-36", "S1-37")
def test_the_client_is_let_in_by_its_own_key_alone(ledger: Served) -> None:
    """As a key and as a bearer token; another organization's and a wrong one are refused alike."""
    for scheme in ("Key", "Bearer"):
        client_of(ledger, secret_of(SUGER), scheme).list_notification_events(SUGER, start_date=FIRST, end_date=LAST)
        for secret in (secret_of(NOVU), "wrong"):
            with pytest.raises(UnauthorizedException):
                client_of(ledger, secret, scheme).list_notification_events(SUGER)


@pytest.mark.acceptance("S1-06")
def test_the_filter_that_newer_clients_have_is_refused(client: NotificationApi) -> None:
    """Decided: `message`, which the document lacks, is refused rather than dropped, for it would find too much."""
    with pytest.raises(BadRequestException) as refused:
        client.list_notification_events(SUGER, message="offer")
    assert "'message'" in str(refused.value.body)
