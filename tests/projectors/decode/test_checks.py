"""What is checked on whole columns: the contract's rules as the reference has them, and every record's length."""

from __future__ import annotations

import io
from typing import Any, Final

import pyarrow as pa
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.decode.event_columns import arrow_type
from ledger_projectors.decode.group import PIECE_RECORDS_MIN, decode_group, plan_of
from ledger_projectors.decode.wire_checks import doubtful_rows
from ledger_projectors.decode.wire_sizes import record_sizes
from ledger_schemas import Kind
from ledger_schemas.errors import ContractViolation
from ledger_schemas.framing import FrameFormat
from ledger_schemas.limits import (
    CHANNELS_PER_RECIPIENT_MAX,
    ID_CHARS_MAX,
    OCCURRED_AT_MICROSECONDS_MAX,
    OCCURRED_AT_MICROSECONDS_MIN,
)
from ledger_schemas.shapes import shape_of
from ledger_schemas.shipped import current_schema
from ledger_schemas.wire_rules import check_wire
from tests.projectors.decode.decoding import EVENT_ID, frame_with, full_values

_EDGE_CHARACTERS: Final = "aé\U0001f600\x00\x1f \x7e\x7f\x80\u2028"
_LENGTHS: Final = st.sampled_from([0, 1, 2, ID_CHARS_MAX - 1, ID_CHARS_MAX, ID_CHARS_MAX + 1, 4 * ID_CHARS_MAX])
IDS: Final = st.just("any") | st.builds(
    lambda character, length, last: (character * length)[:-1] + last if length else "",
    st.sampled_from(_EDGE_CHARACTERS),
    _LENGTHS,
    st.sampled_from(_EDGE_CHARACTERS),
)
UUIDS: Final = st.just(EVENT_ID) | st.builds(
    lambda place, character: EVENT_ID[:place] + character + EVENT_ID[place + 1 :],
    st.integers(0, len(EVENT_ID)),
    st.sampled_from([*"0189abcdefgAF-/:`", "", "é", "\x00"]),
)
_NEAR: Final = st.integers(-1, 1)
TIMES: Final = st.sampled_from(
    [0, OCCURRED_AT_MICROSECONDS_MIN, OCCURRED_AT_MICROSECONDS_MAX, -(2**63) + 1, 2**63 - 2]
).flatmap(lambda time: _NEAR.map(lambda step: time + step))
MEMBERS: Final = st.fixed_dictionaries(
    {
        "recipient_id": st.sampled_from(["ann", "bob", "eve"]) | IDS,
        "role": st.just("to"),
        "channels": st.lists(IDS, max_size=2)
        | st.integers(0, CHANNELS_PER_RECIPIENT_MAX + 1).map(lambda count: ["email"] * count),
    }
)


def _values(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    """Draw values of one event with at most three odd ones among them, so that many events break no rule at all."""
    shape = shape_of(kind)
    odd: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("tenant_id", "source"), IDS),
        **dict.fromkeys(("recipient_id", "channel", "delivery_ref"), st.none() | IDS),
        **dict.fromkeys(shape.times, TIMES),
        **dict.fromkeys(shape.uuids, UUIDS),
    }
    if "audience" in shape.fields:
        odd["audience"] = st.lists(MEMBERS, max_size=4)
    names = st.lists(st.sampled_from(sorted(odd)), max_size=3, unique=True)
    changes = names.flatmap(lambda chosen: st.fixed_dictionaries({name: odd[name] for name in chosen}))
    return changes.map(lambda changed: full_values(kind) | changed)


def _breaks_a_rule(kind: Kind, values: dict[str, Any]) -> bool:
    try:
        check_wire(kind, values)
    except ContractViolation:
        return True
    return False


@pytest.mark.parametrize("kind", [Kind.READ, Kind.DEFERRED, Kind.CREATED, Kind.AUDIENCE_ADDED, Kind.RETRACTED])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_doubtful_rows_are_those_that_break_a_rule(kind: Kind, data: st.DataObject) -> None:
    """A rule on a whole column doubts the very rows that the reference refuses: none is let by, none judged in vain."""
    drawn = data.draw(st.lists(_values(kind), min_size=1, max_size=8))
    some = (drawn * PIECE_RECORDS_MIN)[:PIECE_RECORDS_MIN]
    schema = current_schema(kind)
    plan = plan_of(schema)
    assert plan is not None
    (decoded,) = decode_group(plan, FrameFormat.SINGLE_OBJECT, [frame_with(schema, values) for values in some])
    assert [_breaks_a_rule(kind, values) for values in some] == doubtful_rows(kind, decoded.rows).tolist()


def test_two_odd_ids_do_not_make_up_for_each_other() -> None:
    """A letter that is no digit in one id, a digit for a dash in another: the sum is right, and both are wrong."""
    odd = [full_values(Kind.READ) | {"event_id": odd} for odd in ("g" + EVENT_ID[1:], EVENT_ID.replace("-", "0", 1))]
    frames = [frame_with(current_schema(Kind.READ), values) for values in odd * PIECE_RECORDS_MIN]
    plan = plan_of(current_schema(Kind.READ))
    assert plan is not None
    (decoded,) = decode_group(plan, FrameFormat.SINGLE_OBJECT, frames)
    assert doubtful_rows(Kind.READ, decoded.rows).all()


_WIDE: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Wide",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "maybe_number", "type": ["long", "null"]},
        {"name": "truth", "type": "boolean"},
        {"name": "text", "type": "string"},
        {"name": "maybe_text", "type": ["null", "string"]},
        {"name": "texts", "type": {"type": "array", "items": "string"}},
        {"name": "truths", "type": {"type": "array", "items": "boolean"}},
        {
            "name": "maybe_inner",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Inner",
                    "fields": [
                        {"name": "text", "type": "string"},
                        {"name": "maybe_text", "type": ["null", "string"]},
                        {"name": "numbers", "type": {"type": "array", "items": ["null", "long"]}},
                    ],
                },
            ],
        },
    ],
}
LONGS: Final = st.integers(-(2**63), 2**63 - 1) | st.builds(
    lambda bits, step, sign: max(-(2**63), min(2**63 - 1, sign * (2**bits + step))),
    st.integers(0, 63),
    st.integers(-1, 1),
    st.sampled_from([-1, 1]),
)
_TEXTS: Final = st.text(max_size=3) | st.sampled_from([62, 63, 64, 65, 8_191, 8_192]).map("a".__mul__)
RECORDS: Final = st.fixed_dictionaries(
    {
        "number": LONGS,
        "maybe_number": st.none() | LONGS,
        "truth": st.booleans(),
        "text": _TEXTS,
        "maybe_text": st.none() | _TEXTS,
        "texts": st.lists(_TEXTS, max_size=3) | st.sampled_from([63, 64, 65]).map([""].__mul__),
        "truths": st.lists(st.booleans(), max_size=3) | st.sampled_from([63, 64, 8_192]).map([True].__mul__),
        "maybe_inner": st.none()
        | st.fixed_dictionaries(
            {
                "text": _TEXTS,
                "maybe_text": st.none() | _TEXTS,
                "numbers": st.lists(st.none() | LONGS, max_size=3),
            }
        ),
    }
)


@settings(max_examples=200, deadline=None)
@given(records=st.lists(RECORDS, min_size=1, max_size=5))
def test_sizes_are_those_of_the_shortest_encoding(records: list[dict[str, Any]]) -> None:
    """Row by row, the size of a column's values is what fastavro, which wastes no byte, writes for them."""
    written = []
    for record in records:
        out = io.BytesIO()
        schemaless_writer(out, parse_schema(_WIDE), record)
        written.append(out.tell())
    rows = pa.Table.from_pylist(records, pa.schema([(f["name"], arrow_type(f["type"])) for f in _WIDE["fields"]]))
    sizes = record_sizes(_WIDE["fields"], rows.combine_chunks().to_batches()[0].columns)
    assert written == ([sizes] * len(records) if isinstance(sizes, int) else sizes.tolist())
