from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import pytest

from ledger_projectors.log.records import Reason
from ledger_schemas import Kind
from tests.properties.comparison import folded
from tests.simulator.broken import BROKEN, Broken, kind_left_out
from tests.simulator.faults import Fault, Life, draw_life
from tests.simulator.rounds import Room, a_room, run_round
from tests.simulator.sharing import run_rounds
from tests.simulator.the_log import SimulatedLog, draw_log

CHUNKS: Final = 4
ROUNDS_PER_CHUNK: Final = 3
SEEDS_MAX: Final = 20
"""How many rounds a broken engine may survive."""

SEED_OF_ONE_LIFE: Final = 7
SEEDS_OF_CONDITIONS: Final = (0, 4)
LOGS: Final = 100
FOLDED_LOGS: Final = 20


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """Give a room to all rounds of this module: what takes longest is making an empty file."""
    with a_room() as made:
        yield made


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_round_loses_doubles_or_changes_anything(room: Room, chunk: int) -> None:
    """Whatever the log, the batches and the faults, the file is the oracle's fold of what lies before its position.

    Facts, contents, and what each record became, after every commit; every row of every table after every reopening and
    at the end of the log. A replay of it has the digest of the file that lived through all that.
    """
    for seed in range(chunk * ROUNDS_PER_CHUNK, (chunk + 1) * ROUNDS_PER_CHUNK):
        report = run_round(seed, room)
        assert report.finding is None, "\n".join([*report.trace, report.finding.what, report.finding.command])
        assert report.commits > 0
        assert report.checks >= report.commits


def test_a_failure_at_any_statement_costs_no_record(room: Room) -> None:
    """Each statement of a batch in turn finds no room, and the batch is tried again: it is applied once, and whole."""
    met = replace(draw_life(Random(1), Fault.FAILS_AT_EACH_STATEMENT), retried=False, slow_reader=False)  # noqa: S311 - no secret
    report = run_round(SEED_OF_ONE_LIFE, room, lambda _: met)
    assert report.finding is None, report.finding
    assert report.faults == [Fault.FAILS_AT_EACH_STATEMENT]


def test_alarms_last_as_long_as_their_cause(room: Room) -> None:
    """An open transaction counts as lag, nothing behind it is applied early, and all of it is afterwards.

    That and a changed setting of the topic are alarms as long as they last, and none after.
    """

    def both(life: Life) -> Life:
        return replace(life, fault=Fault.NONE, open_transaction=True, setting_changed=True)

    for seed in SEEDS_OF_CONDITIONS:
        report = run_round(seed, room, both)
        assert report.finding is None, "\n".join([*report.trace, report.finding.what])
        assert report.alarms >= len(report.faults) + 1


@pytest.mark.parametrize(("broken", "meets"), BROKEN.values(), ids=BROKEN)
def test_a_broken_engine_is_found(room: Room, broken: Broken, meets: Callable[[Life], Life]) -> None:
    """Each engine that is broken on purpose fails within a few rounds: a simulator that cannot fail shows nothing."""
    with broken():
        findings = (run_round(seed, room, meets).finding for seed in range(SEEDS_MAX))
        found = next(finding for finding in findings if finding is not None)
    # An invariant was broken, not the engine's patch.
    assert not found.what.startswith("Traceback"), found.what


def test_a_round_is_its_seed(room: Room) -> None:
    """The same seed makes the same decisions and ends in the same digest, in whatever process; another makes others."""
    first, other = (run_round(seed, room).trace for seed in (3, 5))
    assert first[-1].startswith("replayed, digest ")
    assert first != other
    with run_rounds((3, 5), jobs=2) as reports:
        assert [first, other] == [report.trace for report in reports]


def test_logs_hold_what_a_hostile_day_brings() -> None:
    """Among a hundred logs are each kind, each reason, copies, conflicts, late schemas, holes and fast clocks."""
    logs = [draw_log(Random(seed), 3) for seed in range(LOGS)]  # noqa: S311 - a simulation, no secret
    entries = [entry for log in logs for entry in log.entries.values()]
    assert {*Kind} == {entry.recorded.event.kind for entry in entries if entry.recorded is not None}
    assert {*Reason} - {Reason.CONFLICT} == {entry.reason for entry in entries} - {None}
    states = [folded(log.placed(log.ends), 3) for log in logs[:FOLDED_LOGS]]
    assert all(any(found) for found in zip(*((state.duplicates, state.conflicts) for state in states), strict=True))
    assert sum(bool(log.schemas()) for log in logs) > LOGS / 2
    assert all(sum(log.ends.values()) > len(log.entries) for log in logs[:FOLDED_LOGS])
    assert sum(any(count > 1 for count in _fast_clocks_by_millisecond(log).values()) for log in logs) > LOGS / 2


def test_a_failed_round_names_the_command_that_repeats_it() -> None:
    """The command runs rounds, counts them as JSON and exits with 0; the finding of a failed one names its seed."""
    command = [sys.executable, "-m", "tests.simulator", "--rounds", "1", "--seed", "7", "--fault", "none", "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert (told["rounds"], told["failed"]) == (1, [])
    with a_room() as room, kind_left_out():
        found = next(finding for seed in range(SEEDS_MAX) if (finding := run_round(seed, room).finding))
    assert found.command == f"python -m tests.simulator --rounds 1 --seed {found.seed}"


def _fast_clocks_by_millisecond(log: SimulatedLog) -> Counter[tuple[UUID, datetime]]:
    """Count the events of a notification in a millisecond of the log whose clocks are a minute ahead or more."""
    events = [placed.log_event() for placed in log.placed(log.ends)]
    ahead = [one for one in events if timedelta(minutes=1) <= one.occurred_at - one.recorded_at <= timedelta(hours=1)]
    return Counter((one.notification_id, one.recorded_at) for one in ahead)
