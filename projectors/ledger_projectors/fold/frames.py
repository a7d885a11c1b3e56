"""The frames that the fold takes: their columns and types, and how Arrow tables become such frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa
from polars import DataFrame, LazyFrame, col

from ledger_projectors.decode.staging import NO_EVENTS, Staged, stage
from ledger_projectors.fold.plans import run
from ledger_schemas.kinds import Kind

KIND: Final = pl.Enum([kind.value for kind in Kind])

UNFOLDED_COLUMNS: Final = ("attempt_id", "provider", "correlation_id", "causation_id")
"""Columns of history that nothing is folded from. A frame of events may carry them, and others, along."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events and what some of them say: `events` has a row for each, `contents` for each that states content.

    A row of contents belongs to the event at the same (log_partition, log_offset).
    """

    events: DataFrame
    contents: DataFrame


def frames_of(staged: Staged) -> Events:
    """Return a batch as frames: EVENTS but for `n`, which the directory gives, with UNFOLDED_COLUMNS; and CONTENTS."""
    return Events(frame_of(staged.events), frame_of(staged.contents))


def frame_of(table: pa.Table) -> DataFrame:
    """Return an Arrow table in the types of the fold: `kind` as KIND, ids as 16 bytes, DuckDB's booleans as booleans.

    Raises polars.exceptions.InvalidOperationError for a kind that is not one.
    """
    (frame,) = run(plan_of(table))
    return frame


def plan_of(table: pa.Table) -> LazyFrame:
    """Return a plan that gives `frame_of`."""
    # Arrow joins the parts of a table in a fifth of the time that Polars takes.
    frame = pl.DataFrame(table.combine_chunks())
    casts = [
        *(col(name).ext.storage().cast(pl.Boolean) for name, dtype in frame.schema.items() if _is_bool8(dtype)),
        *(col(name).cast(KIND) for name in ("kind",) if name in frame.columns),
    ]
    return frame.lazy().with_columns(casts)


def _is_bool8(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.BaseExtension) and dtype.ext_storage() == pl.Int8


_NO_EVENTS: Final = frames_of(stage(NO_EVENTS))

EVENTS: Final = _NO_EVENTS.events.select(pl.lit(0, pl.Int64).alias("n"), pl.exclude(UNFOLDED_COLUMNS)).schema
"""The columns of an event that the fold reads. `n` is the number of its notification."""

CONTENTS: Final = _NO_EVENTS.contents.schema
"""The columns of content: log_partition, log_offset, and what events of the kinds CONTENT_KINDS state."""
