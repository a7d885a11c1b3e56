"""Facts as stated: what events say, each at the grain key whose fields it carries (infra/guides/fold.md, section 1)."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars import LazyFrame, col

from ledger_projectors.fold.plans import TIME
from ledger_schemas import kinds
from ledger_schemas.kinds import Kind

DECLARED: Final = "declared"
FAILED_PERMANENTLY: Final = "failed_permanently"
BY_MACHINES: Final = ("opened", "clicked")

OF_NOTIFICATIONS: Final = tuple(kind.value for kind in kinds.OF_NOTIFICATIONS)
"""Facts of a notification as a whole."""

FACTS: Final = (
    *(kind.value for kind in Kind if kind is not Kind.OBSERVED),
    *(f"automated_{kind}" for kind in BY_MACHINES),
    FAILED_PERMANENTLY,
    DECLARED,
)
"""What can be stated: the kinds in their order, and what follows from a field."""

REVERSIBLE: Final = ("read", "unread", "archived", "unarchived", "snoozed", "unsnoozed")
"""Facts of which the latest counts. Of all others nothing asks which event was the latest."""

FACT: Final = pl.Enum(FACTS)
ENTRY: Final = ("n", "recipient_id")
ROUTE: Final = ("channel", "delivery_ref")
LATEST: Final = ("effective_at", "latest_at", "latest_id")
"""What decides which of several events is the latest, in this order."""

STATED: Final = (*ROUTE, "fact", "count", "first_at", "last_at", *LATEST, "snoozed_until")
"""The fields of a fact as stated, in their order."""

DELIVERY_TEXTS: Final = ("recipient_id", *ROUTE)
"""The texts by which facts are grouped and joined."""

fact, recipient = col("fact"), col("recipient_id")


def as_numbers(*names: str) -> pl.Expr:
    """Return texts as categories, numbers inside: grouping by them takes two thirds of the time (measured)."""
    return col(names).cast(pl.Categorical())


def as_texts(*names: str) -> pl.Expr:
    """Return categories as the texts that they are."""
    return col(names).cast(pl.String)


def effective_at() -> pl.Expr:
    """Return the effective time of an event: a clock that runs ahead pins nothing."""
    return pl.min_horizontal("occurred_at", "recorded_at")


def stated_by(events: LazyFrame) -> LazyFrame:
    """Return the facts that effective events state: ENTRY (nobody: null) and STATED, one row a fact."""
    stating = events.filter(col("kind") != "observed")
    # A retracted speaks of an event, not of whoever it names.
    names = col("kind") != "retracted"
    kind = col("kind").cast(pl.String)
    automated = col("automated").fill_null(value=False) & kind.is_in(BY_MACHINES)
    latest = pl.when(kind.is_in(REVERSIBLE))
    facts = stating.select(
        "n",
        pl.when(names).then("recipient_id"),
        pl.when(names).then("channel"),
        pl.when(names).then("delivery_ref"),
        fact=pl.when(automated).then("automated_" + kind).otherwise(kind).cast(FACT),
        count=pl.lit(1, pl.Int32),
        first_at="occurred_at",
        last_at="occurred_at",
        effective_at=latest.then(effective_at()),
        latest_at=latest.then("occurred_at"),
        latest_id=latest.then("event_id"),
        snoozed_until=pl.when(kind == "snoozed").then("snoozed_until"),
        permanent=col("permanent").fill_null(value=False) & (kind == "failed"),
    ).cache()
    permanent = facts.filter("permanent").with_columns(fact=pl.lit(FAILED_PERMANENTLY, FACT))
    stated = [facts, permanent, _declared_by(stating)]
    return pl.concat(stated, how="diagonal").select(*ENTRY, *STATED)


def _declared_by(events: LazyFrame) -> LazyFrame:
    """Return the members that audiences name, and each of their channels: counted 0 times, without times."""
    member = col("audience").struct
    members = events.filter(col("audience").list.len() > 0).select("n", "audience").explode("audience")
    members = members.select("n", recipient_id=member.field("recipient_id"), channel=member.field("channels")).cache()
    channels = members.explode("channel").filter(col("channel").is_not_null())
    declared = pl.concat([members.select(ENTRY), channels], how="diagonal")
    return declared.with_columns(fact=pl.lit(DECLARED, FACT), count=pl.lit(0, pl.Int32))


def unpacked(rows: LazyFrame, whose: pl.Expr) -> LazyFrame:
    """Return the facts that are stored in rows: ENTRY and STATED. `whose` is their recipient."""
    facts = rows.select("n", "stated", recipient_id=whose).explode("stated").filter(col("stated").is_not_null())
    return facts.select(*ENTRY, *(col("stated").struct.field(name) for name in STATED))


def merged(facts: LazyFrame) -> LazyFrame:
    """Return one row per ENTRY, ROUTE and fact; `moment` ranks it among all rows by the latest event that states it."""
    ranked = facts.sort(LATEST).with_columns(moment=pl.int_range(pl.len(), dtype=pl.Int64))
    sums = (col("count").sum(), col("first_at").min(), col("last_at").max())
    return ranked.group_by(*ENTRY, *ROUTE, "fact").agg(*sums, col(*LATEST, "snoozed_until", "moment").last())


def packed(facts: LazyFrame) -> LazyFrame:
    """Return merged facts as they are stored: one row per ENTRY with the list `stated`."""
    ordered = facts.sort(*ROUTE, "fact").with_columns(as_texts(*ROUTE))
    return ordered.select(*ENTRY, stated=pl.struct(STATED)).group_by(ENTRY).agg("stated")


def shown_facts(facts: LazyFrame, *keys: str) -> LazyFrame:
    """Return what rows show: one row per `keys`, with the list `facts` in the order of FACTS."""
    shown = facts.filter(~fact.is_in([DECLARED, FAILED_PERMANENTLY]))
    by_fact = shown.group_by(*keys, "fact").agg(col("first_at").min(), col("last_at").max(), col("count").sum())
    ordered = by_fact.sort("fact")
    shape = pl.struct("fact", "first_at", "last_at", "count")
    return ordered.select(*keys, facts=shape).group_by(keys).agg("facts")


SHOWN: Final = pl.List(pl.Struct({"fact": FACT, "first_at": TIME, "last_at": TIME, "count": pl.Int32}))
"""The type of the list `facts` of a row."""
