"""Records in columns are the records that they were made of, whole, sliced and joined."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.log.records import LogRecord, LogRecords

TOPIC: Final = "any.v1"
_BYTES: Final = st.none() | st.binary(max_size=3)
RECORDS: Final = st.lists(
    st.builds(
        LogRecord,
        topic=st.just(TOPIC),
        partition=st.integers(0, 2**31 - 1),
        offset=st.integers(0, 2**63 - 1),
        recorded_at_ms=st.integers(-(2**63), 2**63 - 1),
        key=_BYTES,
        value=_BYTES,
        headers=st.just(()) | st.lists(st.tuples(st.text(max_size=2), _BYTES), max_size=2).map(tuple),
    ),
    max_size=8,
)


@given(records=RECORDS)
def test_columns_hold_what_the_records_hold(records: list[LogRecord]) -> None:
    """One by one they come back as they were, in order, with numbers that are Python's own."""
    columns = LogRecords.of(records)
    assert records == list(columns)
    assert len(records) == len(columns)
    assert bool(records) == bool(columns)
    assert all(type(record.offset) is int for record in columns)


@given(records=RECORDS, start=st.integers(-9, 9), stop=st.integers(-9, 9), step=st.sampled_from([1, 2, -1]))
def test_a_slice_is_that_of_the_records(records: list[LogRecord], start: int, stop: int, step: int) -> None:
    """Any slice holds what the same slice of a list holds, headers included."""
    assert records[start:stop:step] == list(LogRecords.of(records)[start:stop:step])


@given(cuts=st.lists(RECORDS, max_size=4))
def test_parts_are_joined_in_order(cuts: list[list[LogRecord]]) -> None:
    """Joined parts hold the records of one part behind those of the other."""
    joined = LogRecords.joined(TOPIC, [LogRecords.of(cut) for cut in cuts])
    assert [record for cut in cuts for record in cut] == list(joined)
    assert [str(column.dtype) for column in (joined.partitions, joined.offsets, joined.recorded_at_ms)] == [
        "int32",
        "int64",
        "int64",
    ]


def test_columns_stay_as_they_are() -> None:
    """Records that are in columns already are not copied: that is what makes a batch cheap."""
    columns = LogRecords.of([LogRecord(TOPIC, 0, 1, 2, b"key", b"value")])
    assert LogRecords.of(columns) is columns


def test_a_place_beyond_the_last_has_no_record() -> None:
    """It is an error as with any sequence, before the first as behind the last."""
    columns = LogRecords.of([LogRecord(TOPIC, 0, 1, 2, None, None)])
    assert columns[0] == columns[-1]
    for place in (1, -2):
        with pytest.raises(IndexError):
            columns[place]


def test_records_of_two_topics_are_no_batch() -> None:
    """A batch is of one topic: it has one position."""
    with pytest.raises(ValueError, match=r"\['any\.v1', 'other'\]"):
        LogRecords.of([LogRecord(TOPIC, 0, 0, 0, None, None), LogRecord("other", 0, 0, 0, None, None)])
