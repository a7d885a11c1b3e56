from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from .comparison import apply, assert_same, check, folded, held_after, new_read_model, read_state
from .oracle import State
from .strategies import NOTIFICATION_IDS, TENANTS, audience, clock, place, said

ACME, N1 = TENANTS[0], NOTIFICATION_IDS[0]
LISTED: Final = ("notifications", "inbox_entries", "deliveries")
ANN_EMAIL: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
LARGE_ID: Final = "f0000000-0000-4000-8000-000000000000"


def test_rows_wait_for_their_created() -> None:
    """Facts that come before their created are kept in rows that are not listed; when it comes, all are listed."""
    early = [said("fired", "10:00:01"), said("read", "10:00:02", **ANN_EMAIL)]
    created = said("created", "10:00:00", audience=audience(ann=("email",), bob=("email",)))
    log = place([*early, created])
    with new_read_model() as model:
        apply(model, log[:2])
        before = read_state(model)
        apply(model, log[2:])
        after = read_state(model)
    assert [_listed_at(before, table) for table in LISTED] == [[None], [None], [None]]
    assert before.tables["contents"] == {}
    ten = clock("10:00:00")
    assert [[ten], [ten, ten], [ten, ten]] == [_listed_at(after, table) for table in LISTED]
    assert {(ACME, N1)} == after.tables["contents"].keys()
    assert after.tables["deliveries"][ACME, N1, "bob", "email", ""]["fired_count"] == 1
    assert_same(folded(log), after)


def test_another_tenant_or_notification_makes_another_event() -> None:
    """One event_id under two tenants and two notifications is three events, none of them a copy."""
    places = ((ACME, N1), (TENANTS[1], N1), (ACME, NOTIFICATION_IDS[1]))
    log = place(
        [
            said("read", "10:00:00", event_id=LARGE_ID, tenant_id=tenant_id, notification_id=notification_id)
            for tenant_id, notification_id in places
        ]
    )
    with new_read_model() as model:
        (outcome,) = apply(model, log)
        held = read_state(model)
    assert (outcome.applied, outcome.duplicates, outcome.quarantined) == (3, 0, 0)
    assert dict.fromkeys(places, 1) == {key: row["read_count"] for key, row in held.tables["notifications"].items()}


def test_the_first_copy_says_when_a_fact_was_recorded() -> None:
    """A later copy's append time changes nothing: the read of a clock set to 2200 stays before the unread."""
    read_late: dict[str, Any] = {"occurred_at": clock("10:00:00", 2200), "recipient_id": "ann", "event_id": LARGE_ID}
    state = held_after(
        said("read", recorded_at="10:00:01", **read_late),
        said("unread", "10:00:02", recipient_id="ann"),
        said("read", recorded_at="10:00:03", **read_late),
    )
    check(state, "inbox_entries", "ann", is_read=False, first_read_at=clock("10:00:00", 2200), read_count=1)


def test_the_larger_event_id_decides_a_tie() -> None:
    """Of a read and an unread at one time, the one with the larger event_id, as 128 unsigned bits, holds."""
    smaller_id = "70000000-0000-4000-8000-000000000000"
    for read_id, unread_id, is_read in ((LARGE_ID, smaller_id, True), (smaller_id, LARGE_ID, False)):
        state = held_after(
            said("read", "10:00:00", recipient_id="ann", event_id=read_id),
            said("unread", "10:00:00", recipient_id="ann", event_id=unread_id),
        )
        check(state, "inbox_entries", "ann", is_read=is_read)


def test_an_audience_of_one_has_the_facts_that_name_nobody() -> None:
    """A fact that names no recipient is the only recipient's, until a second recipient appears."""
    alone = [
        said("created", "10:00:00", audience=audience(ann=("email", "in_app"))),
        said("delivered", "10:00:01", channel="email"),
    ]
    state = held_after(*alone)
    check(state, "deliveries", "ann", "email", "", delivered_count=1)
    check(state, "deliveries", "ann", "in_app", "", delivered_count=0)
    check(state, "inbox_entries", "ann", delivered_count=1)
    check(state, "notifications", recipients=1, recipients_delivered=1)

    state = held_after(*alone, said("read", "10:00:02", recipient_id="bob"))
    check(state, "deliveries", "ann", "email", "", delivered_count=0)
    check(state, "inbox_entries", "ann", delivered_count=0)
    check(state, "notifications", delivered_count=1, recipients=2, recipients_delivered=0)


def test_a_single_delivery_has_the_facts_that_name_no_channel() -> None:
    """What a recipient with one delivery did is what was done with that delivery; with two, nobody knows which."""
    read = said("read", "10:00:01", recipient_id="ann")
    state = held_after(said("created", "10:00:00", audience=audience(ann=("email",), bob=("email",))), read)
    check(state, "deliveries", "ann", "email", "", is_read=True)
    state = held_after(said("created", "10:00:00", audience=audience(ann=("email", "in_app"))), read)
    check(state, "deliveries", "ann", "email", "", is_read=False)
    check(state, "inbox_entries", "ann", is_read=True, deliveries=2)


def test_a_plan_makes_way_for_what_was_carried_out() -> None:
    """A pair that is only declared disappears beside one with a reference; a pair that has a fact stays."""
    created = said("created", "10:00:00", audience=audience(ann=("email", "in_app"), bob=()))
    phone = said("delivered", "10:00:01", **ANN_EMAIL, delivery_ref="phone")
    deliveries = held_after(created, phone).tables["deliveries"]
    assert {("ann", "email", "phone"), ("ann", "in_app", "")} == {key[2:] for key in deliveries}
    deliveries = held_after(created, phone, said("read", "10:00:02", **ANN_EMAIL)).tables["deliveries"]
    assert {("ann", "email", "phone"), ("ann", "email", ""), ("ann", "in_app", "")} == {key[2:] for key in deliveries}


def test_a_failed_channel_fails_all_below_it_once() -> None:
    """A channel that failed fails each delivery over it, and each inbox entry with such a delivery, once each."""
    once = {"failed_count": 1, "failed_permanently": True}
    never = {"failed_count": 0, "failed_permanently": False}
    state = held_after(
        said("created", "10:00:00", audience=audience(bob=("in_app",))),
        said("delivered", "10:00:01", **ANN_EMAIL, delivery_ref="phone"),
        said("delivered", "10:00:01", **ANN_EMAIL, delivery_ref="tablet"),
        said("failed", "10:00:02", channel="email", permanent=True),
        said("delivered", "10:00:03", channel="email"),
    )
    check(state, "deliveries", "ann", "email", "phone", **once)
    check(state, "deliveries", "ann", "email", "tablet", **once)
    check(state, "deliveries", "bob", "in_app", "", **never)
    check(state, "inbox_entries", "ann", **once)
    check(state, "inbox_entries", "bob", **never)
    check(state, "notifications", **once, delivered_count=3)
    check(state, "inbox_entries", "ann", delivered_count=2)


def test_a_failed_reference_fails_the_deliveries_of_that_name_alone() -> None:
    """A failure of a channel and a reference, for nobody in particular, reaches each delivery of that name."""
    failed, well = {"failed_count": 1}, {"failed_count": 0}
    state = held_after(
        said("created", "10:00:00", audience=audience(bob=("email",))),
        said("delivered", "10:00:01", **ANN_EMAIL, delivery_ref="phone"),
        said("delivered", "10:00:01", **ANN_EMAIL, delivery_ref="tablet"),
        said("failed", "10:00:02", channel="email", delivery_ref="phone"),
    )
    check(state, "deliveries", "ann", "email", "phone", **failed)
    check(state, "deliveries", "ann", "email", "tablet", **well)
    check(state, "deliveries", "bob", "email", "", **well)
    check(state, "inbox_entries", "ann", **failed)
    check(state, "inbox_entries", "bob", **well)
    check(state, "notifications", **failed)


def test_a_broadcast_is_not_unread_by_one() -> None:
    """Who reads does so for himself: neither an unread nor a read that names nobody changes an entry of several."""
    state = held_after(
        said("read", "10:00:00", recipient_id="ann"),
        said("unread", "10:00:01", recipient_id="bob"),
        said("unread", "10:00:02"),
        said("read", "10:00:03"),
    )
    check(state, "inbox_entries", "ann", is_read=True, unread_count=0)
    check(state, "inbox_entries", "bob", is_read=False, read_count=0)
    check(state, "notifications", recipients_read=1, read_count=2)


def test_a_notification_for_nobody_has_no_rows_below_it() -> None:
    """Without any recipient there are no entries, deliveries or channels, but the notification has its facts."""
    state = held_after(said("created", "10:00:00"), said("fired", "10:00:01", channel="email"))
    assert (state.tables["inbox_entries"], state.tables["deliveries"]) == ({}, {})
    check(state, "notifications", fired_count=1, recipients=0, channels=[])


def _listed_at(state: State, table: str) -> list[datetime | None]:
    return [row["listed_at"] for row in state.tables[table].values()]
