"""The projector as a process of its own, so that the tour can kill it from outside and start it again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from ledger_infra.paths import read_model_path
from ledger_infra.settings import environment_without_settings
from ledger_projectors.store.log_positions import read_position
from ledger_schemas.errors import ProjectorFailed

CATCH_UP_TIMEOUT_SECONDS: Final = 600.0
FIRST_COMMIT_TIMEOUT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2
BATCH_WAL_BYTES: Final = 16 * 1024
"""More than opening a file writes to its write-ahead log, and less than any batch of the tour does."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What a kill left: the exit code that the kernel gave, and how many records the file had applied."""

    pid: int
    exit_code: int
    records_before: int


class ProjectorProcess:
    """`notification-ledger projector` over one data directory; leaves no process behind."""

    def __init__(self, data_dir: Path, bootstrap_servers: str) -> None:
        """Run it over `data_dir`, reading from `bootstrap_servers`."""
        self._data_dir = data_dir
        self._command = [sys.executable, "-m", "ledger_infra", "projector", "--data-dir", str(data_dir)]
        self._command += ["--bootstrap-servers", bootstrap_servers]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Return itself, not started yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def start(self) -> None:
        """Start it; its log lines go to `projector.log` in the data directory."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with (self._data_dir / "projector.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment_without_settings()
            )

    def kill(self) -> Killed:
        """Send SIGKILL when it has committed something, wait for the end, and look at what the file states.

        Raises ProjectorFailed when it had ended by itself before, or has committed nothing in time.
        """
        process = self._wait_for_a_commit()
        process.send_signal(signal.SIGKILL)
        exit_code = process.wait()
        with duckdb.connect(str(read_model_path(self._data_dir)), read_only=True) as connection:
            records = sum(read_position(connection).values())
        return Killed(process.pid, exit_code, records)

    def _wait_for_a_commit(self) -> subprocess.Popen[bytes]:
        """Return it when a batch stands in its write-ahead log: nobody else can open the file to see."""
        model = read_model_path(self._data_dir)
        wal = model.with_name(f"{model.name}.wal")
        deadline = time.monotonic() + FIRST_COMMIT_TIMEOUT_SECONDS
        before = -1
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise self._failed("The projector ended before it was killed.")
            size = wal.stat().st_size if wal.exists() else 0
            if size == before and size > BATCH_WAL_BYTES:
                return self._process
            before = size
            time.sleep(POLL_SECONDS)
        raise self._failed(f"The projector committed nothing within {FIRST_COMMIT_TIMEOUT_SECONDS:g} s.")

    def run_until_caught_up(self) -> None:
        """Run it once more until the read model has reached the end of the log. Raises ProjectorFailed."""
        self._command.append("--until-caught-up")
        self.start()
        if self._process is not None and (code := self._process.wait(CATCH_UP_TIMEOUT_SECONDS)):
            raise self._failed(f"The projector ended with exit code {code}.")

    def _failed(self, message: str) -> ProjectorFailed:
        return ProjectorFailed(message, hint=f"Its log: {self._data_dir / 'projector.log'}.")
