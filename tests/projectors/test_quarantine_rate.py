"""The limit of quarantined records is a rate over the log: the same live, after a restart, and in a replay."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ledger_projectors.quarantine_rate import QuarantineRate
from ledger_projectors.records import LogRecord, Reason, Rejection
from ledger_schemas.errors import TooManyQuarantined


def rejected(*offsets: int, partition: int = 0, reason: Reason = Reason.UNDECODABLE) -> list[Rejection]:
    """Return records that cannot be applied."""
    return [Rejection(LogRecord("t", partition, offset, 0, None, None), reason, "") for offset in offsets]


def kept(*offsets: int) -> list[tuple[int, int, Reason]]:
    """Return what an earlier run left in partition 0."""
    return [(0, offset, Reason.UNDECODABLE) for offset in offsets]


def stopped_at(rate: QuarantineRate, batches: Iterable[list[Rejection]]) -> str:
    """Return what the rate said when it passed the limit, nothing when it did not."""
    try:
        for batch in batches:
            rate.add(batch)
    except TooManyQuarantined as error:
        return error.message
    return ""


def test_more_than_the_limit_within_a_window_stop_with_the_facts() -> None:
    """Where, how many, for which reasons, and the limit; as many as the limit do not."""
    rate = QuarantineRate("t", 3, 10)
    rate.add([*rejected(0, 5, 6), *rejected(12, reason=Reason.CONFLICT)])
    with pytest.raises(TooManyQuarantined) as stopped:
        rate.add(rejected(14))
    assert stopped.value.message == (
        "4 records went to quarantine between the offsets 5 and 14 of t partition 0 (3 undecodable, 1 conflict); "
        "the limit is 3 of 10 consecutive ones."
    )


def test_as_many_over_a_longer_stretch_do_not() -> None:
    """One bad record in a window, for ever: a log does not become worse by becoming longer."""
    assert stopped_at(QuarantineRate("t", 1, 10), (rejected(offset) for offset in range(0, 10_000, 10))) == ""
    assert stopped_at(QuarantineRate("t", 1, 10), (rejected(offset) for offset in range(0, 10_000, 9))) != ""


def test_partitions_are_counted_apart() -> None:
    """How reading interleaves them is no property of the log."""
    rate = QuarantineRate("t", 1, 10)
    assert stopped_at(rate, (rejected(7, partition=number) for number in range(100))) == ""


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_size_of_batches_plays_no_part(size: int) -> None:
    """Live, batches are small, and in a replay large: both stop at the same record, with the same words."""
    offsets = [*range(0, 300, 7), *range(301, 400)]
    batches = [rejected(*offsets[start : start + size]) for start in range(0, len(offsets), size)]
    assert stopped_at(QuarantineRate("t", 20, 50), [rejected(*offsets)]) == stopped_at(
        QuarantineRate("t", 20, 50), batches
    )


def test_a_restart_goes_on_with_the_count() -> None:
    """What an earlier run kept is in the window still: restarting often raises no limit."""
    rate = QuarantineRate("t", 2, 10)
    rate.resume(kept(3, 4))
    assert "between the offsets 3 and 5" in stopped_at(rate, [rejected(5)])


def test_a_restart_after_a_stop_begins_empty() -> None:
    """Whoever starts it again has seen what stopped it."""
    rate = QuarantineRate("t", 2, 10)
    rate.resume(kept(3, 4, 5))
    assert stopped_at(rate, [rejected(6, 7)]) == ""
    assert "between the offsets 6 and 8" in stopped_at(rate, [rejected(8)])
