from __future__ import annotations

import itertools
from collections.abc import Sequence

import httpx2
import pytest

from ledger_queries import (
    Desk,
    Filter,
    Grain,
    GroupBy,
    Readiness,
    Reading,
    count_rows,
    create_app,
    open_reading,
    read_badge,
)
from ledger_queries.badges import read_folded_total
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import TOPIC, Entry, Model, Notification, at, insert, numbered
from .conftest import Serve

COLUMNS = ("total", "unread", "unseen", "unacknowledged")
SHELVES = ("inbox", "snoozed", "archived", "deleted")
MOVES: Sequence[Sequence[str]] = [
    *((), ("archived",), ("snoozed",), ("deleted",), ("snoozed", "archived"), ("archived", "deleted")),
    *(("snoozed", "deleted"), ("archived", "unarchived"), ("snoozed", "unsnoozed", "archived")),
]
ATTENTION: Sequence[Sequence[str]] = [
    *((), ("seen",), ("read",), ("read", "unread"), ("acknowledged",), ("seen", "acknowledged"), ("automated_opened",)),
]
ANY = (None, False, True)


@pytest.fixture
def inbox(model: Model) -> Model:
    """Give ann and bob an entry of every state, and cem of another tenant one; of one more, created has not come."""
    insert(
        model,
        [
            *(
                Notification(
                    numbered(number),
                    listed_at=at(number),
                    entries=[Entry("ann", reached=[*moves, *attention]), Entry("bob", reached=attention)],
                )
                for number, (moves, attention) in enumerate(itertools.product(MOVES, ATTENTION))
            ),
            Notification(numbered(900), listed_at=None, entries=[Entry("ann", reached=["fired"])]),
            Notification(numbered(901), tenant="other", entries=[Entry("ann"), Entry("cem")]),
        ],
    )
    return model


def test_a_badge_is_what_counting_the_entries_gives(inbox: Model) -> None:
    """Of each shelf, each number is the count of the list's own filter; the badge's own are those of the inbox."""
    states = {
        "inbox": {"archived": False, "snoozed": False, "deleted": False},
        "snoozed": {"archived": False, "snoozed": True, "deleted": False},
        "archived": {"archived": True, "deleted": False},
        "deleted": {"deleted": True},
    }
    left_out: dict[str, dict[str, object]] = {"total": {}, "unread": {"read": False}, "unseen": {"seen": False}}
    left_out |= {"unacknowledged": {"not_reached": ["acknowledged"]}}
    with open_reading(inbox.cursor) as reading:
        for recipient in ("ann", "bob"):
            badge = read_badge(reading, "acme", recipient)
            counted = {
                shelf: [
                    counted_by_rows(reading, {"recipient": recipient, **states[shelf], **left_out[column]})
                    for column in COLUMNS
                ]
                for shelf in SHELVES
            }
            assert counted == {shelf.shelf: [getattr(shelf, name) for name in COLUMNS] for shelf in badge.shelves}
            assert counted["inbox"] == [getattr(badge, name) for name in COLUMNS]
            assert badge.total > badge.unread > 0


def test_a_count_that_shelves_answer_is_the_count_of_the_rows(inbox: Model) -> None:
    """Whatever is asked of one recipient's entries: what is looked up is what is counted, and much is looked up."""
    looked_up = 0
    with open_reading(inbox.cursor) as reading:
        for deleted, archived, snoozed in itertools.product(ANY, repeat=3):
            states = {"recipient": "ann", "deleted": deleted, "archived": archived, "snoozed": snoozed}
            for more in (
                *({}, {"read": True}, {"read": False}, {"seen": True}, {"seen": False}, {"read": False, "seen": True}),
                *({"reached": ["acknowledged"]}, {"not_reached": ["acknowledged"]}, {"reached": ["fired"]}),
            ):
                asked = Filter.model_validate({"tenant": "acme", **states, **more})
                folded = read_folded_total(reading, asked)
                if folded is not None:
                    looked_up += 1
                    assert counted_by_rows(reading, {**states, **more}) == folded
                    assert folded == count_rows(reading, Grain.INBOX_ENTRY, asked).total
    assert looked_up == 7 * 7, "seven sets of shelves, and all of them or by one of three columns, both ways"


@pytest.mark.parametrize(
    "more",
    [
        *({"channel": "email"}, {"created_from": at(0)}, {"created_before": at(0)}, {"reached": ["read"]}),
        *({"inbox_entry_id": numbered(1)}, {"read": True, "seen": True}, {"archived": True}),
    ],
)
def test_a_count_that_shelves_do_not_answer_is_not_looked_up(model: Model, more: dict[str, object]) -> None:
    """A condition that the fold keeps no number for is never dropped."""
    with open_reading(model.cursor) as reading:
        asked = Filter.model_validate({"tenant": "acme", "recipient": "ann", **more})
        assert read_folded_total(reading, asked) is None


def test_a_badge_is_of_one_recipient_of_one_tenant(inbox: Model, serve: Serve) -> None:
    """Who is not known and who is another tenant's have the same badge: nothing, at a position."""
    client = serve(create_app(Desk(inbox.cursor, directory=OPEN), readiness=ready))
    nobodys = badge(client, "acme", "nobody")
    position = f"{TOPIC}@0:{inbox.next_offsets()[0]}"
    nothing = dict.fromkeys(COLUMNS, 0)
    assert {"position": position, **nothing, "shelves": [{"shelf": name, **nothing} for name in SHELVES]} == nobodys
    assert nobodys == badge(client, "acme", "cem") == badge(client, "nobody", "ann")
    assert (badge(client, "other", "ann")["total"], badge(client, "other", "cem")["unread"]) == (1, 1)


def test_a_badge_needs_a_recipient_and_takes_nothing_else(model: Model, serve: Serve) -> None:
    """A badge is of one recipient: without one, or with a filter, the question is refused by name."""
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=ready))
    for url, field in (
        ("tenant=acme", "recipient"),
        ("recipient=ann", "tenant"),
        ("tenant=a&recipient=b&read=true", "read"),
    ):
        response = client.get(f"/v1/inbox/badge?{url}")
        assert (response.status_code, response.json()["field"]) == (400, field)


def counted_by_rows(reading: Reading, asked: dict[str, object]) -> int:
    """Count the rows themselves: a grouped count looks nothing up, and every row is in the group of its recipient."""
    given = Filter.model_validate({"tenant": "acme", **asked})
    answer = count_rows(reading, Grain.INBOX_ENTRY, given, group_by=GroupBy.RECIPIENT)
    assert answer.total == sum(group.count for group in answer.groups or ())
    return answer.total


def badge(client: httpx2.Client, tenant: str, recipient: str) -> dict[str, object]:
    """Get a badge."""
    answer: dict[str, object] = client.get("/v1/inbox/badge", params={"tenant": tenant, "recipient": recipient}).json()
    return answer


def ready() -> Readiness:
    """Say that the read model has caught up."""
    return Readiness(ready=True, position=Position())
