"""How fast a log becomes a read model: the projector beside two loops that one might write, and beside its ceilings.

One run, one broker, one log; contenders take turns, each in a process of its own. What each made is held against the
oracle before any figure is told.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from ledger_projectors.log.source import BATCH_RECORDS_MAX
from ledger_schemas import KafkaConnection
from tests.benchmarks import obvious_loop
from tests.benchmarks.broker_log import append, broker, new_topic
from tests.benchmarks.contenders import ABOUT, CONTENDERS, WITH_READ_MODEL, Task
from tests.benchmarks.measuring import progress
from tests.benchmarks.outcome import Judge, log_events
from tests.benchmarks.workload import SEED_DEFAULT, Workload, first_records, make_workload
from tests.properties.oracle import fold

EVENTS_DEFAULT: Final = 1_000_000
ROUNDS_DEFAULT: Final = 3
OBVIOUS_EVENTS_DEFAULT: Final = 10_000
OBVIOUS_BATCH: Final = 1_000
"""The first loop commits so often; larger batches make it no faster."""

ROOT: Final = Path(__file__).parents[2]
MIB: Final = 2**20


Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT, help="records of the log (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS_DEFAULT, help="whose median counts (default: %(default)s)")
    parser.add_argument(
        "--batch",
        type=int,
        nargs="+",
        default=[BATCH_RECORDS_MAX],
        help="records of a batch; several are measured one beside the other (default: the projector's, %(default)s)",
    )
    parser.add_argument(
        "--obvious-events",
        type=int,
        default=OBVIOUS_EVENTS_DEFAULT,
        help="how many of the records the obvious loop gets, which is too slow for all (default: %(default)s)",
    )
    parser.add_argument("--contenders", nargs="+", choices=[*CONTENDERS], default=[*CONTENDERS], help="which (all)")
    parser.add_argument("--seed", type=int, default=SEED_DEFAULT, help="of the workload (default: %(default)s)")
    parser.add_argument("--bootstrap-servers", help="a broker that answers already (default: one is started)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; return the medians of each contender and batch size, all rounds, and ratios."""
    progress(f"making {options.events:,} records")
    workload = make_workload(options.events, seed=options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        broker(options.bootstrap_servers, Path(folder, "kafka")) as connection,
    ):
        arena = _Arena(connection, workload, options.obvious_events, Path(folder, "contender"))
        measured = _take_turns(arena, _entries(options), options.rounds)
    contenders = [_medians(name, size, rounds) for (name, size), rounds in measured.items()]
    return {
        "events": options.events,
        "rounds": options.rounds,
        "workload": workload.facts,
        "contenders": contenders,
        "ratios": _ratios(contenders),
        "about": {name: ABOUT[name] for name in options.contenders},
    }


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table, with ratios and what the names mean."""
    bytes_a_value = found["workload"]["value_bytes"] / found["events"]
    log = f"{found['events']:,} records of {found['workload']['notifications']:,} notifications"
    how = f"{bytes_a_value:.0f} bytes a value; medians of {found['rounds']} rounds; every outcome equals the oracle's"
    columns = f"{'batch':>9}{'events':>11}{'events/s':>11}{'wall s':>9}{'CPU s':>9}{'RSS MiB':>9}{'file MiB':>10}"
    lines = [f"{log}, {how}", "", f"{'':16}{columns}{'WAL MiB':>9}"]
    lines += [
        f"{one['contender']:16}{one['batch']:>9,}{one['events']:>11,}{one['events_a_second']:>11,.0f}"
        f"{one['wall_s']:>9.2f}{one['cpu_s']:>9.2f}{one['rss_bytes'] / MIB:>9,.0f}{one['file_bytes'] / MIB:>10,.0f}"
        f"{one['wal_bytes_max'] / MIB:>9,.0f}"
        for one in found["contenders"]
    ]
    lines += ["", f"{'events a second, above 1: ours is faster':44}{'wall':>8}{'CPU':>8}"]
    lines += [f"{name:44}{one['wall_s']:>8.2f}{one['cpu_s']:>8.2f}" for name, one in found["ratios"].items()]
    lines += ["", *(f"{name:16}{about}" for name, about in found["about"].items())]
    if any(one["contender"] == "obvious" for one in found["contenders"]):
        lines.append(
            "obvious has the first records of the log only: its tables and indexes are small, and it is faster"
        )
        lines.append("than it would be on all of them. It is compared where its model has what the oracle has.")
    return "\n".join(lines)


def _entries(options: argparse.Namespace) -> list[tuple[str, int]]:
    """Return who contends, with which batches: the obvious loop once, the others with every size."""
    entries = [(name, size) for size in options.batch for name in options.contenders if name != "obvious"]
    return [("obvious", OBVIOUS_BATCH), *entries] if "obvious" in options.contenders else entries


def _take_turns(arena: _Arena, entries: Sequence[tuple[str, int]], rounds: int) -> dict[tuple[str, int], list[Figures]]:
    measured: dict[tuple[str, int], list[Figures]] = {entry: [] for entry in entries}
    for turn in range(rounds):
        # Each begins a round in its turn: a slow minute is shared by all.
        for name, size in [*entries[turn % len(entries) :], *entries[: turn % len(entries)]]:
            progress(f"round {turn + 1} of {rounds}: {name}, batches of {size:,}")
            measured[name, size].append(arena.contend(name, size))
    return measured


class _Arena:
    """The logs of one run, on one broker: all records, and the first of them for the loop that is too slow for all."""

    def __init__(self, connection: KafkaConnection, workload: Workload, sample_events: int, folder: Path) -> None:
        progress("appending")
        self._connection = connection
        self._sample = first_records(workload, sample_events)
        self._folder = folder
        self._topic, self._short = (new_topic(connection, workload.partitions) for _ in range(2))
        self._end = append(connection, self._topic, workload)
        self._short_end = append(connection, self._short, self._sample)
        self._judge = Judge(workload, self._end)

    def contend(self, name: str, batch: int) -> Figures:
        """Let one contender do its work in a process of its own; check what it made; return what it took."""
        short = name == "obvious"
        path = self._folder / "read_model.duckdb"
        self._folder.mkdir()
        task = Task(
            bootstrap_servers=self._connection.bootstrap_servers,
            topic=self._short if short else self._topic,
            end=str(self._short_end if short else self._end),
            partitions=self._sample.partitions,
            batch=batch,
            path=str(path),
        )
        told = json.dumps({"contender": name, **asdict(task)})
        command = [sys.executable, "-m", "tests.benchmarks.contenders", told]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        if short:
            obvious_loop.check(path, fold(log_events(self._sample.records()), self._sample.partitions))
        elif name in WITH_READ_MODEL:
            self._judge.check(path, self._topic, name)
        shutil.rmtree(self._folder)
        figures: Figures = json.loads(done.stdout)
        return figures


def _medians(name: str, batch: int, rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    figures = {figure: median(one[figure] for one in rounds) for figure in rounds[0]}
    rate = {"events_a_second": figures["events"] / figures["wall_s"]}
    return {"contender": name, "batch": batch, **rate, **figures, "all_rounds": [*rounds]}


def _ratios(contenders: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how much less an event takes with ours than with the others, in wall and processor time.

    At each size of batch; the obvious loop has one size of its own.
    """
    found = {}
    entries = {(one["contender"], one["batch"]): one for one in contenders}
    for (name, size), ours in entries.items():
        if name == "ours":
            for other in CONTENDERS:
                theirs = entries.get((other, OBVIOUS_BATCH if other == "obvious" else size))
                if theirs and other != "ours":
                    found[f"ours / {other} at {size:,}"] = {
                        clock: (theirs[clock] / theirs["events"]) / (ours[clock] / ours["events"])
                        for clock in ("wall_s", "cpu_s")
                    }
    return found
