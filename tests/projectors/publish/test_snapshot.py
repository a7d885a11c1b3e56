"""A snapshot is the read model at one stated position, in a file that the tools of analysts open."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.publish.snapshot import publish_snapshot
from ledger_projectors.store.log_positions import read_position
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import TopicSpec
from ledger_schemas.errors import BadRequest
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    TABLES,
    Raw,
    append_raw,
    demo_events,
    open_model,
    projecting,
    reading,
    records_of,
    rows,
)
from tests.properties.strategies import NOON_MS, Recorded, audience, said

DUCKDB_1_5: Final = Path(sys.executable).with_name("duckdb")
"""The command line of the package duckdb-cli, one storage version behind the library."""

CREATED: Final = said("created", "10:00:00", audience=audience(ann=("email",)), personal={"title": 'It\'s "new"'})
ACTION: Final = said("action_completed", "10:01:00", recipient_id="ann", action_type="primary")
HISTORY: Final = [CREATED, CREATED, ACTION, *(Recorded(event, NOON_MS) for event in demo_events(5))]
VIEWS: Final = ("notification_status", "unread_by_recipient", "channel_outcomes", "history", "actions")


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    """Give a file with something in it."""
    with open_model(tmp_path / "live") as opened:
        opened.apply(records_of(*HISTORY))
        yield opened


def query_1_5(path: Path, query: str) -> list[dict[str, Any]]:
    """Return the rows that the 1.5 command line reads from a file."""
    command = [str(DUCKDB_1_5), "-readonly", "-json", str(path), query]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def test_the_tools_of_analysts_open_it(model: ReadModel, tmp_path: Path) -> None:
    """DuckDB 1.5, which cannot open the live file, reads tables and views of the snapshot, and all comments."""
    with reading(model) as reader:
        position = publish_snapshot(reader, tmp_path / "out.duckdb")
    ((version,),) = ((row["version"],) for row in query_1_5(tmp_path / "out.duckdb", "SELECT version() AS version"))
    assert version.startswith("v1.5.")
    assert query_1_5(tmp_path / "out.duckdb", "SELECT next_offset FROM positions WHERE next_offset > 0") == [
        {"next_offset": len(HISTORY)}
    ]
    assert sum(position.values()) == len(HISTORY)
    told = "SELECT status, title FROM notification_status WHERE tenant_id = 'acme'"
    assert query_1_5(tmp_path / "out.duckdb", told) == [{"status": "created", "title": 'It\'s "new"'}]
    comments = (
        "SELECT table_name AS name, comment FROM duckdb_tables() UNION ALL "
        "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
    )
    found = {row["name"]: row["comment"] for row in query_1_5(tmp_path / "out.duckdb", comments)}
    assert {*TABLES, *VIEWS, "positions"} <= found.keys()
    assert all(found.values())
    for view in VIEWS:
        assert len(query_1_5(tmp_path / "out.duckdb", f"FROM {view}")) > 0
    model.close()
    with pytest.raises(subprocess.CalledProcessError):
        query_1_5(model.path, "FROM positions")


def test_it_holds_what_the_read_model_holds(model: ReadModel, tmp_path: Path) -> None:
    """Its digest is the read model's, its position the one that was returned, and the read model goes on."""
    with reading(model) as reader:
        position = publish_snapshot(reader, tmp_path / "out.duckdb")
        before = digest_read_model(reader)
    assert position == model.position() == before.position
    assert model.apply([one for one in records_of(*HISTORY, said("fired", "11:00:00")) if one.offset >= len(HISTORY)])
    with duckdb.connect(tmp_path / "out.duckdb", read_only=True) as snapshot:
        snapshot.execute("SET TimeZone = 'UTC'")
        assert before == digest_read_model(snapshot)
        columns = (
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
        )
        expected = [row for row in rows(model, columns) if row[0] in {*TABLES, *VIEWS}]
        assert expected == [row for row in snapshot.execute(columns).fetchall() if row[0] in {*TABLES, *VIEWS}]


def test_names_with_quotes_are_only_names(tmp_path: Path) -> None:
    """A read model and its snapshot may have any name."""
    for name in ('it\'s "one"; --', "snapshot"):
        path = tmp_path / name / f"{name}.duckdb"
        with ReadModel.create_or_open(path, topic="t", partitions=1) as model, reading(model) as reader:
            publish_snapshot(reader, tmp_path / name / "out" / f"{name} copy.duckdb")
        assert [file.name for file in (tmp_path / name / "out").iterdir()] == [f"{name} copy.duckdb"]


def test_an_existing_file_is_never_overwritten(model: ReadModel, tmp_path: Path) -> None:
    """The target must be new; what lies there is not touched."""
    (tmp_path / "out.duckdb").write_text("mine", encoding="utf-8")
    with reading(model) as reader, pytest.raises(BadRequest, match=r"out\.duckdb exists already"):
        publish_snapshot(reader, tmp_path / "out.duckdb")
    assert (tmp_path / "out.duckdb").read_text(encoding="utf-8") == "mine"


class Overtaken:
    """A connection during whose copy somebody else publishes a file of the same name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Let everything through, and write `path` when the copy ends."""
        self._connection = connection
        self._path = path

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Execute the statement."""
        if statement.startswith("DETACH"):
            self._path.write_text("theirs", encoding="utf-8")
        return self._connection.execute(statement)


@pytest.mark.parametrize("links", ["hard links", "no hard links"])
def test_what_another_published_meanwhile_is_never_overwritten(
    model: ReadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    """Of two that publish under one name at a time the first has it; the second is told, and leaves nothing."""
    if links == "no hard links":
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    folder = tmp_path / "out"
    path = folder / "out.duckdb"
    with reading(model) as reader:
        with pytest.raises(BadRequest, match=r"out\.duckdb exists already"):
            publish_snapshot(Overtaken(reader, path), path)  # type: ignore[arg-type] # stands in for one
        assert path.read_text(encoding="utf-8") == "theirs"
        position = publish_snapshot(reader, folder / "second.duckdb")
    assert _counted(folder / "second.duckdb")[0] == sum(position.values())
    assert {file.name for file in folder.iterdir()} == {"out.duckdb", "second.duckdb"}


def _no_links(_: Path, target: Path) -> None:
    raise PermissionError(1, "Operation not permitted", str(target))


class FullDisk:
    """A connection on which one statement fails."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, failing: str) -> None:
        """Let everything through but statements that begin with `failing`."""
        self._connection = connection
        self._failing = failing

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Execute the statement, or fail as a full disk would."""
        if statement.startswith(self._failing):
            raise duckdb.IOException("No space left on device")
        return self._connection.execute(statement)


@pytest.mark.parametrize("failing", ["ATTACH", "COPY", "SELECT log_topic"])
def test_a_copy_that_fails_leaves_no_file(model: ReadModel, tmp_path: Path, failing: str) -> None:
    """Whatever fails, no file appears, half or whole, and the next attempt on the same connection succeeds."""
    folder = tmp_path / "out"
    with reading(model) as reader:
        with pytest.raises(duckdb.IOException, match="No space left"):
            publish_snapshot(FullDisk(reader, failing), folder / "out.duckdb")  # type: ignore[arg-type] # stands in for one
        assert list(folder.iterdir()) == []
        assert publish_snapshot(reader, folder / "out.duckdb") == read_position(reader)
    assert [path.name for path in folder.iterdir()] == ["out.duckdb"]


def test_a_target_that_cannot_be_made_is_an_error(model: ReadModel, tmp_path: Path) -> None:
    """Where no folder can be, nothing is left behind, and the reader can still read."""
    (tmp_path / "a file").touch()
    with reading(model) as reader:
        with pytest.raises(OSError, match="a file"):
            publish_snapshot(reader, tmp_path / "a file" / "out.duckdb")
        assert model.position() == read_position(reader)
    assert {path.name for path in tmp_path.iterdir()} == {"a file", "live"}


def test_two_snapshots_at_a_time_do_not_meet(model: ReadModel, tmp_path: Path) -> None:
    """Several are published at once, from one process, each to a file of its own, and each is whole."""
    paths = [tmp_path / "out" / f"{number}.duckdb" for number in range(4)]

    def publish(path: Path) -> None:
        with reading(model) as reader:
            assert publish_snapshot(reader, path) == read_position(reader)

    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(publish, paths))
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()}
    assert {_counted(path)[:2] for path in paths} == {(len(HISTORY), len(HISTORY))}


def test_it_is_consistent_while_the_projector_writes(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Taken at any time during the run, rows and position agree: each record before the position is in it, once."""
    topic = TopicSpec(topic_name, 3)
    events = demo_events(100)
    append(kafka.connection, topic, events)
    asyncio.run(append_raw(kafka.connection, topic.name, *[Raw(b"poison", b"key", n % 3) for n in range(9)]))
    paths: list[Path] = []

    def publish(model: ReadModel) -> None:
        paths.append(tmp_path / f"snapshot-{len(paths)}.duckdb")
        with reading(model) as reader:
            publish_snapshot(reader, paths[-1])

    first = tmp_path / "after-the-first-batch.duckdb"

    async def work(model: ReadModel) -> None:
        def publish_once(step: Step) -> None:
            """Make one that lies in the middle for certain, however fast the projector is against the others."""
            if step is Step.COMMITTED and not first.exists():
                with reading(model) as reader:
                    publish_snapshot(reader, first)

        running_projector = projecting(kafka.connection, model, batch_records_max=20, on_step=publish_once)
        async with running_projector as (projector, running):
            while not running.done() and not projector.progress().caught_up:
                await asyncio.to_thread(publish, model)

    with open_model(tmp_path, topic.name, 3) as model:
        asyncio.run(work(model))
    paths.append(first)
    seen = [_counted(path) for path in paths]
    assert [(position, held) for position, held, _ in seen if position != held] == []
    assert [reads for _, _, reads in seen] == [0] * len(seen)
    assert 0 < seen[-1][0] < len(events)


def _counted(path: Path) -> tuple[int, int, int]:
    """Return a snapshot's position, its records, and how many reads history and the folded rows disagree by."""
    with duckdb.connect(path, read_only=True) as snapshot:
        ((position, held, reads),) = snapshot.execute("""
            SELECT
                (SELECT sum(next_offset) FROM positions)::INT,
                ((SELECT count(*) FROM events)
                + (SELECT count(*) FROM duplicates)
                + (SELECT count(*) FROM quarantine))::INT,
                ((SELECT count(*) FROM events WHERE kind = 'read')
                - (SELECT coalesce(sum(read_count), 0) FROM notifications))::INT
        """).fetchall()
    return position, held, reads
