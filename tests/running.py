"""A whole ledger as its users have it: `notification-ledger up` in a process of its own, and its command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import psutil

from ledger_infra.broker.ports import free_ports
from ledger_infra.settings import environment_without_settings

START_TIMEOUT_SECONDS = 90
STOP_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.1

COMMAND = [sys.executable, "-m", "ledger_infra"]


class RunningLedger:
    """`up` over `data_dir`, on ports of its own; its log lines are in `log`."""

    def __init__(self, data_dir: Path, *flags: str, extra_environment: Mapping[str, str] | None = None) -> None:
        """Describe it; entering the context starts it. `extra_environment` goes over the settings given here."""
        self.data_dir = data_dir
        self.broker_port, self.api_port = free_ports(2)
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self._flags = flags
        self._extra_environment = dict(extra_environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        """Where its API answers."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def bootstrap_servers(self) -> str:
        """Where its broker answers."""
        return f"127.0.0.1:{self.broker_port}"

    def environment(self) -> dict[str, str]:
        """Return the environment of a person who works with it: its settings, and our commands first on the path."""
        settings = {
            "NOTIFICATION_LEDGER_DATA_DIR": str(self.data_dir),
            "NOTIFICATION_LEDGER_BROKER_PORT": str(self.broker_port),
            "NOTIFICATION_LEDGER_API_PORT": str(self.api_port),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        return environment_without_settings() | settings | self._extra_environment

    def launch(self) -> None:
        """Start the process and return at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "up", *self._flags], env=self.environment(), stdout=log, stderr=log
            )

    def start(self) -> None:
        """Start it and return when it is ready."""
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(POLL_SECONDS)

    def ready(self) -> bool:
        """Say whether the ready endpoint says so."""
        try:
            return httpx2.get(f"{self.api_url}/health/ready", trust_env=False).is_success
        except httpx2.TransportError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_SECONDS)

    def post(self, *events: Mapping[str, object]) -> str:
        """Put events through HTTP ingest and return the position after them."""
        answer = httpx2.post(f"{self.api_url}/v1/events", json=list(events), trust_env=False)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        return str(answer.json()["position"])

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Ask the API."""
        answer = httpx2.get(f"{self.api_url}{path}", params=parameters, trust_env=False)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line as a person would."""
        return run_command(*arguments, environment=self.environment(), stdin=stdin)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.stop()


def run_command(
    *arguments: str,
    environment: dict[str, str] | None = None,
    stdin: str | None = None,
    timeout_seconds: float = START_TIMEOUT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run `notification-ledger` with arguments and return what it said."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment or environment_without_settings(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )


def json_of(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one JSON document that a command wrote to standard output."""
    assert finished.returncode == 0, finished.stderr
    document: dict[str, Any] = json.loads(finished.stdout)
    return document


def processes_below(folder: Path) -> list[psutil.Process]:
    """Return the processes that name a path below `folder` on their command line; ours is not one of them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and any(str(folder) in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
