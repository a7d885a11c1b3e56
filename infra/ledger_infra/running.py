"""Finds the ledger that runs over a data directory, by the note that it left there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ledger_infra.paths import run_file


@dataclass(frozen=True, slots=True)
class RunningLedger:
    """Where a running ledger answers; `api_url` is None when it runs without an API."""

    pid: int
    api_url: str | None
    bootstrap_servers: str
    topic: str


def running_ledger(data_dir: Path) -> RunningLedger | None:
    """Return the ledger that runs over `data_dir`, or None.

    A note whose process is gone (it was killed) counts as none.
    """
    try:
        note = json.loads(run_file(data_dir).read_text(encoding="utf-8"))
        found = RunningLedger(int(note["pid"]), note["api_url"], note["bootstrap_servers"], note["topic"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if _alive(found.pid) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
