"""Which of several events is the latest, where some are stated by clocks that are minutes ahead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_schemas import Kind

from .comparison import apply, apply_side_by_side, assert_same, folded, new_read_model, read, read_state, state_of_run
from .oracle import State
from .strategies import (
    FOLD,
    HIGH_ID,
    LOW_ID,
    NOTIFICATION_IDS,
    Recorded,
    audience,
    batches,
    clock,
    histories,
    logs,
    place,
    said,
)

ANN: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
CREATED: Final = said("created", "10:00:00", category="promo", audience=audience(ann=("email",)))
AHEAD: Final = "10:14:00"
"""What a clock that is 14 minutes ahead says when the log's clock says 10:00:00."""
AHEAD_5_S_LATER: Final = "10:14:05"

ELEVEN, TWELVE = clock("11:00:00"), clock("12:00:00")
Stated = tuple[str, dict[str, Any]]
PAIRS: Final[dict[str, tuple[Stated, Stated, dict[str, Any]]]] = {
    "read, unread": (("read", {}), ("unread", {}), {"is_read": False}),
    "unread, read": (("unread", {}), ("read", {}), {"is_read": True}),
    "archived, unarchived": (("archived", {}), ("unarchived", {}), {"is_archived": False}),
    "unarchived, archived": (("unarchived", {}), ("archived", {}), {"is_archived": True}),
    "snoozed, unsnoozed": (
        ("snoozed", {"snoozed_until": ELEVEN}),
        ("unsnoozed", {}),
        {"is_snoozed": False, "snoozed_until": None},
    ),
    "unsnoozed, snoozed": (
        ("unsnoozed", {}),
        ("snoozed", {"snoozed_until": ELEVEN}),
        {"is_snoozed": True, "snoozed_until": ELEVEN},
    ),
    "snoozed, snoozed": (
        ("snoozed", {"snoozed_until": TWELVE}),
        ("snoozed", {"snoozed_until": ELEVEN}),
        {"is_snoozed": True, "snoozed_until": ELEVEN},
    ),
}
"""What is stated first, what is stated 5 s later, and what the inbox entry then shows."""

KINDS_WITH_A_LATEST: Final = (
    *(Kind.CREATED, Kind.AMENDED, Kind.AMENDED, Kind.READ, Kind.UNREAD),
    *(Kind.ARCHIVED, Kind.UNARCHIVED, Kind.SNOOZED, Kind.UNSNOOZED),
)


def test_an_amended_of_a_fast_clock_is_corrected_by_a_later_one() -> None:
    """Content shows what a right clock states after the log took the amended that is 14 minutes ahead, in any order."""
    history = [
        CREATED,
        said("amended", AHEAD, "10:00:01", category="wrong", cleared=["severity"], personal={"title": "Wrong"}),
        said("amended", "10:00:30", category="right", severity="minor", cleared=["personal"]),
    ]
    orders = list(permutations(history))
    state, _ = _held([[[one] for one in order] for order in orders])
    for number in range(len(orders)):
        content = state_of_run(state, number).tables["contents"][NOTIFICATION_IDS[0],]
        assert (content["category"], content["severity"], content["personal"]) == ("right", "minor", None)


@pytest.mark.parametrize(("first", "second", "expected"), PAIRS.values(), ids=PAIRS)
def test_a_fast_clock_keeps_its_order_within_a_millisecond(
    first: Stated, second: Stated, expected: dict[str, Any]
) -> None:
    """Of two facts 5 s apart by one fast clock, taken in one millisecond, the second holds, whatever their ids."""
    state, _ = _held(_in_one_millisecond(first, second))
    for number in range(8):
        run = state_of_run(state, number).tables
        for row in (run["inbox_entries"][NOTIFICATION_IDS[0], "ann"], next(iter(run["deliveries"].values()))):
            assert expected == {column: row[column] for column in expected}


def test_the_log_orders_what_fast_clocks_state_in_different_milliseconds() -> None:
    """The fact that the log took later holds, also where its fast clock is less far ahead and its id is smaller."""
    runs = []
    for ids, times in product(permutations((LOW_ID, HIGH_ID)), permutations((AHEAD, AHEAD_5_S_LATER))):
        taken_first = said("read", times[0], "10:00:01", **ANN, event_id=ids[0])
        taken_later = said("unread", times[1], "10:00:02", **ANN, event_id=ids[1])
        runs += [[[CREATED, taken_first, taken_later]], [[taken_later], [taken_first, CREATED]]]
    state, _ = _held(runs)
    for number in range(len(runs)):
        assert not state_of_run(state, number).tables["inbox_entries"][NOTIFICATION_IDS[0], "ann"]["is_read"]


@pytest.mark.parametrize("is_completed", [False, True])
def test_an_action_of_a_fast_clock_keeps_its_order_within_a_millisecond(*, is_completed: bool) -> None:
    """The view `actions` has the same rule: of a completed and a reverted by one fast clock, the second holds."""
    kinds = ("action_reverted", "action_completed") if is_completed else ("action_completed", "action_reverted")
    stated: list[Stated] = [(kind, {"action_type": "primary"}) for kind in kinds]
    _, actions = _held(_in_one_millisecond(*stated))
    assert [is_completed] * 8 == [row["is_completed"] for row in actions]


@settings(FOLD, max_examples=25)
@given(data=st.data(), history=histories(notifications_max=4, events_min=8, events_max=24, kinds=KINDS_WITH_A_LATEST))
def test_events_that_replace_each_other_give_the_rows_of_the_oracle(
    data: st.DataObject, history: list[Recorded]
) -> None:
    """Amendments and facts with reversals, by clocks that are right or ahead, in any order, give the oracle's rows."""
    log = place(data.draw(logs(history)))
    with new_read_model() as model:
        apply(model, *data.draw(batches(log, batches_max=3)))
        held = read_state(model)
    assert_same(folded(log), held)


def _in_one_millisecond(first: Stated, second: Stated) -> list[list[list[Recorded]]]:
    """Return runs of both facts, with ids in either order, in either order of the log, in one batch and in two."""
    runs = []
    for ids in permutations((LOW_ID, HIGH_ID)):
        pair = [
            _said(first, AHEAD, "10:00:01", event_id=ids[0]),
            _said(second, AHEAD_5_S_LATER, "10:00:01", event_id=ids[1]),
        ]
        for one, other in permutations(pair):
            runs += [[[CREATED, one, other]], [[CREATED, one], [other]]]
    return runs


def _said(stated: Stated, occurred_at: str, recorded_at: str, **fields: Any) -> Recorded:  # noqa: ANN401 - any field
    kind, own = stated
    return said(kind, occurred_at, recorded_at, **ANN, **own, **fields)


def _held(runs: Sequence[Sequence[Sequence[Recorded]]]) -> tuple[State, list[dict[str, Any]]]:
    """Return what the read model holds after the runs, which is what the oracle holds, and its actions."""
    with new_read_model() as model:
        log = apply_side_by_side(model, runs)
        state, actions = read_state(model), read(model, "FROM actions ORDER BY tenant_id")
    assert_same(folded(log), state)
    return state, actions
