"""A process on a disk that gets full and is given room again; it checks by itself what the projector makes of that.

    python -m tests.faults.small_disk CASE FOLDER BOOTSTRAP TOPIC

With `file_system`, FOLDER is a small file system of its own; with `file_size`, the kernel refuses this process longer
files (RLIMIT_FSIZE), which is how a quota looks.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.store import writer_thread
from ledger_projectors.store.checkpoints import Checkpoints
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import unobserved
from ledger_schemas import KafkaConnection, TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import ProjectorFailed
from tests.faults.the_log import folded_up_to, read_log
from tests.projectors.building import open_model, project, projecting
from tests.projectors.decode.foreign_writer import eventually, named
from tests.properties.comparison import assert_same, read_state

BATCH_RECORDS: Final = 50
KILOBYTE: Final = 1_024
NO_LIMIT: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class SmallDisk:
    """One read model on it, and the log that is projected."""

    def __init__(self, folder: Path, connection: KafkaConnection, topic: TopicSpec) -> None:
        """Take a folder of at least a few megabytes."""
        self.folder, self.connection, self.topic = folder, connection, topic
        self.ballast = folder / "ballast"
        self.wal = folder / "read_model.duckdb.wal"

    def open(self) -> ReadModel:
        """Open the read model."""
        return open_model(self.folder, self.topic.name, self.topic.partitions)

    def leave(self, free_bytes: int) -> None:
        """Fill the file system but for so much."""
        taken = self.ballast.stat().st_size if self.ballast.exists() else 0
        with self.ballast.open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, taken + shutil.disk_usage(self.folder).free - free_bytes)

    def assert_folded(self, model: ReadModel) -> None:
        """Check that the read model is the fold of the whole log."""
        log = read_log(self.connection, self.topic)
        assert sum(model.position().values()) == len(log)
        assert_same(folded_up_to(log, self.topic.name, model.position(), model.partitions), read_state(model))


def wal_on_full_file_system(disk: SmallDisk) -> None:
    """Fail whole, batch after batch, and go on when there is room."""
    with disk.open() as model:
        asyncio.run(_fails_then_goes_on(disk, model, lambda: disk.leave(8 * KILOBYTE), disk.ballast.unlink))
        disk.assert_folded(model)


def wal_past_file_size(disk: SmallDisk) -> None:
    """Do the same against a quota."""

    def limit() -> None:
        wal_bytes = disk.wal.stat().st_size if disk.wal.exists() else 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal_bytes + KILOBYTE, resource.RLIM_INFINITY))

    def lift() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, NO_LIMIT)

    with disk.open() as model:
        asyncio.run(_fails_then_goes_on(disk, model, limit, lift))
        disk.assert_folded(model)


def checkpoint_on_full_file_system(disk: SmallDisk) -> None:
    """Put the checkpoint off, raise the alarm, apply what there is room for; then checkpoint and clear the alarm."""

    async def work(model: ReadModel) -> None:
        await project(disk.connection, model, batch_records_max=BATCH_RECORDS)
        disk.leave(disk.wal.stat().st_size)
        with capture_logs() as logs:
            alarms = AlarmBoard()
            checkpoints = Checkpoints(model, 1, unobserved, alarms)
            checkpoints.after_batch()
            assert AlarmCode.DISK_LOW in [alarm.code for alarm in alarms.current()]
            assert disk.wal.stat().st_size > 0
            disk.ballast.unlink()
            checkpoints.after_batch()
            assert alarms.current() == ()
            assert not disk.wal.exists()
        assert {"disk_low"} <= {line["alarm"] for line in named(logs, "projector.alarm_raised")}
        assert {"disk_low"} <= {line["alarm"] for line in named(logs, "projector.alarm_cleared")}

    with disk.open() as model:
        asyncio.run(work(model))
        disk.assert_folded(model)


def checkpoint_past_file_size(disk: SmallDisk) -> None:
    """Stop with the reason where nothing said that the disk is full; what was committed is there at the next start."""

    async def work(model: ReadModel) -> None:
        file_bytes = (disk.folder / "read_model.duckdb").stat().st_size
        async with projecting(disk.connection, model, batch_records_max=BATCH_RECORDS) as (projector, running):
            projector._checkpoints._due_bytes = 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
            with pytest.raises(ProjectorFailed, match="at a checkpoint: FatalException"):
                await running

    with disk.open() as model:
        asyncio.run(work(model))
        before = model.position()
    resource.setrlimit(resource.RLIMIT_FSIZE, NO_LIMIT)
    with disk.open() as model:
        assert model.position() == before
        assert sum(before.values()) > 0
        asyncio.run(project(disk.connection, model))
        disk.assert_folded(model)


async def _fails_then_goes_on(
    disk: SmallDisk, model: ReadModel, take_room: Callable[[], None], give_room: Callable[[], None]
) -> None:
    with capture_logs() as logs:
        async with projecting(disk.connection, model, batch_records_max=BATCH_RECORDS) as (projector, running):
            await eventually(lambda: sum(projector.progress().position.values()) > 0)
            take_room()
            await eventually(lambda: len(named(logs, "projector.batch_failed")) > 1)
            assert projector.progress().retrying
            stood = projector.progress().position
            assert not running.done()
            assert model.position() == stood
            give_room()
            await eventually(lambda: projector.progress().position.reached(projector.progress().end))
            assert not projector.progress().retrying
    failed = named(logs, "projector.batch_failed")
    assert {line["cause"] for line in failed} == {"TransactionException"}
    assert all("Could not write file" in line["reason"] and "its room" in line["hint"] for line in failed), failed


CASES: Final = {
    case.__name__: case
    for case in (
        wal_on_full_file_system,
        wal_past_file_size,
        checkpoint_on_full_file_system,
        checkpoint_past_file_size,
    )
}


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Two failures are waited for, not a disk.
    pytest.MonkeyPatch().setattr(writer_thread, "RETRY_SECONDS_FIRST", 0.05)
    name, where, servers, topic_name, partitions = sys.argv[1:]
    CASES[name](SmallDisk(Path(where), KafkaConnection(servers), TopicSpec(topic_name, int(partitions))))
