"""What a row looks like over HTTP: ids, flags, status, and an object of the facts that it reached."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from ledger_queries import Desk, Grain, Readiness, create_app
from ledger_queries.answers import fields_of
from ledger_queries.facts import FACTS
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import TOPIC, Entry, Model, Notification, Sent, at, insert, numbered
from .conftest import Serve, problem

PATHS = {"/v1/notifications": Grain.NOTIFICATION, "/v1/inbox": Grain.INBOX_ENTRY, "/v1/deliveries": Grain.DELIVERY}
FOR_NOTIFICATIONS_ALONE = {"created", "amended", "audience_added", "retracted"}


@pytest.fixture
def client(model: Model, serve: Serve) -> httpx2.Client:
    """Serve one notification: fired to ann and bob, opened and read by ann alone."""
    ann = Entry("ann", [Sent("email", reached=["delivered", "opened"])], reached=["read"])
    insert(model, [Notification(numbered(1), entries=[ann, Entry("bob", [Sent("push", "d1")])], reached=["fired"])])
    ready = Readiness(ready=True, position=Position({(TOPIC, 0): 9}))
    return serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: ready))


def rows(client: httpx2.Client, path: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the rows of one page."""
    answer = client.get(path, params={"tenant": "acme", **parameters})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_row_has_the_facts_that_it_reached_and_no_others(client: httpx2.Client, path: str) -> None:
    """Each fact has first_at, last_at and a count of at least 1; there is no key for a kind that was not reached."""
    for row in rows(client, path):
        assert set(row) == set(fields_of(PATHS[path]))
        for fact, told in row["facts"].items():
            assert fact in FACTS[PATHS[path]]
            assert set(told) == {"first_at", "last_at", "count"}
            assert told["first_at"] <= told["last_at"]
            assert told["count"] >= 1


def test_the_facts_of_an_entry_are_those_of_its_recipient(client: httpx2.Client) -> None:
    """What one recipient did is not among the facts of the other; a fact about the whole notification is among both."""
    ann, bob = rows(client, "/v1/inbox")
    assert list(ann["facts"]) == ["fired", "delivered", "opened", "read"]
    assert list(bob["facts"]) == ["fired", "attempted"]
    assert not FOR_NOTIFICATIONS_ALONE & {*ann["facts"], *bob["facts"]}


def test_a_fact_has_the_times_and_the_count_of_its_events(model: Model, serve: Serve) -> None:
    """First and last occurred_at and the number of distinct events."""
    entry = Entry("ann", [Sent("email", reached=["opened", "opened"])])
    insert(model, [Notification(numbered(1), listed_at=at(0), entries=[entry])])
    client = serve(
        create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: Readiness(ready=True, position=Position()))
    )
    (row,) = rows(client, "/v1/deliveries")
    opened = row["facts"]["opened"]
    assert opened["count"] == 2
    assert opened["first_at"] < opened["last_at"]


@pytest.mark.parametrize(
    ("path", "statuses"),
    [("/v1/notifications", ["opened"]), ("/v1/inbox", ["read", "fired"]), ("/v1/deliveries", ["read", "fired"])],
)
def test_the_status_is_the_furthest_that_the_policy_gives(
    client: httpx2.Client, path: str, statuses: list[str]
) -> None:
    """One person's read makes that entry read, and a broadcast only opened."""
    assert statuses == [row["status"] for row in rows(client, path)]


@pytest.mark.parametrize("path", PATHS)
def test_fields_chooses_what_rows_show(client: httpx2.Client, path: str) -> None:
    """Only these fields, whatever their order; the page keeps its position and its next link the choice."""
    answer = client.get(path, params={"tenant": "acme", "fields": "status, notification_id", "limit": "1"})
    assert [set(row) for row in answer.json()["rows"]] == [{"notification_id", "status"}]
    assert {"position", "grain", "next"} <= answer.json().keys()
    if "link" in answer.headers:
        assert "fields=status" in answer.headers["link"]


@pytest.mark.parametrize("fields", ["colour", "", "status,,title", "status,facts.read"])
def test_a_field_that_rows_do_not_have_is_refused(client: httpx2.Client, fields: str) -> None:
    """400 that names the parameter, with all the fields that there are."""
    refused = problem(client.get("/v1/inbox", params={"tenant": "acme", "fields": fields}))
    assert (refused["status"], refused["field"]) == (400, "fields")
    assert "inbox_entry_id" in refused["hint"]
