"""Records of a log as the frames that the fold takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.staging import stage
from ledger_projectors.fold.frames import CONTENTS, EVENTS, Events, frames_of

from .strategies import Placed

Place = tuple[int, int]
"""Partition and offset."""

NOTHING: Final = Events(pl.DataFrame(schema=EVENTS), pl.DataFrame(schema=CONTENTS))
"""No event."""


def frames(placed: Sequence[Placed], numbers: dict[Any, int], partitions: int = 1) -> Events:
    """Decode records into frames. `numbers` gives each notification its n, and takes those that are new to it."""
    table, rejections = decode_records([one.log_record() for one in placed], partitions, None)
    assert not rejections
    found = frames_of(stage(table))
    keys = found.events.select("tenant_id", "notification_id").rows()
    n = [numbers.setdefault(key, len(numbers) + 1) for key in keys]
    return Events(found.events.with_columns(n=pl.Series(n, dtype=pl.Int64)), found.contents)


def places(events: pl.DataFrame) -> list[Place]:
    """Return where events stand in the log, in the order of the frame."""
    return events.select("log_partition", "log_offset").rows()
