from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest

from ledger_projectors.fold.frames import CONTENTS, EVENTS, UNFOLDED_COLUMNS, frame_of

from .fold_frames import frames
from .strategies import place, said


def test_a_decoded_batch_has_the_columns_and_types_that_the_fold_takes() -> None:
    """Events of several schemas make frames of EVENTS with UNFOLDED_COLUMNS, and of CONTENTS."""
    log = place([said("created", "10:00:00", category="a"), said("read", "10:00:00"), said("created", "10:00:01")])
    found = frames(log, {})
    assert {**EVENTS, **dict.fromkeys(UNFOLDED_COLUMNS, pl.String)} == dict(found.events.schema)
    assert found.contents.schema == CONTENTS
    assert found.contents["category"].to_list() == ["a"]


def test_ids_are_the_16_bytes_of_the_uuid() -> None:
    """They sort and compare as UUIDs do, and an absent one is null."""
    recorded = said("read", "10:00:00")
    row = frames(place([recorded]), {}).events.row(0, named=True)
    ids = (recorded.event.notification_id.bytes, recorded.event.event_id.bytes, None)
    assert ids == (row["notification_id"], row["event_id"], row["retracted_event_id"])


def test_what_duckdb_returns_has_the_types_that_the_fold_takes() -> None:
    """An enum comes as a dictionary and a boolean as the extension arrow.bool8, nulls among them."""
    bool8 = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8()))
    kinds = pa.array(["read", "created", "read"]).dictionary_encode()
    found = frame_of(pa.table({"kind": kinds, "automated": bool8}))
    assert {name: EVENTS[name] for name in ("kind", "automated")} == dict(found.schema)
    assert found.rows() == [("read", True), ("created", False), ("read", None)]


def test_frame_of_refuses_an_unknown_kind() -> None:
    """A kind that this version does not know is an error, not a null."""
    with pytest.raises(pl.exceptions.InvalidOperationError):
        frame_of(pa.table({"kind": ["forgotten"]}))
