"""Checkpoints between two batches, and the alarms that say that a read model file runs out of room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import duckdb
import structlog

from ledger_projectors.duckdb_errors import may_pass, told
from ledger_projectors.read_model import CHECKPOINT_WAL_BYTES, ReadModel
from ledger_projectors.steps import StepObserver

FREE_PER_FILE_BYTE: Final = 2
"""Free bytes of the disk per byte of the file and its write-ahead log, below which there is an alarm: a rebuild makes a
second file beside it."""

FREE_PER_WAL_BYTE: Final = 2
"""Free bytes per byte of the write-ahead log, below which a checkpoint is put off: one that finds the disk full is
fatal to the DuckDB instance, a commit that does is not."""

WAL_PER_DUE_BYTE: Final = 2
"""The write-ahead log is too long at so many times the size at which a checkpoint is due: checkpoints do not happen."""

_log = structlog.get_logger("ledger_projectors.projector")


class Alarm(StrEnum):
    """What an operator must look at before it stops the projector."""

    DISK_LOW = "disk_low"
    WAL_LONG = "wal_long"
    READER_OLD = "reader_old"
    """Somebody reads what was before the last commit, and the file grows by what each checkpoint replaces."""


@dataclass(frozen=True, slots=True)
class FileRoom:
    """What a read model takes of its disk, and what is left of it, in bytes."""

    file_bytes: int
    wal_bytes: int
    free_bytes: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Measure the file at `path`. Raises OSError."""
        wal = path.with_name(path.name + ".wal")
        wal_bytes = wal.stat().st_size if wal.exists() else 0
        return cls(path.stat().st_size, wal_bytes, shutil.disk_usage(path.parent).free)

    @property
    def takes_checkpoint(self) -> bool:
        """Whether a checkpoint surely finds the room that it needs."""
        return self.free_bytes >= FREE_PER_WAL_BYTE * self.wal_bytes

    def alarms(self, due_bytes: int) -> frozenset[Alarm]:
        """Return what is to be told, when a checkpoint is due at `due_bytes` of write-ahead log."""
        low = self.free_bytes < FREE_PER_FILE_BYTE * (self.file_bytes + self.wal_bytes)
        long = self.wal_bytes >= WAL_PER_DUE_BYTE * due_bytes
        return frozenset(alarm for alarm, raised in ((Alarm.DISK_LOW, low), (Alarm.WAL_LONG, long)) if raised)


class Checkpoints:
    """Checkpoints one read model when that is due and there is room, on the thread of its writer."""

    def __init__(self, read_model: ReadModel, wal_bytes: int | None, on_step: StepObserver) -> None:
        """Take how long the write-ahead log may become before a checkpoint; None: CHECKPOINT_WAL_BYTES."""
        self._read_model = read_model
        self._due_bytes = CHECKPOINT_WAL_BYTES if wal_bytes is None else wal_bytes
        self._on_step = on_step
        self._frees = True
        self.alarms: frozenset[Alarm] = frozenset()
        """What was to be told after the last batch."""

    def after_batch(self) -> None:
        """Checkpoint if due, and see whether there is room for what comes.

        A checkpoint that fails for a reason that may pass is tried again after the next batch: this one is safe in the
        write-ahead log. Raises duckdb.Error for any other reason.
        """
        room = FileRoom.of(self._read_model.path)
        # Asked before: DuckDB 2.0 answers a full disk at a checkpoint with a FatalException.
        if room.takes_checkpoint:
            try:
                frees = self._read_model.checkpoint_if_due(self._due_bytes, self._on_step)
                self._frees = self._frees if frees is None else frees
            except duckdb.Error as error:
                if not may_pass(error):
                    raise
                _log.warning("projector.checkpoint_failed", **told(error, self._read_model.path))
            room = FileRoom.of(self._read_model.path)
        self._tell(room)

    def _tell(self, room: FileRoom) -> None:
        alarms = room.alarms(self._due_bytes) | (frozenset() if self._frees else {Alarm.READER_OLD})
        facts = {"file_bytes": room.file_bytes, "wal_bytes": room.wal_bytes, "free_bytes": room.free_bytes}
        for alarm in sorted(alarms - self.alarms):
            _log.warning("projector.alarm_raised", alarm=alarm.value, **facts)
        for alarm in sorted(self.alarms - alarms):
            _log.info("projector.alarm_cleared", alarm=alarm.value, **facts)
        self.alarms = alarms
