import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_schemas import Position
from ledger_schemas.errors import PositionInvalid

KEYS = st.tuples(st.sampled_from(["a", "notifications.lifecycle.v1", "A-b_c.9"]), st.integers(0, 3))
OFFSETS = st.integers(0, 3) | st.integers(0, 10**18 - 1)
POSITIONS = st.dictionaries(KEYS, OFFSETS, max_size=6).map(Position)


@given(position=POSITIONS)
def test_a_position_is_read_back_from_its_text(position: Position) -> None:
    """parse(str(position)) is the position, and texts and hashes are those of the value."""
    again = Position.parse(str(position))
    assert (position, hash(position), str(position)) == (again, hash(again), str(again))


def test_the_text_form_is_fixed() -> None:
    """Ordered by topic and partition, each topic named once; clients keep these texts."""
    position = Position({("t", 3): 17, ("t", 0): 128, ("other", 10): 1})
    assert str(position) == "other@10:1,t@0:128,3:17"
    assert repr(position) == "Position('other@10:1,t@0:128,3:17')"
    assert position == Position.parse("t@3:17,t@0:128,other@10:1")


def test_the_beginning_of_the_log_is_the_empty_position() -> None:
    """An offset of 0 says nothing, so it is not said."""
    assert Position() == Position.parse("") == Position({("t", 0): 0}) == Position.parse("t@0:0")
    assert str(Position()) == ""
    assert Position().reached(Position())


def test_a_position_is_a_mapping_of_what_it_names() -> None:
    """(topic, partition) -> next offset; a partition that is not named is not in it."""
    position = Position({("t", 1): 5})
    assert dict(position) == {("t", 1): 5}
    assert position.get(("t", 0)) is None
    assert position != {("t", 1): 5}


@given(one=POSITIONS)
def test_reached_is_reflexive(one: Position) -> None:
    """A position has reached itself, and the beginning."""
    assert one.reached(one)
    assert one.reached(Position())


@given(one=POSITIONS, other=POSITIONS)
def test_reached_is_antisymmetric(one: Position, other: Position) -> None:
    """Two that have reached each other are the same."""
    assert (one.reached(other) and other.reached(one)) == (one == other)


@given(one=POSITIONS, other=POSITIONS, third=POSITIONS)
def test_reached_is_transitive(one: Position, other: Position, third: Position) -> None:
    """What has reached the merged one has reached its parts."""
    top = one.merged(other).merged(third)
    assert top.reached(one.merged(other))
    assert one.merged(other).reached(one)
    assert top.reached(one)
    if one.reached(other) and other.reached(third):
        assert one.reached(third)


@given(one=POSITIONS, other=POSITIONS, bound=POSITIONS)
def test_merged_is_the_least_upper_bound(one: Position, other: Position, bound: Position) -> None:
    """It has reached both, and whatever has reached both has reached it."""
    merged = one.merged(other)
    assert merged.reached(one)
    assert merged.reached(other)
    assert (bound.reached(one) and bound.reached(other)) == bound.reached(merged)


@given(one=POSITIONS, other=POSITIONS, third=POSITIONS)
def test_merging_is_commutative_associative_and_idempotent(one: Position, other: Position, third: Position) -> None:
    """Receipts may be gathered in any order, any number of times."""
    assert one.merged(other) == other.merged(one)
    assert one.merged(other).merged(third) == one.merged(other.merged(third))
    assert one == one.merged(one)


def test_one_partition_behind_is_behind() -> None:
    """Reached asks of every partition, also of one that the reader has not seen at all."""
    wanted = Position.parse("t@0:5,1:1")
    assert not Position.parse("t@0:900").reached(wanted)
    assert not Position.parse("t@0:4,1:1").reached(wanted)
    assert not Position.parse("u@0:5,1:1").reached(wanted)
    assert Position.parse("t@0:5,1:1,2:7").reached(wanted)


@pytest.mark.parametrize(
    "text",
    [
        *("nonsense", "0:1", "t@0", "t@0:", "t@:1", "@0:1", "t@a:1", "t@0:x", "t@0:-1", "t@-1:1", "t@0:1.5"),
        *(" t@0:1", "t@0:1 ", "t@0:1\n", "t@0: 1", ",", "t@0:1,", ",t@0:1", "t@0:1,,1:1", "t@0:1;1:1"),
        *("t@0:1,0:2", "t@0:1,u@0:1,t@0:1", "t@00:1,0:1"),
        *("tøpic@0:1", "t@\u0660:1", "t@0:\uff11", f"{'t' * 250}@0:1", "t@1234567890:1", f"t@0:{'9' * 19}"),
    ],
)
def test_a_bad_text_is_refused(text: str) -> None:
    """PositionInvalid names the field; a partition that is named twice contradicts itself."""
    with pytest.raises(PositionInvalid) as refused:
        Position.parse(text)
    assert refused.value.field == "position"
    assert "notifications.lifecycle.v1@0:128,3:17" in refused.value.hint


def test_a_long_bad_text_is_cut_in_the_error() -> None:
    """An error shows a bounded piece of what it refuses."""
    with pytest.raises(PositionInvalid) as refused:
        Position.parse("x" * 10_000)
    assert len(refused.value.message) < 200
