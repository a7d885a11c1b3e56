"""What EASI'R's users write, over HTTP: custom notifications, and what is marked as read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from httpx2 import Response

from ledger_queries.dialects.easir import creating
from ledger_schemas import NotificationCreated, new_id
from tests.queries.builder import NOON, numbered

from .easir_requests import only_row, page_of, put_created, wrong_fields
from .serving import EASIR, Served, credential, event, secret_of

PATH: Final = "/easir/notifications"
MESSAGE: Final = "This is a custom notification"


def create(ledger: Served, body: object, user: str = "54", headers: Mapping[str, str] | None = None) -> Response:
    """Create a custom notification as a user."""
    content = json.dumps(body).encode()
    return ledger.client.post(PATH, content=content, headers={**credential("easir", user=user), **(headers or {})})


def created(ledger: Served) -> NotificationCreated:
    """Return the one `created` that the API put."""
    (found,) = [each for each in ledger.events if isinstance(each, NotificationCreated)]
    return found


# --- Creating ---------------------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S5-10")
def test_a_custom_notification_is_queued(empty_ledger: Served) -> None:
    """The document's own request: 202, once the log has it."""
    body = {"message": MESSAGE, "notify": {"users": [1, 54, 23], "teams": [1, 5, 8]}}
    answer = create(empty_ledger, body)
    assert (answer.status_code, answer.json()) == (202, {"queued": True})
    assert created(empty_ledger).tenant_id == EASIR


@pytest.mark.acceptance("S5-10")
def test_it_goes_to_users_and_to_the_members_of_teams_each_once(empty_ledger: Served) -> None:
    """User 8 is named twice and in both teams, and has it once; the teams are kept as groups."""
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"users": [8, 23, 8], "teams": [1, 2, 1]}}).is_success
    assert [member.recipient_id for member in created(empty_ledger).audience] == ["8", "23", "7", "9", "54"]
    assert [(group.type, group.id) for group in created(empty_ledger).groups] == [("team", "1"), ("team", "2")]
    for user in ("8", "23", "7", "9", "54"):
        assert only_row(empty_ledger, user)["message"] == MESSAGE


@pytest.mark.acceptance("S5-10")
def test_it_is_fired_at_once_and_by_its_user(empty_ledger: Served) -> None:
    """Two events of one time: so that it is seen wherever only what was fired is."""
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"users": [23]}}).is_success
    stated, fired = empty_ledger.events
    assert [stated.kind, fired.kind] == ["created", "fired"]
    assert stated.occurred_at == fired.occurred_at
    assert stated.notification_id == fired.notification_id
    assert (stated.actor, fired.actor, fired.recipient_id) == ("54", "54", None)
    assert abs(stated.occurred_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.acceptance("S5-10")
def test_a_large_audience_is_stated_in_parts(empty_ledger: Served) -> None:
    """An event names a thousand recipients at most; the last member of a team of 2,500 has it too."""
    empty_ledger.teams[EASIR, "5"] = [*(str(number) for number in range(1_000, 3_500)), "54"]
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"teams": [5]}}).is_success
    assert [each.kind for each in empty_ledger.events] == ["created", "audience_added", "audience_added", "fired"]
    assert only_row(empty_ledger)["message"] == MESSAGE


@pytest.mark.acceptance("S5-10")
def test_a_team_without_members_reaches_nobody(empty_ledger: Served) -> None:
    """It is queued all the same: whom a team has is not the request's concern."""
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"teams": [77]}}).status_code == 202
    assert created(empty_ledger).audience == ()


@pytest.mark.acceptance("S5-10")
def test_an_audience_beyond_the_limit_is_refused(empty_ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever its teams have; nothing is written."""
    monkeypatch.setattr(creating, "RECIPIENTS_MAX", 2)
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"users": [1], "teams": [2]}}).status_code == 422
    assert create(empty_ledger, {"message": MESSAGE, "notify": {"users": [1, 7]}}).status_code == 202
    assert len(empty_ledger.events) == 2


@pytest.mark.acceptance("S5-10")
def test_the_same_request_with_the_same_key_counts_once(empty_ledger: Served) -> None:
    """Its events are the same, so that the log's second copies change nothing; another user's are others."""
    key = {"Idempotency-Key": str(new_id())}
    body = {"message": MESSAGE, "notify": {"users": [23]}}
    for _ in range(2):
        assert create(empty_ledger, body, headers=key).status_code == 202
    assert empty_ledger.events[:2] == empty_ledger.events[2:]
    assert only_row(empty_ledger, "23")["message"] == MESSAGE
    assert create(empty_ledger, body, user="7", headers=key).status_code == 202
    assert create(empty_ledger, body).status_code == 202
    assert len(page_of(empty_ledger, "23")["data"]) == 3


@pytest.mark.acceptance("S5-10")
@pytest.mark.parametrize(
    "key",
    [
        "x",
        "621a5f2c-69ce-4dd4-863a-e2ae5e4025dd",
        pytest.param(str(numbered(1)), id="a UUIDv7 of long ago"),
        pytest.param(str(UUID(int=new_id().int + (3_600_000 << 80))), id="a UUIDv7 of an hour from now"),
    ],
)
def test_a_key_without_a_time_of_about_now_is_refused(empty_ledger: Served, key: str) -> None:
    """The notification has that time: it cannot be chosen at will."""
    answer = create(empty_ledger, {"message": MESSAGE, "notify": {"users": [23]}}, headers={"Idempotency-Key": key})
    assert wrong_fields(answer) == ["Idempotency-Key"]
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-11")
def test_decided_a_created_row_has_the_type_custom(empty_ledger: Served) -> None:
    """Decide: the document names none. Nothing is in its data."""
    assert create(empty_ledger, {"message": "Hello <br> <b>", "notify": {"users": [23]}}).is_success
    row = only_row(empty_ledger, "23")
    assert {**row, "id": None, "created_at": None} == {
        "id": None,
        "type": "custom",
        "data": {},
        "message": "Hello <br> <b>",
        "message_formatted": "<p>Hello <br> &lt;b&gt;</p>",
        "read": False,
        "read_at": None,
        "created_at": None,
    }


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize("message", ["x", "x" * 512, "\u00e9" * 512, "\U0001f600" * 512, "\u0000"])
def test_a_message_has_1_to_512_characters(empty_ledger: Served, message: str) -> None:
    """Characters, not bytes; it comes back as it was sent."""
    assert create(empty_ledger, {"message": message, "notify": {"users": [54]}}).status_code == 202
    assert only_row(empty_ledger)["message"] == message


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize("message", ["", "x" * 513, None, 5, ["x"]])
def test_another_message_is_refused(empty_ledger: Served, message: object) -> None:
    """Empty, too long, or no text."""
    assert wrong_fields(create(empty_ledger, {"message": message, "notify": {"users": [54]}})) == ["message"]
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize("notify", [{}, {"users": []}, {"teams": []}, {"users": [], "teams": []}, {"groups": [1]}])
def test_either_users_or_teams_are_required(empty_ledger: Served, notify: object) -> None:
    """Both are named: either would do."""
    answer = create(empty_ledger, {"message": MESSAGE, "notify": notify})
    assert wrong_fields(answer) == ["notify.users", "notify.teams"]
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize("notify", [{"users": [54]}, {"teams": [2]}, {"users": [54], "teams": [2]}, {"users": [54.0]}])
def test_users_or_teams_or_both_are_allowed(empty_ledger: Served, notify: object) -> None:
    """User 54 is in team 2. JSON's 54.0 is an integer too."""
    assert create(empty_ledger, {"message": MESSAGE, "notify": notify}).status_code == 202
    assert only_row(empty_ledger)["message"] == MESSAGE


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize("name", ["users", "teams"])
@pytest.mark.parametrize("item", ["54", True, 5.5, 0, -1, None, [54], 2**53])
def test_an_id_that_is_no_integer_is_refused(empty_ledger: Served, name: str, item: object) -> None:
    """Its place is named."""
    assert wrong_fields(create(empty_ledger, {"message": MESSAGE, "notify": {name: [54, item]}})) == [
        f"notify.{name}.1"
    ]


@pytest.mark.acceptance("S5-09")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["message", "notify"]),
        ({"message": MESSAGE}, ["notify"]),
        ({"message": MESSAGE, "notify": [54]}, ["notify"]),
        ({"message": MESSAGE, "notify": {"users": 54}}, ["notify.users"]),
        ({"message": MESSAGE, "notify": {"users": [1] * 10_001}}, ["notify.users"]),
        ({"message": MESSAGE, "notify": {"teams": [1] * 257}}, ["notify.teams"]),
        ([], ["body"]),
        (None, ["body"]),
        ("x", ["body"]),
    ],
)
def test_a_body_of_another_shape_is_refused(empty_ledger: Served, body: object, fields: list[str]) -> None:
    """Each field that is wrong is named; lists have limits."""
    assert fields == wrong_fields(create(empty_ledger, body))
    assert not empty_ledger.events


# --- Marking ----------------------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S5-12")
def test_a_notification_is_marked_as_read(empty_ledger: Served) -> None:
    """204 without a body; the list shows it at once, and the event is the user's."""
    put_created(empty_ledger, 1, "54", "23")
    answer = mark(empty_ledger, numbered(1))
    assert (answer.status_code, answer.content) == (204, b"")
    row = only_row(empty_ledger)
    assert row["read"] is True
    (stated,) = empty_ledger.events
    assert (stated.kind, stated.recipient_id, stated.actor) == ("read", "54", "54")
    assert stated.occurred_at.strftime("%Y-%m-%d %H:%M:%S") == row["read_at"]
    assert only_row(empty_ledger, "23")["read"] is False


@pytest.mark.acceptance("S5-12")
def test_marking_again_keeps_the_first_time(empty_ledger: Served) -> None:
    """It is idempotent: 204 again, and nothing new is in the log."""
    put_created(empty_ledger)
    empty_ledger.put(event("read", EASIR, 1, NOON + timedelta(minutes=1), recipient_id="54"))
    assert mark(empty_ledger, numbered(1)).status_code == 204
    assert only_row(empty_ledger)["read_at"] == "2026-01-02 12:01:00"
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-12")
def test_an_unknown_or_foreign_id_is_not_found(empty_ledger: Served) -> None:
    """Another user's, another tenant's, a deleted one, no UUID: the same status, body and headers."""
    put_created(empty_ledger, 1, "23")
    put_created(empty_ledger, 2, "54")
    empty_ledger.put(
        event("deleted", EASIR, 2, recipient_id="54"),
        event("created", "other-demo", 3, audience=[{"recipient_id": "54"}]),
    )
    answers = [mark(empty_ledger, of) for of in (numbered(9), numbered(1), numbered(2), numbered(3), "x", "read")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({str({**answer.headers, "date": ""}) for answer in answers}) == 1
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-13")
def test_all_are_marked_as_read(empty_ledger: Served) -> None:
    """What was read keeps its time; other users' stay unread, and so does what the user deleted."""
    for number in (1, 2, 3, 4):
        put_created(empty_ledger, number, "54", "23")
    empty_ledger.put(
        event("read", EASIR, 1, NOON + timedelta(minutes=1), recipient_id="54"),
        event("deleted", EASIR, 4, recipient_id="54"),
    )
    answer = mark_all(empty_ledger)
    assert (answer.status_code, answer.content) == (204, b"")
    assert {(each.notification_id, each.recipient_id) for each in empty_ledger.events} == {
        (numbered(2), "54"),
        (numbered(3), "54"),
    }
    page = page_of(empty_ledger, "54")
    assert [row["read"] for row in page["data"]] == [True, True, True]
    assert page["data"][2]["read_at"] == "2026-01-02 12:01:00"
    assert page["pagination"]["unread"] == 0
    assert page_of(empty_ledger, "23")["pagination"]["unread"] == 4


@pytest.mark.acceptance("S5-13")
def test_marking_all_as_read_when_none_is_unread(empty_ledger: Served) -> None:
    """204 too; `read` is never taken for an id."""
    assert mark_all(empty_ledger).status_code == 204
    put_created(empty_ledger)
    assert [mark_all(empty_ledger).status_code for _ in range(2)] == [204, 204]
    assert len(empty_ledger.events) == 1


def mark(ledger: Served, notification_id: object, user: str = "54") -> Response:
    """Mark a notification as read."""
    return ledger.client.put(f"{PATH}/{notification_id}/read", headers=credential("easir", user=user))


def mark_all(ledger: Served, user: str = "54") -> Response:
    """Mark all notifications of a user as read."""
    return ledger.client.put(f"{PATH}/read", headers=credential("easir", user=user))


@pytest.mark.acceptance("S5-01")
def test_what_is_written_is_the_tokens_users(empty_ledger: Served) -> None:
    """Whatever the body says besides."""
    body = {"message": MESSAGE, "notify": {"users": [23]}, "actor": "7", "tenant_id": "other-demo"}
    headers = {"Authorization": f"bearer {secret_of(EASIR, user='54')}"}
    assert empty_ledger.client.post(PATH, json=body, headers=headers).status_code == 202
    assert (created(empty_ledger).tenant_id, created(empty_ledger).actor) == (EASIR, "54")
