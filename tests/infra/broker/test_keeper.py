"""The keeper ends what it keeps when its parent is gone or says so, and tells how it ended."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import ledger_infra.broker

KEEPER = Path(ledger_infra.broker.__file__).with_name("keeper.py")
GONE_SECONDS = 10.0


def command(output: Path, kept: str, *, grace_seconds: float = 5.0, parent: int | None = None) -> list[str]:
    """Return a keeper's command that keeps a shell script."""
    arguments = [str(parent or os.getpid()), str(grace_seconds), str(output), "/bin/sh", "-c", kept]
    return [sys.executable, "-I", "-S", str(KEEPER), *arguments]


def start(output: Path, kept: str, *, grace_seconds: float = 5.0) -> tuple[subprocess.Popen[bytes], int]:
    """Start a keeper; return it and the id of what it keeps."""
    keeper = subprocess.Popen(
        command(output, kept, grace_seconds=grace_seconds), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert keeper.stdout
    word, pid = keeper.stdout.readline().split()
    assert word == b"java"
    return keeper, int(pid)


def is_there(pid: int) -> bool:
    """Say whether a process with that id can be signalled."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true: Callable[[], bool]) -> bool:
    """Say whether it became true in time."""
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_the_end_of_the_pipe_stops_the_command(tmp_path: Path) -> None:
    """Closing the keeper's input ends the command with SIGTERM, and the keeper gives 128 + 15."""
    keeper, pid = start(tmp_path / "out", "exec sleep 100")
    keeper.communicate(timeout=GONE_SECONDS)
    assert keeper.returncode == 128 + signal.SIGTERM
    assert not is_there(pid)


def test_a_command_that_ignores_sigterm_is_killed_in_the_end(tmp_path: Path) -> None:
    """After the grace the command gets SIGKILL."""
    keeper, pid = start(tmp_path / "out", "trap '' TERM; echo ready; while :; do sleep 0.1; done", grace_seconds=0.5)
    assert wait_until(lambda: (tmp_path / "out").read_bytes() == b"ready\n")
    keeper.communicate(timeout=GONE_SECONDS)
    assert keeper.returncode == 128 + signal.SIGKILL
    assert not is_there(pid)


def test_ctrl_c_is_the_parents_to_answer(tmp_path: Path) -> None:
    """SIGINT and SIGHUP end neither the keeper nor the command; SIGTERM to the keeper ends both."""
    keeper, pid = start(tmp_path / "out", "exec sleep 100")
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(keeper.pid, number)
        os.kill(pid, number)
    time.sleep(0.3)
    assert keeper.poll() is None
    assert is_there(pid)
    keeper.terminate()
    keeper.communicate(timeout=GONE_SECONDS)
    assert not is_there(pid)


def test_the_commands_exit_code_and_output_are_kept(tmp_path: Path) -> None:
    """When the command ends by itself the keeper ends with its code."""
    keeper, _ = start(tmp_path / "out", "echo said; echo wrong >&2; exit 7")
    keeper.wait(GONE_SECONDS)
    keeper.communicate()
    assert keeper.returncode == 7
    assert (tmp_path / "out").read_bytes() == b"said\nwrong\n"


def test_a_command_that_cannot_be_executed_is_told(tmp_path: Path) -> None:
    """The parent gets the reason and no process."""
    arguments = [sys.executable, "-I", "-S", str(KEEPER), str(os.getpid()), "1", str(tmp_path / "out"), "/no/such"]
    answer = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=GONE_SECONDS, check=False)
    assert answer.returncode == 125
    assert answer.stdout == b"error No such file or directory\n"


def test_a_child_that_the_parent_forked_does_not_keep_the_command_alive(tmp_path: Path) -> None:
    """The parent is killed while a fork of it still holds the pipe open: the keeper sees that its parent changed."""
    program = textwrap.dedent(f"""
        import os, subprocess, time
        arguments = {command(tmp_path / "out", "exec sleep 100", parent=-1)!r}
        arguments[arguments.index("-1")] = str(os.getpid())
        keeper = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        kept = keeper.stdout.readline().decode().split()[1]
        fork = os.fork()
        if fork:
            print(kept, fork, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        kept, fork = map(int, parent.stdout.readline().split())
        assert is_there(kept)
        parent.kill()
        parent.stdout.close()
    assert wait_until(lambda: not is_there(kept))
    assert is_there(fork)
    os.kill(fork, signal.SIGKILL)


def test_the_keeper_imports_nothing_of_ours() -> None:
    """It is run without site-packages, so that it is ready in milliseconds."""
    program = f"import runpy, sys; runpy.run_path({str(KEEPER)!r}); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in answer.stdout.split()}
    assert "subprocess" in loaded
    assert loaded.isdisjoint({"ledger_infra", "ledger_schemas", "asyncio", "pathlib"})
