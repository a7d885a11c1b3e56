"""Which facts apply where: the only place that knows (infra/guides/fold.md, sections 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from polars import LazyFrame, col

from ledger_projectors.fold.facts import DECLARED, ENTRY, FAILED_PERMANENTLY, ROUTE, fact, recipient

DOWNWARD: Final = ("fired", "cancelled", "expired", "failed", FAILED_PERMANENTLY)
"""Facts that apply to everything below where they are stated."""

DELIVERY: Final = (*ENTRY, *ROUTE)
_APPLIED: Final = ("fact", "count", "first_at", "last_at", "moment")


@dataclass(frozen=True, slots=True)
class Attributed:
    """Facts, each as often as it applies: by entry and by delivery; and the deliveries that there are."""

    of_entries: LazyFrame
    of_deliveries: LazyFrame
    deliveries: LazyFrame


def attribute(facts: LazyFrame, recipients: LazyFrame) -> Attributed:
    """Attribute merged facts of notifications to inbox entries and deliveries.

    `recipients` says by n how many the notification has; where it is one, the facts must name them.
    """
    # An audience of one: what names nobody is that recipient's.
    only = pl.when(col("recipients") == 1).then(recipient.max().over("n"))
    facts = facts.join(recipients, on="n", how="left").with_columns(recipient_id=recipient.fill_null(only)).cache()
    own = facts.filter(recipient.is_not_null()).cache()
    of_nobody = facts.filter(recipient.is_null(), fact.is_in(DOWNWARD)).drop("recipient_id").cache()
    deliveries = _deliveries(own).cache()

    # What names a channel without a recipient reaches who has a delivery over it, under its reference if it names one.
    inherited = of_nobody.rename({"channel": "over", "delivery_ref": "under"}).join(deliveries, on="n")
    for named, own_name in (("over", "channel"), ("under", "delivery_ref")):
        inherited = inherited.filter(col(named).is_null() | (col(named) == col(own_name)))
    inherited = inherited.cache()

    # What names neither recipient nor channel reaches every entry.
    entries = own.select(ENTRY).unique()
    reaching = inherited.filter(col("over").is_not_null()).unique([*ENTRY, "over", "under", "fact"])
    of_all = of_nobody.filter(col("channel").is_null()).join(entries, on="n")

    # What names a recipient and no channel is the only delivery's; of several, what is downward is everyone's.
    direct = own.join(deliveries, on=DELIVERY, nulls_equal=True, how="semi")
    without_channel = own.filter(col("channel").is_null()).drop(ROUTE).join(deliveries, on=ENTRY)
    without_channel = without_channel.filter(col("is_single") | fact.is_in(DOWNWARD))
    return Attributed(
        pl.concat([each.select(*ENTRY, *_APPLIED) for each in (own, of_all, reaching)]),
        pl.concat([each.select(*DELIVERY, *_APPLIED) for each in (direct, without_channel, inherited)]),
        deliveries.select(DELIVERY),
    )


def _deliveries(own: LazyFrame) -> LazyFrame:
    """Return the pairs that facts of recipients name, and whether each is its recipient's only one (`is_single`)."""
    named = own.filter(col("channel").is_not_null())
    pairs = named.group_by(DELIVERY).agg(carried_out=(fact != DECLARED).any())
    # A plan that was carried out under a reference makes way for it.
    has_ref = col("delivery_ref").is_not_null().any().over(*ENTRY, "channel")
    kept = pairs.filter(col("carried_out") | ~has_ref)
    return kept.with_columns(is_single=pl.len().over(ENTRY) == 1)
