"""The native API over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
from typing import Any
from uuid import UUID

import duckdb
import httpx2
import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs

from ledger_queries import Desk, create_app
from ledger_queries.desk import WaitFor
from ledger_schemas.errors import ReadModelBehind
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import TOPIC, Entry, Model, Notification, Sent, at, events_of, insert, move_to, numbered
from .conftest import LIVE, Serve, problem


@pytest.fixture
def client(model: Model, serve: Serve) -> httpx2.Client:
    """Serve three notifications of acme and one of another tenant."""
    insert(
        model,
        [
            Notification(
                numbered(number),
                listed_at=at(number),
                entries=[
                    Entry("ann", [Sent("email")], reached=["read"] if number == 1 else ()),
                    Entry("bob", [Sent("push", "d1")]),
                ],
                reached=["fired"],
                content={"personal": {"title": f"Bill {number}"}},
            )
            for number in (1, 2, 3)
        ]
        + [Notification(numbered(9), tenant="other", entries=[Entry("ann")])],
    )
    move_to(model, 50)
    return serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))


def test_the_unread_badge_of_each_recipient(client: httpx2.Client) -> None:
    """Unread by recipient is one count of inbox entries, and the answer names its grain and its position."""
    answer = client.get("/v1/inbox/count?tenant=acme&read=false&group_by=recipient").json()
    assert answer == {
        "position": f"{TOPIC}@0:50",
        "grain": "inbox_entry",
        "total": 5,
        "group_by": "recipient",
        "groups": [{"name": "bob", "count": 3}, {"name": "ann", "count": 2}],
        "groups_complete": True,
    }


@pytest.mark.parametrize("path", ["/v1/notifications", "/v1/inbox", "/v1/deliveries"])
def test_following_the_link_header_reaches_every_row_once(client: httpx2.Client, path: str) -> None:
    """The Link header leads from page to page, keeps the filter, and is absent on the last page, a full one too."""
    url, seen, pages = f"{path}?tenant=acme&limit=3&reached=fired&not_reached=failed", [], 0
    if path != "/v1/notifications":
        url = f"{path}?tenant=acme&limit=3&recipient=bob&created_from=2026-01-02T12:00:00%2B00:00"
    while True:
        response = client.get(url)
        assert response.status_code == 200, response.text
        seen += [row["title"] for row in response.json()["rows"]]
        pages += 1
        link = response.headers.get("link")
        assert (link is None) == (response.json()["next"] is None)
        if link is None:
            break
        found = re.fullmatch(r'<(?P<url>[^>]+)>; rel="next"', link)
        assert found is not None
        url = found["url"]
    assert (seen, pages) == (["Bill 3", "Bill 2", "Bill 1"], 1)


def test_the_next_link_keeps_repeated_parameters(client: httpx2.Client) -> None:
    """A link to the next page carries the whole question, repeated kinds included."""
    url = "/v1/notifications?tenant=acme&limit=1&reached=fired&reached=created&at_least=test.v1@0:5"
    first = client.get(url)
    second = client.get(first.headers["link"].split(">")[0][1:])
    assert [row["title"] for row in second.json()["rows"]] == ["Bill 2"]


def test_get_shows_one_notification_whole(client: httpx2.Client) -> None:
    """Get answers with the row, content, inbox entries, deliveries and timeline in one document."""
    answer = client.get(f"/v1/notifications/{numbered(1)}?tenant=acme").json()
    assert answer["notification"]["listed_at"] == "2026-01-02T12:00:01.000000Z"
    assert answer["content"]["title"] == "Bill 1"
    assert [(e["recipient_id"], e["is_read"]) for e in answer["inbox_entries"]] == [("ann", True), ("bob", False)]
    assert [d["delivery_ref"] for d in answer["deliveries"]] == [None, "d1"]
    assert sorted(e["kind"] for e in answer["timeline"]) == ["attempted", "created", "fired", "read"]
    assert answer["position"] == f"{TOPIC}@0:50"


def test_another_tenants_notification_is_answered_as_a_missing_one(client: httpx2.Client) -> None:
    """Byte for byte: an id of another tenant and an id of nobody give the same answer."""
    theirs, nobodys = numbered(9), UUID(int=numbered(9).int + 1)
    answers = [client.get(f"/v1/notifications/{number}?tenant=acme") for number in (theirs, nobodys)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(str(theirs), "ID") == answers[1].text.replace(str(nobodys), "ID")
    assert problem(answers[0])["code"] == "not_found"
    assert client.get(f"/v1/notifications/{theirs}?tenant=other").status_code == 200


@pytest.mark.parametrize(
    ("url", "code", "field"),
    [
        ("/v1/inbox", "bad_request", "tenant"),
        ("/v1/inbox?tenant=", "bad_request", "tenant"),
        ("/v1/inbox?tenant=acme&tenant=other", "bad_request", "tenant"),
        ("/v1/inbox?tenant=a%00b", "bad_request", "tenant"),
        (f"/v1/inbox?tenant={'x' * 129}", "bad_request", "tenant"),
        ("/v1/inbox?tenant=acme&recipent=ann", "bad_request", "recipent"),
        ("/v1/inbox?tenant=acme&group_by=kind", "bad_request", "group_by"),
        ("/v1/inbox?tenant=acme&reached=red", "bad_request", "reached"),
        ("/v1/inbox?tenant=acme&reached=created", "bad_request", "reached"),
        ("/v1/inbox?tenant=acme&reached=read&not_reached=read", "bad_request", "not_reached"),
        ("/v1/inbox?tenant=acme&read=maybe", "bad_request", "read"),
        ("/v1/notifications?tenant=acme&read=true", "bad_request", "read"),
        ("/v1/inbox?tenant=acme&limit=0", "bad_request", "limit"),
        ("/v1/inbox?tenant=acme&limit=1001", "bad_request", "limit"),
        ("/v1/inbox?tenant=acme&limit=ten", "bad_request", "limit"),
        ("/v1/inbox?tenant=acme&created_from=2026-01-02T12:59:60Z", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_from=2026-01-02 23:59:60Z", "bad_request", "created_from"),
        (f"/v1/inbox?tenant=acme&created_before=2026-01-02T12:00:00.{'1' * 65}Z", "bad_request", "created_before"),
        ("/v1/inbox?tenant=acme&created_from=yesterday", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_from=2026-01-02", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_from=2026-01-02T03:04:05", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_from=1767322800", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_from=2026-01-02T03:04:05+01:00", "bad_request", "created_from"),
        ("/v1/inbox?tenant=acme&created_before=0001-01-01T00:00:00%2B14:00", "bad_request", "created_before"),
        ("/v1/inbox?tenant=acme&created_before=2026-02-30T00:00:00Z", "bad_request", "created_before"),
        ("/v1/inbox?tenant=acme&cursor=broken", "cursor_invalid", "cursor"),
        ("/v1/inbox?tenant=acme&cursor=", "cursor_invalid", "cursor"),
        ("/v1/inbox?tenant=acme&at_least=5", "position_invalid", "at_least"),
        ("/v1/inbox?tenant=acme&wait_seconds=31", "bad_request", "wait_seconds"),
        ("/v1/inbox?tenant=acme&wait_seconds=nan", "bad_request", "wait_seconds"),
        ("/v1/inbox/count?tenant=acme&group_by=colour", "bad_request", "group_by"),
        ("/v1/inbox/count?tenant=acme&limit=5", "bad_request", "limit"),
        ("/v1/notifications/not-a-uuid?tenant=acme", "bad_request", "notification_id"),
        (f"/v1/notifications/{numbered(1)}", "bad_request", "tenant"),
        (f"/v1/notifications/{numbered(1)}?tenant=acme&limit=1", "bad_request", "limit"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(client: httpx2.Client, url: str, code: str, field: str) -> None:
    """Each bad input is a 400 in the one shape of error, with the field, what was wrong and what to do."""
    document = problem(client.get(url))
    assert (document["status"], document["code"], document["field"]) == (400, code, field)
    assert document["detail"]
    assert document["hint"]
    assert document["instance"] == url.split("?", maxsplit=1)[0]


def test_an_unknown_parameter_is_answered_with_the_allowed_ones(client: httpx2.Client) -> None:
    """A misspelt filter is never dropped: the answer would be to another question."""
    document = problem(client.get("/v1/inbox?tenant=acme&recipent=ann"))
    assert "recipient" in document["hint"]
    assert "not_reached" in document["hint"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/v2/inbox", 404, "not_found"), ("POST", "/v1/inbox", 405, "method_not_allowed")],
)
def test_unknown_paths_and_methods_are_problems_too(
    client: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    """What the framework refuses has the same shape as what the ledger refuses; 405 keeps its Allow header."""
    response = client.request(method, path)
    assert (problem(response)["code"], response.status_code) == (code, status)
    assert response.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


def test_answers_are_not_kept_by_caches(client: httpx2.Client) -> None:
    """Answers hold personal content and go stale with the next event, so nothing between may store them."""
    for path in ("/v1/inbox?tenant=acme", "/v1/inbox", f"/v1/notifications/{numbered(1)}?tenant=acme"):
        assert client.get(path).headers["cache-control"] == "no-store"


class Moving:
    """A read model that somebody moves on, and what waits for it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._moved = threading.Event()
        self.waited_for: list[str] = []

    def write(self, offset: int) -> None:
        """Add a notification and move the position, as a projector does."""
        self._model.append(events_of(Notification(numbered(offset))), until={0: offset})
        self._moved.set()

    async def wait_for(self, wanted: Position, seconds: float) -> None:
        """Return when it was moved, or when the time is over."""
        self.waited_for.append(str(wanted))
        await asyncio.to_thread(self._moved.wait, seconds)


def test_at_least_waits_until_the_write_is_visible(model: Model, serve: Serve) -> None:
    """A read that asks for the position of a write waits for it and then shows what was written."""
    moving = Moving(model)
    client = serve(create_app(Desk(model.cursor, directory=OPEN, wait_for=moving.wait_for), readiness=lambda: LIVE))
    assert client.get("/v1/notifications?tenant=acme").json()["rows"] == []

    writer = threading.Timer(0.3, moving.write, [7])
    writer.start()
    answer = client.get(f"/v1/notifications?tenant=acme&at_least={TOPIC}@0:7&wait_seconds=20").json()
    writer.join()

    assert moving.waited_for == [f"{TOPIC}@0:7"]
    assert answer["position"] == f"{TOPIC}@0:7"
    assert [row["notification_id"] for row in answer["rows"]] == [str(numbered(7))]


async def never(_: Position, __: float) -> None:
    """Hang, whatever was asked."""
    await asyncio.Event().wait()


async def refuse(_: Position, __: float) -> None:
    """Give up as the projector does."""
    raise ReadModelBehind("Not reached.", hint="Ask again.")


async def too_early(_: Position, __: float) -> None:
    """Return although nothing was reached."""


@pytest.mark.parametrize("wait_for", [never, refuse, too_early, None])
def test_a_position_that_is_not_reached_in_time_is_503(model: Model, serve: Serve, wait_for: WaitFor | None) -> None:
    """However waiting ends, no answer is given from before the position asked for; the caller may come again."""
    move_to(model, 5)
    client = serve(create_app(Desk(model.cursor, directory=OPEN, wait_for=wait_for), readiness=lambda: LIVE))
    response = client.get(f"/v1/inbox/count?tenant=acme&at_least={TOPIC}@0:6&wait_seconds=0.2")
    document = problem(response)
    assert (document["status"], document["code"], document["retryable"]) == (503, "read_model_behind", True)
    assert int(response.headers["retry-after"]) >= 1
    assert document["field"] == "at_least"
    if wait_for is refuse:
        assert (document["detail"], document["hint"]) == ("Not reached.", "Ask again.")


def test_an_unexpected_fault_tells_nothing(model: Model, serve: Serve) -> None:
    """A fault of the ledger is a 500 without its inside; the log has the class of the fault, not its words."""

    def broken() -> duckdb.DuckDBPyConnection:
        raise ValueError("secret of ann@example.org")

    client = serve(create_app(Desk(broken, directory=OPEN), readiness=lambda: LIVE))
    with capture_logs() as logs:
        response = client.get("/v1/inbox?tenant=acme")
    assert (problem(response)["code"], response.status_code) == ("internal_error", 500)
    assert "example.org" not in response.text
    assert "ValueError" not in response.text
    assert [(line["event"], line["error_type"], line["path"]) for line in logs] == [
        ("api.unexpected_error", "ValueError", "/v1/inbox")
    ]
    assert "example.org" not in str(logs)


def test_a_damaged_read_model_is_an_error_not_an_answer(model: Model, serve: Serve) -> None:
    """When a table is gone the API says that it failed; it does not answer as if there were nothing."""
    model.execute("DROP TABLE inbox_entry_rows")
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))
    assert client.get("/v1/inbox?tenant=acme").status_code == 500
    assert client.get("/health/live").json() == {"status": "live"}


def test_routers_that_are_handed_in_share_the_shape_of_error(model: Model, serve: Serve) -> None:
    """A router of another package is served beside the read side, under the same problems and in the same document.

    Its route is one that a rule of `access` is for: any other is refused to everyone.
    """
    router = APIRouter()

    @router.post("/v1/events")
    async def make(things: list[int]) -> int:
        """Count things."""
        if not things:
            raise ReadModelBehind("No things.", hint="Ask again.")
        return len(things)

    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE, routers=[router]))
    assert client.post("/v1/events", json=[1, 2]).json() == 2
    assert problem(client.post("/v1/events", json=[]))["code"] == "read_model_behind"
    refused = problem(client.post("/v1/events", json=[1, "two"]))
    assert (refused["status"], refused["code"], refused["field"]) == (422, "contract_violation", "1")
    assert "/v1/events" in client.get("/openapi.json").json()["paths"]
    in_gzip = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert client.post("/v1/events", content=gzip.compress(b"[1, 2, 3]"), headers=in_gzip).json() == 3
    assert problem(client.post("/v1/events", content=b"[1, 2, 3]", headers=in_gzip))["code"] == "bad_request"


def test_the_openapi_document_is_whole(client: httpx2.Client) -> None:
    """Every operation has a summary and a description, every reference resolves, every error is a problem.

    No parameter is required but the recipient of a badge: the tenant is the credential's.
    """
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]
    assert "HTTPValidationError" not in text
    assert {f"/v1/{thing}{tail}" for thing in ("notifications", "inbox", "deliveries") for tail in ("", "/count")} | {
        "/v1/notifications/{notification_id}",
        "/v1/inbox/badge",
        "/v1/inbox/marks",
        "/health/live",
        "/health/ready",
    } == set(document["paths"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            for status, response in operation["responses"].items():
                if status != "200":
                    assert list(response["content"]) == ["application/problem+json"]
            if path.startswith("/v1/") and "parameters" in operation:
                asked = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
                required = ["recipient"] if path.endswith("/badge") else []
                assert [parameter["name"] for parameter in asked if parameter["required"]] == required
                assert all(parameter["description"] for parameter in asked)


def test_what_happens_to_one_tenant_is_invisible_to_another(model: Model, client: httpx2.Client) -> None:
    """Lists, counts and notifications of one tenant stay as they are when another's rows come, under the same id."""
    urls = [
        "/v1/notifications?tenant=acme",
        "/v1/inbox/count?tenant=acme&group_by=kind",
        "/v1/inbox/badge?tenant=acme&recipient=ann",
        "/v1/deliveries?tenant=acme&channel=email",
        "/v1/notifications/count?tenant=acme&recipient=ann&group_by=channel",
        "/v1/notifications/count?tenant=acme&group_by=recipient",
        "/v1/notifications?tenant=acme&recipient=cem",
        "/v1/notifications?tenant=acme&channel=sms",
        f"/v1/notifications/{numbered(1)}?tenant=acme",
    ]
    before = [answered(client, url) for url in urls]
    theirs = Notification(numbered(1), tenant="other", entries=[Entry(who, [Sent("sms")]) for who in ("ann", "cem")])
    # Each of their events twice: duplicates are a tenant's own, too.
    model.append([*events_of(theirs)] * 2)
    assert before == [answered(client, url) for url in urls]


def answered(client: httpx2.Client, url: str) -> dict[str, Any]:
    """Return an answer but for its position, which is that of all tenants."""
    answer: dict[str, Any] = client.get(url).json()
    del answer["position"]
    return answer
