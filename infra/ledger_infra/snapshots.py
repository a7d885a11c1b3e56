"""Takes a snapshot wherever the read model is: by asking the running ledger, or from the file of a stopped one."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import httpx2

from ledger_infra.paths import next_snapshot, read_model_path
from ledger_infra.running import running_ledger
from ledger_infra.settings import Settings
from ledger_projectors.snapshot import publish_snapshot
from ledger_schemas.errors import ApiUnavailable, BadRequest, DataDirectoryInUse, NotFound

SNAPSHOT_TIMEOUT_SECONDS = 600.0


def take_snapshot(settings: Settings, output: Path | None) -> tuple[Path, str]:
    """Publish a snapshot to `output` (None: a numbered file below the data directory); return it and its position.

    Raises BadRequest when `output` exists, NotFound when there is no read model, ApiUnavailable, DataDirectoryInUse.
    """
    if output is not None and output.exists():
        raise BadRequest(f"{output} exists already.", hint="Name a new file; snapshots are never overwritten.")
    running = running_ledger(settings.data_dir)
    if running is not None and running.api_url is not None:
        path, position = _ask(running.api_url)
        if output is None:
            return path, position
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, output)
        return output, position
    source = read_model_path(settings.data_dir)
    if not source.exists():
        raise NotFound(f"There is no read model in {settings.data_dir}.", hint="Start `notification-ledger up` first.")
    target = output or next_snapshot(settings.data_dir)
    try:
        with duckdb.connect(str(source), read_only=True) as connection:
            return target, str(publish_snapshot(connection, target))
    except duckdb.IOException as error:
        raise DataDirectoryInUse(
            f"Another process has {source}.", hint="A projector without an API: stop it, or run `up` instead."
        ) from error


def _ask(api_url: str) -> tuple[Path, str]:
    try:
        answer = httpx2.post(f"{api_url}/v1/operator/snapshots", json={}, timeout=SNAPSHOT_TIMEOUT_SECONDS)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise ApiUnavailable(
            f"The ledger at {api_url} gave no snapshot ({type(error).__name__}).", hint="Look at its log."
        ) from error
    body = answer.json()
    return Path(body["path"]), str(body["position"])
