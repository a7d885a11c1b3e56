from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.datatypes import DataTypeClass

from ledger_projectors.fold.copies import Copies, compare_copies
from ledger_projectors.fold.frames import CONTENTS, EVENTS, Events

from .fold_frames import NOTHING, Place, frames, places
from .oracle import _folded, fold
from .strategies import FOLD, Placed, batches, conflicting_copies, histories, logs, place, said
from .test_copies import FOLDED, LARGE_ID, STATED, UNFOLDED

VERDICTS: Final = ("first", "duplicates", "conflicts", "displaced", "overtaken")
TEXTS: Final = st.sampled_from((None, "", "a", "aa"))


@st.composite
def copied_logs(draw: st.DrawFn) -> list[Placed]:
    """Draw a log of few identities and many copies, some of which contradict the first."""
    history = draw(histories(notifications_max=2, events_max=4))
    placed, _ = draw(conflicting_copies(draw(logs(history))))
    return placed


@FOLD
@given(data=st.data(), log=copied_logs())
def test_batches_in_log_order_have_the_copies_that_the_oracle_finds(data: st.DataObject, log: list[Placed]) -> None:
    """However a log is cut, and its batches shuffled: the same duplicates and conflicts, and nothing stored moves."""
    numbers: dict[Any, int] = {}
    stored, duplicates, conflicts = NOTHING, set[Place](), set[Place]()
    for batch in data.draw(batches(log)):
        new = frames(data.draw(st.permutations(batch)), numbers)
        found = compare_copies(new, stored)
        assert places(found.first) == sorted(places(found.first))
        assert found.displaced.is_empty()
        assert found.overtaken.is_empty()
        duplicates.update(places(found.duplicates))
        conflicts.update(places(found.conflicts))
        events = pl.concat([stored.events, found.first.select(list(EVENTS))])
        stored = Events(events, pl.concat([stored.contents, new.contents]))
    expected = fold([one.log_event() for one in log])
    assert set(expected.duplicates) == duplicates
    assert set(expected.conflicts) == conflicts
    assert sorted({(one.partition, one.offset) for one in log} - duplicates - conflicts) == sorted(
        places(stored.events)
    )


@FOLD
@given(data=st.data(), log=copied_logs())
def test_events_that_lie_before_their_stored_copies_are_judged_as_stated(
    data: st.DataObject, log: list[Placed]
) -> None:
    """Any part of a log was applied before the rest: each copy is what a plain loop over its identity says."""
    applied_before = data.draw(st.lists(st.sampled_from(log), unique_by=lambda one: one.offset))
    stored: dict[Any, Placed] = {}
    for one in sorted(applied_before, key=lambda one: one.offset):
        stored.setdefault(_identity(one), one)
    new = [one for one in log if one not in applied_before]
    numbers: dict[Any, int] = {}
    if new:
        found = compare_copies(frames(new, numbers), frames([*stored.values()], numbers) if stored else NOTHING)
        assert _stated(new, stored) == {verdict: sorted(places(getattr(found, verdict))) for verdict in VERDICTS}


def test_a_later_copy_is_first_when_a_conflicting_one_lies_before_it() -> None:
    """Offsets 0 (other content), 1, 2 (stored): the stored one gives way to 1, and 0 asks for another judgement."""
    event = said("created", "10:00:00", category="a")
    other = said("created", "10:00:00", category="b", event_id=event.event.event_id)
    log = place([other, event, event])
    numbers: dict[Any, int] = {}
    found = compare_copies(frames(log[:2], numbers), frames(log[2:], numbers))
    assert (places(found.first), places(found.conflicts)) == ([(0, 1)], [(0, 0)])
    assert (places(found.displaced), places(found.overtaken)) == ([(0, 2)], [(0, 2)])


def test_copies_of_other_notifications_are_not_compared() -> None:
    """The same event_id under another n is another event, stored or new."""
    log = place([said("created", "10:00:00", event_id=LARGE_ID, tenant_id=tenant) for tenant in ("a", "b", "c")])
    numbers: dict[Any, int] = {}
    found = compare_copies(frames(log[1:], numbers), frames(log[:1], numbers))
    assert places(found.first) == [(0, 1), (0, 2)]


@pytest.mark.parametrize(("kind", "field", "value"), FOLDED, ids=str)
def test_a_copy_that_differs_in_a_folded_field_is_a_conflict(kind: str, field: str, value: object) -> None:
    """Every field that the fold reads makes a conflict, whichever of the two values comes first."""
    one, other = {"kind": kind, **STATED[kind]}, {"kind": kind, **STATED[kind], field: value}
    for stated in ((one, other), (other, one)):
        for found in _judged_twice(*stated):
            assert (len(found.duplicates), len(found.conflicts)) == (0, 1)


@pytest.mark.parametrize(("kind", "field"), UNFOLDED, ids=str)
def test_a_copy_that_differs_in_another_field_is_a_duplicate(kind: str, field: str) -> None:
    """A field that folds to nothing may differ, whichever of the two values comes first."""
    value = {"personal": {"detail": "other"}, "attributes": '{"a":1}'}.get(field, "other")
    one, other = {"kind": kind, **STATED[kind]}, {"kind": kind, **STATED[kind], field: value}
    for stated in ((one, other), (other, one)):
        for found in _judged_twice(*stated):
            assert (len(found.duplicates), len(found.conflicts)) == (1, 0)


@st.composite
def values(draw: st.DrawFn, dtype: pl.DataType) -> Any:  # noqa: ANN401 - any cell
    """Draw a cell of the type, null or empty at any depth."""
    match dtype:
        case pl.Struct():
            parts = {field.name: values(_made(field.dtype)) for field in dtype.fields}
            return draw(st.none() | st.fixed_dictionaries(parts))
        case pl.List():
            return draw(st.none() | st.lists(values(_made(dtype.inner)), max_size=2))
    return draw(TEXTS)


@FOLD
@given(data=st.data())
def test_nested_values_are_equal_exactly_where_python_says_so(data: st.DataObject) -> None:
    """Null, a record of nulls, an empty text and lists of them are told apart at any depth; an empty list is none."""
    log = place([said("created", "10:00:00", event_id=LARGE_ID)] * 2)
    numbers: dict[Any, int] = {}
    new = frames(log, numbers)
    nested = [name for name, dtype in CONTENTS.items() if dtype.is_nested()]
    name = data.draw(st.sampled_from([*nested, "audience"]))
    cells = data.draw(st.tuples(*[values(_made((CONTENTS | EVENTS)[name]))] * 2))
    column = pl.Series(name, cells, (CONTENTS | EVENTS)[name])
    if name == "audience":
        new = Events(new.events.with_columns(column), new.contents)
    else:
        rows = new.events.select("log_partition", "log_offset").with_columns(column)
        new = Events(new.events, pl.concat([new.contents, rows], how="diagonal"))
    found = compare_copies(new, NOTHING)
    first, second = (None if cell == [] else cell for cell in cells)
    assert len(found.duplicates) == (first == second)
    assert len(found.conflicts) == (first != second)


def _judged_twice(first: dict[str, Any], second: dict[str, Any]) -> list[Copies]:
    """Judge a further copy in the batch of the first one, and in one after it."""
    log = place([said(**{"occurred_at": "10:00:00", "event_id": LARGE_ID} | fields) for fields in (first, second)])
    numbers: dict[Any, int] = {}
    apart = compare_copies(frames(log[1:], numbers), frames(log[:1], numbers))
    return [compare_copies(frames(log, numbers), NOTHING), apart]


def _stated(new: Sequence[Placed], stored: dict[Any, Placed]) -> dict[str, list[Place]]:
    """Return what copies are, as the docstring of Copies states it."""
    found: dict[str, list[Place]] = {verdict: [] for verdict in VERDICTS}
    copies = defaultdict(list)
    for one in sorted(new, key=lambda one: one.offset):
        copies[_identity(one)].append(one)
    for identity, group in copies.items():
        kept = stored.get(identity)
        told = _folded((kept or group[0]).log_event())
        same = [one for one in group if _folded(one.log_event()) == told]
        others = [one for one in group if one not in same]
        first = min([*same, *([kept] if kept else [])], key=lambda one: one.offset)
        found["first"] += [_place(one) for one in same if one is first]
        found["duplicates"] += [_place(one) for one in same if one is not first]
        found["conflicts"] += map(_place, others)
        if kept:
            found["displaced"] += [_place(kept)] * (kept is not first)
            found["overtaken"] += [_place(kept)] * any(one.offset < first.offset for one in others)
    return {verdict: sorted(those) for verdict, those in found.items()}


def _identity(one: Placed) -> tuple[Any, ...]:
    return (one.recorded.event.tenant_id, one.recorded.event.notification_id, one.recorded.event.event_id)


def _place(one: Placed) -> Place:
    return (one.partition, one.offset)


def _made(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()
