"""The snapshot command and the operator's route: where a snapshot goes, and what is said when it cannot."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ledger_infra import snapshots
from ledger_infra.operator_routes import operator_router
from ledger_infra.paths import read_model_path, snapshots_dir
from ledger_infra.running import RunningLedger
from ledger_infra.settings import load_settings
from ledger_infra.snapshots import take_snapshot
from ledger_projectors.publish.snapshot import publish_snapshot
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.errors import BadRequest, DataDirectoryInUse, SettingInvalid
from tests.projectors.building import records_of
from tests.properties.strategies import said


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Give a data directory with a read model that nobody has open."""
    with ReadModel.create_or_open(read_model_path(tmp_path / "data"), topic="t", partitions=1) as model:
        model.apply(records_of(said("created", "10:00:00")))
    return tmp_path / "data"


@pytest.fixture(params=["stopped", "running"])
def anyhow(request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the data directory of a ledger that is stopped, and of one whose API publishes when it is asked."""

    def ask(*_: object) -> tuple[Path, str]:
        with duckdb.connect(read_model_path(data_dir), read_only=True) as connection:
            path, position = snapshots.publish_numbered(connection, data_dir)
        return path, str(position)

    if request.param == "running":
        note = RunningLedger(1, "http://127.0.0.1:1", "127.0.0.1:1", "t")
        monkeypatch.setattr(snapshots, "running_ledger", lambda _: note)
        monkeypatch.setattr(snapshots, "_ask", ask)
    return data_dir


def test_it_goes_where_the_output_says(anyhow: Path, tmp_path: Path) -> None:
    """Folders are made, the file is a whole read model, and nothing is left beside it or below the data directory."""
    output = tmp_path / "new" / "folder" / "out.duckdb"
    path, _ = take_snapshot(load_settings(data_dir=anyhow), output)
    assert path == output
    with duckdb.connect(output, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM notifications").fetchall() == [(1,)]
    assert list(output.parent.iterdir()) == [output]
    assert list(snapshots_dir(anyhow).glob("*")) == []


def test_an_output_below_a_file_is_named(anyhow: Path, tmp_path: Path) -> None:
    """A folder that cannot be made is the fault of --output, and no snapshot is left elsewhere."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingInvalid, match=r"file.out\.duckdb .*--output") as refused:
        take_snapshot(load_settings(data_dir=anyhow), tmp_path / "file" / "out.duckdb")
    assert refused.value.field == "output"
    assert list(snapshots_dir(anyhow).glob("*")) == []


def test_a_disk_that_is_full_is_no_other_process(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong while writing names --output; only a file that is locked is in use."""

    def fail(*_: object) -> None:
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(snapshots, "publish_snapshot", fail)
    with pytest.raises(SettingInvalid, match=r"No space left on device.*--output"):
        take_snapshot(load_settings(data_dir=data_dir), None)


def test_a_file_that_is_no_read_model_is_not_in_use(tmp_path: Path) -> None:
    """Its folder may have `lock` in its name: that is no lock."""
    folder = tmp_path / "clock"
    folder.mkdir()
    read_model_path(folder).write_bytes(b"not a database " * 1_000)
    with pytest.raises(SettingInvalid, match="not a read model"):
        take_snapshot(load_settings(data_dir=folder), None)


def test_a_file_that_another_process_has_is_in_use(data_dir: Path) -> None:
    """A projector without an API has it: the command says so, and what to do."""
    script = (
        f"import duckdb; c = duckdb.connect({str(read_model_path(data_dir))!r}); print('open', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DataDirectoryInUse, match="run `up` instead"):
            take_snapshot(load_settings(data_dir=data_dir), None)
        holder.communicate(b"\n")


def test_an_output_that_appears_meanwhile_is_not_overwritten(
    anyhow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made the file first keeps it."""
    output = tmp_path / "out.duckdb"
    monkeypatch.setattr(snapshots, "publish_snapshot", _overtaken(lambda: output.write_text("mine", encoding="utf-8")))
    with pytest.raises(BadRequest, match=r"out\.duckdb exists already"):
        take_snapshot(load_settings(data_dir=anyhow), output)
    assert output.read_text(encoding="utf-8") == "mine"


def test_the_route_takes_the_next_number(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time get two numbers: the number that another took during the copy stays that one's."""
    first = snapshots_dir(data_dir) / "000001.duckdb"
    monkeypatch.setattr(snapshots, "publish_snapshot", _overtaken(lambda: first.write_text("theirs", encoding="utf-8")))

    def reader() -> duckdb.DuckDBPyConnection:
        return duckdb.connect(read_model_path(data_dir), read_only=True)

    app = FastAPI()
    app.include_router(operator_router(reader, data_dir))
    answer = TestClient(app).post("/v1/operator/snapshots", json={})
    assert answer.status_code == 201
    assert Path(answer.json()["path"]) == first.with_name("000002.duckdb").resolve()
    assert first.read_text(encoding="utf-8") == "theirs"
    assert {path.name for path in first.parent.iterdir()} == {"000001.duckdb", "000002.duckdb"}


def _overtaken(meanwhile: Callable[[], object]) -> Callable[[duckdb.DuckDBPyConnection, Path], object]:
    """Return a publishing during which something happens: before the name is taken, after it was looked at."""

    def publish(connection: duckdb.DuckDBPyConnection, path: Path) -> object:
        meanwhile()
        return publish_snapshot(connection, path)

    return publish
