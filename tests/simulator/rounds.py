"""One round: a log, and the lives of the projectors that read it, all of it drawn from one integer."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from structlog.testing import capture_logs

from ledger_projectors.publish.digest import Digest
from ledger_projectors.store import folded_rows, hot_rows, opening
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, Position
from tests.simulator.checks import Invariants
from tests.simulator.fakes import JumpingClock, SimulatedStore, no_time_passes
from tests.simulator.faults import Fault, Life, draw_life
from tests.simulator.process import Process
from tests.simulator.stepping import stepped_threads
from tests.simulator.the_log import draw_log

LIVES_MAX: Final = 2
"""Lives with faults; one without follows, and the replay."""

PARTITIONS: Final = (1, 2, 3)
LIMITS: Final = {
    "SEEN_EVENTS_MAX": (1, 3, folded_rows.SEEN_EVENTS_MAX),
    "HOT_NOTIFICATIONS_MAX": (0, 3, hot_rows.HOT_NOTIFICATIONS_MAX),
    "HOT_ENTRIES_MAX": (0, 5, hot_rows.HOT_ENTRIES_MAX),
    "KEPT_OF_BATCH_MAX": (2, folded_rows.KEPT_OF_BATCH_MAX, folded_rows.KEPT_OF_BATCH_MAX),
}
"""Hashes of events on the row of a notification, and rows kept in memory: the last is more than a log here needs."""

SHARES_OF_LOG: Final = (0.3, 0.6, 1.0)
"""Of what is left of the log, how much is there in one life."""


@dataclass(frozen=True, slots=True)
class Finding:
    """That a round failed: what was wrong, and the command that repeats it."""

    seed: int
    what: str
    command: str


@dataclass(slots=True)
class Report:
    """What one round did: its decisions in their order, and what was wrong if anything was."""

    seed: int
    records: int = 0
    commits: int = 0
    checks: int = 0
    alarms: int = 0
    faults: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    finding: Finding | None = None


class Room:
    """A folder for the files of rounds, with an empty read model of each number of partitions to copy."""

    def __init__(self, folder: Path) -> None:
        """Use a folder that exists."""
        self._folder = folder
        self._files = 0

    def new_path(self) -> Path:
        """Return a name that no file has."""
        self._files += 1
        return self._folder / f"{self._files}.duckdb"

    def new_file(self, partitions: int) -> Path:
        """Return an empty read model: copied, since making one takes longer than all else."""
        empty = self._folder / f"empty-{partitions}.duckdb"
        if not empty.exists():
            ReadModel.create_or_open(empty, topic=LIFECYCLE_TOPIC, partitions=partitions).close()
        return Path(shutil.copyfile(empty, self.new_path()))

    def clear(self) -> None:
        """Remove the files of the last round."""
        for path in self._folder.iterdir():
            if not path.name.startswith("empty-"):
                path.unlink()


@contextmanager
def a_folder() -> Iterator[Path]:
    """Give a folder for rooms, in memory where the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - in a folder of its own
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="simulator-") as folder:
        yield Path(folder)


@contextmanager
def a_room() -> Iterator[Room]:
    """Give a room of its own folder."""
    with a_folder() as folder:
        yield Room(folder)


def run_round(seed: int, room: Room, change: Callable[[Life], Life] | None = None) -> Report:
    """Run the round of a seed; what the ledger does wrong is not raised but reported.

    `change` has the last word on what each life is to meet.
    """
    report = Report(seed)
    room.clear()
    with (
        capture_logs(),
        patch.object(opening, "THREADS", 1),
        patch.multiple(folded_rows, **_limits(_rng(seed, "limits"))),
        no_time_passes(JumpingClock(_rng(seed, "clock"))),
    ):
        try:
            _Round(seed, room, report, change or (lambda life: life)).run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            what = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            report.finding = Finding(seed, what, f"python -m tests.simulator --rounds 1 --seed {seed}")
    return report


class _Round:
    def __init__(self, seed: int, room: Room, report: Report, change: Callable[[Life], Life]) -> None:
        self._seed = seed
        self._room = room
        self._change = change
        self._report = report
        drawn = _rng(seed, "log")
        self._log = draw_log(drawn, drawn.choice(PARTITIONS))
        self._rng = _rng(seed, "lives")
        self._end = Position({(LIFECYCLE_TOPIC, partition): end for partition, end in self._log.ends.items()})
        self._published: list[str] = []
        self._invariants = Invariants(self._log)
        self._path = room.new_file(self._log.partitions)
        report.records = len(self._log.entries)
        self._tell(f"{report.records} records, the log ends at {self._end}")
        self._tell(", ".join(f"{name} {getattr(folded_rows, name)}" for name in LIMITS))

    def run(self) -> None:
        """Live and die, live to the end of the log, and replay it."""
        for number in range(1, self._rng.randint(1, LIVES_MAX) + 1):
            life = self._change(draw_life(self._rng))
            self._report.faults.append(life.fault)
            self._live(f"life {number}", life, self._until(), self._invariants)
        self._published[:] = self._log.schemas()
        lived = self._live("last life", draw_life(self._rng, Fault.NONE), self._end, self._invariants)
        self._path = self._room.new_file(self._log.partitions)
        replayed = self._live("replay", draw_life(self._rng, Fault.NONE), self._end, Invariants(self._log), batches=1)
        assert lived is not None, "the last life meets no fault"
        assert replayed is not None, "a replay meets no fault"
        differing = [name for name in lived.tables if lived.tables[name] != replayed.tables[name]]
        assert lived.text == replayed.text, f"a replay differs in {differing}, at {lived.position}, {replayed.position}"
        self._tell(f"replayed, digest {lived.text}")

    def _live(
        self, name: str, life: Life, until: Position, invariants: Invariants, batches: int | None = None
    ) -> Digest | None:
        self._tell(f"{name}: {life}, until {until}")
        store = SimulatedStore(self._log, self._published, _rng(self._seed, f"{name} store"))
        process = Process(self._path, self._room.new_path(), self._log, life, invariants)
        try:
            with stepped_threads(_rng(self._seed, f"{name} threads")):
                ending = asyncio.run(process.live(store, until, _rng(self._seed, f"{name} source"), batches))
            digest = process.digest() if until == self._end and life.fault is Fault.NONE else None
            if digest is not None and invariants is self._invariants:
                process.check()
        finally:
            self._path = process.close()
            self._report.commits += process.commits
            self._report.alarms += process.alarms
            self._report.checks += invariants.checks
            invariants.checks = 0
        self._tell(f"{name} {ending} at {process.position} after {process.commits} commits")
        return digest

    def _until(self) -> Position:
        """Draw how far the log goes in a life: on from what is applied, now and then to its end."""
        share = self._rng.choice(SHARES_OF_LOG)
        applied = self._invariants.least
        offsets = {}
        for place, end in self._end.items():
            begin = applied.get(place, 0)
            offsets[place] = begin + round(share * (end - begin))
        return Position(offsets)

    def _tell(self, what: str) -> None:
        self._report.trace.append(what)


def _limits(rng: Random) -> dict[str, Any]:
    return {name: rng.choice(limits) for name, limits in LIMITS.items()}


def _rng(seed: int, what: str) -> Random:
    """Return a source of decisions of its own: what runs beside something else decides nothing for it."""
    return Random(f"{seed} {what}")  # noqa: S311 - a simulation that must repeat itself, no secret
