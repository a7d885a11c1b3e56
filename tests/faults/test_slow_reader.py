"""Fault 14: a reader that is slow, or that somebody forgot, holds up neither batches nor checkpoints."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import duckdb
import pytest
from structlog.testing import capture_logs

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.projector import Projector
from ledger_projectors.store import checkpoints, read_model
from ledger_projectors.store.checkpoints import Checkpoints, FileRoom
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import unobserved
from ledger_schemas import TopicSpec
from ledger_schemas.alarms import AlarmCode
from tests.benchmarks.workload import make_workload
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import assert_folded, demo_events, open_model, project, projecting
from tests.projectors.decode.foreign_writer import eventually, named

PARTITIONS: Final = 3
FIRST: Final = demo_events(20)
LATER: Final = demo_events(40, seed=2)
BATCH_RECORDS: Final = 60
BATCHES: Final = 8
OVERLAPPING: Final = 3
READ_SECONDS: Final = 0.02
LATER_BATCHES: Final = [*make_workload((BATCHES + 1) * 200, partitions=1).batches(200)]


def begin_and_forget(reader: duckdb.DuckDBPyConnection) -> Callable[[], int]:
    """Open a transaction and leave it open."""
    reader.execute("BEGIN")
    count = _count(reader)
    return lambda: _count(reader) if count else 0


def fetch_a_little(reader: duckdb.DuckDBPyConnection) -> Callable[[], int]:
    """Ask for much, take one row, and do something else."""
    answer = reader.execute("SELECT log_offset FROM events")
    assert answer.fetchone()
    return lambda: 1 + len(answer.fetchall())


@pytest.mark.parametrize("hold", [begin_and_forget, fetch_a_little])
def test_an_open_reader_stops_no_batch_and_no_checkpoint(
    kafka: Kafka, topic_name: str, tmp_path: Path, hold: Callable[[duckdb.DuckDBPyConnection], Callable[[], int]]
) -> None:
    """While a reader holds what it saw, every batch is committed and moved out of the write-ahead log; it sees on."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, FIRST)

    async def work(model: ReadModel) -> None:
        await project(kafka.connection, model)
        reader = model.reader()
        held = _count(reader)
        resume = hold(reader)
        await asyncio.to_thread(append, kafka.connection, topic, LATER)
        with capture_logs() as logs:
            async with projecting(kafka.connection, model, batch_records_max=BATCH_RECORDS) as (projector, running):
                projector._checkpoints._due_bytes = 1
                await eventually(lambda: sum(projector.progress().position.values()) == len(FIRST) + len(LATER))
                assert not running.done()
                await eventually(lambda: not _wal_of(model).exists())
        assert named(logs, "projector.checkpoint_failed") == []
        assert resume() == held
        reader.close()
        assert _count(model.reader()) > held

    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        asyncio.run(work(model))
        assert_folded(kafka, topic, model)


def test_a_checkpoint_that_a_reader_prevents_is_tried_again_and_told(tmp_path: Path) -> None:
    """An UPDATE that an open reader may ask for keeps DuckDB from checkpoints: no error, and an alarm when it lasts."""
    with open_model(tmp_path) as model, model.reader() as reader, capture_logs() as logs:
        alarms = AlarmBoard()
        keeper = Checkpoints(model, 1, unobserved, alarms)
        reader.execute("BEGIN")
        _count(reader)
        model._connection.execute("UPDATE read_model SET epoch = epoch")
        keeper.after_batch()
        assert _codes(alarms) == [AlarmCode.WAL_LONG]
        keeper.after_batch()
        reader.execute("ROLLBACK")
        keeper.after_batch()
        assert _codes(alarms) == []
        assert not _wal_of(model).exists()
    told = [line["event"].removeprefix("projector.") for line in logs]
    assert told == ["checkpoint_failed", "alarm_raised", "checkpoint_failed", "alarm_cleared"]
    assert named(logs, "projector.alarm_raised")[0]["wal_bytes"] > 0
    failed = named(logs, "projector.checkpoint_failed")[0]
    assert "has been reading" in failed["hint"]
    assert failed["path"] == str(model.path)


def test_what_checkpoints_replace_is_used_again_beside_readers_that_overlap(tmp_path: Path) -> None:
    """There is always somebody who reads, none of them for long: each checkpoint frees what it replaces."""
    stopped = threading.Event()

    def read_on(model: ReadModel) -> None:
        while not stopped.is_set():
            reader = model.reader()
            reader.execute("BEGIN")
            _count(reader)
            stopped.wait(READ_SECONDS)
            reader.close()
            del reader

    with open_model(tmp_path) as model:
        threads = [threading.Thread(target=read_on, args=[model]) for _ in range(OVERLAPPING)]
        for thread in threads:
            thread.start()
        try:
            frees = [_apply_and_checkpoint(model, number) for number in range(BATCHES)]
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
        assert frees == [True] * BATCHES
        beside, _ = _blocks(model)
        assert _apply_and_checkpoint(model, BATCHES)
        alone, _ = _blocks(model)
        assert beside < 2 * alone


def test_a_reader_that_is_forgotten_is_told_of_and_costs_blocks_only_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint waits for it, then goes on: an alarm until one finds none, and everything is free again."""
    monkeypatch.setattr(read_model, "READERS_SECONDS", 0.05)
    with open_model(tmp_path) as model, capture_logs() as logs:
        alarms = AlarmBoard()
        keeper = Checkpoints(model, 1, unobserved, alarms)
        reader = model.reader()
        begin_and_forget(reader)
        for number in range(BATCHES):
            _apply(model, number)
            keeper.after_batch()
            assert _codes(alarms) == [AlarmCode.READER_OLD]
        held, none_free = _blocks(model)
        reader.close()
        del reader
        _apply(model, BATCHES)
        keeper.after_batch()
        assert _codes(alarms) == []
        used, free = _blocks(model)
        assert none_free == 0
        assert used < held / 2
        assert used + free >= held
    told = [(line["event"], line["alarm"]) for line in logs if line["event"].startswith("projector.alarm")]
    assert told == [("projector.alarm_raised", "reader_old"), ("projector.alarm_cleared", "reader_old")]


def test_who_began_behind_the_last_commit_is_waited_for_by_nobody(tmp_path: Path) -> None:
    """Only an older state costs anything; and a reader that is dropped without a word is gone."""
    with open_model(tmp_path) as model:
        older = model.reader()
        _apply(model, 0)
        younger = model.reader()
        assert not model._readers.wait_until_current(0)
        del older
        assert model._readers.wait_until_current(0)
        _apply(model, 1)
        assert not model._readers.wait_until_current(0)
        younger.close()
        del younger
        assert model._readers.wait_until_current(0)


@pytest.mark.parametrize(
    ("file_bytes", "wal_bytes", "free_bytes", "alarms", "takes_checkpoint"),
    [
        (100, 10, 220, [], True),
        (100, 10, 219, [AlarmCode.DISK_LOW], True),
        (100, 49, 97, [AlarmCode.DISK_LOW], False),
        (100, 50, 1_000, [AlarmCode.WAL_LONG], True),
        (100, 50, 99, [AlarmCode.DISK_LOW, AlarmCode.WAL_LONG], False),
    ],
)
def test_alarms_are_about_the_room_that_is_left(
    file_bytes: int, wal_bytes: int, free_bytes: int, alarms: list[AlarmCode], *, takes_checkpoint: bool
) -> None:
    """Free disk below twice the file with its log, and a log twice as long as due, are told; each by itself."""
    room = FileRoom(file_bytes, wal_bytes, free_bytes)
    assert alarms == [alarm.code for alarm in room.alarms(due_bytes=25)]
    assert takes_checkpoint == room.takes_checkpoint


def test_room_is_measured_on_an_idle_ledger(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alarms about the disk and the write-ahead log are raised and cleared while no batch is written."""
    topic = TopicSpec(topic_name, 1)
    monkeypatch.setattr(checkpoints, "ROOM_POLL_SECONDS", 0.05)
    append(kafka.connection, topic, FIRST)

    async def work(model: ReadModel) -> None:
        async with projecting(kafka.connection, model) as (projector, _):
            await projector.wait_caught_up()
            before = projector.progress()
            with monkeypatch.context() as full:
                full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
                full.setattr(projector._checkpoints, "_due_bytes", 1)
                await eventually(lambda: _codes_of(projector) == [AlarmCode.DISK_LOW, AlarmCode.WAL_LONG])
            monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 60))
            await eventually(lambda: _codes_of(projector) == [])
            assert projector.progress().position == before.position

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def _codes_of(projector: Projector) -> list[AlarmCode]:
    return [alarm.code for alarm in projector.progress().alarms]


def _codes(alarms: AlarmBoard) -> list[AlarmCode]:
    return [alarm.code for alarm in alarms.current()]


def _apply(model: ReadModel, number: int) -> None:
    model.apply(LATER_BATCHES[number])


def _apply_and_checkpoint(model: ReadModel, number: int) -> bool | None:
    _apply(model, number)
    return model.checkpoint_if_due(1)


def _blocks(model: ReadModel) -> tuple[int, int]:
    """Return how many blocks of the file are in use, and how many are free."""
    sql = "SELECT used_blocks, free_blocks FROM pragma_database_size()"
    ((used, free),) = model._connection.execute(sql).fetchall()
    return used, free


def _count(reader: duckdb.DuckDBPyConnection) -> Any:  # noqa: ANN401 - a number of rows
    ((count,),) = reader.execute("SELECT count(*) FROM events").fetchall()
    return count


def _wal_of(model: ReadModel) -> Path:
    return model.path.with_name(model.path.name + ".wal")
