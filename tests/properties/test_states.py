"""What an inbox entry is now, what applies downward, and what is taken back, in cases to work out by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any, Final

import pytest

from ledger_schemas import Kind

from .comparison import (
    apply,
    apply_side_by_side,
    assert_same,
    check,
    folded,
    held_after,
    new_read_model,
    read_state,
    state_of_run,
)
from .strategies import Recorded, audience, clock, place, said

ANY: Final = "f0000000-0000-4000-8000-00000000000f"
"""An event_id that no event has."""

ANN: Final[dict[str, Any]] = {"recipient_id": "ann"}
ANN_EMAIL: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
CREATED: Final = said("created", "10:00:00", audience=audience(ann=("email", "in_app"), bob=("email",)))
REVERSALS: Final = {"read": "unread", "archived": "unarchived", "snoozed": "unsnoozed"}
NOT_TOLD_BELOW: Final = {Kind.CREATED, Kind.AMENDED, Kind.AUDIENCE_ADDED, Kind.RETRACTED, Kind.OBSERVED}


@pytest.mark.parametrize(("kind", "reversal"), REVERSALS.items())
def test_the_latest_of_a_pair_says_what_an_entry_is(kind: str, reversal: str) -> None:
    """Done, taken back, done again: the state of that recipient follows, and is a number of the notification."""
    done, back = said(kind, "10:00:01", **ANN), said(reversal, "10:00:02", **ANN)
    for history, state in (((done,), True), ((done, back), False), ((back, done, said(kind, "10:00:03", **ANN)), True)):
        held = held_after(CREATED, *history)
        check(held, "inbox_entries", "ann", **{f"is_{kind}": state})
        check(held, "inbox_entries", "bob", **{f"is_{kind}": False})
        check(held, "notifications", **{f"recipients_{kind}": int(state)})


def test_the_time_of_the_latest_snooze_shows_while_it_holds() -> None:
    """Also when that is none, and also when it has long passed: nothing is compared with a clock."""
    first = said("snoozed", "10:00:01", **ANN, snoozed_until=clock("11:00:00"))
    check(held_after(CREATED, first), "inbox_entries", "ann", is_snoozed=True, snoozed_until=clock("11:00:00"))
    past = said("snoozed", "10:00:02", **ANN, snoozed_until=clock("11:00:00", 1970))
    check(held_after(past, first), "inbox_entries", "ann", snoozed_until=clock("11:00:00", 1970))
    open_end = said("snoozed", "10:00:03", **ANN_EMAIL)
    held = held_after(CREATED, past, open_end, first)
    check(held, "inbox_entries", "ann", is_snoozed=True, snoozed_until=None)
    check(held, "deliveries", "ann", "email", "", is_snoozed=True, snoozed_until=None)
    held = held_after(CREATED, first, said("unsnoozed", "10:00:02", **ANN))
    check(held, "inbox_entries", "ann", is_snoozed=False, snoozed_until=None, snoozed_count=1)


@pytest.mark.parametrize(
    ("kind", "fields", "is_seen"),
    [
        *((kind, {}, True) for kind in ("seen", "opened", "clicked", "read", "unread")),
        *((kind, {"automated": True}, False) for kind in ("opened", "clicked")),
        *((kind, {}, False) for kind in ("delivered", "acknowledged", "archived", "deleted", "action_completed")),
    ],
)
def test_seen_is_what_a_person_had_before_their_eyes(kind: str, fields: dict[str, Any], *, is_seen: bool) -> None:
    """A list, an open, a click, a mark as read or as unread; not what a machine did, nor what needs no look."""
    held = held_after(CREATED, said(kind, "10:00:01", **ANN_EMAIL, **fields))
    check(held, "deliveries", "ann", "email", "", is_seen=is_seen)
    check(held, "deliveries", "ann", "in_app", "", is_seen=False)
    check(held, "inbox_entries", "ann", is_seen=is_seen)
    check(held, "notifications", recipients_seen=int(is_seen))


def test_nothing_undeletes_an_entry() -> None:
    """A deleted stands, for that recipient alone, whatever comes after."""
    held = held_after(CREATED, said("deleted", "10:00:01", **ANN), said("read", "10:00:02", **ANN))
    check(held, "inbox_entries", "ann", is_deleted=True)
    check(held, "inbox_entries", "bob", is_deleted=False)
    check(held, "notifications", recipients_deleted=1, deleted_count=1)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in NOT_TOLD_BELOW])
def test_few_facts_apply_to_everything_below(kind: Kind) -> None:
    """Of a fact of the whole notification only fired, cancelled, expired and failed speak of entries and deliveries."""
    held = held_after(CREATED, said(kind, "10:00:01"))
    told = int(kind in {"fired", "cancelled", "expired", "failed"})
    check(held, "notifications", **{f"{kind}_count": 1, f"first_{kind}_at": clock("10:00:01")})
    check(held, "inbox_entries", "bob", **{f"{kind}_count": told})
    check(held, "deliveries", "ann", "in_app", "", **{f"{kind}_count": told})


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in NOT_TOLD_BELOW])
def test_facts_merge_upward(kind: Kind) -> None:
    """What was said of a delivery is told of its entry and of the notification: earliest, latest and how often."""
    held = held_after(
        CREATED, said(kind, "10:00:05", **ANN_EMAIL), said(kind, "10:00:01", **ANN), said(kind, "10:00:03", **ANN_EMAIL)
    )
    first, last = clock("10:00:01"), clock("10:00:05")
    told = {f"first_{kind}_at": first, f"last_{kind}_at": last, f"{kind}_count": 3}
    check(held, "inbox_entries", "ann", **told)
    check(held, "notifications", **told)
    below = int(kind in {"fired", "cancelled", "expired", "failed"})
    check(held, "deliveries", "ann", "email", "", **{f"last_{kind}_at": last, f"{kind}_count": 2 + below})


def test_an_observed_makes_no_row() -> None:
    """It is in history alone, also when it names who has never been heard of."""
    held = held_after(said("observed", "10:00:01", **ANN_EMAIL), said("retracted", "10:00:02", retracted_event_id=ANY))
    check(held, "notifications", recipients=0, retracted_count=1)
    alone = held_after(said("observed", "10:00:01", **ANN_EMAIL))
    assert all(rows == {} for rows in alone.tables.values())


def test_a_retracted_event_is_as_if_it_had_never_been() -> None:
    """In whatever order events and retractions come: the rows as without the event, but for the retraction."""
    mistake = said("failed", "10:00:01", recipient_id="eve", channel="email", permanent=True)
    wrong = said("created", "09:00:00", category="wrong", number=3, audience=audience(zoe=("sms",)))
    history = [
        CREATED,
        mistake,
        wrong,
        said("retracted", "10:00:05", retracted_event_id=mistake.event.event_id, recipient_id="eve"),
        said("retracted", "10:00:06", retracted_event_id=wrong.event.event_id),
    ]
    without = held_after(*(one for one in history if one not in {mistake, wrong}))
    orders = list(permutations(history))
    with new_read_model() as model:
        log = apply_side_by_side(model, [[[one] for one in order] for order in orders])
        held = read_state(model)
    assert_same(folded(log), held)
    (expected,) = without.tables["notifications"].values()
    assert (expected["recipients"], expected["retracted_count"], expected["failed_count"]) == (2, 2, 0)
    for number in range(len(orders)):
        found = state_of_run(held, number)
        assert [expected] == [*found.tables["notifications"].values()]
        assert {"ann", "bob"} == {key[-1] for key in found.tables["inbox_entries"]}
        assert [content["category"] for content in found.tables["contents"].values()] == [None]


def test_without_its_created_a_notification_is_not_listed_any_more() -> None:
    """A created that is taken back takes content and place in the lists along; what was said else stays."""
    back = said("retracted", "10:00:05", retracted_event_id=CREATED.event.event_id)
    fired = said("fired", "10:00:01")
    again = said("created", "10:00:07", audience=audience(bob=()))
    with new_read_model() as model:
        log = place([CREATED, fired, back, again])
        apply(model, log[:2])
        apply(model, log[2:3])
        gone = read_state(model)
        apply(model, log[3:])
        returned = read_state(model)
    check(gone, "notifications", listed_at=None, fired_count=1, recipients=0, created_count=0)
    assert gone.tables["contents"] == {}
    check(returned, "notifications", listed_at=clock("10:00:07"), recipients=1, created_count=1)
    assert_same(folded(log), returned)


def test_a_retraction_is_not_retracted() -> None:
    """A retracted that names another changes no other fact; one that names nothing does not either."""
    read = said("read", "10:00:01", **ANN)
    back = said("retracted", "10:00:02", retracted_event_id=read.event.event_id)
    in_vain = said("retracted", "10:00:03", retracted_event_id=back.event.event_id)
    held = held_after(CREATED, read, in_vain, back, said("retracted", "10:00:04", retracted_event_id=ANY))
    check(held, "inbox_entries", "ann", is_read=False, read_count=0)
    check(held, "notifications", retracted_count=3)


def test_what_comes_after_a_retraction_counts() -> None:
    """A notification with a retracted goes on: later facts are merged, copies of what was taken back are not."""
    read = said("read", "10:00:01", **ANN)
    history: list[Recorded] = [
        *(CREATED, read, said("retracted", "10:00:02", retracted_event_id=read.event.event_id)),
        *(said("delivered", "10:00:03", **ANN_EMAIL), read, said("read", "10:00:04", **ANN)),
    ]
    with new_read_model() as model:
        log = place(history)
        apply(model, *([one] for one in log))
        held = read_state(model)
    assert_same(folded(log), held)
    check(held, "inbox_entries", "ann", read_count=1, first_read_at=clock("10:00:04"), delivered_count=1, is_read=True)
