"""What goes wrong in one life of a simulated projector: where it dies, and which statements of DuckDB fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

import duckdb

from ledger_projectors.store.steps import Step

STATEMENTS_MAX: Final = 70
"""About as many as two batches have."""

FAILURES_MAX: Final = 3
OCCURRENCE_MAX: Final = 2
CHECKPOINT_ABORTS: Final = ("before_truncate", "before_header", "after_free_list_write")
"""Places inside a checkpoint where DuckDB can be told to break off (its setting debug_checkpoint_abort)."""

CHECKPOINT_WAL_BYTES: Final = (1, 1, 60_000, 2**40)
"""After each batch, now and then, never."""

PIECES: Final = (0, 0, 6, 12)
DECODED_AHEAD_RECORDS: Final = (1, 8, 1_000)
"""All of them, larger ones, none."""


class Fault(StrEnum):
    """How a life goes wrong."""

    NONE = "none"
    DIES = "dies"
    DIES_INSIDE_COMMIT = "dies_inside_commit"
    DIES_INSIDE_CHECKPOINT = "dies_inside_checkpoint"
    FAILS_FOR_NOW = "fails_for_now"
    FAILS_AT_EACH_STATEMENT = "fails_at_each_statement"
    """Tried again, it fails one statement later; not drawn, since it takes as long as ten rounds."""
    FAILS_FOR_GOOD = "fails_for_good"
    STOPPED = "stopped"
    OTHER_WRITER = "other_writer"
    LOG_TRUNCATED = "log_truncated"
    LOG_SHORTENED = "log_shortened"
    LOG_RECREATED = "log_recreated"


DRAWN: Final = tuple(fault for fault in Fault if fault is not Fault.FAILS_AT_EACH_STATEMENT)
_FLAGS: Final = (
    "slow_reader",
    "retried",
    "left_open",
    "no_memory",
    "unoptimized",
    "open_transaction",
    "setting_changed",
)
LOG_FAULTS: Final = frozenset({Fault.LOG_TRUNCATED, Fault.LOG_SHORTENED, Fault.LOG_RECREATED})


@dataclass(frozen=True, slots=True)
class Life:
    """What one life of the projector is to meet; every number is drawn before it begins."""

    fault: Fault
    step: Step
    occurrence: int
    statement: int
    failures: int
    no_memory: bool
    abort: str
    torn: float
    checkpoint_wal_bytes: int
    slow_reader: bool
    retried: bool
    """Somebody asks for all of the quarantine to be tried again."""
    left_open: bool
    """It ends without closing its file, though nothing went wrong."""
    unoptimized: bool
    """DuckDB takes each statement as it stands: another plan, the same rows, and a third of the planning less."""
    pieces: int
    """What comes in so many pieces is decoded and put together while a batch is written; 0: pieces are batches."""
    decoded_ahead_records: int
    """Pieces of fewer records are decoded by the writer."""
    open_transaction: bool
    """Another producer leaves transactions open, and ends them when all before them was fetched."""
    setting_changed: bool
    """Somebody changes a setting of the topic, and sets it back."""

    def __str__(self) -> str:
        """Return what matters of it."""
        told = {
            Fault.DIES: f" at {self.step} number {self.occurrence}",
            Fault.DIES_INSIDE_COMMIT: f" number {self.occurrence}, {self.torn:.0%} of it written",
            Fault.DIES_INSIDE_CHECKPOINT: f" {self.abort}",
            Fault.FAILS_FOR_NOW: f" {self.failures} times from statement {self.statement}",
            Fault.FAILS_FOR_GOOD: f" at statement {self.statement}",
            Fault.STOPPED: f" at batch {self.occurrence}",
            Fault.OTHER_WRITER: f" at batch {self.occurrence}",
        }
        pieces = f"in {self.pieces} pieces, of {self.decoded_ahead_records} records decoded ahead"
        more = [pieces] if self.pieces else []
        more += [name for name in _FLAGS if getattr(self, name)]
        return " ".join([f"{self.fault}{told.get(self.fault, '')}", f"checkpoint {self.checkpoint_wal_bytes}", *more])


def draw_life(rng: Random, fault: Fault | None = None) -> Life:
    """Draw one life; with any fault unless told."""
    drawn = rng.choice(DRAWN) if fault is None else fault
    inside = drawn is Fault.DIES_INSIDE_CHECKPOINT
    return Life(
        drawn,
        rng.choice(list(Step)),
        rng.randint(1, OCCURRENCE_MAX),
        rng.randint(1, STATEMENTS_MAX),
        rng.randint(1, FAILURES_MAX),
        rng.random() < 0.5,
        rng.choice(CHECKPOINT_ABORTS),
        rng.random(),
        1 if inside else rng.choice(CHECKPOINT_WAL_BYTES),
        rng.random() < 0.3,
        rng.random() < 0.2,
        rng.random() < 0.5,
        rng.random() < 0.6,
        rng.choice(PIECES),
        rng.choice(DECODED_AHEAD_RECORDS),
        rng.random() < 0.3,
        rng.random() < 0.3,
    )


class Died(BaseException):
    """The simulated process is gone; nothing of it may be looked at but the copy of its file."""


class FailingConnection:
    """A connection some of whose statements fail before they do anything; but for a ROLLBACK, which needs no room."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, fail: Callable[[], None]) -> None:
        """Wrap a connection; `fail` is called before each statement and may raise."""
        self._connection = connection
        self._fail = fail

    def execute(self, *arguments: Any) -> Any:  # noqa: ANN401 - as DuckDB's own
        """Execute it or fail."""
        if arguments[0] != "ROLLBACK":
            self._fail()
        return self._connection.execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:  # noqa: ANN401 - as DuckDB's own
        """Execute it or fail."""
        self._fail()
        return self._connection.executemany(*arguments)

    def sql(self, *arguments: Any) -> Any:  # noqa: ANN401 - as DuckDB's own
        """Return its rows or fail."""
        self._fail()
        return self._connection.sql(*arguments)

    def register(self, *arguments: Any) -> Any:  # noqa: ANN401 - as DuckDB's own
        """Register it or fail: that is a statement, too, of the same transaction."""
        self._fail()
        return self._connection.register(*arguments)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as DuckDB's own
        """Give everything else as it is."""
        return getattr(self._connection, name)


def wal_of(path: Path) -> Path:
    """Return the write-ahead log of a file."""
    return path.with_name(path.name + ".wal")


def wal_bytes(path: Path) -> int:
    """Return how long the write-ahead log is."""
    return wal_of(path).stat().st_size if wal_of(path).exists() else 0


def copy_as_left(path: Path, to: Path, wal_bytes_kept: int | None = None) -> None:
    """Copy a file and its write-ahead log as the kernel has them: what SIGKILL at this instant would leave.

    With `wal_bytes_kept` the log is cut there: the kill came while DuckDB wrote it.
    """
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copyfile(file, to.with_name(file.name.replace(path.name, to.name, 1)))
    if wal_bytes_kept is not None:
        with wal_of(to).open("r+b") as log:
            log.truncate(wal_bytes_kept)
