"""Where the time of `ReadModel.apply` goes: step by step, statement by statement, in nanoseconds an event.

The connection is wrapped here, so that nothing of it is in what ships. What no statement accounts for is Python's.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import duckdb
import polars as pl

from ledger_projectors.log.records import LogRecord
from ledger_projectors.store import read_model
from ledger_projectors.store.opening import open_file
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import LIFECYCLE_TOPIC
from tests.benchmarks.measuring import progress
from tests.benchmarks.prefill import prefill
from tests.benchmarks.workload import SEED_DEFAULT, make_workload

EVENTS_DEFAULT: Final = 400_000
BATCH_DEFAULT: Final = 200_000
LABEL_CHARS: Final = 76
STATEMENTS_SHOWN_NS: Final = 5
"""What takes less an event is left out of the text, and in the JSON."""

PYTHON: Final = "(Python)"
CLOSING: Final = "closed"
RETURNED: Final = "returned"
"""Names for what comes after the last step: until `apply` returns, and the closing of the file."""

_COMMENT: Final = re.compile(r"--[^\n]*")
_NUMBER: Final = re.compile(r"\b\d+\b")


@dataclass(slots=True)
class Spent:
    """Time of one thing, summed: calls, nanoseconds of wall time and of the process's processor time."""

    calls: int = 0
    wall_ns: int = 0
    cpu_ns: int = 0

    def add(self, wall_ns: int, cpu_ns: int, calls: int = 1) -> None:
        """Count one more call."""
        self.calls += calls
        self.wall_ns += wall_ns
        self.cpu_ns += cpu_ns


@dataclass(slots=True)
class Ledger:
    """What was spent, by step and label; statements of a step are known before the step is done."""

    steps: dict[str, dict[str, Spent]] = field(default_factory=dict)
    _open: list[tuple[str, int, int]] = field(default_factory=list)
    _since: tuple[int, int] = (0, 0)

    def begin(self) -> None:
        """Start the clock."""
        self._open.clear()
        self._since = time.perf_counter_ns(), time.process_time_ns()

    def end(self, step: str) -> None:
        """Count all since the last step as this one's: its statements, and the rest as Python's."""
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        spent = self.steps.setdefault(step, defaultdict(Spent))
        rest_wall, rest_cpu = wall - self._since[0], cpu - self._since[1]
        for label, took, used in self._open:
            spent[label].add(took, used)
            rest_wall, rest_cpu = rest_wall - took, rest_cpu - used
        spent[PYTHON].add(rest_wall, rest_cpu)
        self.begin()

    @contextmanager
    def timed(self, label: str) -> Iterator[None]:
        """Count what the block takes under the label, in whichever step it turns out to be."""
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        try:
            yield
        finally:
            self._open.append((label, time.perf_counter_ns() - wall, time.process_time_ns() - cpu))

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Count what the block takes nowhere: it is the benchmark's own work."""
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        yield
        since_wall, since_cpu = self._since
        self._since = since_wall + time.perf_counter_ns() - wall, since_cpu + time.process_time_ns() - cpu


class TimedConnection:
    """A DuckDB connection that times every statement, those of one text one by one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._statements: dict[str, Sequence[tuple[str, str]]] = {}

    def execute(self, query: str | duckdb.Statement, parameters: object = None) -> TimedConnection:
        """Execute one text of one or more statements, or one that is parsed; only a single one takes parameters."""
        if isinstance(query, duckdb.Statement):
            with self._ledger.timed(_label(query.query)):
                self._connection.execute(query, parameters)
            return self
        for statement, label in self._split(query):
            with self._ledger.timed(label):
                self._connection.execute(statement, parameters)
        return self

    def sql(self, query: duckdb.Statement) -> pl.DataFrame:
        """Return the rows of a query: what takes its time is giving them as Arrow."""
        with self._ledger.timed(_label(query.query)):
            return pl.DataFrame(self._connection.sql(query))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Fetch what the last statement answers."""
        with self._ledger.timed("fetchall"):
            rows: list[tuple[Any, ...]] = self._connection.fetchall()
        return rows

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the connection has
        """Return what the connection has; calls of it are timed under its name."""
        found = getattr(self._connection, name)
        if not callable(found):
            return found

        def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the connection takes
            with self._ledger.timed(f"{name}()"):
                return found(*arguments, **named)

        return timed

    def _split(self, query: str) -> Sequence[tuple[str, str]]:
        if query not in self._statements:
            with self._ledger.left_out():
                found = [one.query for one in self._connection.extract_statements(query)]
                self._statements[query] = [(statement, _label(statement)) for statement in found]
        return self._statements[query]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT, help="records (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=BATCH_DEFAULT, help="records of a batch (default: %(default)s)")
    parser.add_argument(
        "--notifications", type=int, default=0, help="that the file holds before it begins (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED_DEFAULT, help="of the workload (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Apply a workload in batches to a new file; return nanoseconds an event by step and statement."""
    progress(f"making {options.events:,} records")
    workload = make_workload(options.events, seed=options.seed)
    batches = [*workload.batches(options.batch)]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "read_model.duckdb")
        if options.notifications:
            with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=workload.partitions) as model:
                prefill(model, options.notifications)
        return {"prefilled_notifications": options.notifications} | measure(path, batches, workload.partitions)


def measure(path: Path, batches: Sequence[Sequence[LogRecord]], partitions: int) -> dict[str, Any]:
    """Apply the batches, which begin where the file at `path` stands; return nanoseconds an event."""
    ledger = Ledger()

    def open_timed(*arguments: Any) -> TimedConnection:  # noqa: ANN401 - whatever `open_file` takes
        return TimedConnection(open_file(*arguments), ledger)

    # Wrapped where it is opened: whoever is given the connection is given this one.
    with patch.object(read_model, "open_file", open_timed):
        model = ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=partitions)
    wal_bytes = 0
    counts = {"applied": 0, "duplicates": 0, "quarantined": 0}

    def on_step(step: Step) -> None:
        ledger.end(step.value)

    for number, batch in enumerate(batches, 1):
        progress(f"batch {number} of {len(batches)}")
        ledger.begin()
        outcome = model.apply(batch, on_step=on_step)
        ledger.end(RETURNED)
        wal_bytes = max(wal_bytes, _size(path.with_name(path.name + ".wal")))
        model.checkpoint_if_due(None, on_step)
        for name in counts:
            counts[name] += getattr(outcome, name)
    ledger.begin()
    model.close()
    ledger.end(CLOSING)
    events = sum(map(len, batches))
    return {
        "events": events,
        "batch": len(batches[0]),
        **counts,
        "wal_bytes_max": wal_bytes,
        "file_bytes": _size(path),
        "unit": "nanoseconds an event",
        "steps": {step: _step(spent, events) for step, spent in ledger.steps.items()},
        **_per_event([one for spent in ledger.steps.values() for one in spent.values()], events),
    }


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table: per step, what its statements and Python take."""
    did = f"{found['applied']:,} applied, {found['duplicates']:,} duplicates, {found['quarantined']:,} quarantined"
    sizes = f"file {found['file_bytes'] / 2**20:,.0f} MiB, WAL at most {found['wal_bytes_max'] / 2**20:,.0f} MiB"
    lines = [
        f"{found['events']:,} records in batches of {found['batch']:,}: {did}; {sizes}",
        f"the file held {found['prefilled_notifications']:,} notifications before",
        "",
        f"{'nanoseconds an event':{LABEL_CHARS + 2}}{'calls':>7}{'wall':>11}{'CPU':>11}{'share':>8}",
    ]
    for step, spent in found["steps"].items():
        lines.append(_line(step, spent, found["wall_ns"]))
        shown = (one for one in spent["statements"] if one["wall_ns"] >= STATEMENTS_SHOWN_NS)
        lines += [_line(f"  {one['statement']}", one, found["wall_ns"]) for one in shown]
    rate = 1e9 / found["wall_ns"]
    return "\n".join([*lines, _line("all", found, found["wall_ns"]), "", f"{rate:,.0f} events a second, file closed"])


def _step(spent: dict[str, Spent], events: int) -> dict[str, Any]:
    dearest_first = sorted(spent.items(), key=lambda item: -item[1].wall_ns)
    statements = [{"statement": label, "calls": one.calls, **_per_event([one], events)} for label, one in dearest_first]
    return {**_per_event([*spent.values()], events), "statements": statements}


def _per_event(spent: Sequence[Spent], events: int) -> dict[str, float]:
    return {
        "wall_ns": round(sum(one.wall_ns for one in spent) / events, 1),
        "cpu_ns": round(sum(one.cpu_ns for one in spent) / events, 1),
    }


def _line(name: str, spent: dict[str, Any], whole: float) -> str:
    calls = spent.get("calls", "")
    share = f"{spent['wall_ns'] / whole:>8.1%}"
    return f"{name:{LABEL_CHARS + 2}}{calls:>7}{spent['wall_ns']:>11,.0f}{spent['cpu_ns']:>11,.0f}{share}"


def _label(statement: str) -> str:
    """Return what a statement is called: its text, without comments, and the same for any number in it."""
    return _NUMBER.sub("?", " ".join(_COMMENT.sub("", statement).split()))[:LABEL_CHARS]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
