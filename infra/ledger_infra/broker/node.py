"""Run one broker node: one data directory, one keeper, one JVM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_infra.broker import diagnosis, ports
from ledger_infra.broker.readiness import NotReady, alive_brokers
from ledger_infra.broker.security import write_private
from ledger_infra.broker.server_properties import ServerProperties
from ledger_schemas.errors import BrokerStartFailed, DataDirectoryInUse, PlatformUnsupported

START_TIMEOUT_SECONDS: Final = 60.0
"""From the JVM's start to its first right answer; it takes 2 to 4 s on an idle two-core machine."""

STOP_GRACE_SECONDS: Final = 20.0
"""How long Kafka may take to stop after SIGTERM before it is killed."""

KEEPER_GRACE_SECONDS: Final = 5.0
"""How much longer the keeper may take than Kafka."""

FORMAT_TIMEOUT_SECONDS: Final = 60.0

LOCK_WAIT_SECONDS: Final = 2.0
"""How long a start waits for a broker that is just stopping to leave its data directory."""

READY_POLL_SECONDS: Final = 0.05

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_LOG4J: Final = Path(__file__).with_name("log4j2.properties")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a node is run with: the `java` command, Kafka's jars, and the JVM's heap in MiB."""

    java: Path
    jars: tuple[Path, ...]
    heap_mib: int

    def command(self, *arguments: str) -> list[str]:
        """Return a command that runs a class of Kafka, with the arguments of the JVM first."""
        classpath = os.pathsep.join(map(str, self.jars))
        return [str(self.java), "-XX:+UseSerialGC", "-XX:-UsePerfData", "-cp", classpath, *arguments]


class BrokerNode:
    """One node. `launch` starts it and `wait_ready` says when it serves; both clean up when they fail."""

    def __init__(self, folder: Path, properties: ServerProperties, *, cluster_id: str, runtime: Runtime) -> None:
        """Describe the node; nothing is written or started yet."""
        self.folder = folder
        self.properties = properties
        self.log_file = folder / "kafka.log"
        self._output_file = folder / "kafka.out"
        self._cluster_id = cluster_id
        self._runtime = runtime
        self._keeper: subprocess.Popen[bytes] | None = None
        self.java_pid: int | None = None

    @property
    def keeper_pid(self) -> int | None:
        """Return the keeper's process id, or None when nothing was launched."""
        return self._keeper.pid if self._keeper else None

    @property
    def running(self) -> bool:
        """Say whether the keeper, and so the JVM, has not ended."""
        return self._keeper is not None and self._keeper.poll() is None

    def launch(self) -> None:
        """Format the data directory if it is new, and start the JVM under a keeper.

        Raises DataDirectoryInUse, PortTaken, PlatformUnsupported (Java cannot be executed here) or BrokerStartFailed.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # Records and logs are this user's.
        with _locked(self.folder) as lock:
            for port in self.properties.ports():
                ports.refuse_taken(port)
            if self.log_file.exists():
                self.log_file.replace(self.folder / "kafka.previous.log")
            self._output_file.unlink(missing_ok=True)
            settings = self.folder / "server.properties"
            write_private(settings, self.properties.text().encode("ascii"))
            if self.properties.security and self.properties.keystore_file:
                self.properties.security.write_keystore(self.properties.keystore_file)
            if not (self.properties.log_dir / "meta.properties").exists():
                self._format(settings)
            self._spawn(settings, lock)

    def wait_ready(self, expected: frozenset[int], timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Wait until the node answers and knows the nodes `expected` to be alive.

        Raises PortTaken, DataDirectoryInUse, MemoryInsufficient or BrokerStartFailed with what the JVM said last.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self._keeper is None or self._keeper.poll() is not None:
                code = self._keeper.returncode if self._keeper else None
                self.stop()
                raise diagnosis.explain_exit(f"Kafka ended with code {code}", self.log_file, self._output_file)
            with suppress(NotReady):
                if alive_brokers(ports.HOST, self.properties.plaintext_port) >= expected:
                    return
            time.sleep(READY_POLL_SECONDS)
        said = diagnosis.last_lines(self.log_file, self._output_file)
        self.stop()
        raise BrokerStartFailed(
            f"Kafka did not answer within {timeout_seconds:g} s. Last it said: {said}",
            hint=f"The whole log is {self.log_file}.",
        )

    def stop(self) -> None:
        """Stop Kafka cleanly, within a bounded time; no process is left. Without a running node this does nothing."""
        keeper = self._keeper
        if keeper is None:
            return
        if keeper.stdin:
            keeper.stdin.close()  # The keeper's word to stop.
        try:
            keeper.wait(STOP_GRACE_SECONDS + KEEPER_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        self._forget(keeper)

    def kill(self) -> None:
        """Kill the JVM as a power cut would (SIGKILL). Without a running node this does nothing."""
        keeper = self._keeper
        if keeper is None:
            return
        if self.running and self.java_pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.java_pid, signal.SIGKILL)
        self.stop()

    def _forget(self, keeper: subprocess.Popen[bytes]) -> None:
        killed = keeper.returncode is not None and keeper.returncode < 0
        if killed and self.java_pid is not None and not sys.platform.startswith("linux"):
            with suppress(ProcessLookupError):  # Elsewhere no kernel ends Java with a keeper that was killed.
                os.kill(self.java_pid, signal.SIGKILL)
        if keeper.stdout:
            keeper.stdout.close()
        self._keeper = None
        self.java_pid = None

    def _format(self, settings: Path) -> None:
        arguments = ["format", "--cluster-id", self._cluster_id, "--config", str(settings)]
        security = self.properties.security
        if security and security.sasl and security.sasl_mechanism and security.sasl_mechanism != "PLAIN":
            for name, password in security.users.items():
                arguments += ["--add-scram", f"{security.sasl_mechanism}=[name={name},password={password.reveal()}]"]
        with self._output_file.open("ab") as output:
            code = subprocess.run(  # noqa: S603 - the ledger's own command.
                self._runtime.command("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=FORMAT_TIMEOUT_SECONDS,
            ).returncode
        if code != 0:
            raise diagnosis.explain_exit(f"Formatting ended with code {code}", self.log_file, self._output_file)

    def _spawn(self, settings: Path, lock: int) -> None:
        heap = f"{self._runtime.heap_mib}m"
        java = self._runtime.command(
            f"-Xms{heap}",
            f"-Xmx{heap}",
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={self.folder / 'java-error.log'}",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}",
            f"-Dledger.log.file={self.log_file}",
            "kafka.Kafka",
            str(settings),
        )
        parent = [str(os.getpid()), str(STOP_GRACE_SECONDS), str(self._output_file)]
        self._keeper = keeper = subprocess.Popen(  # noqa: S603 - the ledger's own script.
            [sys.executable, "-I", "-S", str(_KEEPER), *parent, *java],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=self.folder,
            pass_fds=(lock,),
            start_new_session=True,  # A terminal's Ctrl-C must not reach Kafka before the parent has drained.
        )
        try:
            said, _, rest = keeper.stdout.readline().decode().partition(" ") if keeper.stdout else ("", "", "")
        except BaseException:
            self.stop()
            raise
        if said != "java":
            self.stop()
            raise PlatformUnsupported(
                f"The Java runtime cannot be executed here: {rest.strip() or 'the keeper ended'}.",
                hint="Use any Kafka that you can reach: set NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS to its address.",
            )
        self.java_pid = int(rest)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock while a node is started; the processes that inherit it hold it on."""
    import fcntl  # noqa: PLC0415 - not on Windows, where this module must still be importable; no node starts there.

    file = os.open(folder / "broker.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DataDirectoryInUse(
                        f"Another broker uses {folder}.",
                        hint="Stop it, or choose another data directory.",
                        field="data_dir",
                    ) from None
                time.sleep(READY_POLL_SECONDS)
        yield file
    finally:
        os.close(file)
