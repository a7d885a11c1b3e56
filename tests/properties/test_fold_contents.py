from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.fold.contents import CONTENT, fold_contents
from ledger_projectors.fold.frames import CONTENTS, EVENTS
from ledger_schemas import Kind

from .fold_frames import NOTHING, frames
from .oracle import _content, fold
from .strategies import EPOCH, FOLD, Placed, Recorded, audience, histories, place, said

SPEAKING: Final = (Kind.CREATED, Kind.CREATED, Kind.AMENDED, Kind.AMENDED, Kind.AUDIENCE_ADDED)


@FOLD
@given(data=st.data(), history=histories(notifications_max=3, events_max=8, kinds=SPEAKING))
def test_contents_are_those_of_the_oracle(data: st.DataObject, history: list[Recorded]) -> None:
    """Whatever events say, and in whichever order they are given, each field is what the oracle states."""
    log = place(data.draw(st.permutations(history)), 6)
    expected = fold([one.log_event() for one in log], 6).tables["contents"]
    assert expected == _rows(data.draw(st.permutations(log)), 6)


@FOLD
@given(history=histories(notifications_max=3, events_max=1, kinds=(Kind.CREATED,)), partitions=st.integers(1, 6))
def test_a_single_created_says_the_same_beside_an_amended_that_says_nothing(
    history: list[Recorded], partitions: int
) -> None:
    """What one event says is what several events say, when the others say nothing."""
    silent = [
        said("amended", EPOCH, tenant_id=one.event.tenant_id, notification_id=one.event.notification_id)
        for one in history
    ]
    log = place([*history, *silent], partitions)
    alone = _rows(log[: len(history)], partitions)
    assert alone == _rows(log, partitions)
    assert alone == {_key(one): _content([one.log_event()], partitions) for one in log[: len(history)]}


def test_notifications_of_one_event_and_of_several_are_folded_together() -> None:
    """A batch has both: each notification has its row, and one without a created has none."""
    log = place(
        [
            said("created", "10:00:00", category="a", tenant_id="one"),
            said("created", "10:00:00", category="a", tenant_id="several"),
            said("amended", "10:00:01", category="b", tenant_id="several"),
            said("amended", "10:00:01", category="b", tenant_id="amended"),
            said("audience_added", "10:00:01", audience=audience(ann=("email",)), tenant_id="added"),
        ]
    )
    assert {tenant: row["category"] for (tenant, _), row in _rows(log).items()} == {"one": "a", "several": "b"}


def test_contents_have_the_types_of_history() -> None:
    """Whether one event speaks, several or none, a column has the type that it has in history."""
    types = {"n": pl.Int64, **{name: (EVENTS | CONTENTS)[name] for name in CONTENT}}
    log = place([said("created", "10:00:00"), said("amended", "10:00:01", category="b")])
    for count in (1, 2):
        given_ = frames(log[:count], {})
        assert types == dict(fold_contents(given_.events, given_.contents, 1).schema)
    assert types == dict(fold_contents(NOTHING.events, NOTHING.contents, 1).schema)


def _rows(log: Sequence[Placed], partitions: int = 1) -> dict[Any, dict[str, Any]]:
    """Return the contents of a log as the oracle states them."""
    numbers: dict[Any, int] = {}
    stated = frames(log, numbers, partitions)
    keys = {n: (tenant, UUID(bytes=notification)) for (tenant, notification), n in numbers.items()}
    found = fold_contents(stated.events, stated.contents, partitions).to_dicts()
    rows = {keys[row.pop("n")]: row for row in found}
    assert len(rows) == len(found)
    for row in rows.values():
        parent = row["parent_notification_id"]
        row["parent_notification_id"] = None if parent is None else UUID(bytes=parent)
    return rows


def _key(one: Placed) -> tuple[str, UUID]:
    return (one.recorded.event.tenant_id, one.recorded.event.notification_id)
