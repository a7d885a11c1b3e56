import json
import socket
import time
from datetime import UTC
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from ledger_schemas import Position, limits, parse_event
from ledger_schemas.errors import OutcomeUnknown
from ledger_schemas.kinds import Kind
from ledger_schemas.limits import INGEST_BYTES_MAX

from .conftest import MARKER, PROBLEM, MemoryLog, refused

NOTIFICATION_ID = "01900000-0000-7000-8000-000000000001"
EVENT_ID = "01900000-0000-7000-8000-000000000002"
FIRED: dict[str, Any] = {
    "kind": "fired",
    "tenant_id": "acme",
    "notification_id": NOTIFICATION_ID,
    "event_id": EVENT_ID,
    "source": "shop",
    "occurred_at": "2026-01-02T03:04:05.000006+01:00",
}


def test_one_event_is_appended(api: httpx2.Client, log: MemoryLog) -> None:
    """201, the receipt with the ids that were stated, and a position; the log has the event as it was stated."""
    answer = api.post("/v1/events", json=FIRED)
    receipt = {"event_id": EVENT_ID, "notification_id": NOTIFICATION_ID, "position": "log@0:1"}
    assert (201, {"position": "log@0:1", "receipts": [receipt]}) == (answer.status_code, answer.json())
    (((event,)),) = log.calls
    assert (event.kind, event.tenant_id, event.source) == (Kind.FIRED, "acme", "shop")
    assert event.occurred_at.isoformat() == "2026-01-02T03:04:05.000006+01:00"


def test_a_leap_second_and_nanoseconds_are_read(api: httpx2.Client, log: MemoryLog) -> None:
    """The leap second is the next second; digits beyond microseconds are cut."""
    times = ("2016-12-31T23:59:60Z", "2017-01-01T00:59:60.123456789+01:00", "2016-12-31T23:59:59.999999999Z")
    assert api.post("/v1/events", json=[{**FIRED, "occurred_at": time} for time in times]).status_code == 201
    assert [event.occurred_at.astimezone(UTC).isoformat() for event in log.calls[0]] == [
        "2017-01-01T00:00:00+00:00",
        "2017-01-01T00:00:00.123456+00:00",
        "2016-12-31T23:59:59.999999+00:00",
    ]


def test_what_is_left_out_is_made(api: httpx2.Client, log: MemoryLog) -> None:
    """A created without ids gets both; the receipt tells them."""
    answer = api.post("/v1/events", json={"kind": "created", "tenant_id": "acme", "source": "shop"}).json()
    ((event,),) = log.calls
    (receipt,) = answer["receipts"]
    assert (str(event.event_id), str(event.notification_id)) == (receipt["event_id"], receipt["notification_id"])


def test_the_example_of_the_documentation_works(api: httpx2.Client, log: MemoryLog) -> None:
    """What /openapi.json shows can be sent as it stands."""
    document = api.get("/openapi.json").json()
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]
    assert api.post("/v1/events", json=content["example"]).status_code == 201
    assert len(log.calls) == 1


def test_an_array_is_one_call_and_one_position(api: httpx2.Client, log: MemoryLog) -> None:
    """Receipts in the order of the request; one position that has reached them all."""
    others = [f"{EVENT_ID[:-1]}{number}" for number in range(5)]
    answer = api.post("/v1/events", json=[{**FIRED, "event_id": event_id} for event_id in others])
    assert answer.status_code == 201
    receipts = answer.json()["receipts"]
    assert others == [receipt["event_id"] for receipt in receipts]
    assert [len(call) for call in log.calls] == [5]
    position = Position.parse(answer.json()["position"])
    assert all(position.reached(Position.parse(receipt["position"])) for receipt in receipts)
    assert position == Position.parse("log@0:3,1:2")


def test_an_array_of_the_largest_size_is_taken(api: httpx2.Client, log: MemoryLog) -> None:
    """BATCH_EVENTS_MAX is a limit that can be reached; an empty array is one too."""
    bare = {"kind": "created", "tenant_id": "acme", "source": "shop"}
    assert len(api.post("/v1/events", json=[bare] * limits.BATCH_EVENTS_MAX).json()["receipts"]) == 1_000
    assert api.post("/v1/events", json=[]).json() == {"position": "", "receipts": []}


def test_too_many_events_are_refused(api: httpx2.Client, log: MemoryLog) -> None:
    """413, with the limit by name and the number that was sent."""
    problem = refused(api.post("/v1/events", json=[FIRED] * 1_001), log, 413, "limit_exceeded")
    assert "1001 events; BATCH_EVENTS_MAX is 1000" in problem["detail"]


@pytest.mark.parametrize("extra", [1, 30_000_000])
def test_a_body_that_is_too_large_is_refused(api: httpx2.Client, log: MemoryLog, extra: int) -> None:
    """413, with the limit by name, also when there is far more to come; the next call is answered."""
    problem = refused(api.post("/v1/events", content=b" " * (INGEST_BYTES_MAX + extra)), log, 413, "limit_exceeded")
    assert f"INGEST_BYTES_MAX = {INGEST_BYTES_MAX}" in problem["detail"]
    assert api.post("/v1/events", json=FIRED).status_code == 201


def test_a_body_of_the_largest_size_is_read(api: httpx2.Client, log: MemoryLog) -> None:
    """INGEST_BYTES_MAX itself passes."""
    body = json.dumps(FIRED).encode()
    assert api.post("/v1/events", content=body + b" " * (INGEST_BYTES_MAX - len(body))).status_code == 201


def test_an_event_that_is_too_large_is_refused(api: httpx2.Client, log: MemoryLog) -> None:
    """413, with EVENT_BYTES_MAX and the size; nothing of the array is written."""
    large = {**FIRED, "personal": {"body": "\U0001f4e6" * 200_000, "data": f'"{"x" * 400_000}"'}}
    problem = refused(api.post("/v1/events", json=[FIRED, large]), log, 413, "limit_exceeded")
    assert "EVENT_BYTES_MAX is 1000000" in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[1, 2", b"\xff\xfe\xfd", f'{{"a": {MARKER}}}'.encode(), b"[" * 100_000, b'{"a":' * 100_000),
        *(b"\xed\xa0\x80", b'{"kind": "fired"} {"kind": "fired"}', b'{"number": NaN}', b"[-Infinity]"),
        json.dumps(FIRED).encode("utf-16"),
    ],
)
def test_what_is_not_json_is_refused(api: httpx2.Client, log: MemoryLog, body: bytes) -> None:
    """422, however it is broken; it is not repeated."""
    problem = refused(api.post("/v1/events", content=body), log, 422, "contract_violation")
    assert problem["detail"] == "The body is not JSON."


@pytest.mark.parametrize(
    ("twice", "name"),
    [
        ('"source": "shop", "source": "shop"', "source"),
        ('"personal": {"title": "a", "title": "b"}', "title"),
        (f'"{"é" * 300}": 1, "{"é" * 300}": 2', "é" * 64),
        ('"\\ud800": 1, "\\ud800": 2', r"\ud800"),
    ],
)
def test_a_name_given_twice_is_refused(api: httpx2.Client, log: MemoryLog, twice: str, name: str) -> None:
    """422 names the name, in one event and in an array, where the index of the event comes first."""
    event = f'{{"kind": "created", "tenant_id": "acme", {twice}}}'
    for body, place in ((event, ""), (f" [{json.dumps(FIRED)}\n, {event}, {event}]", "1.")):
        problem = refused(api.post("/v1/events", content=body.encode()), log, 422, "contract_violation")
        assert problem["field"] == f"{place}{name}"
        assert problem["detail"] == f"{place}{name}: stands twice in one object."


def test_deep_json_is_never_a_fault_of_the_ledger(api: httpx2.Client, log: MemoryLog) -> None:
    """Whatever the depth, also where the parser of one step gives up and that of the next does not: 422."""
    for depth in (*range(100, 1_000, 100), *range(900, 1_000, 3)):
        body = f'{{"kind": "fired", "personal": {{"data": {"[" * depth}{"]" * depth}}}}}'.encode()
        refused(api.post("/v1/events", content=body), log, 422, "contract_violation")


@pytest.mark.parametrize("body", ["null", "5", '"fired"', "true"])
def test_json_that_is_no_event_is_refused(api: httpx2.Client, log: MemoryLog, body: str) -> None:
    """422, and the event itself is the field."""
    problem = refused(api.post("/v1/events", content=body), log, 422, "contract_violation")
    assert problem["field"] == "event"


BAD: list[tuple[str, object]] = [
    ("kind", {**FIRED, "kind": MARKER}),
    ("kind", {name: value for name, value in FIRED.items() if name != "kind"}),
    ("tenant_id", {**FIRED, "tenant_id": ""}),
    ("notification_id", {**FIRED, "notification_id": MARKER}),
    ("occurred_at", {**FIRED, "occurred_at": "2026-01-02T03:04:05"}),
    ("occurred_at", {**FIRED, "occurred_at": "2026-01-02T03:04:60Z"}),
    ("occurred_at", {**FIRED, "occurred_at": f"2026-01-02T03:04:05.{'0' * 65}Z"}),
    *(("number", {**FIRED, "kind": "created", "number": number}) for number in ("7", 7.0, True, -1, 2**53)),
    ("phone", {**FIRED, "phone": MARKER}),
    ("personal.phone", {**FIRED, "personal": {"phone": MARKER}}),
    ("delivery_ref", {**FIRED, "delivery_ref": MARKER}),
    ("actor", {**FIRED, "actor": "\ud800"}),
    ("audience.1.recipient_id", {**FIRED, "kind": "created", "audience": [{"recipient_id": "a"}, {}]}),
]


@pytest.mark.parametrize(("field", "event"), BAD, ids=[f"{field}-{n}" for n, (field, _) in enumerate(BAD)])
def test_a_bad_event_is_refused_by_its_field(api: httpx2.Client, log: MemoryLog, field: str, event: object) -> None:
    """422 names the field, unknown kinds and unknown fields included, and repeats no value."""
    problem = refused(api.post("/v1/events", content=json.dumps(event)), log, 422, "contract_violation")
    assert field == problem["field"]
    assert problem["detail"].startswith(f"{field}: ")
    assert problem["retryable"] is False


@pytest.mark.parametrize(("field", "event"), [*BAD, ("event", MARKER), ("event", None), ("event", [FIRED])])
def test_in_an_array_the_index_comes_first(api: httpx2.Client, log: MemoryLog, field: str, event: object) -> None:
    """One bad event refuses the call, nothing is written, and the error says which one it was."""
    body = json.dumps([FIRED, FIRED, event, FIRED])
    problem = refused(api.post("/v1/events", content=body), log, 422, "contract_violation")
    assert f"2.{field}" == problem["field"]
    assert problem["detail"].startswith(f"2.{field}: ")


def test_an_unknown_outcome_says_to_send_the_same_again(api: httpx2.Client, log: MemoryLog) -> None:
    """504, worth a retry, with the event_ids: a caller that stated none can state these."""
    events = (parse_event(FIRED), parse_event({**FIRED, "event_id": NOTIFICATION_ID}))
    log.fails = OutcomeUnknown("The log did not confirm.", hint="Put the same events again.", events=events)
    answer = api.post("/v1/events", json=FIRED)
    problem = refused(answer, log, 504, "outcome_unknown")
    assert problem["event_ids"] == [EVENT_ID, NOTIFICATION_ID]
    assert problem["retryable"] is True
    assert int(answer.headers["retry-after"]) >= 1


def test_another_method_is_told_apart(api: httpx2.Client, log: MemoryLog) -> None:
    """405 as a problem, like every error."""
    answer = api.put("/v1/events", json=FIRED)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["allow"]) == (405, PROBLEM, "POST")


def test_a_body_that_does_not_arrive_in_time_is_refused(
    api: httpx2.Client, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 that names the limit, for a plain body and for a gzip one; the connection is not held for ever."""
    monkeypatch.setattr(limits, "BODY_SECONDS_MAX", 0.2)
    address = (api.base_url.host, api.base_url.port or 80)
    for encoding in ("identity", "gzip"):
        with socket.create_connection(address, timeout=10) as stalled:
            head = f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: {encoding}\r\n"
            stalled.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
            answer = ""
            while "\r\n\r\n{" not in answer:
                answer += stalled.recv(65_536).decode()
        assert answer.startswith("HTTP/1.1 400"), answer
        assert "BODY_SECONDS_MAX" in answer
    assert log.calls == []


def test_a_client_that_goes_away_is_no_fault_of_the_ledger(api: httpx2.Client, log: MemoryLog) -> None:
    """Its upload ends half way: no error is logged, and nothing is written."""
    with capture_logs() as logs:
        with socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=10) as leaving:
            head = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            leaving.sendall(head + b"Content-Length: 100\r\n\r\n{")
        assert api.get("/health/live").status_code == 200
        time.sleep(0.3)
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert log.calls == []
