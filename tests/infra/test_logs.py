"""Log lines: one JSON object a line for programs, readable for people, calm while a library repeats itself."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from ledger_infra.logs import configure_logs
configure_logs("{log_format}", "info")
structlog.get_logger("ledger_projectors.projector").info("projector.batch_committed", position="t@0:1")
structlog.get_logger("ledger_projectors.projector").debug("projector.detail")
for attempt in range(100):
    logging.getLogger("aiokafka").error("Unable to update metadata from %s", [attempt])
logging.getLogger("aiokafka").info("a library's chatter")
"""


def lines(log_format: str) -> list[str]:
    """Return what the program logs to standard error, which is no terminal here."""
    program = PROGRAM.format(log_format=log_format)
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == ""
    return finished.stderr.splitlines()


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_programs_get_json(log_format: str) -> None:
    """Away from a terminal each line is one JSON object with event, level, logger and a UTC timestamp."""
    ours = json.loads(lines(log_format)[0])
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "projector.batch_committed",
        "level": "info",
        "logger": "ledger_projectors.projector",
        "position": "t@0:1",
    }


def test_people_get_a_readable_line() -> None:
    """The console form begins with the time and the level, and names the position."""
    line = lines("console")[0]
    assert "projector.batch_committed" in line
    assert "position=t@0:1" in line
    assert not line.startswith("{")


def test_a_library_that_repeats_itself_is_heard_once() -> None:
    """A hundred lines of one template are one line; lines below the level are none."""
    assert len(lines("json")) == 2
