"""A day shortened to seconds, and what the verdict calls bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.soak.day import soak
from tests.soak.projecting import WAL_DUE_BYTES
from tests.soak.verdict import BATCH_WAL_BYTES_MAX, RSS_GROWTH_BYTES_MAX, Ending, Sample, chart, judge

MINUTES: Final = 0.2
STEADY: Final = [Sample(float(at), 1, at * 10, at * 10, 300 * 2**20, 10**6, WAL_DUE_BYTES, 5.0) for at in range(40)]
GOOD: Final = Ending(400, 390, 400, 2 * 10**6, 10**6, digests_equal=True, disagreements=0, exit_codes=(0, 0))


@pytest.mark.kafka
def test_a_day_in_seconds_is_bounded_and_loses_nothing(tmp_path: Path) -> None:
    """With a broker killed, a projector stopped, poison, and a reader forgotten: the rebuild is equal."""
    done = soak(tmp_path, MINUTES, seed=1)
    assert done.found == {}
    assert done.ending is not None
    assert done.broker_restarts == 1
    assert len(done.ending.exit_codes) == 2
    assert (done.reads > 0, done.poison > 0, done.ending.records > 500) == (True, True, True)


def test_a_steady_day_passes() -> None:
    """Nothing is found where nothing grows."""
    assert judge(STEADY, GOOD) == {}
    assert len(chart(STEADY).splitlines()) >= 20


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("digest", {"digests_equal": False}),
        ("position", {"position": 399}),
        ("log", {"acknowledged": 401}),
        ("reads", {"disagreements": 1}),
        ("exit codes", {"exit_codes": (0, -15)}),
        ("file", {"file_bytes": 3 * 10**6 + 1}),
    ],
)
def test_a_wrong_ending_fails(name: str, wrong: dict[str, Any]) -> None:
    """Each thing that must hold in the end is looked at by itself."""
    assert judge(STEADY, replace(GOOD, **wrong)).keys() == {name}


def test_a_write_ahead_log_past_its_limit_and_one_batch_fails() -> None:
    """One sample is enough."""
    limit = WAL_DUE_BYTES + BATCH_WAL_BYTES_MAX
    assert judge([*STEADY, replace(STEADY[-1], wal_bytes_max=limit)], GOOD) == {}
    assert judge([*STEADY, replace(STEADY[-1], wal_bytes_max=limit + 1)], GOOD).keys() == {"write-ahead log"}


def test_memory_that_grows_with_time_fails() -> None:
    """A peak at the start is warm-up; a rise from the second quarter to the last is not."""
    warm = [replace(one, rss_bytes=2 * one.rss_bytes) for one in STEADY[:10]]
    assert judge([*warm, *STEADY[10:]], GOOD) == {}
    leaking = [
        replace(one, rss_bytes=one.rss_bytes + int(one.at_seconds) * RSS_GROWTH_BYTES_MAX // 15) for one in STEADY
    ]
    assert judge(leaking, GOOD).keys() == {"memory"}
