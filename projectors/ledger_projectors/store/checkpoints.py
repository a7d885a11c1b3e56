"""Checkpoints between two batches, and the alarms that say that a read model file runs out of room."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb
import structlog

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.store.duckdb_errors import log_fields, may_pass
from ledger_projectors.store.read_model import CHECKPOINT_WAL_BYTES, ReadModel
from ledger_projectors.store.steps import StepObserver
from ledger_schemas.alarms import Alarm, AlarmCode

FREE_PER_FILE_BYTE: Final = 2
"""Free bytes of the disk per byte of the file and its write-ahead log, below which there is an alarm: a rebuild makes a
second file beside it."""

FREE_PER_WAL_BYTE: Final = 2
"""Free bytes per byte of the write-ahead log, below which a checkpoint is put off: one that finds the disk full is
fatal to the DuckDB instance, a commit that does is not."""

WAL_PER_DUE_BYTE: Final = 2
"""The write-ahead log is too long at so many times the size at which a checkpoint is due: checkpoints do not happen."""

ROOM_POLL_SECONDS: Final = 5.0
"""How often the room is measured while no batch is written."""

_log = structlog.get_logger("ledger_projectors.projector")


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

    def alarms(self, due_bytes: int) -> list[Alarm]:
        """Return the alarms about this room, when a checkpoint is due at `due_bytes` of write-ahead log."""
        alarms = []
        if self.free_bytes < FREE_PER_FILE_BYTE * (self.file_bytes + self.wal_bytes):
            alarms.append(
                Alarm(
                    AlarmCode.DISK_LOW,
                    f"The disk of the read model has {self.free_bytes:,} bytes free; the file and its write-ahead log "
                    f"have {self.file_bytes + self.wal_bytes:,}.",
                    hint=f"Free at least {FREE_PER_FILE_BYTE} times what they have: a rebuild writes a second file.",
                )
            )
        if self.wal_bytes >= WAL_PER_DUE_BYTE * due_bytes:
            alarms.append(
                Alarm(
                    AlarmCode.WAL_LONG,
                    f"The write-ahead log of the read model has {self.wal_bytes:,} bytes; a checkpoint is due at "
                    f"{due_bytes:,}.",
                    hint="Look for `projector.checkpoint_failed` in the log: it names what prevents checkpoints.",
                )
            )
        return alarms


_READER_OLD: Final = Alarm(
    AlarmCode.READER_OLD,
    "A reader holds a state from before the last commit, and the file grows with each checkpoint.",
    hint="End the query or the connection that has been open longest.",
)


class Checkpoints:
    """Checkpoints one read model when that is due and there is room. All of it runs on the thread of its writer."""

    def __init__(self, read_model: ReadModel, wal_bytes: int | None, on_step: StepObserver, alarms: AlarmBoard) -> None:
        """Take how long the write-ahead log may become before a checkpoint; None: CHECKPOINT_WAL_BYTES."""
        self._read_model = read_model
        self._due_bytes = CHECKPOINT_WAL_BYTES if wal_bytes is None else wal_bytes
        self._on_step = on_step
        self._frees = True
        self._alarms = alarms

    def after_batch(self) -> None:
        """Checkpoint if due, and see whether there is room for what comes.

        A checkpoint that fails for a reason that may pass is tried again after the next batch: this one is safe in the
        write-ahead log. Raises duckdb.Error for any other reason.
        """
        # Asked before: DuckDB 2.0 answers a full disk at a checkpoint with a FatalException.
        if FileRoom.of(self._read_model.path).takes_checkpoint:
            try:
                frees = self._read_model.checkpoint_if_due(self._due_bytes, self._on_step)
                self._frees = self._frees if frees is None else frees
            except duckdb.Error as error:
                if not may_pass(error):
                    raise
                _log.warning("projector.checkpoint_failed", **log_fields(error, self._read_model.path))
        self._report_room()

    async def watch(self, writer: Executor) -> None:
        """Measure the room every ROOM_POLL_SECONDS until cancelled: an idle ledger has alarms, too.

        It runs on the writer's thread, between batches, so that it cannot report what a checkpoint has changed since.
        `reader_old` stays as the last checkpoint found it.
        """
        loop = asyncio.get_running_loop()
        while True:
            # A file that cannot be measured now leaves the alarms as they are.
            with suppress(OSError):
                await loop.run_in_executor(writer, self._report_room)
            await asyncio.sleep(ROOM_POLL_SECONDS)

    def _report_room(self) -> None:
        room = FileRoom.of(self._read_model.path)
        alarms = room.alarms(self._due_bytes) + ([] if self._frees else [_READER_OLD])
        facts = {"file_bytes": room.file_bytes, "wal_bytes": room.wal_bytes, "free_bytes": room.free_bytes}
        self._alarms.report("checkpoints", alarms, **facts)
