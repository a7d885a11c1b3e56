from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import transcribe
from tests.queries.builder import NOON

from .documents import FURTHER
from .nextinteract import EVENT_UUID, group, made, messages, put, sent
from .serving import NEXTINTERACT, Served, event, secret_of

GENERIC, EVENTS = (dict(sample.row) for sample in vendor_samples("nextinteract"))
SECOND = timedelta(seconds=1)


def one(served: Served) -> dict[str, Any]:
    """Return the only team notification of company 3."""
    (row,) = sent(served)
    return row


@pytest.mark.acceptance("S4-09", "S4-11")
def test_the_samples_come_back_whole(ledger: Served) -> None:
    """A bare array of both, newest first: every field in value, in type and in the document's order."""
    rows = sent(ledger, {"notificationScheduleId": 123})
    assert rows == [EVENTS, GENERIC]
    assert [list(row) for row in rows] == [list(EVENTS), list(GENERIC)]


@pytest.mark.acceptance("S4-17", "S4-20")
def test_what_no_sample_has_comes_back_whole(empty_ledger: Served) -> None:
    """An asset notification with a mail, which failed for all that it went to."""
    (document,) = (each for each in FURTHER if each.vendor == "nextinteract")
    empty_ledger.put(*transcribe(document))
    (row,) = sent(empty_ledger, {"broadcastType": "GA", "brochureId": 17})
    assert row == document.row
    assert list(row) == list(document.row)


@pytest.mark.acceptance("S4-09")
def test_the_order_is_newest_first(empty_ledger: Served) -> None:
    """Decided: by creation and id, whatever happened later."""
    put(empty_ledger, made(1, NOON), made(3, NOON - SECOND), made(2, NOON), made(4, NOON + SECOND))
    empty_ledger.put(event("amended", NEXTINTERACT, 3, NOON + 9 * SECOND))
    assert messages(sent(empty_ledger)) == ["4", "2", "1", "3"]


@pytest.mark.acceptance("S4-09")
def test_what_was_never_sent_is_not_listed(empty_ledger: Served) -> None:
    """A created one that was not fired; and nothing at all is an empty array."""
    assert sent(empty_ledger) == []
    put(empty_ledger, made(1, fired=False))
    assert sent(empty_ledger) == []


@pytest.mark.acceptance("S4-10", "S4-13")
def test_adhoc_and_scheduled_ones_are_listed_together(empty_ledger: Served) -> None:
    """A scheduled one alone has a notificationScheduleId."""
    put(empty_ledger, made(1, schedule={"id": "123"}), made(2))
    adhoc, scheduled = sent(empty_ledger)
    assert scheduled["notificationScheduleId"] == 123
    assert "notificationScheduleId" not in adhoc


@pytest.mark.acceptance("S4-11")
@pytest.mark.parametrize("word", ["JN", "UN", "XX"])
def test_a_type_comes_back_as_it_was_recorded(empty_ledger: Served, word: str) -> None:
    """One that the document lacks too."""
    put(empty_ledger, made(1, type=word, schedule={"id": "7"}))
    (row,) = sent(empty_ledger, {"notificationScheduleId": 7})
    assert row["type"] == word


@pytest.mark.acceptance("S4-12")
def test_company_and_event_are_the_groups_that_it_went_to(empty_ledger: Served) -> None:
    """A company's id is a number: one that is none is not shown; what was not recorded is absent."""
    put(
        empty_ledger,
        made(1, type="GE", groups=[group("event", "e-1"), group("company", "acme"), group("company", 9)]),
        made(2, type="GE", groups=[group("event", "e-1"), group("company", "acme")]),
    )
    second, first = sent(empty_ledger, {"broadcastType": "GE", "eventUUID": "e-1"})
    assert (first["eventUUID"], first["companyId"]) == ("e-1", 9)
    assert "companyId" not in second


@pytest.mark.acceptance("S4-14")
@pytest.mark.parametrize(("chars", "shown"), [(0, 0), (255, 255), (256, 255), (1_000, 255)])
def test_a_message_is_cut_to_255_characters(empty_ledger: Served, chars: int, shown: int) -> None:
    """It is recorded whole."""
    put(empty_ledger, made(1, personal={"body": "ß" * chars}))
    assert one(empty_ledger)["message"] == "ß" * shown
    with empty_ledger.model.cursor() as cursor:
        assert cursor.execute("SELECT len(personal.body) FROM contents").fetchone() == (chars,)


@pytest.mark.acceptance("S4-15")
def test_a_description_is_cut_to_2000_characters(empty_ledger: Served) -> None:
    """As it was recorded before that."""
    put(empty_ledger, made(1, data={"description": "d" * 2_001}))
    assert one(empty_ledger)["description"] == "d" * 2_000


@pytest.mark.acceptance("S4-15", "S4-16")
def test_teams_are_in_the_description_of_an_adhoc_one_and_in_team_ids_of_a_scheduled_one(empty_ledger: Served) -> None:
    """Decided: a description that was recorded wins; each team once; without a team there is neither."""
    teams = [group("company", 3), group("team", 7), group("team", 6), group("team", 7)]
    put(
        empty_ledger,
        made(1, groups=teams),
        made(2, groups=teams, data={"description": "stated"}),
        made(3, groups=teams, schedule={"id": "1"}),
        made(4, schedule={"id": "1"}),
        made(5),
    )
    rows = {row["message"]: (row.get("description"), row.get("teamIds")) for row in sent(empty_ledger)}
    assert rows == {
        "1": ("7,6", None),
        "2": ("stated", None),
        "3": (None, ["7", "6"]),
        "4": (None, None),
        "5": (None, None),
    }


ANN, BOB = ({"recipient_id": name, "channels": ["push"]} for name in ("ann", "bob"))


def came_of(kind: str, *recipients: str) -> list[Any]:
    """Return what came of a delivery to each recipient."""
    return [event(kind, NEXTINTERACT, 1, recipient_id=each, channel="push") for each in recipients]


@pytest.mark.acceptance("S4-17")
@pytest.mark.parametrize(
    ("facts", "successful"),
    [
        ([], True),
        (came_of("delivered", "ann", "bob"), True),
        (came_of("failed", "ann"), True),
        (came_of("failed", "ann") + came_of("delivered", "bob"), True),
        (came_of("failed", "ann", "bob") + came_of("delivered", "bob"), True),
        (came_of("failed", "ann", "bob"), False),
        ([event("failed", NEXTINTERACT, 1)], False),
    ],
)
def test_it_was_successful_unless_all_that_was_sent_failed(
    empty_ledger: Served,
    facts: list[Any],
    successful: bool,  # noqa: FBT001
) -> None:
    """Derived from what came of it, for two people."""
    put(empty_ledger, made(1, audience=[ANN, BOB]), facts)
    assert one(empty_ledger)["successful"] is successful


@pytest.mark.acceptance("S4-18")
def test_the_total_is_the_number_of_people_it_was_sent_to(empty_ledger: Served) -> None:
    """Inbox entries that have a `fired`: one that names a person is of that one, another is of all."""
    put(empty_ledger, made(1, audience=[ANN, BOB]), made(2, audience=[ANN, BOB], fired=False), made(3))
    empty_ledger.put(event("fired", NEXTINTERACT, 2, recipient_id="ann", channel="push"))
    empty_ledger.put(event("fired", NEXTINTERACT, 2, recipient_id="ann", channel="mail"))
    assert {row["message"]: row["totalNotificationsSent"] for row in sent(empty_ledger)} == {"1": 2, "2": 1, "3": 0}


@pytest.mark.acceptance("S4-18")
@pytest.mark.parametrize(("kind", "total"), [("GT", 45), ("GE", 127)])
def test_the_total_of_a_sample_is_what_a_count_of_inbox_entries_says(ledger: Served, kind: str, total: int) -> None:
    """The native API's, of those that have a `fired`."""
    (row,) = (each for each in sent(ledger, {"notificationScheduleId": 123}) if each["type"] == kind)
    counted = ledger.client.get(
        "/v1/inbox/count",
        params={"tenant": NEXTINTERACT, "type": kind, "reached": "fired"},
        headers={"Authorization": f"Bearer {secret_of(NEXTINTERACT)}"},
    ).json()
    assert counted["total"] == row["totalNotificationsSent"] == total


@pytest.mark.acceptance("S4-19")
def test_stamps_are_in_milliseconds_and_of_the_last_change(empty_ledger: Served) -> None:
    """What is finer is cut. A change that nobody signed is its creator's."""
    at = datetime(2019, 11, 5, 10, 45, 14, 981_999, UTC)
    put(empty_ledger, made(1, at, creator={"id": "654"}), made(2, at, creator={"id": "654"}), made(3, at))
    empty_ledger.put(
        event("amended", NEXTINTERACT, 1, at + 2 * SECOND, actor="721"),
        event("amended", NEXTINTERACT, 1, at + SECOND, actor="700"),
        event("amended", NEXTINTERACT, 2, at + SECOND),
    )
    names = ("notificationCreated", "notificationCreatedBy", "notificationModified", "notificationModifiedBy")
    assert {row["message"]: tuple(row[name] for name in names) for row in sent(empty_ledger)} == {
        "1": (1572950714981, "654", 1572950716981, "721"),
        "2": (1572950714981, "654", 1572950715981, "654"),
        "3": (1572950714981, "", 1572950714981, ""),
    }


@pytest.mark.acceptance("S4-20")
def test_mail_extras_are_cut_to_their_lengths(empty_ledger: Served) -> None:
    """A subject is there whenever a template is; params are those that have a key and a value."""
    params = [
        {"key": "k" * 101, "value": "v" * 2_001, "x": 1},
        {"key": "k", "value": 1},
        "text",
        {"key": "a", "value": ""},
    ]
    put(
        empty_ledger,
        made(1, template={"name": "t" * 101}, personal={"title": "s" * 257, "body": "1"}),
        made(2, template={"name": "t"}),
        made(3, data={"emailParams": params}),
        made(4, data={"emailParams": "text"}),
    )
    fourth, third, second, first = sent(empty_ledger)
    assert (first["emailTemplate"], first["emailSubject"]) == ("t" * 100, "s" * 256)
    assert (second["emailTemplate"], second["emailSubject"]) == ("t", "")
    assert third["emailParams"] == [{"key": "k" * 100, "value": "v" * 2_000}, {"key": "a", "value": ""}]
    assert not {"emailTemplate", "emailSubject", "emailParams"} & fourth.keys()


@pytest.mark.acceptance("S4-20", "S4-12")
def test_what_was_never_recorded_is_absent(empty_ledger: Served) -> None:
    """But for what the document has always."""
    put(empty_ledger, made(1, type=None, groups=None, personal=None, schedule={"id": "s"}))
    empty_ledger.put(event("created", NEXTINTERACT, 2, groups=[group("brochure", 5)], type="GA"))
    empty_ledger.put(event("fired", NEXTINTERACT, 2))
    (row,) = sent(empty_ledger, {"broadcastType": "GA", "brochureId": 5})
    assert row == {
        "type": "GA",
        "message": "",
        "successful": True,
        "totalNotificationsSent": 0,
        "notificationCreated": 1767355200000,
        "notificationCreatedBy": "",
        "notificationModified": 1767355200000,
        "notificationModifiedBy": "",
        "brochureId": 5,
    }


@pytest.mark.acceptance("S4-12")
def test_an_event_has_any_text_for_an_id(ledger: Served) -> None:
    """The sample's is a UUID, and the document's example of a request has one that is none."""
    assert [row["eventUUID"] for row in sent(ledger, {"broadcastType": "GE", "eventUUID": EVENT_UUID})] == [EVENT_UUID]
