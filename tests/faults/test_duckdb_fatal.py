"""Fault 11: DuckDB's instance, or its file, is gone: the process says so and ends, and the next one opens cleanly."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Final

import duckdb
import pytest

from ledger_projectors.publish.rebuild import rebuild
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_schemas import TopicSpec
from ledger_schemas.errors import ProjectorFailed, ReadModelUnusable
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.projector_command import PROJECTOR, projector_environment
from tests.faults.the_log import append
from tests.projectors.building import assert_folded, demo_events, open_model, project

PARTITIONS: Final = 3
EVENTS: Final = demo_events(15)
BLOCK_BYTES: Final = 4_096
HEADERS_BYTES: Final = 3 * BLOCK_BYTES


def test_a_file_that_rots_under_the_projector_stops_it_and_a_rebuild_mends_it(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Blocks that no longer fit their checksums end the run with the file's name; the log makes the file again."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)
    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        asyncio.run(project(kafka.connection, model))
        path = model.path
    append(kafka.connection, topic, demo_events(5, seed=2))
    with pytest.raises((ProjectorFailed, ReadModelUnusable), match=path.name):  # noqa: PT012 - rot may show at once
        _spoil(path, HEADERS_BYTES)
        with open_model(tmp_path, topic.name, PARTITIONS) as model:
            asyncio.run(project(kafka.connection, model))
    asyncio.run(rebuild(path, kafka.connection, topic=topic.name, partitions=PARTITIONS))
    with open_model(tmp_path, topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)


def test_a_write_ahead_log_that_rots_is_refused_and_a_rebuild_mends_it(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """What a killed projector left and a bad disk changed is no read model: it is named, kept, and made again."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)
    with open_model(tmp_path / "killed", topic.name, PARTITIONS) as model:
        asyncio.run(project(kafka.connection, model))
        # As a SIGKILL leaves it: nothing was moved into the file.
        shutil.copytree(tmp_path / "killed", tmp_path / "left")
        name = model.path.name
    wal = tmp_path / "left" / f"{name}.wal"
    _spoil(wal, wal.stat().st_size // 4)
    with pytest.raises(ReadModelUnusable, match="Corrupt WAL file"):
        open_model(tmp_path / "left", topic.name, PARTITIONS)
    path = tmp_path / "left" / name
    kept = asyncio.run(rebuild(path, kafka.connection, topic=topic.name, partitions=PARTITIONS)).kept
    assert kept is not None
    assert kept.with_name(kept.name + ".wal").exists()
    with open_model(tmp_path / "left", topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)


def test_a_torn_write_ahead_log_is_what_was_committed_before(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The last transaction, cut off in the middle, has not happened; the position agrees, and it is applied again."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)
    with open_model(tmp_path / "killed", topic.name, PARTITIONS) as model:
        asyncio.run(project(kafka.connection, model, batch_records_max=40))
        shutil.copytree(tmp_path / "killed", tmp_path / "left")
        name, position = model.path.name, model.position()
    wal = tmp_path / "left" / f"{name}.wal"
    os.truncate(wal, wal.stat().st_size - 100)
    with open_model(tmp_path / "left", topic.name, PARTITIONS) as model:
        assert 0 < sum(model.position().values()) < sum(position.values())
        asyncio.run(project(kafka.connection, model))
        assert_folded(kafka, topic, model)


def test_a_fatal_error_ends_the_process_with_its_code(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """`notification-ledger projector` on a file that was cut short under its position: not 0, and the reason told."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)
    asyncio.run(ensure_topic(kafka.connection, topic))
    environment = projector_environment(kafka, topic, tmp_path)
    command = [*PROJECTOR, "--until-caught-up"]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    (path,) = tmp_path.glob("**/*.duckdb")
    append(kafka.connection, topic, demo_events(5, seed=2))
    _spoil(path, HEADERS_BYTES)
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode in {ProjectorFailed.exit_code, ReadModelUnusable.exit_code}
    assert path.name in second.stderr


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (duckdb.IOException('IO Error: Could not write file "x.tmp": No space left on device'), True),
        (duckdb.OutOfMemoryException("failed to offload data block"), True),
        (duckdb.TransactionException('Failed to commit: Could not write file "x.wal": File too large'), True),
        (duckdb.TransactionException("Cannot CHECKPOINT: there are other write transactions active"), True),
        (duckdb.TransactionException("Conflict on update!"), False),
        (duckdb.IOException('IO Error: Could not read enough bytes from file "x"'), False),
        (duckdb.Error("Corrupt database file: computed checksum 1 does not match stored checksum 2"), False),
        (duckdb.FatalException("database has been invalidated"), False),
        (duckdb.InternalException("a defect"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: duckdb.Error, *, passes: bool) -> None:
    """A full disk or memory and a reader in the way may pass; a broken file, a defect or another writer do not."""
    assert passes == may_pass(error)


def _spoil(path: Path, begin: int) -> None:
    """Change some bytes of every block from `begin` on."""
    rng = Random(1)  # noqa: S311 - which wrong bytes; no secret
    with path.open("r+b") as file:
        for at in range(begin, path.stat().st_size, BLOCK_BYTES):
            file.seek(at)
            file.write(rng.randbytes(64))
