"""Fault 15: a rebuild is killed, again and again, and while it swaps. The read model is there at every instant."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import pytest

from ledger_infra.logs import configure_logs
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.progress import Progress
from ledger_projectors.publish import rebuild as rebuild_module
from ledger_projectors.publish.rebuild import UNFINISHED_SUFFIX, Rebuilt, rebuild
from ledger_schemas import KafkaConnection, TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import assert_folded, demo_events, open_model, project

PARTITIONS: Final = 3
EVENTS: Final = demo_events(40)
BATCH_RECORDS: Final = 20
KILLS: Final = 2
RECORDS_BETWEEN_KILLS: Final = 60
HEARD_SECONDS_MAX: Final = 60.0


def test_a_rebuild_that_is_killed_goes_on_where_it_was(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """After each SIGKILL the old file is what it was, byte for byte; the last run goes on there, and is equal."""
    topic = TopicSpec(topic_name, PARTITIONS)
    path = _projected(kafka, topic, tmp_path)
    old = path.read_bytes()
    context = multiprocessing.get_context("forkserver")
    reached = 0
    for _ in range(KILLS):
        said, says = context.Pipe(duplex=False)
        process = context.Process(target=rebuild_in_steps, args=(path, kafka.bootstrap_servers, topic, says))
        process.start()
        goal = reached + RECORDS_BETWEEN_KILLS
        while reached < goal:
            assert said.poll(HEARD_SECONDS_MAX)
            now = said.recv()
            assert now >= reached
            reached = now
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert path.read_bytes() == old
    assert reached < len(EVENTS)
    progress: list[Progress] = []
    found = _rebuild(kafka, topic, path, progress)
    assert found.old is not None
    assert found.old.text == found.new.text
    assert sum(progress[0].position.values()) >= reached
    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)


def test_a_rebuild_that_is_killed_while_it_swaps_leaves_a_read_model(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the last step of the swap the old file is at its path, and whole; the next rebuild swaps."""
    topic = TopicSpec(topic_name, PARTITIONS)
    path = _projected(kafka, topic, tmp_path)

    def die(self: Path, _: Path) -> None:
        raise KeyboardInterrupt(self)

    for last_step in ("rename", "replace"):
        monkeypatch.setattr(Path, last_step, die)
    with pytest.raises(KeyboardInterrupt, match=UNFINISHED_SUFFIX):
        _rebuild(kafka, topic, path)
    monkeypatch.undo()
    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)
    found = _rebuild(kafka, topic, path)
    assert found.kept is not None
    assert not path.with_name(path.name + UNFINISHED_SUFFIX).exists()
    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)


def rebuild_in_steps(path: Path, servers: str, topic: TopicSpec, says: Connection) -> None:
    """Rebuild in small batches, saying after how many records it is; this is a process of its own."""
    configure_logs("json", "critical")
    # A process of its own: what is patched here is patched nowhere else.
    patched = pytest.MonkeyPatch()
    patched.setattr(rebuild_module, "KafkaSource", partial(KafkaSource, batch_records_max=BATCH_RECORDS))
    patched.setattr(rebuild_module, "PROGRESS_SECONDS", 0.01)
    asyncio.run(
        rebuild(
            path,
            KafkaConnection(servers),
            topic=topic.name,
            partitions=topic.partitions,
            on_progress=lambda progress: says.send(sum(progress.position.values())),
        )
    )


def _projected(kafka: Kafka, topic: TopicSpec, folder: Path) -> Path:
    append(kafka.connection, topic, EVENTS)
    with open_model(folder, topic.name, PARTITIONS) as model:
        asyncio.run(project(kafka.connection, model))
        return model.path


def _rebuild(kafka: Kafka, topic: TopicSpec, path: Path, progress: list[Progress] | None = None) -> Rebuilt:
    told = [] if progress is None else progress
    return asyncio.run(
        rebuild(path, kafka.connection, topic=topic.name, partitions=PARTITIONS, on_progress=told.append)
    )
