"""A file is opened by one writer, and only by the version and for the log that it was made for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb
import pytest

from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.projection import lifecycle
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC
from ledger_schemas.errors import DataDirectoryInUse, GuardRefused
from ledger_schemas.topic import DIRECTORY_TOPIC
from tests.projectors.building import content, demo_events, open_model, records_of, rows
from tests.properties.strategies import Recorded, said

OTHER_PROCESS: Final = """
import sys
from pathlib import Path
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.errors import LedgerError
try:
    ReadModel.create_or_open(Path(sys.argv[1]), topic="notifications.lifecycle.v1", partitions=1).close()
except LedgerError as error:
    print(error.code, error)
else:
    print("opened")
"""
REBUILD: Final = "notification-ledger rebuild"


def test_a_second_writer_in_another_process_is_refused(tmp_path: Path) -> None:
    """While one process has the file no other gets it, and the first goes on; once it is closed, the next one does."""
    with open_model(tmp_path) as model:
        refused = _open_elsewhere(model.path)
        assert refused.startswith(f"{DataDirectoryInUse.code} Another process has {model.path}.")
        assert "--data-dir" in refused
        assert model.apply(records_of(said("created", "10:00:00"))).applied == 1
    assert _open_elsewhere(model.path) == "opened"


def test_a_refused_file_is_let_go(tmp_path: Path) -> None:
    """A guard that refuses closes the file again: another process gets it."""
    open_model(tmp_path).close()
    with pytest.raises(GuardRefused):
        open_model(tmp_path, partitions=2)
    assert _open_elsewhere(tmp_path / "read_model.duckdb") == "opened"


def test_a_writer_that_was_taken_over_changes_nothing(tmp_path: Path) -> None:
    """Where the lock does not help (within one process), the epoch does: the older writer is refused, for good."""
    records = records_of(said("created", "10:00:00"), said("read", "10:00:01"))
    with open_model(tmp_path) as older:
        assert older.apply(records[:1]).applied == 1
        with open_model(tmp_path) as newer:
            before = content(newer)
            for _ in range(2):
                with pytest.raises(GuardRefused, match=r"epoch 2, ours is 1\)\. Stop one of the two"):
                    older.apply(records[1:])
            assert before == content(newer)
            assert newer.apply(records[1:]).applied == 1


@pytest.mark.parametrize(
    ("topic", "partitions", "directory", "facts"),
    [
        ("other.v1", 1, DIRECTORY_TOPIC, "not for 1 partition(s) of other.v1 and 1 of"),
        (LIFECYCLE_TOPIC, 2, DIRECTORY_TOPIC, f"not for 2 partition(s) of {LIFECYCLE_TOPIC} and 1 of"),
        (LIFECYCLE_TOPIC, 1, "others.v1", f"not for 1 partition(s) of {LIFECYCLE_TOPIC} and 1 of others.v1"),
    ],
)
def test_a_file_of_other_logs_is_refused(
    tmp_path: Path, topic: str, partitions: int, directory: str, facts: str
) -> None:
    """A file that was made for other topics or another partition count says both sides, and what to do."""
    open_model(tmp_path).close()
    path = tmp_path / "read_model.duckdb"
    with pytest.raises(GuardRefused) as refused:
        ReadModel.create_or_open(path, topic=topic, partitions=partitions, directory_topic=directory)
    made_for = f"1 partition(s) of {DIRECTORY_TOPIC}, 1 partition(s) of {LIFECYCLE_TOPIC}"
    assert f"was made for {made_for}, {facts}" in refused.value.message
    assert "another data directory" in refused.value.hint
    with open_model(tmp_path) as model:
        assert rows(model, "SELECT DISTINCT log_topic FROM positions ORDER BY ALL") == [
            (DIRECTORY_TOPIC,),
            (LIFECYCLE_TOPIC,),
        ]


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ("UPDATE read_model SET digest = 'beef' || digest", "holds version 7 of the read model (beef"),
        ("UPDATE read_model SET version = 0", "holds version 0 of the read model ("),
        ("ALTER TABLE read_model DROP digest", "was made by an earlier version of the ledger."),
    ],
)
def test_a_file_of_another_version_is_refused(tmp_path: Path, change: str, facts: str) -> None:
    """A file of another version or with another digest is never altered: the error says both, and to rebuild."""
    open_model(tmp_path).close()
    path = tmp_path / "read_model.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(change)
    held = _file_content(path)
    with pytest.raises(GuardRefused) as refused:
        open_model(tmp_path)
    assert facts in refused.value.message
    assert REBUILD in refused.value.hint
    assert held == _file_content(path)


def test_a_damaged_file_is_not_taken_for_one_in_use(tmp_path: Path) -> None:
    """A file that DuckDB cannot read is refused with the way out, wherever it lies, and keeps its bytes."""
    path = tmp_path / "clockwork" / "read_model.duckdb"
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1_000)
    with pytest.raises(GuardRefused, match=REBUILD):
        ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1)
    assert path.read_bytes() == b"not a database" * 1_000


def test_the_digest_of_a_projection_is_that_of_its_rows_alone() -> None:
    """Tables and fold make the digest, 64 hexadecimal characters; views are policies and stand beside it."""
    projection = lifecycle()
    assert (projection.name, projection.version) == ("lifecycle", 7)
    assert len(bytes.fromhex(projection.digest)) == 32
    assert projection.tables == (
        "notification_rows",
        "inbox_entry_rows",
        "delivery_rows",
        "content_rows",
        "recipient_count_rows",
    )
    assert [name for name in projection.tables if f"CREATE TABLE {name} (" not in projection.create_tables] == []


def test_views_that_changed_are_replaced_without_a_replay(tmp_path: Path) -> None:
    """A file whose views are of another version gets today's at the next start; its rows and position stay."""
    with open_model(tmp_path) as model:
        model.apply(_some_records())
        before = content(model)
        path, views = (
            model.path,
            rows(model, "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"),
        )
    with duckdb.connect(path) as connection:
        connection.execute("CREATE OR REPLACE VIEW notification_status AS SELECT 1 AS one; DROP VIEW channel_outcomes")
        connection.execute("UPDATE read_model SET views_digest = 'of another version'")
    with open_model(tmp_path) as model:
        assert rows(model, "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL") == views
        assert content(model) == before


def test_records_from_before_the_position_are_refused(tmp_path: Path) -> None:
    """Applied a second time at the same offsets they would be their own duplicates: nothing is changed."""
    records = _some_records()
    with open_model(tmp_path) as model:
        model.apply(records)
        before = content(model)
        with pytest.raises(GuardRefused, match="applied before"):
            model.apply(records[-1:])
        assert content(model) == before


def test_a_batch_that_leaves_records_out_is_refused(tmp_path: Path) -> None:
    """What was read must begin where the position ends, in every partition: nothing is changed where it does not."""
    records = _some_records()
    ((partition, first),) = {(record.partition, record.offset) for record in records[:1]}
    with open_model(tmp_path) as model:
        before = content(model)
        with pytest.raises(GuardRefused, match=f"begins at offset {first + 1}; what comes before it ends at {first}"):
            model.apply(records[1:], begin_offsets={partition: first + 1})
        assert content(model) == before
        model.apply(records, begin_offsets={partition: first})
        assert content(model) != before


def _some_records() -> list[LogRecord]:
    return records_of(*(Recorded(event, 1_767_225_600_000) for event in demo_events(3)))


def _open_elsewhere(path: Path) -> str:
    command = [sys.executable, "-c", OTHER_PROCESS, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def _file_content(path: Path) -> list[str]:
    with duckdb.connect(path, read_only=True) as connection:
        return [
            str(connection.execute(f"FROM {table} ORDER BY ALL").fetchall()) for table in ("read_model", "positions")
        ]
