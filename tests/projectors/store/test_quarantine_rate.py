"""What quarantined records stop and tell is a function of the log: the same live, after a restart, and in a replay."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.records import BatchOutcome, LogRecord, Reason, Rejection
from ledger_projectors.store.quarantine_rate import UNREADABLE, CountedRecord, QuarantineRate, facts
from ledger_schemas import Position
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.framing import SchemaReference, header_of
from tests.projectors.decode.foreign_writer import named

DECODED: Final = sorted(set(Reason) - UNREADABLE)
LOST: Final = header_of(SchemaReference.to_fingerprint(b"12345678"))
OTHERS_MAX: Final = 3
"""Other records than conflicts that a window may hold before there is an alarm, in the property below."""


def rejected(
    *offsets: int,
    partition: int = 0,
    reason: Reason = Reason.UNDECODABLE,
    tenant: str | None = None,
    value: bytes | None = b"payload",
) -> list[Rejection]:
    """Return records that cannot be applied."""
    return [Rejection(LogRecord("t", partition, offset, 0, None, value), reason, "", tenant) for offset in offsets]


def at(*offsets: int) -> Position:
    """Return a position, partition by partition."""
    return Position({("t", partition): offset for partition, offset in enumerate(offsets)})


def rate_of(window_records: int | None, records_max: int = 1_000) -> tuple[QuarantineRate, AlarmBoard]:
    """Return a rate and the board that it reports to."""
    alarms = AlarmBoard()
    return QuarantineRate("t", records_max, window_records, alarms), alarms


def told(rate: QuarantineRate, batches: Iterable[list[Rejection]]) -> str:
    """Return what the rate stops with, nothing when it does not."""
    for batch in batches:
        last = max((one.record.offset for one in batch), default=0)
        if (error := rate.add(batch, at(last + 1))) is not None:
            return error.message
    return ""


def codes(alarms: AlarmBoard) -> list[AlarmCode]:
    """Return the codes of the alarms that hold."""
    return [alarm.code for alarm in alarms.current()]


@pytest.mark.parametrize("reason", DECODED)
def test_records_that_were_decoded_never_stop_it(reason: Reason) -> None:
    """One client makes conflicts, and events under a wrong key, in any number: a window of nothing else goes on."""
    assert told(rate_of(10)[0], [rejected(*range(10_000), reason=reason, tenant="acme")]) == ""


@pytest.mark.parametrize("reason", sorted(UNREADABLE))
def test_more_than_half_of_a_window_unreadable_stops_it(reason: Reason) -> None:
    """Five of ten consecutive offsets go on, six stop it; the good ones among them are not asked about."""
    assert told(rate_of(10)[0], [rejected(0, 1, 2, 3, 9, 10, 11, 12, reason=reason)]) == ""
    assert told(rate_of(10)[0], [rejected(0, 1, 2, 3, 4, 9, reason=reason)]) != ""


def test_a_log_that_is_bad_at_a_low_rate_for_ever_does_not_stop_it() -> None:
    """A log does not become worse by becoming longer."""
    assert told(rate_of(10)[0], (rejected(offset) for offset in range(0, 10_000, 2))) == ""


def test_a_stop_says_where_and_what_most_records_have_in_common() -> None:
    """Partition, offsets, reasons, the schema that most name, the sort of first bytes; no byte of a payload."""
    mixed = [
        *rejected(90, reason=Reason.CONFLICT, tenant="acme"),
        *rejected(91, 92, value=b"payload"),
        *rejected(93, value=b'{"payload": 1}'),
        *rejected(94, 95, 96, reason=Reason.SCHEMA_UNKNOWN, value=LOST + b"payload"),
    ]
    error = rate_of(10)[0].add(mixed, at(97))
    assert error is not None
    assert error.message == (
        "6 of 10 consecutive records of t partition 0 cannot be read, at offsets 91 to 96: "
        "3 undecodable (no frame of ours: 2), 3 schema_unknown (fingerprint 3132333435363738: 3)."
    )
    for text in ("NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS", "quarantine list --group-by reason"):
        assert text in error.hint
    assert "payload" not in error.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "no value"),
        (b"", "no frame of ours"),
        (b"\xff\x00", "no frame of ours"),
        (b"[1]", "text, no frame of ours"),
        (b"<a/>", "text, no frame of ours"),
        (LOST + b"body", "fingerprint 3132333435363738"),
        (b"\x00\x00\x00\x00\x07body", "registry id 7"),
    ],
)
def test_likely_origin_names_the_sort_of_first_bytes(value: bytes | None, expected: str) -> None:
    """A frame by the schema that it names, all else by its sort."""
    (rejection,) = rejected(1, value=value)
    assert CountedRecord.of(rejection) == (0, 1, Reason.UNDECODABLE, expected)


def test_partitions_are_counted_apart() -> None:
    """How reading interleaves them is no property of the log."""
    rate, _ = rate_of(10)
    batch = [one for number in range(100) for one in rejected(5, 6, 7, 8, 9, partition=number)]
    assert rate.add(batch, at(*[10] * 100)) is None


def test_a_restart_goes_on_with_the_count() -> None:
    """What an earlier run kept is in the window still: restarting often raises no limit."""
    rate, _ = rate_of(4)
    rate.resume([CountedRecord.of(one) for one in rejected(3, 4)], at(5))
    assert "at offsets 3 to 5" in told(rate, [rejected(5)])


def test_a_restart_after_a_stop_counts_from_there() -> None:
    """The person who starts it again has seen what stopped it; the alarm about it stays."""
    rate, alarms = rate_of(4, records_max=2)
    rate.resume([CountedRecord.of(one) for one in rejected(3, 4, 5)], at(6))
    assert codes(alarms) == [AlarmCode.QUARANTINE_HIGH]
    assert told(rate, [rejected(6), rejected(7)]) == ""
    assert "3 of 4 consecutive records of t partition 0 cannot be read, at offsets 6 to 8" in told(rate, [rejected(8)])


def test_conflicts_are_an_alarm_that_names_the_tenants_until_the_window_has_passed() -> None:
    """More than 1 % of a window: count, partition, offsets, the tenants with most, and the command."""
    rate, alarms = rate_of(1_000)
    rate.add(rejected(*range(10), reason=Reason.CONFLICT, tenant="acme"), at(10))
    assert codes(alarms) == []
    rate.add(rejected(500, reason=Reason.CONFLICT, tenant="zeta"), at(501))
    (alarm,) = alarms.current()
    assert (alarm.code, alarm.subject, alarm.loses_facts) == (AlarmCode.CONFLICTS, "t partition 0", False)
    assert alarm.detail == (
        "11 of the last 1,000 records of t partition 0 are conflicts, at offsets 0 to 500; "
        "most are of tenant acme (10), tenant zeta (1)."
    )
    assert "quarantine list --reason conflict --group-by tenant" in alarm.hint
    rate.add([], at(1_006))
    assert codes(alarms) == [AlarmCode.CONFLICTS]
    rate.add([], at(1_007))
    assert codes(alarms) == []
    rate.add(rejected(*range(2_000, 2_011), reason=Reason.CONFLICT, tenant="beta"), at(2_011))
    (alarm,) = alarms.current()
    assert alarm.detail.endswith("at offsets 2000 to 2010; most are of tenant beta (11).")


@pytest.mark.parametrize(("window_records", "conflicts_max"), [(10_000, 100), (1_000, 10), (100, 1), (50, 1), (2, 1)])
def test_conflicts_are_limited_to_one_percent_of_any_window(window_records: int, conflicts_max: int) -> None:
    """A small window has an alarm, too: above one conflict."""
    rate, alarms = rate_of(window_records)
    rate.add(rejected(*range(conflicts_max), reason=Reason.CONFLICT, tenant="acme"), at(conflicts_max))
    assert codes(alarms) == []
    rate.add(rejected(conflicts_max, reason=Reason.CONFLICT, tenant="acme"), at(conflicts_max + 1))
    assert codes(alarms) == [AlarmCode.CONFLICTS]


@pytest.mark.parametrize("reason", [Reason.CONFLICT, Reason.WRONG_PARTITION])
def test_a_steady_rate_at_the_limit_raises_one_alarm(reason: Reason) -> None:
    """An alarm clears only below half of its limit: 1 % of 200,000 records, unevenly spread, is one alarm."""
    rate, _ = rate_of(10_000, records_max=100)
    spread = random.Random(1)  # noqa: S311 - the same sample at each run
    offsets = sorted(spread.sample(range(200_000), 2_000))
    with capture_logs() as logs:
        for end in range(1_000, 200_001, 1_000):
            batch = [offset for offset in offsets if end - 1_000 <= offset < end]
            rate.add(rejected(*batch, reason=reason, tenant="acme"), at(end))
    assert len(named(logs, "projector.alarm_raised")) == 1
    assert named(logs, "projector.alarm_cleared") == []


def test_an_alarm_outlasts_a_recount_down_to_half_of_its_limit() -> None:
    """A retry of some records clears the alarm no earlier than the window would."""
    rate, alarms = rate_of(100, records_max=4)
    rate.add(rejected(1, 2, 3, 4, 5), at(6))
    for left, expected in [((1, 2, 3), [AlarmCode.QUARANTINE_HIGH]), ((1, 2), [AlarmCode.QUARANTINE_HIGH]), ((1,), [])]:
        rate.resume([CountedRecord.of(one) for one in rejected(*left)], at(6))
        assert codes(alarms) == expected


def test_other_records_above_quarantine_max_are_an_alarm_with_their_reasons() -> None:
    """Every reason but conflicts counts, decoded or not; the alarm has the facts and the command."""
    rate, alarms = rate_of(100, records_max=3)
    rate.add([*rejected(1, 2), *rejected(3, reason=Reason.CONFLICT, tenant="acme")], at(4))
    rate.add(rejected(7, reason=Reason.WRONG_PARTITION, tenant="acme"), at(8))
    assert codes(alarms) == []
    rate.add(rejected(9, reason=Reason.CONTRACT_VIOLATION, value=LOST), at(10))
    (alarm,) = alarms.current()
    assert (alarm.code, alarm.loses_facts) == (AlarmCode.QUARANTINE_HIGH, False)
    assert alarm.detail == (
        "4 of the last 100 records of t partition 0 cannot be applied, at offsets 1 to 9: "
        "2 undecodable (no frame of ours: 2), 1 wrong_partition (tenant acme: 1), "
        "1 contract_violation (fingerprint 3132333435363738: 1)."
    )
    assert "quarantine list --group-by reason" in alarm.hint


def test_what_left_quarantine_is_counted_no_more() -> None:
    """`resume` with what is left replaces the counts."""
    rate, alarms = rate_of(10, records_max=3)
    rate.add(rejected(0, 1, 2, 3), at(4))
    rate.resume([CountedRecord.of(one) for one in rejected(3)], at(4))
    assert codes(alarms) == []
    assert told(rate, [rejected(4, 5, 6)]) == ""


def test_without_a_window_nothing_stops_it_and_nothing_is_an_alarm() -> None:
    """A replay meets again what live runs have stopped at and told."""
    rate, alarms = rate_of(None, records_max=0)
    assert told(rate, [rejected(*range(1_000)), rejected(*range(2_000, 3_000), reason=Reason.CONFLICT)]) == ""
    assert codes(alarms) == []


def test_facts_name_the_twenty_tenants_with_most_conflicts() -> None:
    """A log line counts conflicts per tenant, and names ids alone."""
    conflicts = [
        one
        for number in range(30)
        for one in rejected(*range(number + 1), reason=Reason.CONFLICT, tenant=f"tenant-{number}")
    ]
    refused = rejected(7, reason=Reason.WRONG_PARTITION, tenant="other")
    found = facts(BatchOutcome(quarantined=466, reasons={"conflict": 465}, rejections=(*conflicts, *refused)))
    assert found == {
        "count": 466,
        "reasons": {"conflict": 465},
        "conflicts_by_tenant": {f"tenant-{number}": number + 1 for number in range(29, 9, -1)},
    }


_LOG: Final = st.lists(st.sampled_from([None, None, *Reason]), max_size=60)
"""Offset by offset, what becomes of the record there; None: it is applied."""


@given(log=_LOG, window=st.integers(1, 12), cuts=st.sets(st.integers(1, 60)), restarts=st.sets(st.integers(1, 60)))
def test_stop_is_independent_of_batches_and_restarts(
    log: list[Reason | None], window: int, cuts: set[int], restarts: set[int]
) -> None:
    """However a log is cut and wherever the process restarts: the first stop, and the alarms at every position.

    A restart forgets alone that an alarm was raised above its limit before.
    """
    rejections = {at_: rejected(at_, reason=reason, tenant="a")[0] for at_, reason in enumerate(log) if reason}
    alarms = AlarmBoard()
    rate = QuarantineRate("t", OTHERS_MAX, window, alarms)
    expected = _Expected()
    start = 0
    for end in sorted({cut for cut in cuts | restarts if cut < len(log)} | {len(log)}):
        error = rate.add([rejections[one] for one in range(start, end) if one in rejections], at(end))
        stop = _first_stop(log[:end], window)
        assert (error is not None) == (stop is not None)
        for offset in range(start, end):
            expected.judge(log[: offset + 1], window)
        assert codes(alarms) == expected.codes()
        if error is not None:
            assert f"to {stop}:" in error.message
            return
        if end in restarts:
            alarms, expected = AlarmBoard(), _Expected()
            rate = QuarantineRate("t", OTHERS_MAX, window, alarms)
            recent = range(max(0, end - window), end)
            rate.resume([CountedRecord.of(rejections[one]) for one in recent if one in rejections], at(end))
            expected.judge(log[:end], window)
            assert codes(alarms) == expected.codes()
        start = end


def _first_stop(log: Sequence[Reason | None], window: int) -> int | None:
    for offset in range(len(log)):
        among = log[max(0, offset + 1 - window) : offset + 1]
        if 2 * sum(reason in UNREADABLE for reason in among) > window:
            return offset
    return None


class _Expected:
    """The alarms that a log should have raised, judged at each of its offsets."""

    def __init__(self) -> None:
        self._holding: set[AlarmCode] = set()

    def judge(self, log: Sequence[Reason | None], window: int) -> None:
        among = log[max(0, len(log) - window) :]
        conflicts = among.count(Reason.CONFLICT)
        others = sum(reason not in {None, Reason.CONFLICT} for reason in among)
        for code, count, limit in [
            (AlarmCode.CONFLICTS, conflicts, max(1, window // 100)),
            (AlarmCode.QUARANTINE_HIGH, others, OTHERS_MAX),
        ]:
            if count > limit:
                self._holding.add(code)
            elif count < limit / 2:
                self._holding.discard(code)

    def codes(self) -> list[AlarmCode]:
        return sorted(self._holding)
