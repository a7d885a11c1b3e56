"""Copies of events: which are the first, which repeat it (duplicates), which contradict it (conflicts).

The rule is the second paragraph of infra/guides/fold.md. Fields are compared themselves, not hashes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
from polars import DataFrame, LazyFrame, col

from ledger_projectors.decode.staging import CONTENT_COLUMNS, PLACE_COLUMNS
from ledger_projectors.fold.frames import CONTENTS, EVENTS, Events
from ledger_projectors.fold.plans import run
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
    conflicts until all copies are compared together, none of them as stored. An event can be displaced, too.
    """

    first: DataFrame
    duplicates: DataFrame
    conflicts: DataFrame
    displaced: DataFrame
    overtaken: DataFrame


def compare_copies(new: Events, stored: Events) -> Copies:
    """Return what each new event is, given what is stored of the events that may have come before.

    `stored` has each event once, and may have events without a new copy. Contents are those of created and amended.
    """
    events, kept = new.events.sort(PLACE_COLUMNS), stored.events
    identities = pl.concat([kept[[*IDENTITY]], events[[*IDENTITY]]])
    is_shared = identities.is_duplicated()
    if not is_shared.any():
        return Copies(events, events.clear(), events.clear(), kept.clear(), kept.clear())
    has_copy, again = is_shared[: len(kept)], is_shared[len(kept) :]
    originals, repeated = kept.filter(has_copy), events.filter(again)
    verdicts = _verdicts(Events(originals, stored.contents), Events(repeated, new.contents))
    of_stored, of_new = verdicts[: len(originals)], verdicts[len(originals) :]
    first = of_new["is_same"] & of_new["is_first"]
    return Copies(
        first=events.filter((~again).scatter(again.arg_true(), first)),
        duplicates=repeated.filter(of_new["is_same"] & ~first),
        conflicts=repeated.filter(~of_new["is_same"]),
        displaced=originals.filter(~of_stored["is_first"]),
        overtaken=originals.filter(of_stored["is_contradicted"]),
    )


def _verdicts(stored: Events, new: Events) -> DataFrame:
    """Return of each copy, the stored ones first, each in the order given, what is said of it.

    `is_same`: it has the folded fields of the copy that all are compared with. `is_first`: it is the first such copy.
    `is_contradicted`: a copy with other fields lies before the first such copy.
    """
    offset, is_same = col("log_offset"), col("is_same")
    copies = pl.concat([_stated(stored), _stated(new)])
    # Copies are compared with the stored one, which was compared when it came; without one, with the first of them.
    first_alike, compared_with = offset.first().over(*IDENTITY, *_FOLDED), offset.first().over(IDENTITY)
    first_same, first_other = (offset.filter(those).min().over(IDENTITY) for those in (is_same, ~is_same))
    (verdicts,) = run(
        copies.select(*IDENTITY, offset, is_same=first_alike == compared_with).select(
            "is_same",
            is_first=offset == first_same,
            is_contradicted=(first_other < first_same).fill_null(value=False),
        )
    )
    return verdicts


def _stated(given: Events) -> LazyFrame:
    """Return what is compared of events: fields that are not folded of their kind are null, and so are empty lists."""
    events = given.events.lazy().select(*IDENTITY, *PLACE_COLUMNS, *_EVENT_FIELDS)
    contents = given.contents.lazy().select(*PLACE_COLUMNS, *CONTENT_COLUMNS)
    return events.join(contents, on=PLACE_COLUMNS, how="left", maintain_order="left").with_columns(
        pl.when(col("kind") == Kind.CREATED.value).then(col(_OF_CREATED)).name.keep(),
        *(pl.when(col(name).list.len() > 0).then(name).alias(name) for name in _LISTS),
    )
