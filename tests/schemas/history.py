"""What git knows of a file that may only grow: every line that any commit had in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def lines_ever_committed(path: Path) -> set[str]:
    """Return every line that the file had in any commit that this checkout knows, beginning with the first that had it.

    The calling test is skipped where git cannot tell: no git, no checkout, or a file that no commit has yet.
    """
    if shutil.which("git") is None:
        pytest.skip("there is no git to ask what has landed")
    commits = _git(path, "rev-list", "--full-history", "HEAD", "--", path.name)
    if not commits:
        pytest.skip(f"git knows no commit that has {path.name}")
    # A commit that removed the file is among them, and has no lines to give.
    texts = (_git(path, "show", f"{commit}:./{path.name}") for commit in commits.split())
    return {line for text in texts for line in text.splitlines()}


def lost_lines(path: Path) -> set[str]:
    """Return the lines that some commit had and the file as it lies here has not. Nothing that landed is ever lost."""
    return lines_ever_committed(path) - set(path.read_text(encoding="ascii").splitlines())


def say_if_shallow(path: Path) -> None:
    """Skip, saying so, where a shallow clone knows the newest commits only: what it knows was asked before."""
    if _git(path, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("a shallow clone: the commits that it has were asked, older ones it does not know")


def _git(path: Path, *arguments: str) -> str:
    """Return what git says, in the folder of a file; nothing if it refuses."""
    command = ["git", "-C", str(path.parent), *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout
