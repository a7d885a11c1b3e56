"""Copies of events: which are the first, which repeat it (duplicates), which contradict it (conflicts).

The rule is the second paragraph of infra/guides/fold.md. Fields are compared themselves, not hashes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from polars import DataFrame, LazyFrame, col

from ledger_projectors.fold.frames import CONTENTS, EVENTS, Events
from ledger_projectors.fold.plans import run
from ledger_projectors.staging import CONTENT_COLUMNS, PLACE_COLUMNS
from ledger_schemas.kinds import Kind

IDENTITY: Final = ("n", "event_id")
"""What all copies of an event share. They share a partition, too, so their offsets tell which came first."""

_OF_CREATED: Final = ("source", "actor", "attributes")
"""Fields that are folded of created alone, although other kinds state them."""

_NOT_FOLDED: Final = (*IDENTITY, *PLACE_COLUMNS, "tenant_id", "notification_id", "recorded_at")
_EVENT_FIELDS: Final = tuple(name for name in EVENTS if name not in _NOT_FOLDED)
_FOLDED: Final = (*_EVENT_FIELDS, *CONTENT_COLUMNS)
_LISTS: Final = [name for name, dtype in {**EVENTS, **CONTENTS}.items() if isinstance(dtype, pl.List)]


@dataclass(frozen=True, slots=True)
class Copies:
    """What each copy is.

    `first`: new events that are to be applied, in log order. `duplicates`, `conflicts`: new events that are not.
    `displaced`: stored events that a new, earlier copy with the same folded fields replaces: now duplicates of it.
    `overtaken`: stored events whose first copy of all is new and has other folded fields. That copy is among the
    conflicts until all copies are judged together, none of them as stored. An event can be displaced, too.
    """

    first: DataFrame
    duplicates: DataFrame
    conflicts: DataFrame
    displaced: DataFrame
    overtaken: DataFrame


def judge_copies(new: Events, stored: Events) -> Copies:
    """Return what each new event is, given what is stored of the events that may have come before.

    `stored` has each event once, and may have events without a new copy. Contents are those of created and amended.
    """
    events = new.events.sort(PLACE_COLUMNS)
    again = _came_again(events, stored.events)
    if not again.any():
        nothing, kept = events.clear(), stored.events.clear()
        return Copies(events, nothing, nothing, kept, kept)
    repeated = events.filter(again)
    originals = stored.events.join(repeated, on=IDENTITY, how="semi")
    judged = _judged(Events(repeated, new.contents), Events(originals, stored.contents))

    def those(rows: DataFrame, said: str) -> DataFrame:
        return rows.join(judged.filter(said), on=(*IDENTITY, *PLACE_COLUMNS), how="semi", maintain_order="left")

    return Copies(
        first=pl.concat([events.filter(~again), those(repeated, "is_first")]).sort(PLACE_COLUMNS),
        duplicates=those(repeated, "is_duplicate"),
        conflicts=those(repeated, "is_conflict"),
        displaced=those(originals, "is_displaced"),
        overtaken=those(originals, "is_overtaken"),
    )


def _came_again(events: DataFrame, stored: DataFrame) -> pl.Series:
    """Return which events share their identity with another one, new or stored."""
    identities = events.select(IDENTITY)
    if stored.is_empty():
        return identities.is_duplicated()
    known = stored.select(IDENTITY).with_columns(is_stored=pl.lit(value=True))
    marked = identities.join(known, on=IDENTITY, how="left", maintain_order="left")
    return identities.is_duplicated() | marked["is_stored"].fill_null(value=False)


def _judged(new: Events, stored: Events) -> DataFrame:
    """Return IDENTITY and PLACE_COLUMNS of copies, and what is said of each."""
    is_stored, is_same, offset = col("is_stored"), col("is_same"), col("log_offset")
    copies = pl.concat([_stated(stored, is_stored=True), _stated(new, is_stored=False)])
    # Copies are compared with the stored one, which was judged when it came; without one, with the first of them.
    ordered = copies.sort(~is_stored, offset)
    first_alike, compared_with = offset.first().over(*IDENTITY, *_FOLDED), offset.first().over(IDENTITY)
    judged = ordered.select(*IDENTITY, *PLACE_COLUMNS, "is_stored", is_same=first_alike == compared_with)
    judged = judged.with_columns(
        first_same=offset.filter(is_same).min().over(IDENTITY),
        first_other=offset.filter(~is_same).min().over(IDENTITY),
    )
    is_first = is_same & (offset == col("first_same"))
    (found,) = run(
        judged.select(
            *IDENTITY,
            *PLACE_COLUMNS,
            is_first=~is_stored & is_first,
            is_duplicate=~is_stored & is_same & ~is_first,
            is_conflict=~is_stored & ~is_same,
            is_displaced=is_stored & ~is_first,
            is_overtaken=is_stored & (col("first_other") < col("first_same")).fill_null(value=False),
        )
    )
    return found


def _stated(given: Events, *, is_stored: bool) -> LazyFrame:
    """Return what is compared of events: fields that are not folded of their kind are null, and so are empty lists."""
    events = given.events.lazy().select(*IDENTITY, *PLACE_COLUMNS, *_EVENT_FIELDS)
    contents = given.contents.lazy().select(*PLACE_COLUMNS, *CONTENT_COLUMNS)
    return events.join(contents, on=PLACE_COLUMNS, how="left").with_columns(
        pl.when(col("kind") == Kind.CREATED.value).then(col(_OF_CREATED)).name.keep(),
        *(pl.when(col(name).list.len() > 0).then(name).alias(name) for name in _LISTS),
        is_stored=pl.lit(is_stored),
    )
