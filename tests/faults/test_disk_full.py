"""Fault 10: the disk gets full under the write-ahead log, under the file, and under what DuckDB sets aside."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from ledger_projectors.store import writer_thread
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.small_disk import CASES
from tests.faults.the_log import append
from tests.projectors.building import assert_folded, demo_events, open_model, projecting
from tests.projectors.decode.foreign_writer import eventually, named

PARTITIONS: Final = 3
EVENTS: Final = demo_events(30)
FILE_SYSTEM_BYTES: Final = 24 * 1024 * 1024
ALONE: Final = ("unshare", "--user", "--map-root-user", "--mount")
"""A process with mounts of its own: they vanish with it, and nobody has to be root."""

MOUNTED: Final = f'mount -t tmpfs -o size={FILE_SYSTEM_BYTES} tmpfs "$1" && shift && exec "$@"'
CASE_SECONDS_MAX: Final = 120


@pytest.mark.parametrize("case", CASES)
def test_a_full_disk_costs_time_and_no_record(kafka: Kafka, topic_name: str, tmp_path: Path, case: str) -> None:
    """A commit without room fails whole, is tried again and goes through when there is room; the file stays the fold.

    A checkpoint without room is put off, with an alarm. Where only the write says that the disk is full (a quota),
    it ends the projector, and the next start has everything that was committed.
    """
    append(kafka.connection, TopicSpec(topic_name, PARTITIONS), EVENTS)
    mounting: list[str] = []
    if "file_system" in case:
        mounting = [*ALONE, "sh", "-c", MOUNTED, "sh", str(tmp_path)]
        if not _allowed(tmp_path):
            pytest.skip("this machine lets nobody but root mount a file system")
    command = [sys.executable, "-m", "tests.faults.small_disk", case]
    arguments = [str(tmp_path), kafka.bootstrap_servers, topic_name, str(PARTITIONS)]
    done = subprocess.run(
        [*mounting, *command, *arguments], capture_output=True, text=True, timeout=CASE_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_room_for_what_duckdb_sets_aside_costs_time_and_no_record(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without memory and without room for temporary files a batch fails whole, and goes through when there is some."""
    monkeypatch.setattr(writer_thread, "RETRY_SECONDS_FIRST", 0.05)
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)

    async def work(model: ReadModel) -> None:
        ((limit,),) = model._connection.execute("SELECT current_setting('memory_limit')").fetchall()
        model._connection.execute("SET max_temp_directory_size = '0MB'; SET memory_limit = '1MB'")
        with capture_logs() as logs:
            async with projecting(kafka.connection, model) as (projector, running):
                await eventually(lambda: len(named(logs, "projector.batch_failed")) > 1)
                assert (running.done(), sum(model.position().values())) == (False, 0)
                with model.reader() as settings:
                    settings.execute(f"SET memory_limit = '{limit}'")
                await eventually(lambda: sum(projector.progress().position.values()) == len(EVENTS))
        failed = named(logs, "projector.batch_failed")
        assert {line["cause"] for line in failed} == {"OutOfMemoryException"}
        assert {line["path"] for line in failed} == {str(model.path)}
        assert all("more memory" in line["hint"] and "reason" not in line for line in failed)

    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        asyncio.run(work(model))
        assert_folded(kafka, topic, model)


def _allowed(folder: Path) -> bool:
    """Say whether this user may mount a file system of his own."""
    command = [*ALONE, "sh", "-c", MOUNTED, "sh", str(folder), "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
