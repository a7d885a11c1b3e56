#!/usr/bin/env python3
"""Set up the project in a virtual environment of its own and run one thing: the tour, the ledger, or the tests.

    python3 infra/bootstrap.py demo            the tour
    python3 infra/bootstrap.py up              broker, projector and API in one
    python3 infra/bootstrap.py test            lint, types, layers, tests (in two processes where there are two cores)
    python3 infra/bootstrap.py test -k fold    the tests that match, and nothing else, in one process

Needs Python 3.11 or later and a package index; everything else it installs, every file pinned by SHA-256. The second
run reuses what the first installed. Any other word is handed to `notification-ledger`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

PYTHON_MIN = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
# Each process starts a broker of its own. One that has nothing left takes over tests of the other, from the
# end of its list, so that what a module shares (a running ledger, a broker, a wheel) is rarely made twice.
TWO_PROCESSES = ["--numprocesses=2", "--dist=worksteal"]
REQUIREMENTS = {False: ROOT / "infra" / "requirements" / "run.txt", True: ROOT / "infra" / "requirements" / "test.txt"}


def main() -> int:
    """Parse the command line, set up, run; return the exit code."""
    if sys.version_info < PYTHON_MIN:
        needed = ".".join(map(str, PYTHON_MIN))
        sys.exit(f"The ledger needs Python {needed} or later; this is {sys.version.split()[0]}.")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="the virtual environment (default: .venv)")
    parser.add_argument("command", help="demo, up, test, setup, or any command of notification-ledger")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on as they are")
    asked = parser.parse_args()
    commands = set_up(asked.venv.resolve(), with_tests=asked.command in {"test", "setup"})
    if asked.command == "setup":
        return 0
    if asked.command == "test":
        return run_tests(commands, asked.arguments)
    return run([commands / "notification-ledger", asked.command, *asked.arguments])


def set_up(folder: Path, *, with_tests: bool) -> Path:
    """Make the virtual environment hold what the pinned requirements say; return the folder of its commands."""
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    stamp = folder / "installed"
    requirements = REQUIREMENTS[with_tests]
    wanted = digest(requirements, ROOT / "pyproject.toml")
    had = stamp.read_text(encoding="utf-8").split() if stamp.exists() else []
    usable = (commands / "python").exists() or (commands / "python.exe").exists()
    if usable and wanted in had:
        return commands
    started = time.monotonic()
    say(f"Setting up {folder} (once; about a minute) ...")
    # Without a stamp no set-up ever ended here, and what one left that was cut short may lack pip.
    if not (usable and (had or has_pip(commands))):
        make_environment(folder)
    pip = [commands / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    # Everything with its hash; then the project itself, built by the pinned build backend, with nothing else fetched.
    for arguments in (
        ["--require-hashes", "--requirement", requirements],
        ["--no-deps", "--no-build-isolation", "--editable", ROOT],
    ):
        code = run([*pip, *arguments])
        if code:
            sys.exit(f"Setting up failed (pip ended with {code}). Check the network, then run the same command again.")
    # What the tests need includes what running needs.
    stamp.write_text(f"{wanted} {digest(REQUIREMENTS[False], ROOT / 'pyproject.toml')}", encoding="utf-8")
    say(f"Set up in {time.monotonic() - started:.0f} s.")
    return commands


def has_pip(commands: Path) -> bool:
    """Say whether the environment's pip answers."""
    try:
        asked = subprocess.run([str(commands / "python"), "-m", "pip", "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0


def make_environment(folder: Path) -> None:
    """Make the virtual environment again; exit, and leave everything as it is, where something else lies."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        sys.exit(
            f"{folder} holds files and is no virtual environment (it has no pyvenv.cfg); nothing in it was changed.\n"
            "Name another folder with --venv, or empty this one."
        )
    try:
        venv.create(folder, with_pip=True, clear=True, symlinks=os.name != "nt")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        advice = "\nOn Debian and Ubuntu its parts are a package of their own: apt install python3-venv."
        sys.exit(
            f"No virtual environment could be made at {folder} ({error})."
            + (advice if sys.platform.startswith("linux") else "")
        )


def run_tests(commands: Path, arguments: list[str]) -> int:
    """Run every check, or, with arguments, pytest alone with these and no others; return 0 only if all passed."""
    pytest = [commands / "python", "-m", "pytest"]
    if arguments:
        return run([*pytest, *arguments])
    checks = {
        "lint": [commands / "ruff", "check", "."],
        "format": [commands / "ruff", "format", "--check", "."],
        "types": [commands / "mypy"],
        "layers": [commands / "lint-imports"],
        "tests": [*pytest, *(TWO_PROCESSES if (os.cpu_count() or 1) > 1 else [])],
    }
    failed = []
    for name, command in checks.items():
        say(f"== {name}: {' '.join(map(str, [Path(command[0]).name, *command[1:]]))}")
        if run(command):
            failed.append(name)
    say(f"Failed: {', '.join(failed)}." if failed else "All checks passed.")
    return 1 if failed else 0


def run(command: list[str | Path]) -> int:
    """Run a command from the project's root and return its exit code; Ctrl-C is the command's to handle."""
    with subprocess.Popen([str(part) for part in command], cwd=ROOT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def digest(*files: Path) -> str:
    """Return SHA-256 over the content of the files, hexadecimal."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def say(line: str) -> None:
    """Print a line to standard error at once."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
