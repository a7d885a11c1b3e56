"""What `export-history` reads: a file, unless it cannot be opened; of a running ledger a snapshot, which goes again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Final

import duckdb
import pytest

from ledger_infra.paths import read_model_path
from ledger_schemas.errors import SettingInvalid
from tests.running import COMMAND, RunningLedger, json_of, run_command

EVENTS_OF_A_FULL_PIPE: Final = 200
"""With some 3 KB a line: more than the 64 KiB of a pipe and what its two ends keep."""


@pytest.mark.parametrize("damage", ["damaged", "older"])
def test_an_export_of_a_file_that_cannot_be_opened_says_to_keep_it(tmp_path: Path, damage: str) -> None:
    """Of the last copy of some facts nobody may read that it can be made again from the log."""
    path = read_model_path(tmp_path)
    if damage == "damaged":
        path.write_bytes(b"not a database " * 1_000)
    else:
        with duckdb.connect(path) as connection:
            connection.execute("CREATE TABLE of_another_version (number INTEGER)")
    refused = run_command("export-history", str(tmp_path / "history.jsonl"), "--data-dir", str(tmp_path))
    assert refused.returncode == SettingInvalid.exit_code
    assert "Keep it" in refused.stderr
    assert "with the version that wrote it" in refused.stderr
    assert "--file" in refused.stderr
    assert "rebuilt" not in refused.stderr


def test_an_export_that_is_killed_leaves_no_snapshot(tmp_path: Path) -> None:
    """The snapshot of a running ledger has no name any more while it is read."""
    with RunningLedger(tmp_path / "data") as ledger:
        position = ""
        for _ in range(EVENTS_OF_A_FULL_PIPE):
            personal = {"body": "x" * 2_000}
            position = ledger.post({"kind": "created", "tenant_id": "acme", "source": "shop", "personal": personal})
        ledger.get("/v1/notifications", tenant="acme", at_least=position)
        command = [*COMMAND, "export-history", "-"]
        with subprocess.Popen(
            command, env=ledger.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as export:
            assert export.stdout is not None
            assert export.stdout.readline().startswith(b'{"topic"')
            # More lines than the pipe takes: the export waits for a reader.
            export.kill()
            assert export.wait() == -signal.SIGKILL
        assert [path for path in ledger.data_dir.rglob("*") if path.name == "snapshot.duckdb"] == []


def test_a_running_ledger_exports_a_snapshot(tmp_path: Path) -> None:
    """While it runs, from a snapshot that is gone afterwards; and from one that was published."""
    with RunningLedger(tmp_path / "data") as ledger:
        position = ledger.post({"kind": "created", "tenant_id": "acme", "source": "shop"})
        ledger.get("/v1/notifications", tenant="acme", at_least=position)
        before = {path.name for path in ledger.data_dir.iterdir()} | {"snapshots"}
        running = json_of(ledger.run("export-history", str(tmp_path / "running.jsonl"), "--json"))
        assert {path.name for path in ledger.data_dir.iterdir()} == before
        assert list((ledger.data_dir / "snapshots").iterdir()) == []
        assert running["events"] == 1
        assert running["position"] == position
        published = json_of(ledger.run("snapshot", "--output", str(tmp_path / "snapshot.duckdb"), "--json"))
        named = ("--file", published["path"])
        again = json_of(ledger.run("export-history", str(tmp_path / "snapshot.jsonl"), *named, "--json"))
    assert again == running
