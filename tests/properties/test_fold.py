from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .comparison import (
    apply,
    apply_side_by_side,
    assert_same,
    cut,
    folded,
    new_read_model,
    read,
    read_state,
    state_of_run,
)
from .oracle import State
from .strategies import (
    EVENT_IDS,
    FOLD,
    HIGH_ID,
    LOW_ID,
    NOTIFICATION_IDS,
    Recorded,
    audience,
    batches,
    clock,
    conflicting_copies,
    histories,
    logs,
    place,
    said,
)

HISTORY: Final = "SELECT * FROM events ORDER BY log_partition, log_offset"

CHOSEN_HISTORIES: Final = {
    "an audience that grows from one to two, and plans that make way": [
        said("created", "10:00:00", audience=audience(ann=("email",))),
        said("delivered", "10:00:01", channel="email"),
        said("read", "10:00:02"),
        said("failed", "10:00:03", recipient_id="ann", channel="email", delivery_ref="phone", permanent=True),
        said("created", "09:59:00", audience=audience(bob=("in_app", "email"))),
        said("fired", "10:00:04", channel="email"),
    ],
    "reads and unreads at one effective time, by clocks that are wrong": [
        said("read", clock("10:00:00", 2200), "10:00:05", recipient_id="ann", event_id=NOTIFICATION_IDS[1]),
        said("unread", "10:00:05", recipient_id="ann", event_id=NOTIFICATION_IDS[0]),
        said("read", clock("10:00:00", 1970), "10:00:06", recipient_id="ann"),
        said("read", "10:00:05", "10:00:01", channel="email"),
        said("unread", "10:00:05", recipient_id="ann", channel="email"),
        said("created", "10:00:09", "10:00:05", recipient_id="ann"),
    ],
    "clocks that are ahead by minutes, beside a right one": [
        said("created", "10:00:00", category="promo", audience=audience(ann=("email",))),
        said("amended", "10:14:00", "10:00:01", category="wrong", cleared=["tags"]),
        said("amended", "10:00:05", category="right", tags=["a"]),
        said("read", "10:14:00", "10:00:02", recipient_id="ann", event_id=HIGH_ID),
        said("unread", "10:14:05", "10:00:02", recipient_id="ann", event_id=LOW_ID),
        said("snoozed", "10:14:05", "10:00:02", recipient_id="ann", snoozed_until=clock("11:00:00")),
    ],
    "several created that tell different stories": [
        said("created", "10:00:00", category="promo", personal={"title": "A"}, tags=["a"]),
        said("created", "10:00:00", category="alert", audience=audience(ann=())),
        said("created", "09:00:00", priority="high", personal={"body": "B"}, personal_key_id="key-2"),
        said("created", "11:00:00", source="billing", actor="user-1", audience=audience(ann=("email",), bob=())),
        said("opened", "10:00:01", recipient_id="ann"),
        said("opened", "10:00:01", recipient_id="ann", automated=True),
    ],
    "content that is amended, cleared and set again, before and after its created": [
        said("created", "10:00:05", category="promo", tags=["a"], channels=["chat"], audience=audience(ann=("email",))),
        said("amended", "10:00:01", category="alert", cleared=["category", "tags", "personal"]),
        said("amended", "10:00:02", tags=["b"], channels=["hook", "email"], personal={"title": "B"}),
        said("amended", "10:00:03", cleared=["tags", "channels"], personal_key_id="key-1"),
        said("audience_added", "10:00:04", audience=audience(bob=("email",), ann=("in_app",))),
        said("audience_added", "10:00:01", audience=audience(bob=("in_app",), eve=())),
    ],
    "events that are taken back, one by one that is named itself": [
        said("created", "10:00:00", event_id=EVENT_IDS[0], audience=audience(ann=("email",)), channels=["chat"]),
        said("read", "10:00:01", event_id=EVENT_IDS[1], recipient_id="bob"),
        said("retracted", "10:00:02", event_id=EVENT_IDS[2], recipient_id="eve", retracted_event_id=EVENT_IDS[1]),
        said("retracted", "10:00:03", event_id=EVENT_IDS[3], retracted_event_id=EVENT_IDS[2]),
        said("retracted", "10:00:04", event_id=EVENT_IDS[4], retracted_event_id=EVENT_IDS[0]),
        said("amended", "10:00:05", event_id=EVENT_IDS[5], category="alert"),
    ],
    "an entry that is put away and off, seen by a machine, and deleted": [
        said("snoozed", "10:00:00", recipient_id="ann", snoozed_until=clock("11:00:00")),
        said("snoozed", "10:00:02", recipient_id="ann", channel="email"),
        said("unsnoozed", clock("10:00:00", 2200), "10:00:01", recipient_id="ann"),
        said("archived", "10:00:03"),
        said("clicked", "10:00:04", recipient_id="ann", channel="email", automated=True),
        said("cancelled", "10:00:05", channel="email"),
    ],
}


@pytest.mark.parametrize("history", CHOSEN_HISTORIES.values(), ids=CHOSEN_HISTORIES)
def test_every_order_of_a_chosen_history_gives_the_same_rows(history: list[Recorded]) -> None:
    """All 720 orders of six events that depend on each other, cut into batches in many ways, give the same rows."""
    _check_every_order(history)


@settings(FOLD, max_examples=8)
@given(histories(notifications_max=1, events_min=5, events_max=5))
def test_every_order_of_a_small_history_gives_the_same_rows(history: list[Recorded]) -> None:
    """All 120 orders of any five events of one notification, cut into batches in many ways, give the same rows."""
    _check_every_order(history)


@settings(FOLD, max_examples=35)
@given(
    data=st.data(),
    history=histories(notifications_max=5, events_min=8, events_max=24),
    partitions=st.sampled_from((1, 6)),
)
def test_a_large_history_gives_the_rows_of_the_oracle(
    data: st.DataObject, history: list[Recorded], partitions: int
) -> None:
    """Any history in any order, with any repetition, in any batches, gives the rows and duplicates of the oracle."""
    log = place(data.draw(logs(history)), partitions)
    with new_read_model(partitions) as model:
        outcomes = apply(model, *data.draw(batches(log)))
        held = read_state(model)
    assert_same(folded(log, partitions), held)
    assert len(history) == sum(outcome.applied for outcome in outcomes)
    assert len(log) - len(history) == sum(outcome.duplicates for outcome in outcomes)


@settings(FOLD, max_examples=12)
@given(data=st.data(), history=histories(notifications_max=3, events_min=3, events_max=12))
def test_a_batch_that_comes_again_changes_only_duplicates(data: st.DataObject, history: list[Recorded]) -> None:
    """The records of a batch, appended and applied a second time, leave rows in duplicates and nothing else."""
    parts = data.draw(batches(place(data.draw(logs(history))), batches_max=4))
    unapplied = iter(place([placed.recorded for part in parts for placed in (*part, *part)]))
    with new_read_model() as model:
        for part in parts:
            apply(model, [next(unapplied) for _ in part])
            before, history_before = read_state(model), read(model, HISTORY)
            again = [next(unapplied) for _ in part]
            (outcome,) = apply(model, again)
            after = read_state(model)
            assert (0, len(again), 0) == (outcome.applied, outcome.duplicates, outcome.quarantined)
            assert {(0, placed.offset) for placed in again} == after.duplicates.keys() - before.duplicates.keys()
            assert_same(before, State(after.tables, before.duplicates, after.conflicts))
            assert history_before == read(model, HISTORY)


@settings(FOLD, max_examples=15)
@given(data=st.data(), history=histories(notifications_max=2, events_max=10))
def test_a_copy_with_other_content_changes_only_the_quarantine(data: st.DataObject, history: list[Recorded]) -> None:
    """Same identity, other content: the first offset counts, and all else is as if the other had never been."""
    log, others = data.draw(conflicting_copies(data.draw(logs(history))))
    with new_read_model() as model, new_read_model() as untroubled:
        outcomes = apply(model, *data.draw(batches(log)))
        apply(untroubled, [placed for placed in log if placed not in others])
        held, expected = read_state(model), read_state(untroubled)
        assert read(untroubled, HISTORY) == read(model, HISTORY)
    assert len(others) == sum(outcome.quarantined for outcome in outcomes)
    assert {(0, placed.offset) for placed in others} == held.conflicts.keys()
    assert_same(folded(log), held)
    assert_same(expected, State(held.tables, held.duplicates))


def _check_every_order(history: Sequence[Recorded]) -> None:
    orders = list(permutations(history))
    with new_read_model() as model:
        # The running number walks through all ways of cutting an order into batches.
        log = apply_side_by_side(model, [cut(order, number) for number, order in enumerate(orders)])
        held = read_state(model)
    assert_same(folded(log), held)
    first = state_of_run(held, 0)
    assert first.tables["notifications"]
    for number, order in enumerate(orders):
        assert_same(first, state_of_run(held, number), _kinds(order))


def _kinds(order: Sequence[Recorded]) -> str:
    return ", ".join(recorded.event.kind for recorded in order)
