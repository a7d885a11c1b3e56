from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.queries.builder import numbered

from .easir_requests import page_of
from .serving import EASIR, Served, credential, event

MANY: Final = 35
"""Two pages of 15 and one of 5."""


@pytest.fixture
def many(empty_ledger: Served) -> Served:
    """Give a ledger in which user 54 has MANY notifications of one time, the first five of them read."""
    numbers = range(1, MANY + 1)
    empty_ledger.put(
        *(event("created", EASIR, number, audience=[{"recipient_id": "54"}]) for number in numbers),
        *(event("read", EASIR, number, recipient_id="54") for number in numbers[:5]),
    )
    return empty_ledger


@pytest.mark.acceptance("S5-03")
def test_the_envelope_is_that_of_the_document(ledger: Served) -> None:
    """Key by key and in its order; both URLs are null, as there is one page."""
    page = page_of(ledger, "54")
    assert [*page] == ["data", "pagination"]
    assert list(page["pagination"].items()) == [
        ("total", 4),
        ("page", 1),
        ("per_page", 15),
        ("urls", {"previous": None, "next": None}),
        ("unread", 3),
    ]


@pytest.mark.acceptance("S5-04")
def test_decided_unread_counts_all_that_the_user_has_not_read(many: Served) -> None:
    """Decide: whatever the page and `show` are. The document's sample says 0 beside three unread rows."""
    for params in ({}, {"page": 3}, {"page": 9}, {"show": "unread"}, {"per_page": 1}):
        assert page_of(many, "54", **params)["pagination"]["unread"] == MANY - 5


@pytest.mark.acceptance("S5-05")
def test_total_counts_the_rows_that_the_filter_finds(many: Served) -> None:
    """Not those of the page, and not what the filter leaves out."""
    assert page_of(many, "54", page=3)["pagination"]["total"] == MANY
    assert page_of(many, "54", show="unread", page=2)["pagination"]["total"] == MANY - 5


@pytest.mark.acceptance("S5-02")
def test_show_unread_shows_the_unread_ones(many: Served) -> None:
    """On all of its pages."""
    rows = [row for number in (1, 2) for row in page_of(many, "54", show="unread", page=number)["data"]]
    assert [str(numbered(number)) for number in range(MANY, 5, -1)] == [row["id"] for row in rows]
    assert not any(row["read"] for row in rows)


@pytest.mark.acceptance("S5-02")
@pytest.mark.parametrize("show", ["read", "all", "", "UNREAD", " unread"])
def test_decided_another_value_of_show_is_refused(ledger: Served, show: str) -> None:
    """Decide: 422, with the field named."""
    answer = ledger.client.get("/easir/notifications", params={"show": show}, headers=credential("easir", user="54"))
    assert answer.status_code == 422
    assert [*answer.json()["errors"]] == ["show"]


@pytest.mark.acceptance("S5-03")
@pytest.mark.parametrize("per_page", [1, 7, 15, 34, 35, 36, 100])
def test_the_pages_give_each_notification_once(many: Served, per_page: int) -> None:
    """Walking by `next` until it is null; also where the last page is exactly full."""
    seen = []
    page = page_of(many, "54", per_page=per_page)
    while True:
        seen += [row["id"] for row in page["data"]]
        following = page["pagination"]["urls"]["next"]
        if following is None:
            break
        answer = many.client.get(following, headers=credential("easir", user="54"))
        page = answer.json()
    assert [str(numbered(number)) for number in range(MANY, 0, -1)] == seen


@pytest.mark.acceptance("S5-03")
def test_the_urls_repeat_the_request_with_another_page(many: Served) -> None:
    """Absolute, with every other parameter; null at the ends."""
    urls = page_of(many, "54", show="unread", per_page=10, page=2)["pagination"]["urls"]
    for name, number in (("previous", "1"), ("next", "3")):
        parts = urlsplit(urls[name])
        assert f"{parts.scheme}://{parts.netloc}" == str(many.client.base_url).rstrip("/")
        assert parts.path == "/easir/notifications"
        assert parse_qs(parts.query) == {"show": ["unread"], "per_page": ["10"], "page": [number]}
    assert page_of(many, "54", page=1)["pagination"]["urls"]["previous"] is None
    assert page_of(many, "54", page=3)["pagination"]["urls"]["next"] is None


@pytest.mark.acceptance("S5-03")
@pytest.mark.parametrize("number", [4, 1_000, 2**53 - 1])
def test_decided_a_page_past_the_end_is_empty(many: Served, number: int) -> None:
    """Decide: 200; the page before it is the last one."""
    page = page_of(many, "54", page=number)
    assert page["data"] == []
    assert page["pagination"]["page"] == number
    assert page["pagination"]["total"] == MANY
    assert page["pagination"]["urls"]["next"] is None
    assert page["pagination"]["urls"]["previous"].endswith("?page=3")


@pytest.mark.acceptance("S5-03")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("page", value) for value in ("0", "-1", "x", "1.0", "", "+1", "01", str(2**53))),
        *(("per_page", value) for value in ("0", "101", "-1", "x", "1e1")),
    ],
)
def test_decided_a_page_that_cannot_be_is_refused(ledger: Served, name: str, value: str) -> None:
    """Decide: 422 below 1, above 100 rows, and for what is no whole number."""
    answer = ledger.client.get("/easir/notifications", params={name: value}, headers=credential("easir", user="54"))
    assert answer.status_code == 422
    assert [*answer.json()["errors"]] == [name]


@pytest.mark.acceptance("S5-03")
def test_a_page_deeper_than_the_limit_is_refused(many: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where there are so many rows that it would not be empty."""
    monkeypatch.setattr("ledger_schemas.limits.PAGE_OFFSET_MAX", 20)
    assert len(page_of(many, "54", page=2)["data"]) == 15
    answer = many.client.get("/easir/notifications", params={"page": 3}, headers=credential("easir", user="54"))
    assert (answer.status_code, [*answer.json()["errors"]]) == (422, ["page"])


@pytest.mark.acceptance("S5-03")
def test_a_user_who_has_nothing_gets_an_empty_page(ledger: Served) -> None:
    """With every number at 0."""
    page = page_of(ledger, "7")
    assert page == {
        "data": [],
        "pagination": {
            "total": 0,
            "page": 1,
            "per_page": 15,
            "urls": {"previous": None, "next": None},
            "unread": 0,
        },
    }
