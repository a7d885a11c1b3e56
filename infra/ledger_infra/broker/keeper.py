"""Stand between the ledger and a JVM, so that the JVM never outlives the process that asked for it.

Run as a script, by path and without site-packages, so that it is ready in milliseconds: it imports nothing of ours.

    parent --(stdin: open as long as the parent lives)--> keeper --(SIGTERM, then SIGKILL)--> Java
           <-(stdout: `java PID`, or `error TEXT`)-------        --(PR_SET_PDEATHSIG)------->

The parent's end, by whatever signal, closes the pipe, and the keeper stops Java. The keeper's own end, even by SIGKILL,
makes the Linux kernel kill Java. One thread only: that signal is tied to the thread that made the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

PARENT_CHECK_SECONDS: Final = 0.5
"""How often the keeper looks whether its parent is still its parent: a child that the parent forked may hold the pipe
open after it."""

EXIT_NOT_STARTED: Final = 125
"""Exit code of the keeper when Java could not be executed."""

_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> int:
    """Keep `arguments[3:]` running until the parent is gone or says otherwise; return the exit code of the command.

    `arguments` are the parent's process id, the seconds that the command has to stop after SIGTERM, the file that takes
    its output, and the command. A command that was ended by signal N gives 128 + N, as in a shell.
    """
    parent_pid, grace_seconds, output_file, *command = arguments
    for ignored in (signal.SIGINT, signal.SIGHUP):  # A terminal's Ctrl-C is the parent's to answer; Java inherits this.
        signal.signal(ignored, signal.SIG_IGN)
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked_to_stop.append(number))
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    try:
        with open(output_file, "ab") as output:  # noqa: PTH123 - pathlib is a third of this script's start time.
            java = subprocess.Popen(  # noqa: S603 - the command is the ledger's own.
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                close_fds=False,  # Java inherits the lock of the data directory: it lasts exactly as long as Java.
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - safe here: this process has one thread.
            )
    except OSError as error:
        _tell(f"error {error.strerror}")
        return EXIT_NOT_STARTED
    _tell(f"java {java.pid}")

    while java.poll() is None:
        ready, _, _ = select.select([sys.stdin.fileno(), wake_reader], [], [], PARENT_CHECK_SECONDS)
        if wake_reader in ready:
            os.read(wake_reader, 4096)
        parent_gone = os.getppid() != int(parent_pid)
        if asked_to_stop or parent_gone or (sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 4096)):
            _stop(java, float(grace_seconds))
    return java.returncode if java.returncode >= 0 else 128 - java.returncode


def _stop(java: subprocess.Popen[bytes], grace_seconds: float) -> None:
    java.terminate()
    deadline = time.monotonic() + grace_seconds
    while java.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if java.poll() is None:
        java.kill()
        java.wait()


def _die_with(keeper_pid: int) -> Callable[[], None] | None:
    """Return what a new child does before it executes Java: ask the kernel to be killed when the keeper is."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        if prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != keeper_pid:
            os._exit(EXIT_NOT_STARTED)

    return before_exec


def _tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # The parent is gone; the loop will see it.
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
