from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2
import pytest

from ledger_queries import Desk, Readiness, create_app
from ledger_queries.marks import Mark
from ledger_schemas import Event
from ledger_schemas.errors import OutcomeUnknown
from ledger_schemas.facts import Receipt
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import TOPIC, Entry, Model, Notification, at, insert, numbered
from .conftest import Serve


class Log:
    """Where marks go: into the read model at once, and into `events`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.events: list[Event] = []
        self.arriving: list[Notification] = []
        """What arrives between the reading of a call and its events."""
        self.failing = 0

    async def put(self, event: Event) -> Receipt:
        """Put one event."""
        (receipt,) = await self.put_many([event])
        return receipt

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Apply what arrives first, then the events; or fail, as a log that does not confirm."""
        if self.failing:
            self.failing -= 1
            raise OutcomeUnknown("The log did not confirm.", events=list(events))
        arriving, self.arriving = self.arriving, []
        await asyncio.to_thread(insert, self.model, arriving)
        await asyncio.to_thread(self.model.append, events)
        self.events += events
        position = Position({(TOPIC, 0): self.model.next_offsets()[0]})
        return [Receipt(event.event_id, event.notification_id, position) for event in events]


async def shown(position: Position, seconds: float) -> None:
    """Return: what was put is applied already."""


@pytest.fixture
def log(model: Model) -> Log:
    """Give a log with six notifications of ann, three of them of type note; bob has the first, too."""
    insert(
        model,
        [
            Notification(
                numbered(number),
                listed_at=at(number),
                entries=[Entry("ann"), Entry("bob")] if number == 0 else [Entry("ann")],
                content={"type": "note" if number < 3 else "mail"},
            )
            for number in range(6)
        ],
    )
    return Log(model)


@pytest.fixture
def client(log: Log, serve: Serve) -> httpx2.Client:
    """Give a client of an API that marks."""
    desk = Desk(log.model.cursor, directory=OPEN, wait_for=shown, sink=log)
    return serve(create_app(desk, readiness=lambda: Readiness(ready=True, position=Position())))


def mark(client: httpx2.Client, mark: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Mark what ann has and return the answer."""
    body = {"mark": mark, "tenant": "acme", "recipient": "ann", **more}
    answer = client.post("/v1/inbox/marks", json=body)
    assert answer.status_code == httpx2.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(client: httpx2.Client, **conditions: str) -> set[int]:
    """Return the numbers of ann's inbox entries."""
    rows = client.get("/v1/inbox", params={"tenant": "acme", "recipient": "ann", **conditions}).json()["rows"]
    return {UUID(row["notification_id"]).int & 0xFF for row in rows}


@pytest.mark.parametrize(
    ("done", "undone", "state"),
    [("read", "unread", "read"), ("archived", "unarchived", "archived"), ("snoozed", "unsnoozed", "snoozed")],
)
def test_a_mark_and_its_reversal_are_events(
    client: httpx2.Client, log: Log, done: str, undone: str, state: str
) -> None:
    """Each is one event of its kind per entry; the read model shows it when the answer comes."""
    entry = {"notification_ids": [str(numbered(1))]}
    assert mark(client, done, **entry)["shown"] is True
    assert ids(client, **{state: "true"}) == {1}
    assert mark(client, undone, **entry)["marked"] == 1
    assert ids(client, **{state: "true"}) == set()
    assert [event.kind for event in log.events] == [done, undone]
    assert {event.recipient_id for event in log.events} == {"ann"}


def test_a_mark_that_holds_already_is_made_once(client: httpx2.Client, log: Log) -> None:
    """Calling again puts nothing into the log and keeps the first time."""
    entry = {"notification_ids": [str(numbered(1)), str(numbered(2))]}
    assert mark(client, "read", **entry)["marked"] == 2
    again = mark(client, "read", **entry)
    assert (again["marked"], again["unchanged"], again["position"]) == (0, 2, "")
    assert len(log.events) == 2


def test_all_is_what_the_read_model_held_at_the_position_of_the_answer(client: httpx2.Client, log: Log) -> None:
    """What arrives while a call is under way stays as it is."""
    held = Position({(TOPIC, 0): log.model.next_offsets()[0]})
    log.arriving = [Notification(numbered(9), listed_at=at(9), entries=[Entry("ann")])]
    answer = mark(client, "read", all=True)
    assert (answer["as_of"], answer["marked"]) == (str(held), 6)
    assert ids(client, read="false") == {9}


def test_all_marks_what_a_filter_finds_and_nobody_elses(client: httpx2.Client, log: Log) -> None:
    """A filter narrows it; the same notification stays unread for another recipient."""
    assert mark(client, "read", all=True, filter={"type": ["note"]})["marked"] == 3
    assert ids(client, read="true") == {0, 1, 2}
    bobs = client.get("/v1/inbox", params={"tenant": "acme", "recipient": "bob"}).json()["rows"]
    assert [row["is_read"] for row in bobs] == [False]


def test_what_is_deleted_is_marked_no_more(client: httpx2.Client, log: Log) -> None:
    """A deleted entry is passed over by other marks, and deleted once."""
    assert mark(client, "deleted", notification_ids=[str(numbered(1))])["marked"] == 1
    assert mark(client, "deleted", notification_ids=[str(numbered(1))])["unchanged"] == 1
    assert mark(client, "read", all=True)["marked"] == 5


def test_ids_that_the_recipient_does_not_have_are_told(client: httpx2.Client, log: Log) -> None:
    """Among others they are listed as unknown; alone the answer is 404, whoever has them."""
    known, unknown = str(numbered(1)), str(numbered(99))
    assert mark(client, "seen", notification_ids=[known, unknown])["unknown"] == [unknown]
    for one, recipient in ((unknown, "ann"), (known, "bob"), (known, "nobody")):
        body = {"mark": "read", "tenant": "acme", "recipient": recipient, "notification_ids": [one]}
        answer = client.post("/v1/inbox/marks", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_actions_and_snoozes_say_what_they_are_about(client: httpx2.Client, log: Log) -> None:
    """An action needs its type; a snooze may say until when; each is in the event."""
    entry = {"notification_ids": [str(numbered(1))]}
    mark(client, "action_completed", action_type="primary", **entry)
    mark(client, "action_reverted", action_type="primary", **entry)
    mark(client, "snoozed", snoozed_until="2026-02-01T00:00:00Z", **entry)
    assert [getattr(event, "action_type", None) for event in log.events] == ["primary", "primary", None]
    row = client.get("/v1/inbox", params={"tenant": "acme", "recipient": "ann", "snoozed": "true"}).json()["rows"][0]
    assert row["snoozed_until"] == "2026-02-01T00:00:00.000000Z"


def test_every_mark_becomes_an_event_of_its_kind(client: httpx2.Client, log: Log) -> None:
    """There is no mark that the log has no kind for."""
    for each in Mark:
        more = {"action_type": "a"} if each.startswith("action") else {}
        mark(client, each.value, notification_ids=[str(numbered(1))], **more)
    assert [event.kind.value for event in log.events] == [each.value for each in Mark]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mark": "fired"}, "mark"),
        ({"mark": None}, "mark"),
        ({"recipient": ""}, "recipient"),
        ({"all": True}, "body"),
        ({"notification_ids": None}, "body"),
        ({"notification_ids": []}, "notification_ids"),
        ({"notification_ids": ["x"]}, "notification_ids"),
        ({"notification_ids": [str(numbered(1))] * 1_001}, "notification_ids"),
        ({"filter": {"type": ["a"]}}, "body"),
        ({"notification_ids": None, "all": True, "filter": {"nothing": 1}}, "filter.nothing"),
        ({"notification_ids": None, "all": True, "filter": {"tenant": "b"}}, "filter.tenant"),
        ({"notification_ids": None, "all": True, "filter": {"data_path": "$.a"}}, "filter.data_value"),
        ({"snoozed_until": "2026-02-01T00:00:00Z"}, "snoozed_until"),
        ({"action_type": "a"}, "action_type"),
        ({"mark": "action_completed"}, "action_type"),
        ({"wait_seconds": -1}, "wait_seconds"),
        ({"more": 1}, "more"),
    ],
)
def test_a_bad_call_names_the_field_and_writes_nothing(
    client: httpx2.Client, log: Log, change: dict[str, Any], field: str
) -> None:
    """Whatever is wrong is told by its name before anything is put into the log."""
    body = {"mark": "read", "tenant": "acme", "recipient": "ann", "notification_ids": [str(numbered(1))]} | change
    body = {name: value for name, value in body.items() if value is not None}
    answer = client.post("/v1/inbox/marks", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"].split(".")[0] == field.split(".", maxsplit=1)[0], answer.text
    assert log.events == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"mark":"read","mark":"seen"}', b"\xff"])
def test_a_body_that_is_no_object_is_refused(client: httpx2.Client, body: bytes) -> None:
    """No JSON, a name that stands twice, or something else than an object: 422 as a problem document."""
    answer = client.post("/v1/inbox/marks", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "contract_violation")


def test_a_call_whose_outcome_is_not_known_may_be_made_again(client: httpx2.Client, log: Log) -> None:
    """The answer is 504; the second call marks what the first did not."""
    log.failing = 1
    body = {"mark": "read", "tenant": "acme", "recipient": "ann", "all": True}
    assert client.post("/v1/inbox/marks", json=body).status_code == 504
    assert mark(client, "read", all=True)["marked"] == 6
    assert ids(client, read="false") == set()
