"""The note that a running ledger leaves in its data directory: written by `up`, read by the commands of its user."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ledger_infra.paths import run_file
from ledger_infra.settings import Settings

RUN_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class RunningLedger:
    """Where a running ledger answers; `api_url` is None when it runs without an API."""

    pid: int
    api_url: str | None
    bootstrap_servers: str
    topic: str
    operator_secret: str | None = field(default=None, repr=False)
    """A credential of an operator, for as long as the process lives; None: it has no API."""


@contextmanager
def run_note(data_dir: Path, ledger: RunningLedger) -> Iterator[None]:
    """Leave the note for as long as the context is open. It has the operator's secret: its user alone may read it."""
    path = run_file(data_dir)
    path.unlink(missing_ok=True)  # One that a killed process left may be readable by others.
    path.touch(RUN_FILE_MODE, exist_ok=False)
    path.write_text(json.dumps(asdict(ledger)) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_ledger(data_dir: Path) -> RunningLedger | None:
    """Return the ledger that runs over `data_dir`, or None.

    A note whose process is gone (it was killed) counts as none.
    """
    try:
        note = json.loads(run_file(data_dir).read_text(encoding="utf-8"))
        found = RunningLedger(
            int(note["pid"]), note["api_url"], note["bootstrap_servers"], note["topic"], note.get("operator_secret")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _alive(found.pid) else None


def credential_for(url: str, running: RunningLedger | None, settings: Settings) -> str | None:
    """Return what to ask the API at `url` with: the configured key, else the operator's secret of our own ledger."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    is_ours = running is not None and url.rstrip("/") == running.api_url
    return running.operator_secret if running is not None and is_ours else None


def bearer(credential: str | None) -> dict[str, str]:
    """Return the headers that a credential is sent in."""
    return {} if credential is None else {"Authorization": f"Bearer {credential}"}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
