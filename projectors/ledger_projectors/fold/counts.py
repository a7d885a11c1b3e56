"""How many entries a recipient has, by shelf: kept by difference (infra/guides/fold.md, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl
from polars import Expr, LazyFrame, col

SHELF: Final = (
    pl.when("is_deleted")
    .then(pl.lit("deleted"))
    .when("is_archived")
    .then(pl.lit("archived"))
    .when("is_snoozed")
    .then(pl.lit("snoozed"))
    .otherwise(pl.lit("inbox"))
)
COUNTS: Final = {
    "total": pl.len(),
    "unread": (~col("is_read")).sum(),
    "unseen": (~col("is_seen")).sum(),
    "unacknowledged": col("first_acknowledged_at").is_null().sum(),
}
"""Counts of a recipient: sums over the listed entries of a shelf."""

_SHELVES: Final = {"tenant_id": col("tenant_id"), "recipient_id": col("recipient_id"), "shelf": SHELF}


def changed_counts(after: LazyFrame, before: LazyFrame) -> LazyFrame:
    """Return by how much the counts of recipients change when entries are replaced: by tenant, recipient and shelf."""
    is_listed = col("listed_at").is_not_null()
    changes = difference(after.filter(is_listed), before.filter(is_listed), _SHELVES, COUNTS)
    return changes.filter(pl.any_horizontal(col(name) != 0 for name in COUNTS))


def difference(after: LazyFrame, before: LazyFrame, keys: Mapping[str, Expr], sums: Mapping[str, Expr]) -> LazyFrame:
    """Return by how much `sums` of the rows after exceed those of the rows before, by `keys`."""
    by = [expression.alias(name) for name, expression in keys.items()]
    signed = [
        rows.group_by(by).agg(**{name: sign * each.cast(pl.Int32) for name, each in sums.items()})
        for rows, sign in ((after, 1), (before, -1))
    ]
    return pl.concat(signed).group_by(list(keys)).sum()
