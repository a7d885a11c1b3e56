from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger_schemas.errors import QueryTooLong
from tests.queries.builder import NOON

from .serving import NOVU, SUGER, Served, event
from .suger import OF_NOON, OF_THE_SAMPLES, PATH, ask, created, ids, listed, refused, samples

DAY = timedelta(days=1)


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def at(day: date, hour: int = 12, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    """Return a time of a day in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, second, microsecond, UTC)


def on_one_day(ask_all: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever was asked
    """Return what was asked while the day did not change; what a day's end falls into is asked again."""
    while True:
        begun = today()
        found = ask_all()
        if begun == today():
            return found


@pytest.mark.acceptance("S1-01")
def test_a_path_names_one_organization_and_gets_its_events_alone(ledger: Served) -> None:
    """In a ledger that has other organizations' notifications of the same days."""
    assert ids(listed(ledger, OF_THE_SAMPLES)) == [row["eventID"] for row in samples()]
    elsewhere = listed(ledger, {"startDate": "2000-01-01", "endDate": "2030-01-01"}, tenant=NOVU)
    assert {row["organizationID"] for row in elsewhere["notificationEvents"]} == {NOVU}


@pytest.mark.acceptance("S1-01")
def test_an_organization_is_required(ledger: Served) -> None:
    """A path without one, or with a name that none can have, is no path of the document."""
    refused(ask(ledger, path="/suger/org//notificationEvent"), 404)
    refused(ask(ledger, path="/suger/org/notificationEvent"), 404)


@pytest.mark.acceptance("S1-02", "S1-03")
def test_without_dates_the_window_is_today_and_the_thirty_days_before(empty_ledger: Served) -> None:
    """Whole days: what is scheduled for the end of today is in it, and what is for tomorrow is not."""

    def found() -> list[str]:
        now = today()
        days = [now - 31 * DAY, now - 30 * DAY, now, now + DAY]
        empty_ledger.put(
            *(
                created(number, at(now - 40 * DAY), scheduled_at=at(day, *time), external_id=f"{now} {number}")
                for number, (day, time) in enumerate(zip(days, [(23, 59), (0, 0), (23, 59), (0, 0)], strict=True))
            )
        )
        return [event_id.removeprefix(f"{now} ") for event_id in ids(listed(empty_ledger))]

    assert on_one_day(found)[:2] == ["2", "1"]
    assert listed(empty_ledger)["totalCount"] == 2


@pytest.mark.acceptance("S1-02")
def test_the_window_begins_thirty_days_before_its_end(empty_ledger: Served) -> None:
    """Not before today: `endDate` alone moves both."""
    days = (date(2026, 1, 1), date(2026, 1, 2), date(2026, 2, 1))
    empty_ledger.put(*(created(number, at(day)) for number, day in enumerate(days)))
    assert ids(listed(empty_ledger, {"endDate": "2026-02-01"})) == ["event-2", "event-1"]


@pytest.mark.acceptance("S1-03")
def test_the_window_ends_today(empty_ledger: Served) -> None:
    """`startDate` alone leaves the end where it is."""

    def found() -> list[str]:
        now = today()
        for number, day in enumerate((now - 90 * DAY, now, now + DAY)):
            empty_ledger.put(created(number, at(now - 90 * DAY), scheduled_at=at(day)))
        return ids(listed(empty_ledger, {"startDate": str(now - 90 * DAY)}))

    assert on_one_day(found) == ["event-1", "event-0"]


@pytest.mark.acceptance("S1-04")
def test_both_ends_of_the_window_are_whole_days(empty_ledger: Served) -> None:
    """Decided: from the first microsecond of `startDate` to the last one of `endDate`."""
    first, last = date(2026, 1, 1), date(2026, 1, 2)
    empty_ledger.put(
        created(1, at(first) - DAY / 2 - timedelta(microseconds=1)),
        created(2, at(first, 0)),
        created(3, at(last, 23, 59, 59, 999_999)),
        created(4, at(last + DAY, 0)),
    )
    assert ids(listed(empty_ledger, {"startDate": first, "endDate": last})) == ["event-3", "event-2"]


@pytest.mark.acceptance("S1-05")
def test_the_window_goes_by_the_timestamp_and_not_by_the_last_update(empty_ledger: Served) -> None:
    """Decided: scheduled, else created."""
    empty_ledger.put(
        created(1, NOON - 5 * DAY, scheduled_at=NOON),
        created(2, NOON, scheduled_at=NOON + 5 * DAY),
        created(3, NOON - 5 * DAY),
        event("read", SUGER, 3, NOON),
    )
    assert ids(listed(empty_ledger, OF_NOON)) == ["event-1"]


@pytest.mark.acceptance("S1-06")
@pytest.mark.parametrize(
    "params",
    [
        {"startDate": "2026-01-03", "endDate": "2026-01-02"},
        {"startDate": "9999-12-31"},
        *({name: text} for name in ("startDate", "endDate") for text in ("2026-1-2", "2026-02-30", "20260102", "now")),
        *({name: text} for name in ("startDate", "endDate") for text in ("", "2026-01-02T00:00:00Z", "0000-01-01")),
    ],
)
def test_days_that_are_none_or_in_the_wrong_order_are_refused(ledger: Served, params: dict[str, str]) -> None:
    """With the name of the parameter."""
    assert refused(ask(ledger, params), 400).startswith(min(params, key=len) if len(params) == 1 else "startDate")


@pytest.mark.acceptance("S1-06")
@pytest.mark.parametrize("end", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_days_like_others(ledger: Served, end: str) -> None:
    """Nothing lies there, and nothing fails."""
    assert listed(ledger, {"endDate": end}) == {"notificationEvents": [], "totalCount": 0}


@pytest.mark.acceptance("S1-07")
def test_a_page_has_a_thousand_rows_at_most_and_by_default(empty_ledger: Served) -> None:
    """One more gives a next page."""
    empty_ledger.put(*(created(number, external_id=f"{number:04}") for number in range(1_001)))
    for params in (OF_NOON, {**OF_NOON, "limit": 1_000}):
        page = listed(empty_ledger, params)
        assert len(ids(page)) == page["nextOffset"] == 1_000
        assert page["totalCount"] == 1_001
    assert ids(listed(empty_ledger, {**OF_NOON, "offset": 1_000})) == ["0000"]


@pytest.mark.acceptance("S1-07")
@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1.5", "ten", "", "+5", "1_0", " 5", "9" * 400])
def test_a_limit_that_is_none_is_refused(ledger: Served, limit: str) -> None:
    """Decided: 400, never a shorter page than asked for."""
    assert refused(ask(ledger, {"limit": limit}), 400).startswith("limit: ")


@pytest.mark.acceptance("S1-08")
@pytest.mark.parametrize("offset", ["-1", "1000001", "1.5", "ten", "", "9" * 400])
def test_an_offset_that_is_none_is_refused(ledger: Served, offset: str) -> None:
    """A page that begins past PAGE_OFFSET_MAX too."""
    assert refused(ask(ledger, {"offset": offset}), 400).startswith("offset: ")


@pytest.mark.acceptance("S1-08")
def test_an_offset_passes_over_rows(ledger: Served) -> None:
    """By default over none; past the end there is nothing."""
    expected = [row["eventID"] for row in samples()]
    for offset in range(7):
        assert ids(listed(ledger, {**OF_THE_SAMPLES, "offset": offset})) == expected[offset:]


OF_EACH = {"LOW": "event-1", "MEDIUM": "event-2", "HIGH": "event-3", "CRITICAL": "event-4"}


@pytest.fixture
def of_each_priority(empty_ledger: Served) -> Served:
    """Give a ledger of an event of each priority, of one without, and of one with another word."""
    empty_ledger.put(*(created(number, priority=priority) for number, priority in enumerate(OF_EACH, 1)))
    empty_ledger.put(created(5), created(6, priority="low"))
    return empty_ledger


@pytest.mark.acceptance("S1-09")
@pytest.mark.parametrize(
    ("priorities", "found"),
    [
        ("HIGH", "3"),
        ("HIGH,CRITICAL", "43"),
        ("CRITICAL,HIGH", "43"),
        (" HIGH ,  LOW", "31"),
        ("HIGH,HIGH,LOW,HIGH", "31"),
        ("LOW,,MEDIUM,", "21"),
        ("LOW,MEDIUM,HIGH,CRITICAL", "4321"),
    ],
)
def test_priorities_are_a_list_with_commas(of_each_priority: Served, priorities: str, found: str) -> None:
    """Spaces and repetitions change nothing, and the total follows the filter."""
    page = listed(of_each_priority, {**OF_NOON, "priorities": priorities})
    assert ids(page) == [f"event-{number}" for number in found]
    assert page["totalCount"] == len(found)


@pytest.mark.acceptance("S1-09")
@pytest.mark.parametrize("priorities", ["URGENT", "HIGH,URGENT", "high", "HIGH;LOW", "HIGH LOW", '"HIGH"', "\tLOW"])
def test_a_priority_that_the_document_lacks_is_refused(ledger: Served, priorities: str) -> None:
    """Case counts."""
    assert refused(ask(ledger, {"priorities": priorities}), 400).startswith("priorities: ")


@pytest.mark.acceptance("S1-09", "S1-10")
@pytest.mark.parametrize("params", [{}, {"priorities": ""}, {"priorities": " , "}])
def test_no_priorities_are_all_of_them(of_each_priority: Served, params: dict[str, str]) -> None:
    """As the document has it, and not HIGH and CRITICAL alone; events without one are among them."""
    page = listed(of_each_priority, {**OF_NOON, **params})
    assert [each["priority"] for each in page["notificationEvents"]] == ["low", "", "CRITICAL", "HIGH", "MEDIUM", "LOW"]


@pytest.mark.acceptance("S1-10")
def test_an_event_without_a_priority_has_none_of_those_that_are_asked_for(of_each_priority: Served) -> None:
    """Nor has one whose word is another."""
    page = listed(of_each_priority, {**OF_NOON, "priorities": ",".join(OF_EACH)})
    assert set(ids(page)) == set(OF_EACH.values())


@pytest.mark.acceptance("S1-11")
@pytest.mark.parametrize(
    ("limit", "offset", "next_offset"), [(2, 0, 2), (2, 2, 4), (2, 4, None), (5, 0, None), (1, 4, None), (6, 9, None)]
)
def test_a_next_offset_is_there_while_rows_follow(
    ledger: Served, limit: int, offset: int, next_offset: int | None
) -> None:
    """Absent on the last page, also where that is exactly full."""
    page = listed(ledger, {**OF_THE_SAMPLES, "limit": limit, "offset": offset})
    assert page.get("nextOffset") == next_offset
    assert ("nextOffset" in page) == (next_offset is not None)


@pytest.mark.acceptance("S1-12")
def test_the_total_is_on_the_page_at_offset_zero_alone(ledger: Served) -> None:
    """It counts what the filter finds, whatever the page holds."""
    assert listed(ledger, {**OF_THE_SAMPLES, "limit": 2})["totalCount"] == 5
    assert listed(ledger, {**OF_THE_SAMPLES, "offset": 0, "priorities": "LOW"})["totalCount"] == 1
    assert list(listed(ledger, {**OF_THE_SAMPLES, "offset": 1})) == ["notificationEvents"]
    assert list(listed(ledger, {**OF_THE_SAMPLES, "limit": 1})) == ["nextOffset", "notificationEvents", "totalCount"]


@pytest.mark.acceptance("S1-13")
def test_nothing_is_an_empty_page(empty_ledger: Served) -> None:
    """Of an organization without events, and of days without any."""
    assert listed(empty_ledger) == {"notificationEvents": [], "totalCount": 0}
    empty_ledger.put(created(1))
    assert listed(empty_ledger, {"endDate": "2026-01-01"}) == {"notificationEvents": [], "totalCount": 0}


@pytest.mark.acceptance("S1-14")
def test_the_order_is_newest_first_by_timestamp_and_event_id(empty_ledger: Served) -> None:
    """Decided: total, so that pages of any size have every event once."""
    empty_ledger.put(
        *(
            created(number, NOON + timedelta(seconds=number // 5), external_id=f"e-{number * 7 % 20:02}")
            for number in range(20)
        ),
        created(20, NOON - DAY, scheduled_at=NOON + timedelta(seconds=2), external_id="e-99"),
        event("created", SUGER, 21, NOON),
        event("created", SUGER, 22, NOON),
        *(created(number, source=f"source-{number}", external_id="same") for number in (23, 24)),
    )
    whole = listed(empty_ledger, OF_NOON)
    named = [(each["timestamp"], each["eventID"]) for each in whole["notificationEvents"]]
    assert named == sorted(named, reverse=True)
    assert len(named) == whole["totalCount"] == 25
    for limit in (1, 2, 3, 7):
        offset: int | None = 0
        walked = []
        while offset is not None:
            page = listed(empty_ledger, {**OF_NOON, "limit": limit, "offset": offset})
            walked += page["notificationEvents"]
            offset = page.get("nextOffset")
        assert walked == whole["notificationEvents"]


@pytest.mark.acceptance("S1-30")
def test_a_bad_request_is_a_json_string(ledger: Served) -> None:
    """With a parameter that the document lacks, such as one misspelt, or one given twice."""
    assert "'start_date'" in refused(ask(ledger, {"start_date": "2026-01-02"}), 400)
    assert "more than once" in refused(ask(ledger, path=f"{PATH}?limit=1&limit=2"), 400)
    assert "UTF-8" in refused(ask(ledger, path=f"{PATH}?priorities=%FF"), 400)


@pytest.mark.acceptance("S1-30")
def test_a_fault_of_the_ledger_is_a_json_string(fresh_ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """500, and nothing of the fault is told."""

    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(fresh_ledger.desk, "read", fail)
    assert refused(ask(fresh_ledger), 500) == "Internal server error"


@pytest.mark.acceptance("S1-30")
def test_a_ledger_that_is_busy_is_a_500_that_may_be_asked_again(
    fresh_ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document has no other status for it."""

    def fail(*_: object) -> None:
        raise QueryTooLong("The question took too long.")

    monkeypatch.setattr(fresh_ledger.desk, "read", fail)
    answer = ask(fresh_ledger)
    assert refused(answer, 500) == "The question took too long."
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.acceptance("S1-30")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_method_that_the_document_lacks_is_refused(ledger: Served, method: str) -> None:
    """With the methods that there are."""
    answer = ledger.client.request(method, PATH)
    refused(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"
