"""A dialect that answers one thing, and the acceptance commands on tests of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from .mapping import ROOT

COMMAND_SECONDS_MAX: Final = 120

PRETENDED: Final = """
import pytest
from starlette.responses import JSONResponse

from tests.acceptance.answers import Answers
from tests.loopback import Servers

EVENT = {"eventID": "e1", "title": "t", "channels": ["EMAIL"], "createdBy": {"name": "n"}}

@pytest.fixture(scope="module")
def client(answers):
    with Servers() as servers:
        yield servers.serve(answers.around(JSONResponse({"notificationEvents": [EVENT]})))

def event(client):
    return client.get("/suger/x").json()["notificationEvents"][0]
"""
"""The beginning of a test file: its client asks a dialect, whatever the path says, that has one event."""


def run_command(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this folder."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def run_pretended(
    folder: Path, tests: str, *options: str, module: str = "tests.acceptance"
) -> subprocess.CompletedProcess[str]:
    """Run a command on tests of the pretended dialect, in a file of the folder."""
    path = folder / "test_pretended.py"
    path.write_text(PRETENDED + tests, encoding="utf-8")
    return run_command(module, *options, str(path))
