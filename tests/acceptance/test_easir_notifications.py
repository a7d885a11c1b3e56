from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import ValidationError

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample, transcribe
from tests.queries.builder import NOON, numbered

from .easir_requests import only_row, page_of, put_created
from .easir_types import EVENT_PARTS, USER_TYPES, check_row
from .serving import EASIR, Served, credential, event

LIST: Final = [sample for sample in vendor_samples("easir") if sample.heading == "Get your notifications"]
TYPES: Final = [sample for sample in vendor_samples("easir") if sample not in LIST]


def of_type(*types: str) -> list[Sample]:
    """Return the samples of some types, as the document's section on types shows them."""
    return [sample for sample in TYPES if sample.row["type"] in types]


def as_recorded(sample: Sample) -> dict[str, Any]:
    """Return a sample's row; of one that repeats another's id, with the id under which it is recorded."""
    return {**sample.row, "id": str(transcribe(sample)[0].notification_id)} if sample.id_repeats else {**sample.row}


def same_in_the_list(ledger: Served, sample: Sample) -> None:
    """Check that a sample is in the list of its user with every value, every key and their order."""
    rows = {row["id"]: row for row in page_of(ledger, "23", per_page=100)["data"]}
    expected = as_recorded(sample)
    answered = rows[expected["id"]]
    assert json.dumps(expected) == json.dumps(answered)
    check_row(answered)


@pytest.mark.acceptance("S5-06", "S5-07")
def test_the_documents_list_comes_back_whole_and_in_order(ledger: Served) -> None:
    """Its four rows, each with every value and key, in its order; two were created in the same second."""
    page = page_of(ledger, "54")
    assert json.dumps([sample.row for sample in LIST]) == json.dumps(page["data"])
    for row in page["data"]:
        check_row(row)


@pytest.mark.acceptance("S5-16", "S5-19")
@pytest.mark.parametrize("sample", of_type(*USER_TYPES), ids=lambda sample: sample.heading)
def test_each_user_type_comes_back_from_its_sample(ledger: Served, sample: Sample) -> None:
    """With the parts of `data` that the document shows for the type."""
    same_in_the_list(ledger, sample)


@pytest.mark.acceptance("S5-17")
@pytest.mark.parametrize("sample", of_type("gamification"), ids=lambda sample: sample.row["data"]["event"]["type"])
def test_each_gamification_comes_back_from_its_sample(ledger: Served, sample: Sample) -> None:
    """Levels, ranks, badges and targets, all of one type: what happened is in `data.event`."""
    same_in_the_list(ledger, sample)


@pytest.mark.acceptance("S5-18")
@pytest.mark.parametrize("sample", of_type("high_fived"), ids=lambda sample: sample.row["data"]["event"]["type"])
def test_each_high_five_comes_back_from_its_sample(ledger: Served, sample: Sample) -> None:
    """With the user who gave it, and the ids of activities."""
    same_in_the_list(ledger, sample)


@pytest.mark.acceptance("S5-16")
def test_the_samples_show_all_fourteen_user_types(ledger: Served) -> None:
    """So the tests above speak of each; and each is in the user's list."""
    assert len(USER_TYPES) == 14
    assert set(USER_TYPES) == {sample.row["type"] for sample in TYPES} - {"gamification", "high_fived"}
    shown = {row["type"] for row in page_of(ledger, "23", per_page=100)["data"]}
    assert set(USER_TYPES) <= shown


@pytest.mark.acceptance("S5-17", "S5-18")
def test_the_samples_show_every_event_of_gamification_and_high_fives(ledger: Served) -> None:
    """Four of the first and five of the second, which has created activities besides."""
    rows = page_of(ledger, "23", per_page=100)["data"]
    events = {
        wire_type: {row["data"]["event"]["type"] for row in rows if row["type"] == wire_type}
        for wire_type in ("gamification", "high_fived")
    }
    assert events == {"gamification": set(EVENT_PARTS) - {"activity_created"}, "high_fived": set(EVENT_PARTS)}


@pytest.mark.acceptance("S5-16")
def test_an_unknown_type_comes_back_as_recorded(empty_ledger: Served) -> None:
    """With whatever its data is, keys in order."""
    put_created(empty_ledger, type="lead_merged", data={"zebra": 1, "lead": {"id": "x", "more": None}})
    row = only_row(empty_ledger)
    assert row["type"] == "lead_merged"
    assert json.dumps(row["data"]) == '{"zebra": 1, "lead": {"id": "x", "more": null}}'


@pytest.mark.acceptance("S5-06")
def test_decided_the_id_is_the_notifications_for_every_recipient(empty_ledger: Served) -> None:
    """Decide: it stays the same when the audience grows from one to two."""
    put_created(empty_ledger)
    assert only_row(empty_ledger)["id"] == str(numbered(1))
    empty_ledger.put(event("audience_added", EASIR, 1, audience=[{"recipient_id": "23"}]))
    assert only_row(empty_ledger)["id"] == only_row(empty_ledger, "23")["id"] == str(numbered(1))


@pytest.mark.acceptance("S5-06")
def test_decided_times_are_utc_with_whole_seconds(empty_ledger: Served) -> None:
    """Decide: the document's times have no zone."""
    empty_ledger.put(
        event("created", EASIR, 1, NOON + timedelta(microseconds=999_999), audience=[{"recipient_id": "54"}]),
        event("read", EASIR, 1, NOON + timedelta(hours=13, seconds=1), recipient_id="54"),
    )
    row = only_row(empty_ledger)
    assert (row["created_at"], row["read_at"]) == ("2026-01-02 12:00:00", "2026-01-03 01:00:01")


@pytest.mark.acceptance("S5-06")
def test_what_is_not_recorded_has_its_default(empty_ledger: Served) -> None:
    """Every field is in every row."""
    put_created(empty_ledger)
    assert list(only_row(empty_ledger).items()) == [
        ("id", str(numbered(1))),
        ("type", "custom"),
        ("data", {}),
        ("message", ""),
        ("message_formatted", "<p></p>"),
        ("read", False),
        ("read_at", None),
        ("created_at", "2026-01-02 12:00:00"),
    ]


@pytest.mark.acceptance("S5-06")
def test_a_message_without_a_formatted_one_is_shown_safely(empty_ledger: Served) -> None:
    """As one paragraph of HTML, in which only line breaks are markup; the title stands for a missing body."""
    put_created(empty_ledger, personal={"body": "1 < 2 <br> <script>"})
    row = only_row(empty_ledger)
    assert row["message"] == "1 < 2 <br> <script>"
    assert row["message_formatted"] == "<p>1 &lt; 2 <br> &lt;script&gt;</p>"
    put_created(empty_ledger, 2, "23", personal={"title": "Hello"})
    assert only_row(empty_ledger, "23")["message"] == "Hello"


@pytest.mark.acceptance("S5-08")
def test_it_is_read_where_it_has_a_time_of_reading(ledger: Served, empty_ledger: Served) -> None:
    """In every row of the samples, and after each of read, unread, read."""
    rows = [row for user in ("54", "23") for row in page_of(ledger, user, per_page=100)["data"]]
    assert {row["read"] for row in rows} == {True, False}
    for row in rows:
        assert row["read"] == (row["read_at"] is not None)
    put_created(empty_ledger)
    for minute, kind in enumerate(("read", "unread", "read"), start=1):
        empty_ledger.put(event(kind, EASIR, 1, NOON + timedelta(minutes=minute), recipient_id="54"))
        row = only_row(empty_ledger)
        assert (row["read"], row["read_at"] is not None) == ((kind == "read"),) * 2


@pytest.mark.acceptance("S5-12")
def test_the_first_read_wins(empty_ledger: Served) -> None:
    """However many follow, and in whatever order they come."""
    put_created(empty_ledger)
    for minute in (5, 3, 9):
        empty_ledger.put(event("read", EASIR, 1, NOON + timedelta(minutes=minute), recipient_id="54"))
    assert only_row(empty_ledger)["read_at"] == "2026-01-02 12:03:00"


@pytest.mark.acceptance("S5-12")
def test_after_an_unread_the_first_read_since_wins(empty_ledger: Served) -> None:
    """What was read before the latest unread counts no more; of two reads since then the first does."""
    put_created(empty_ledger)
    for minute, kind in ((1, "read"), (2, "unread"), (4, "read"), (3, "read"), (0, "unread")):
        empty_ledger.put(event(kind, EASIR, 1, NOON + timedelta(minutes=minute), recipient_id="54"))
    assert only_row(empty_ledger)["read_at"] == "2026-01-02 12:03:00"


@pytest.mark.acceptance("S5-12")
def test_a_read_that_names_nobody_is_that_of_the_only_recipient(empty_ledger: Served) -> None:
    """Of two recipients it is nobody's: only the read that names one counts."""
    for number, recipients in ((1, ("54",)), (2, ("23", "7"))):
        put_created(empty_ledger, number, *recipients)
        user = recipients[0]
        empty_ledger.put(
            event("unread", EASIR, number, NOON + timedelta(minutes=1), recipient_id=user),
            event("read", EASIR, number, NOON + timedelta(minutes=2)),
            event("read", EASIR, number, NOON + timedelta(minutes=3), recipient_id=user),
        )
    assert only_row(empty_ledger)["read_at"] == "2026-01-02 12:02:00"
    assert only_row(empty_ledger, "23")["read_at"] == "2026-01-02 12:03:00"


@pytest.mark.acceptance("S5-07")
def test_the_order_is_newest_first_then_by_id_down(empty_ledger: Served) -> None:
    """Ids decide between notifications of one time."""
    for number, minute in ((3, 0), (1, 1), (2, 1), (4, 0)):
        empty_ledger.put(
            event("created", EASIR, number, NOON + timedelta(minutes=minute), audience=[{"recipient_id": "54"}])
        )
    ids = [row["id"] for row in page_of(empty_ledger, "54")["data"]]
    assert [str(numbered(number)) for number in (2, 1, 4, 3)] == ids


@pytest.mark.acceptance("S5-22")
def test_a_deleted_notification_is_neither_shown_nor_counted(empty_ledger: Served) -> None:
    """For the user who deleted it alone; an archived one stays, since the vendor has no archive."""
    put_created(empty_ledger, 1, "54", "23")
    put_created(empty_ledger, 2, "54")
    empty_ledger.put(
        event("deleted", EASIR, 1, recipient_id="54"),
        event("archived", EASIR, 2, recipient_id="54"),
    )
    page = page_of(empty_ledger, "54")
    assert [row["id"] for row in page["data"]] == [str(numbered(2))]
    assert (page["pagination"]["total"], page["pagination"]["unread"]) == (1, 1)
    assert only_row(empty_ledger, "23")["id"] == str(numbered(1))


@pytest.mark.acceptance("S5-01", "S5-22")
def test_the_token_names_the_tenant_and_the_user(empty_ledger: Served) -> None:
    """Each user sees their own alone; a user of another tenant with the same id has none of it."""
    put_created(empty_ledger, 1, "54", "23")
    put_created(empty_ledger, 2, "23")
    assert [row["id"] for row in page_of(empty_ledger, "54")["data"]] == [str(numbered(1))]
    assert len(page_of(empty_ledger, "23")["data"]) == 2
    foreign = empty_ledger.client.get(
        "/easir/notifications", headers=credential("easir", tenant="other-demo", user="54")
    )
    assert foreign.json()["data"] == []


def test_the_transcribed_types_refuse_what_the_document_does_not_have() -> None:
    """So that validating answers says something."""
    row = LIST[0].row
    for changed in ({**row, "further": 1}, {**row, "read_at": "2015-03-22T10:25:50Z"}):
        with pytest.raises(ValidationError):
            check_row(changed)
    with pytest.raises(ValidationError):
        check_row({**row, "data": {**row["data"], "user": {**row["data"]["user"], "id": "4"}}})
    with pytest.raises(AssertionError):
        check_row({**row, "data": {"case": row["data"]["case"]}})
