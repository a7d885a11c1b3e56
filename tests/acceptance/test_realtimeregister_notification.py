from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample, transcribe
from ledger_queries.dialects.realtimeregister.answer_types import Notification
from tests.queries.builder import NOON

from .documents import FURTHER
from .serving import REALTIMEREGISTER, Served, credential, event

PATH: Final = f"/realtimeregister/v2/customers/{REALTIMEREGISTER}/notifications"
SAMPLES: Final = vendor_samples("realtimeregister")
OTHERS: Final = [sample for sample in FURTHER if sample.vendor == "realtimeregister"]
TYPED: Final = TypeAdapter(Notification)

EXTRA_FIELDS: Final = (
    *("transferType", "domainName", "hostName", "requestedDate", "actionDate", "createdDate", "expiryDate"),
    *("startDate", "endDate", "certificateId", "provider", "providerId", "product", "validationType", "currency"),
    *("watermark", "balance", "negativeSinceDate", "negativeCurrency", "negativeLimit", "negativeSoftLimit"),
    *("subjectStatus", "statusDetail", "customer"),
)


def shown(ledger: Served, number: int, **params: str) -> dict[str, Any]:
    """Return the notification of a number, typed as the document has it."""
    answer = ledger.client.get(f"{PATH}/{number}", params=params, headers=credential("realtimeregister"))
    assert answer.status_code == 200, answer.text
    notification: dict[str, Any] = answer.json()
    if not params:
        TYPED.validate_python(notification, strict=True)
    return notification


def put_created(ledger: Served, **fields: Any) -> None:  # noqa: ANN401 - each test has its own
    """Record a notification of number 7, created and fired at noon."""
    ledger.put(
        event("created", REALTIMEREGISTER, 1, number=7, audience=[{"recipient_id": REALTIMEREGISTER}], **fields),
        event("fired", REALTIMEREGISTER, 1),
    )


@pytest.mark.acceptance("S2-04", "S2-19")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.heading)
def test_a_sample_comes_back_whole_and_in_order(ledger: Served, sample: Sample) -> None:
    """Every value, every key and their order, as JSON with status 200."""
    answer = ledger.client.get(f"{PATH}/{sample.row['id']}", headers=credential("realtimeregister"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.dumps(sample.row) == json.dumps(answer.json())
    TYPED.validate_python(answer.json(), strict=True)


@pytest.mark.acceptance("S2-17")
@pytest.mark.parametrize("document", OTHERS, ids=lambda document: document.heading)
def test_fields_of_single_types_pass_through(empty_ledger: Served, document: Sample) -> None:
    """Hosts, transfers, certificates, balances: as recorded, whatever the type."""
    empty_ledger.put(*transcribe(document))
    assert document.row == shown(empty_ledger, document.row["id"])


@pytest.mark.acceptance("S2-17")
def test_the_documents_show_every_extra_field(ledger: Served) -> None:
    """So the two tests above speak of each of them."""
    fields = {name for sample in (*SAMPLES, *OTHERS) for name in sample.row}
    assert set(EXTRA_FIELDS) <= fields
    assert shown(ledger, 1203351)["statusDetail"] == "Waiting for the DNS record"


@pytest.mark.acceptance("S2-17")
def test_decided_the_customer_is_always_that_of_the_path(empty_ledger: Served) -> None:
    """Decide: the vendor's typed client requires it of every type, whatever free-form data says."""
    put_created(empty_ledger, data={"customer": "somebody-else"})
    assert shown(empty_ledger, 7)["customer"] == REALTIMEREGISTER


@pytest.mark.acceptance("S2-17")
def test_a_value_of_another_json_type_is_left_out(empty_ledger: Served) -> None:
    """A typed client reads numbers as numbers; true is none."""
    put_created(empty_ledger, data={"certificateId": True, "balance": "low", "domainName": 5, "currency": "EUR"})
    notification = shown(empty_ledger, 7)
    assert notification["currency"] == "EUR"
    assert not {"certificateId", "balance", "domainName"} & notification.keys()


@pytest.mark.acceptance("S2-05")
def test_the_fire_date_is_the_first_time_that_it_was_fired(empty_ledger: Served) -> None:
    """In UTC with whole seconds; a later resend does not move it."""
    put_created(empty_ledger)
    empty_ledger.put(event("fired", REALTIMEREGISTER, 1, NOON + timedelta(hours=1)))
    assert shown(empty_ledger, 7)["fireDate"] == "2026-01-02T12:00:00Z"


@pytest.mark.acceptance("S2-05")
def test_decided_a_notification_is_invisible_until_it_is_fired(empty_ledger: Served) -> None:
    """Decide: it is answered as one that there is not."""
    empty_ledger.put(
        event("created", REALTIMEREGISTER, 1, number=7, audience=[{"recipient_id": REALTIMEREGISTER}]),
    )
    before = empty_ledger.client.get(f"{PATH}/7", headers=credential("realtimeregister"))
    assert (before.status_code, before.json()["type"]) == (400, "ObjectDoesNotExist")
    empty_ledger.put(event("fired", REALTIMEREGISTER, 1, NOON + timedelta(seconds=5)))
    assert shown(empty_ledger, 7)["fireDate"] == "2026-01-02T12:00:05Z"


@pytest.mark.acceptance("S2-06")
def test_the_read_date_is_the_first_read(empty_ledger: Served) -> None:
    """Absent before; neither a further read nor an unread changes it."""
    put_created(empty_ledger)
    assert "readDate" not in shown(empty_ledger, 7)
    for kind, minute in (("read", 3), ("read", 2), ("unread", 4)):
        at = NOON + timedelta(minutes=minute)
        empty_ledger.put(event(kind, REALTIMEREGISTER, 1, at, recipient_id=REALTIMEREGISTER))
    assert shown(empty_ledger, 7)["readDate"] == "2026-01-02T12:02:00Z"


@pytest.mark.acceptance("S2-07", "S2-33")
def test_it_is_acknowledged_without_having_been_read_or_delivered(empty_ledger: Served) -> None:
    """The three dates are independent; the first acknowledgement counts."""
    put_created(empty_ledger)
    for minute in (9, 5):
        at = NOON + timedelta(minutes=minute)
        empty_ledger.put(event("acknowledged", REALTIMEREGISTER, 1, at, recipient_id=REALTIMEREGISTER))
    notification = shown(empty_ledger, 7)
    assert notification["acknowledgeDate"] == "2026-01-02T12:05:00Z"
    assert not {"readDate", "deliveryDate"} & notification.keys()


@pytest.mark.acceptance("S2-33")
def test_the_dates_may_be_in_any_order(empty_ledger: Served) -> None:
    """Acknowledged before it was read, read before it was delivered."""
    put_created(empty_ledger)
    for minute, kind, channel in ((1, "acknowledged", None), (2, "read", None), (3, "delivered", "webhook")):
        at = NOON + timedelta(minutes=minute)
        empty_ledger.put(event(kind, REALTIMEREGISTER, 1, at, recipient_id=REALTIMEREGISTER, channel=channel))
    notification = shown(empty_ledger, 7)
    dates = [notification[name] for name in ("acknowledgeDate", "readDate", "deliveryDate")]
    assert dates == [f"2026-01-02T12:0{minute}:00Z" for minute in (1, 2, 3)]


@pytest.mark.acceptance("S2-08")
def test_the_delivery_date_is_of_the_webhook_alone(empty_ledger: Served) -> None:
    """A delivery by mail is none; of two webhook deliveries the first counts."""
    put_created(empty_ledger)

    def deliver(minute: int, channel: str, ref: str) -> None:
        at = NOON + timedelta(minutes=minute)
        empty_ledger.put(
            event(
                "delivered", REALTIMEREGISTER, 1, at, recipient_id=REALTIMEREGISTER, channel=channel, delivery_ref=ref
            )
        )

    deliver(1, "email", "a")
    assert "deliveryDate" not in shown(empty_ledger, 7)
    deliver(3, "webhook", "b")
    deliver(2, "webhook", "c")
    assert shown(empty_ledger, 7)["deliveryDate"] == "2026-01-02T12:02:00Z"


@pytest.mark.acceptance("S2-09", "S2-12")
def test_the_message_and_the_event_type(empty_ledger: Served) -> None:
    """The body and the action, a word that the vendor does not know too."""
    put_created(empty_ledger, personal={"body": "Hello", "title": "Subject"}, action="NEVER_HEARD")
    notification = shown(empty_ledger, 7)
    assert (notification["message"], notification["eventType"]) == ("Hello", "NEVER_HEARD")


@pytest.mark.acceptance("S2-09")
def test_the_title_stands_for_a_message_without_a_body(empty_ledger: Served) -> None:
    """What another API recorded under a title alone is still said."""
    put_created(empty_ledger, personal={"title": "Subject"})
    assert shown(empty_ledger, 7)["message"] == "Subject"


@pytest.mark.acceptance("S2-10")
def test_the_reason_is_one_field(empty_ledger: Served) -> None:
    """The document lists it twice; it is answered once."""
    put_created(empty_ledger, reason="Because")
    answer = empty_ledger.client.get(f"{PATH}/7", headers=credential("realtimeregister"))
    assert answer.text.count('"reason":"Because"') == 1


@pytest.mark.acceptance("S2-11")
@pytest.mark.parametrize(("recorded", "answered"), [("880012", 880012), ("0", 0), ("batch-7", None), ("9" * 30, None)])
def test_the_process_is_an_integer(empty_ledger: Served, recorded: str, answered: int | None) -> None:
    """Of a correlation id that is no such number, nothing is said."""
    put_created(empty_ledger, correlation_id=recorded)
    assert answered == shown(empty_ledger, 7).get("process")


@pytest.mark.acceptance("S2-13")
def test_a_notification_type_comes_back_as_recorded(empty_ledger: Served) -> None:
    """One that the vendor's client does not know too: it falls back to the generic shape."""
    put_created(empty_ledger, type="InvoiceOverdueNotification")
    assert shown(empty_ledger, 7)["notificationType"] == "InvoiceOverdueNotification"


@pytest.mark.acceptance("S2-14")
def test_the_payload_is_an_object(empty_ledger: Served) -> None:
    """However deep, unchanged, and left out where none is recorded."""
    payload = {"a": [1, {"b": None}], "c": 0.5}
    put_created(empty_ledger, data={"payload": payload})
    assert shown(empty_ledger, 7)["payload"] == payload


@pytest.mark.acceptance("S2-15")
@pytest.mark.parametrize("recorded", [True, False])
def test_it_says_whether_it_is_asynchronous(empty_ledger: Served, recorded: bool) -> None:  # noqa: FBT001 - a flag
    """As recorded."""
    put_created(empty_ledger, attributes={"isAsync": recorded})
    assert shown(empty_ledger, 7)["isAsync"] is recorded


@pytest.mark.acceptance("S2-16")
def test_the_process_is_identified_by_what_it_is_about(empty_ledger: Served) -> None:
    """The subject's id and type."""
    put_created(empty_ledger, subject={"type": "contact", "id": "handle-7"})
    notification = shown(empty_ledger, 7)
    assert (notification["processIdentifier"], notification["processType"]) == ("handle-7", "contact")


@pytest.mark.acceptance("S2-18")
def test_what_is_not_recorded_is_omitted_or_has_its_default(empty_ledger: Served) -> None:
    """Null is in no answer; the four required fields that may be unrecorded have defaults."""
    put_created(empty_ledger, data={"payload": None, "domainName": None})
    assert shown(empty_ledger, 7) == {
        "id": 7,
        "fireDate": "2026-01-02T12:00:00Z",
        "message": "",
        "eventType": "",
        "notificationType": "",
        "isAsync": False,
        "customer": REALTIMEREGISTER,
    }


@pytest.mark.acceptance("S2-04", "S2-21")
def test_a_number_that_two_notifications_have_is_a_missing_one(empty_ledger: Served) -> None:
    """Which of the two was meant cannot be told."""
    put_created(empty_ledger)
    empty_ledger.put(
        event("created", REALTIMEREGISTER, 2, number=7, audience=[{"recipient_id": REALTIMEREGISTER}]),
        event("fired", REALTIMEREGISTER, 2),
    )
    answer = empty_ledger.client.get(f"{PATH}/7", headers=credential("realtimeregister"))
    assert (answer.status_code, answer.json()["type"]) == (400, "ObjectDoesNotExist")


@pytest.mark.acceptance("S2-04")
def test_a_number_that_nobody_stated_is_the_place_in_the_log(empty_ledger: Served) -> None:
    """The first event of a log of one partition has number 0."""
    empty_ledger.put(
        event("created", REALTIMEREGISTER, 1, audience=[{"recipient_id": REALTIMEREGISTER}]),
        event("fired", REALTIMEREGISTER, 1),
    )
    assert shown(empty_ledger, 0)["id"] == 0


def test_the_transcribed_type_refuses_what_the_document_does_not_have() -> None:
    """So that validating answers says something."""
    with pytest.raises(ValidationError):
        TYPED.validate_python({**SAMPLES[0].row, "further": 1}, strict=True)
    with pytest.raises(ValidationError):
        TYPED.validate_python({**SAMPLES[0].row, "id": "1"}, strict=True)
