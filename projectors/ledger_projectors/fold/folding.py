"""The fold of the three grains: rows stored and new events -> rows to store, and how counts of recipients change.

`reach` says which stored entries `fold` must be given. What cannot be merged with stored rows (an event that is taken
back, an earlier copy that comes late) is folded by the same function from all events, with nothing stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from polars import DataFrame, LazyFrame, col

from ledger_projectors.fold.attribution import DOWNWARD, attribute
from ledger_projectors.fold.counts import changed_counts, difference
from ledger_projectors.fold.facts import (
    DECLARED,
    DELIVERY_TEXTS,
    ENTRY,
    FAILED_PERMANENTLY,
    SHOWN,
    as_numbers,
    as_texts,
    fact,
    merged,
    packed,
    recipient,
    shown_facts,
    stated_by,
    unpacked,
)
from ledger_projectors.fold.plans import run
from ledger_projectors.fold.rows import DATED, NUMBERS, deliveries_of, entries_of, listed_by

_NOBODY: Final = pl.lit(None, pl.String)
_UNCHANGED: Final = ("n", "tenant_id", "notification_id", "listed_at")
"""What entries and deliveries have of their notification."""


@dataclass(frozen=True, slots=True)
class New:
    """What is new: first copies of events (with `is_effective`: not taken back), and the facts that they state.

    `wanted` are the entries that are derived again, by n and recipient_id; where that is null, all of the notification.
    """

    events: DataFrame
    facts: DataFrame
    wanted: DataFrame


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the three grains."""

    notifications: DataFrame
    entries: DataFrame
    deliveries: DataFrame


def reach(events: DataFrame, notifications: DataFrame) -> New:
    """Return what new events state, and which entries of the stored notifications they reach.

    `notifications` are the stored rows of those that the events are about, as far as the fold starts from them.
    """
    effective = events.lazy().filter("is_effective")
    stored = notifications.lazy()
    facts = stated_by(effective).cache()
    named = facts.filter(recipient.is_not_null()).select(ENTRY)
    inherited = facts.filter(recipient.is_null(), fact.is_in(DOWNWARD))
    listed = listed_by(effective).join(stored, on="n")
    listed = listed.filter(col("listed_at").is_null() | (col("known_at") < col("listed_at")))
    # An audience of one: all facts of nobody may be its, and it may become one of two.
    only = stored.filter(col("recipients") == 1)
    whole = pl.concat([each.select("n") for each in (inherited, listed, only)])
    wanted = pl.concat([named, whole.select("n", recipient_id=_NOBODY)])
    return New(events, *run(facts, wanted.join(stored, on="n", how="semi").unique()))


def fold(new: New, notifications: DataFrame, entries: DataFrame, replaced: DataFrame) -> tuple[Rows, DataFrame]:
    """Return the rows to store, and by how much counts of recipients change.

    `notifications` and `entries` are what is stored of what `new` is about and wants. All of them come back. `replaced`
    are entries that are stored and that the result stands for, of notifications that are folded with nothing stored.
    """
    old_notifications, old_entries, new_facts = notifications.lazy(), entries.lazy(), new.facts.lazy()
    stated_facts = pl.concat([unpacked(old_notifications, _NOBODY), unpacked(old_entries, recipient), new_facts])
    facts = merged(stated_facts.with_columns(as_numbers(*DELIVERY_TEXTS))).cache()
    added = new_facts.filter(recipient.is_not_null()).select(ENTRY).unique().join(old_entries, on=ENTRY, how="anti")
    added = added.group_by("n").agg(recipients=pl.len().cast(pl.Int32))
    recipients = pl.concat([old_notifications.select("n", "recipients"), added]).group_by("n").sum()
    changed = _notifications(old_notifications, new.events.lazy(), new_facts).cache()

    attributed = attribute(facts, recipients)
    snoozed = facts.filter(fact == "snoozed").select("moment", "snoozed_until").cache()
    of_notification = changed.select(_UNCHANGED)
    stated = packed(facts).cache()
    deliveries = deliveries_of(attributed, snoozed).cache()
    shown = entries_of(attributed, deliveries, snoozed)
    new_entries = (
        shown.join(stated, on=ENTRY).join(of_notification, on="n").with_columns(as_texts("recipient_id")).cache()
    )
    numbers = difference(new_entries, old_entries, {"n": col("n")}, NUMBERS)
    numbers = pl.concat([old_notifications.select("n", *NUMBERS), numbers]).group_by("n").sum()
    new_notifications = (
        changed.join(numbers, on="n", how="left")
        .join(_channels(old_notifications, new_entries), on="n", how="left")
        .join(stated.filter(recipient.is_null()).drop("recipient_id"), on="n", how="left")
        .with_columns(col(list(NUMBERS)).fill_null(0), col("channels", "stated").fill_null([]))
    )
    found = run(
        new_notifications,
        new_entries,
        deliveries.join(of_notification, on="n").with_columns(
            as_texts("recipient_id", "channel"), as_texts("delivery_ref").fill_null("")
        ),
        changed_counts(new_entries, pl.concat([old_entries, replaced.lazy()], how="diagonal")),
    )
    return Rows(*found[:3]), found[3]


def _channels(stored: LazyFrame, entries: LazyFrame) -> LazyFrame:
    """Return the channels of all deliveries, by n.

    A delivery that is there stays, but for those of an audience of one that grows; that one is derived again, whole.
    """
    several = stored.filter(col("recipients") > 1)
    named = pl.concat([rows.select("n", "channels").explode("channels") for rows in (several, entries)])
    return named.drop_nulls().unique().sort("channels").group_by("n", maintain_order=True).agg("channels")


def _notifications(stored: LazyFrame, events: LazyFrame, new_facts: LazyFrame) -> LazyFrame:
    """Return the rows of notifications, but for their numbers, channels and facts as stated."""
    before = stored.select("n", "facts").explode("facts").filter(col("facts").is_not_null()).unnest("facts")
    upward = pl.concat([before, new_facts.filter(fact != DECLARED).select("n", "fact", "first_at", "last_at", "count")])
    upward = upward.cache()
    firsts = upward.group_by("n").agg(
        **{f"first_{name}_at": pl.when(fact == name).then("first_at").min() for name in DATED},
        permanent=(fact == FAILED_PERMANENTLY).any(),
    )
    known = ("failed_permanently", "listed_at", "seen_events", "seen_elsewhere")
    return (
        events.group_by("n")
        .agg(col("tenant_id", "notification_id").first(), new="event_hash")
        .join(shown_facts(upward, "n"), on="n", how="left")
        .join(firsts, on="n", how="left")
        .join(listed_by(events.filter("is_effective")), on="n", how="left")
        .join(stored.select("n", *known), on="n", how="left")
        .select(
            *("n", "tenant_id", "notification_id", *(f"first_{name}_at" for name in DATED)),
            failed_permanently=col("permanent").fill_null(value=False)
            | col("failed_permanently").fill_null(value=False),
            facts=col("facts").fill_null(pl.lit([], SHOWN)),
            seen_events=pl.concat_list(col("seen_events").fill_null([]), "new"),
            seen_elsewhere=col("seen_elsewhere").fill_null(0),
            listed_at=pl.min_horizontal("listed_at", "known_at"),
        )
    )
