"""The filters and orders of the native lists, by their names in a URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from uuid import UUID

import httpx2
import pytest

from ledger_queries import Desk, Readiness, create_app
from ledger_queries.content_filter import ContentFilter
from ledger_queries.sorting import SortBy
from ledger_schemas.positions import Position
from tests.directories import OPEN
from tests.loopback import Servers

from .builder import Entry, Model, Notification, Sent, at, insert, numbered

SAID = {
    "external_id": "order-1",
    "number": 4711,
    "correlation_id": "flow-1",
    "type": "invoice",
    "category": "billing",
    "action": "CREATE",
    "priority": "HIGH",
    "severity": "low",
    "subject": {"type": "BUYER", "id": "b1"},
    "creator": {"type": "USER", "id": "u1"},
    "groups": [{"type": "team", "id": "7"}, {"type": "topic", "id": "8"}],
    "tags": ["a", "b"],
    "contexts": ["env:test"],
    "template": {"id": "t1"},
    "schedule": {"id": "s1"},
    "scheduled_at": at(100),
    "personal": {"data": '{"order": {"lines": [{"sku": "x"}]}}'},
}
FINDS = {
    "notification_id": str(numbered(1)),
    "external_id": "order-1",
    "number": "4711",
    "correlation_id": "flow-1",
    "type": "invoice",
    "category": "billing",
    "action": "CREATE",
    "priority": "HIGH",
    "severity": "low",
    "subject_type": "BUYER",
    "subject_id": "b1",
    "creator_type": "USER",
    "creator_id": "u1",
    "group_type": "team",
    "group_id": "8",
    "tag": "b",
    "context": "env:test",
    "template_id": "t1",
    "schedule_id": "s1",
    "data_path": "$.order.lines[0].sku",
    "data_value": "x",
    "due_from": at(50).isoformat(),
    "due_before": at(50).isoformat(),
}
"""A value of each condition that finds the one that says all of SAID; due_before finds the other."""

GRAINS = ("notifications", "inbox", "deliveries")


Asked = Mapping[str, str | int | list[str]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Give a client of an API over two notifications: one says everything that can be asked for, one nothing."""
    told = [Entry("ann", [Sent("email")])]
    path = tmp_path_factory.mktemp("filters") / "read_model.duckdb"
    with contextlib.closing(Model(path)) as model, Servers() as servers:
        insert(
            model,
            [
                Notification(numbered(1), listed_at=at(1), entries=told, content=SAID),
                Notification(numbered(2), listed_at=at(2), entries=told),
            ],
        )
        ready = Readiness(ready=True, position=Position())
        yield servers.serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: ready))


def found(client: httpx2.Client, grain: str, **conditions: str | list[str]) -> list[int]:
    """Return the numbers of the rows of a list, and check that the count agrees."""
    listed = client.get(f"/v1/{grain}", params={"tenant": "acme", **conditions})
    assert listed.status_code == httpx2.codes.OK, listed.text
    filters = {name: value for name, value in conditions.items() if name not in {"sort", "offset", "limit", "total"}}
    counted = client.get(f"/v1/{grain}/count", params={"tenant": "acme", **filters}).json()
    rows = [UUID(row["notification_id"]).int & 0xFF for row in listed.json()["rows"]]
    assert "sort" in conditions or "offset" in conditions or counted["total"] == len(rows)
    return rows


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("name", ContentFilter.model_fields)
def test_every_condition_on_content_has_its_name_in_the_url(client: httpx2.Client, grain: str, name: str) -> None:
    """At every grain it finds the notification that says so and not the other; list and count agree."""
    together = {"data_path", "data_value"} if name.startswith("data_") else {name}
    asked = {one: FINDS[one] for one in together}
    assert found(client, grain, **asked) == ([2] if name == "due_before" else [1])


def test_several_values_are_any_of_them_and_tags_all(client: httpx2.Client) -> None:
    """A condition that is given twice finds what has either value; of tags and contexts both are needed."""
    assert found(client, "notifications", priority=["LOW", "HIGH"]) == [1]
    assert found(client, "notifications", tag=["a", "b"]) == [1]
    assert found(client, "notifications", tag=["a", "c"]) == []


@pytest.mark.parametrize("by", SortBy)
def test_every_sort_key_goes_up_and_down_and_rows_without_a_value_come_last(client: httpx2.Client, by: SortBy) -> None:
    """By keys that one row lacks it comes last both ways; by the others the order turns round."""
    up, down = (found(client, "inbox", sort=sort) for sort in (by.value, f"-{by}"))
    if by in {SortBy.LISTED_AT, SortBy.NUMBER}:
        assert (up, down) == (([1, 2], [2, 1]) if by is SortBy.LISTED_AT else ([2, 1], [1, 2]))
    elif by in {SortBy.DUE_AT, SortBy.EXTERNAL_ID}:
        assert (up, down) == ([2, 1], [1, 2])
    else:
        assert (up, down) == ([1, 2], [1, 2])


def test_pages_by_offset_have_a_total_on_request(client: httpx2.Client) -> None:
    """The total is of the whole filter; past the end a page is empty; a cursor goes on from where a page ended."""
    page = client.get("/v1/inbox", params={"tenant": "acme", "limit": 1, "offset": 1, "total": "true"}).json()
    assert (page["total"], page["next"], len(page["rows"])) == (2, None, 1)
    beyond = client.get("/v1/inbox", params={"tenant": "acme", "offset": 2, "total": "true"}).json()
    assert (beyond["total"], beyond["rows"]) == (2, [])
    first = client.get("/v1/inbox", params={"tenant": "acme", "limit": 1, "sort": "-number"})
    second = client.get(
        "/v1/inbox", params={"tenant": "acme", "limit": 1, "sort": "-number", "cursor": first.json()["next"]}
    )
    assert [row["notification_id"] for row in second.json()["rows"]] == [str(numbered(2))]
    assert first.json()["total"] is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"offset": "-1"}, "offset"),
        ({"offset": "1000001"}, "offset"),
        ({"sort": "title"}, "sort"),
        ({"number": "-1"}, "number"),
        ({"data_path": "$.a"}, "data_value"),
        ({"data_path": "$..a", "data_value": "1"}, "data_path"),
        ({"data_path": "$.a'); DROP TABLE x", "data_value": "1"}, "data_path"),
        ({"due_from": "2026-01-02T00:00:00Z", "due_before": "2026-01-01T00:00:00Z"}, "due_before"),
        ({"notification_id": "x"}, "notification_id"),
        ({"type": [str(number) for number in range(101)]}, "type"),
        ({"total": "perhaps"}, "total"),
    ],
)
def test_a_condition_that_cannot_be_asked_names_its_field(client: httpx2.Client, asked: Asked, field: str) -> None:
    """The answer is 400 with the field."""
    answer = client.get("/v1/notifications", params={"tenant": "acme", **asked})
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_an_offset_goes_with_no_cursor_and_a_cursor_with_its_order(client: httpx2.Client) -> None:
    """A cursor of one order is refused by another, and with an offset."""
    cursor = client.get("/v1/inbox", params={"tenant": "acme", "limit": 1}).json()["next"]
    for more, code in (("offset=1", "bad_request"), ("sort=number", "cursor_invalid")):
        answer = client.get(f"/v1/inbox?tenant=acme&limit=1&cursor={cursor}&{more}")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
