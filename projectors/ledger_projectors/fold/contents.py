"""What a notification says, from its created, amended and audience_added (infra/guides/fold.md, section 4)."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars import DataFrame, Expr, LazyFrame, col

from ledger_projectors.decode.staging import CONTENT_COLUMNS, PLACE_COLUMNS
from ledger_projectors.fold.facts import effective_at
from ledger_projectors.fold.frames import CONTENTS
from ledger_projectors.fold.plans import run
from ledger_schemas.events import AMENDABLE
from ledger_schemas.kinds import Kind

CONTENT_SPEAKING: Final = (Kind.CREATED, Kind.AMENDED, Kind.AUDIENCE_ADDED)
"""Kinds that say what a notification says."""

_OF_EVENTS: Final = ("source", "actor", "audience")
"""Fields of content that are columns of events."""

SPEAKING: Final = ("n", "event_id", "kind", "occurred_at", "recorded_at", *PLACE_COLUMNS, *_OF_EVENTS)
"""Columns of the events that `fold_contents` takes."""

CONTENT: Final = (*_OF_EVENTS, *(name for name in CONTENT_COLUMNS if name != "cleared"))
"""The fields of content: the columns of the table content_rows but for its ids."""

_LOCKED: Final = {"personal_key_id": "personal"}
"""Fields that are no value without another, which stands for both."""

_FROM_CREATED: Final = tuple(
    name for name in CONTENT if name not in AMENDABLE and name not in _LOCKED and name != "audience"
)
_LISTS: Final = ("audience", *(name for name in CONTENT_COLUMNS if isinstance(CONTENTS[name], pl.List)))
_EARLIEST: Final = ("occurred_at", "event_id")
_MEMBER: Final = ("n", "recipient_id")

_is_created = col("kind") == Kind.CREATED.value
_is_amended = col("kind") == Kind.AMENDED.value


def fold_contents(events: DataFrame, contents: DataFrame, partitions: int) -> DataFrame:
    """Return what notifications say: `n` and CONTENT, one row for each that has a created.

    `events` (with SPEAKING) are all first copies of CONTENT_SPEAKING of these notifications that are not taken back,
    `contents` what they state, `partitions` how many the topic has.
    """
    if events.is_empty():
        return _only_created(events.lazy(), contents.lazy(), partitions).collect()
    is_alone = ~events["n"].is_duplicated()
    if is_alone.all():
        (rows,) = run(_only_created(events.lazy(), contents.lazy(), partitions))
        return rows
    alone, several = events.filter(is_alone), events.filter(~is_alone)
    plans = [
        _only_created(alone.lazy(), contents.lazy(), partitions),
        _of_several(several.lazy(), contents.lazy(), partitions),
    ]
    return pl.concat(run(*plans))


def _stated(events: LazyFrame, contents: LazyFrame, partitions: int) -> LazyFrame:
    """Return events with what they state, where it is a value: null where it is none."""
    offset, partition = (col(name).cast(pl.Int64) for name in ("log_offset", "log_partition"))
    return events.join(contents, on=PLACE_COLUMNS, how="left").with_columns(
        *(pl.when(col(name).list.len() > 0).then(name).alias(name) for name in _LISTS),
        *(pl.when(col(locked).is_not_null()).then(name).alias(name) for name, locked in _LOCKED.items()),
        number=pl.coalesce("number", offset * partitions + partition),
    )


def _only_created(events: LazyFrame, contents: LazyFrame, partitions: int) -> LazyFrame:
    """Return the contents of notifications of which one event speaks: a created says it all."""
    return _stated(events.filter(_is_created), contents, partitions).select("n", *CONTENT)


def _of_several(events: LazyFrame, contents: LazyFrame, partitions: int) -> LazyFrame:
    """Return the contents of notifications of which several events speak."""
    stated = _stated(events, contents, partitions).sort(_EARLIEST).cache()
    created = stated.filter(_is_created).group_by("n").agg(col(*_FROM_CREATED, "audience").first(ignore_nulls=True))
    # (Sorted, not reversed: Polars 2.1 gives a reversed list column of nulls another type.)
    # What is said last counts: the earliest created goes after those that are later, an amended after them all.
    latest = stated.filter(_is_amended).sort(effective_at(), *_EARLIEST)
    in_turn = pl.concat([stated.filter(_is_created).sort(_EARLIEST, descending=True), latest])
    amendable = in_turn.group_by("n").agg(
        *(col(name).filter(_speaks_of(name)).last() for name in AMENDABLE),
        *(col(name).filter(_speaks_of(locked)).last() for name, locked in _LOCKED.items()),
    )
    rows = created.join(amendable, on="n").join(_audiences(created, stated), on="n", how="left")
    return rows.with_columns(audience=pl.coalesce("united", "audience")).select("n", *CONTENT)


def _speaks_of(name: str) -> Expr:
    return col(name).is_not_null() | col("cleared").list.contains(name).fill_null(value=False)


def _audiences(created: LazyFrame, stated: LazyFrame) -> LazyFrame:
    """Return the audiences to which members were added (`united`): each recipient once, as named first."""
    added = stated.filter(col("kind") == Kind.AUDIENCE_ADDED.value).select("n", "audience")
    parts = pl.concat([created.join(added, on="n", how="semi").select("n", "audience"), added])
    members = parts.filter(col("audience").is_not_null()).explode("audience")
    named = members.with_columns(recipient_id=col("audience").struct.field("recipient_id"))
    once = named.unique(_MEMBER, keep="first", maintain_order=True)
    return once.group_by("n").agg(united="audience")
