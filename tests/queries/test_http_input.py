"""What the native API reads in a request over a real socket, and what it refuses to read: times, bytes, positions."""

from __future__ import annotations

import contextlib
import http.client
from datetime import UTC, datetime, timedelta

import duckdb
import httpx2
import pytest

from ledger_queries import Desk, create_app
from ledger_queries.desk import WaitFor
from ledger_schemas.topic import DIRECTORY_TOPIC
from tests.directories import OPEN

from .builder import TOPIC, Entry, Model, Notification, insert, move_to, numbered
from .conftest import LIVE, Serve, problem
from .test_http import never, too_early


@pytest.mark.parametrize(
    ("span", "found"),
    [
        ("created_from=2016-12-31T23:59:60Z", ["New year"]),
        ("created_before=2016-12-31T23:59:60Z", ["Old year"]),
        ("created_from=2017-01-01T05:29:60%2B05:30&created_before=2016-12-31T23:59:60.000001Z", ["New year"]),
        ("created_from=2016-12-31T23:59:60.5Z", []),
        ("created_from=2016-12-31T23:59:60.0000009Z", ["New year"]),
        (f"created_from=2016-12-31T23:59:59.{'9' * 64}Z", ["New year"]),
        ("created_before=2016-12-31T23:59:59.9999989Z", []),
        ("created_before=2016-12-31T23:59:59.9999999999Z", ["Old year"]),
    ],
)
def test_times_of_a_filter_are_read_as_those_of_events(model: Model, serve: Serve, span: str, found: list[str]) -> None:
    """The leap second is the next second, and digits beyond microseconds are cut."""
    new_year = datetime(2017, 1, 1, tzinfo=UTC)
    listed = {"Old year": new_year - timedelta(microseconds=2), "New year": new_year}
    insert(
        model,
        [
            Notification(numbered(number), listed_at=time, content={"personal": {"title": title}})
            for number, (title, time) in enumerate(listed.items())
        ],
    )
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))
    assert [row["title"] for row in client.get(f"/v1/notifications?tenant=acme&{span}").json()["rows"]] == found


NOT_UTF_8 = [
    ("/v1/inbox?tenant=acme&recipient={}", "recipient"),
    ("/v1/inbox?tenant={}", "tenant"),
    ("/v1/inbox/badge?tenant=acme&recipient=+{}", "recipient"),
    ("/v1/inbox?tenant=acme&cursor={}", "cursor"),
    ("/v1/inbox?{}=acme", "query"),
    ("/v1/inbox?={}", "query"),
    ("/health/live?{}", "query"),
    ("/openapi.json?a=1&{}", "query"),
    ("/v1/nowhere?of={}", "of"),
    ("/v1/notifications/{}?tenant=acme", "path"),
    ("/{}", "path"),
]


@pytest.mark.parametrize("bytes_", ["%ff", "a%C3", "%ED%A0%80", "%C0%AF", "b%F5%80%80%80"])
def test_what_is_not_utf_8_is_refused(model: Model, serve: Serve, bytes_: str) -> None:
    """No route reads bytes that are no UTF-8 with replacement characters: 400 that says where they stand."""
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))
    for url, field in NOT_UTF_8:
        document = problem(asked_as_it_stands(client, url.format(bytes_)))
        assert (document["status"], document["code"], document["field"]) == (400, "bad_request", field)
        assert document["instance"] == url.format(bytes_).split("?")[0]
        assert document["hint"]


@pytest.mark.parametrize("recipient", ["\ufffd", "Zo\xeb", "\U0001f4e6", "a&b=c+d%ff"])
def test_what_is_utf_8_is_read_as_it_is(model: Model, serve: Serve, recipient: str) -> None:
    """Every character may stand in an id, the replacement character too, when it is what was sent."""
    insert(model, [Notification(numbered(5), entries=[Entry(recipient)])])
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))
    answer = client.get("/v1/inbox", params={"tenant": "acme", "recipient": recipient})
    assert [row["recipient_id"] for row in answer.json()["rows"]] == [recipient]


def asked_as_it_stands(client: httpx2.Client, url: str) -> httpx2.Response:
    """Send a GET whose target no client library corrects."""
    connection = http.client.HTTPConnection(str(client.base_url.host), client.base_url.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", url)
        answer = connection.getresponse()
        return httpx2.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@pytest.mark.parametrize("wait_for", [never, None])
@pytest.mark.parametrize(
    ("position", "named"),
    [
        ("other.v1@0:1", "partition 0 of other.v1"),
        (f"{TOPIC}@1:1", f"partition 1 of {TOPIC}"),
        (f"{TOPIC}@0:6,999999999:7", f"partition 999999999 of {TOPIC}"),
        (f"{TOPIC}@0:6,other.v1@0:7", "partition 0 of other.v1"),
    ],
)
def test_a_position_that_is_never_reached_is_400_at_once(
    model: Model, serve: Serve, wait_for: WaitFor | None, position: str, named: str
) -> None:
    """Another topic or partition is refused without a wait, and the right ones are named."""
    client = serve(create_app(Desk(model.cursor, directory=OPEN, wait_for=wait_for), readiness=lambda: LIVE))
    for path in ("/v1/inbox?", "/v1/inbox/badge?recipient=ann&", f"/v1/notifications/{numbered(1)}?"):
        document = problem(client.get(f"{path}tenant=acme&at_least={position}&wait_seconds=30"))
        assert (document["status"], document["code"], document["field"]) == (400, "position_invalid", "at_least")
        has = f"partition 0 of {DIRECTORY_TOPIC}, partition 0 of {TOPIC}"
        assert document["detail"] == f"at_least: this read model never reads {named}; it has {has}."


def test_a_parameter_that_is_repeated_too_often_is_refused_at_once(model: Model, serve: Serve) -> None:
    """Each kind once is enough; the number of repetitions costs no time of its own."""
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: LIVE))
    refused = problem(client.get("/v1/inbox?tenant=acme&" + "&".join(["reached"] * 5_000)))
    assert (refused["status"], refused["field"]) == (400, "reached")
    assert "5,000 times" in refused["detail"]


def test_the_partitions_of_a_read_model_are_asked_of_its_file_once(model: Model, serve: Serve) -> None:
    """The first read with at_least asks for them; each later one takes one cursor, as a read without it does."""
    cursors: list[duckdb.DuckDBPyConnection] = []

    def reader() -> duckdb.DuckDBPyConnection:
        cursors.append(model.cursor())
        return cursors[-1]

    move_to(model, 5)
    client = serve(create_app(Desk(reader, directory=OPEN, wait_for=too_early), readiness=lambda: LIVE))
    counted = []
    for at_least in (f"&at_least={TOPIC}@0:5", f"&at_least={TOPIC}@0:5", ""):
        assert client.get(f"/v1/inbox?tenant=acme{at_least}").status_code == 200
        counted.append(len(cursors))
    assert counted == [2, 3, 4]
