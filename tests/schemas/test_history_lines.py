"""A line of a history export says all of an event, and what is no such line is refused with one class of error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger_schemas.codec import WireEvent, encode_wire
from ledger_schemas.errors import ContractViolation
from ledger_schemas.history_lines import HistoryLine
from ledger_schemas.kinds import Kind
from tests.projectors.decode.decoding import full_values

VALUES = full_values(Kind.CREATED)
LINE = HistoryLine(
    topic="t",
    partition=2,
    offset=7,
    recorded_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    key=VALUES["notification_id"].encode(),
    value=encode_wire(WireEvent(Kind.CREATED, VALUES)),
)


def test_a_line_that_was_written_is_read_as_it_was() -> None:
    """Every part of it."""
    assert HistoryLine.loads(LINE.dumps()) == LINE


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999", '"seven"', "null"])
@pytest.mark.parametrize("part", ["partition", "offset"])
def test_loads_refuses_what_is_no_whole_number(part: str, number: str) -> None:
    """With the error of any damaged line."""
    written = f'"{part}": {getattr(LINE, part)}'.encode()
    assert written in LINE.dumps()
    with pytest.raises(ContractViolation, match="not a line of a history export"):
        HistoryLine.loads(LINE.dumps().replace(written, f'"{part}": {number}'.encode()))
