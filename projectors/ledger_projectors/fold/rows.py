"""What rows show at the three grains, of all facts that apply to them (infra/guides/fold.md, section 3)."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars import Expr, LazyFrame, col

from ledger_projectors.fold.attribution import DELIVERY, Attributed
from ledger_projectors.fold.facts import (
    ENTRY,
    FAILED_PERMANENTLY,
    OF_NOTIFICATIONS,
    SHOWN,
    as_texts,
    effective_at,
    fact,
    shown_facts,
)
from ledger_schemas import kinds

DATED: Final = tuple(kind.value for kind in kinds.DATED)
"""Facts whose first time is a column."""

SEEN_BY_PERSON: Final = ("seen", "opened", "clicked", "read", "unread")


def _latest(name: str) -> Expr:
    return pl.when(fact == name).then("moment").otherwise(-1).max()


STATES: Final = {
    "failed_permanently": (fact == FAILED_PERMANENTLY).any(),
    # Not fact.is_in(...).any(): that is evaluated per group, a hundred times slower.
    "is_seen": pl.any_horizontal(fact == name for name in SEEN_BY_PERSON).any(),
    "is_read": _latest("read") > _latest("unread"),
    "is_archived": _latest("archived") > _latest("unarchived"),
    "is_snoozed": _latest("snoozed") > _latest("unsnoozed"),
    "is_deleted": (fact == "deleted").any(),
    **{f"first_{name}_at": pl.when(fact == name).then("first_at").min() for name in DATED},
}
"""States and first times of an entry and of a delivery, over the facts that apply to it."""

_REACHED: Final = tuple(name for name in DATED if name not in {"seen", "read"})
_HOLDING: Final = ("seen", "read", "archived", "snoozed", "deleted")
NUMBERS: Final = {
    "recipients": pl.len(),
    **{f"recipients_{name}": col(f"first_{name}_at").is_not_null().sum() for name in _REACHED},
    **{f"recipients_{state}": col(f"is_{state}").sum() for state in _HOLDING},
    "deliveries": col("deliveries").sum(),
}
"""Numbers of a notification: sums over its entries."""


def deliveries_of(attributed: Attributed, snoozed: LazyFrame) -> LazyFrame:
    """Return the rows of deliveries, without what they have of their notification."""
    return _shown(attributed.of_deliveries, DELIVERY, snoozed)


def entries_of(attributed: Attributed, deliveries: LazyFrame, snoozed: LazyFrame) -> LazyFrame:
    """Return the rows of inbox entries, without what they have of their notification and of facts as stated."""
    over = deliveries.group_by(ENTRY).agg(
        channels=as_texts("channel").unique().sort(), deliveries=pl.len().cast(pl.Int32)
    )
    rows = _shown(attributed.of_entries, ENTRY, snoozed).join(over, on=ENTRY, how="left")
    return rows.with_columns(col("channels").fill_null([]), col("deliveries").fill_null(0))


def _shown(facts: LazyFrame, keys: tuple[str, ...], snoozed: LazyFrame) -> LazyFrame:
    states = facts.group_by(keys).agg(**STATES, moment=_latest("snoozed"))
    states = states.with_columns(pl.when("is_snoozed").then("moment"))
    states = states.join(snoozed, on="moment", how="left").drop("moment")
    shown = shown_facts(facts.filter(~fact.is_in(OF_NOTIFICATIONS)), *keys)
    rows = states.join(shown, on=keys, how="left", nulls_equal=True)
    return rows.with_columns(col("facts").fill_null(pl.lit([], SHOWN)))


def listed_by(events: LazyFrame) -> LazyFrame:
    """Return by n when a `created` became known, of effective events."""
    return events.filter(col("kind") == "created").group_by("n").agg(known_at=effective_at().min())
