"""Takes a snapshot wherever the read model is: by asking the running ledger, or from the file of a stopped one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import httpx2

from ledger_infra.paths import next_snapshot, read_model_path, snapshots_dir
from ledger_infra.read_only import open_read_only
from ledger_infra.running import RunningLedger, bearer, credential_for, running_ledger
from ledger_infra.settings import Settings
from ledger_projectors.publish.snapshot import publish_snapshot
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_schemas.errors import ApiUnavailable, BadRequest, NotFound, SettingInvalid
from ledger_schemas.file_publishing import publish_file, taken
from ledger_schemas.positions import Position

SNAPSHOT_TIMEOUT_SECONDS: Final = 600.0

_INSTEAD: Final = "A projector without an API: stop it, or run `up` instead."


def take_snapshot(settings: Settings, output: Path | None) -> tuple[Path, str]:
    """Publish a snapshot to `output` (None: a numbered file below the data directory); return it and its position.

    Raises BadRequest when `output` exists, SettingInvalid when it cannot be written or the file is no read model,
    NotFound when there is no read model, ApiUnavailable, DataDirectoryInUse.
    """
    if output is not None and output.exists():
        raise taken(output)
    running = running_ledger(settings.data_dir)
    if running is not None and running.api_url is not None:
        if output is None:
            return _ask(settings, running)
        with _writing(output):
            # Before the ledger is asked: where nothing can be written, nothing is published.
            with _folder_beside(output) as folder:
                path, position = _ask(settings, running)
                publish_file(Path(shutil.move(path, folder)), output)
            return output, position
    source = read_model_path(settings.data_dir)
    if not source.exists():
        raise NotFound(f"There is no read model in {settings.data_dir}.", hint="Start `notification-ledger up` first.")
    with open_read_only(source, instead=_INSTEAD) as connection, _writing(output or snapshots_dir(settings.data_dir)):
        if output is not None:
            return output, str(publish_snapshot(connection, output))
        path, at = publish_numbered(connection, settings.data_dir)
        return path, str(at)


def publish_numbered(connection: duckdb.DuckDBPyConnection, data_dir: Path) -> tuple[Path, Position]:
    """Publish a snapshot under the next free number below the data directory; return the file and its position.

    Whoever takes that number meanwhile keeps it: this one takes the next. Raises OSError and duckdb.Error when it
    cannot be written.
    """
    with _folder_beside(next_snapshot(data_dir)) as folder:
        whole = folder / "snapshot.duckdb"
        position = publish_snapshot(connection, whole)
        while True:
            path = next_snapshot(data_dir)
            try:
                publish_file(whole, path)
            except BadRequest:
                continue
            return path, position


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Give a folder on the file system of `path`, gone afterwards with what is left in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.unfinished-", dir=path.parent) as folder:
        yield Path(folder)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if isinstance(error, duckdb.Error) and not may_pass(error):
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingInvalid(
            f"output: no snapshot can be written to {path} ({reason}).",
            hint="Name a new file where this user can write and there is room, with --output.",
            field="output",
        ) from error


def _ask(settings: Settings, running: RunningLedger) -> tuple[Path, str]:
    api_url = str(running.api_url)
    headers = bearer(credential_for(api_url, running, settings))
    try:
        answer = httpx2.post(
            f"{api_url}/v1/operator/snapshots", json={}, headers=headers, timeout=SNAPSHOT_TIMEOUT_SECONDS
        )
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise ApiUnavailable(
            f"The ledger at {api_url} gave no snapshot ({type(error).__name__}).", hint="Look at its log."
        ) from error
    body = answer.json()
    return Path(body["path"]), str(body["position"])
