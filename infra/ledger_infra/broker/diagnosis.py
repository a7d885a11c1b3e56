"""Turn what a JVM wrote before it ended into the error that says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ledger_schemas.errors import BrokerStartFailed, DataDirectoryInUse, LedgerError, MemoryInsufficient, PortTaken

TAIL_BYTES: Final = 64 << 10
"""How much of the end of a log is looked at."""

LINES_SHOWN: Final = 4

_TELLING: Final = re.compile(r" (ERROR|FATAL) |^(Error|Exception|Caused by|#)|Exception:|Error:")


def explain_exit(what: str, log_file: Path, output_file: Path) -> LedgerError:
    """Return the error to raise after a JVM ended unasked. `what` begins the sentence: "Kafka ended with code 1"."""
    text = _tail(output_file) + _tail(log_file)
    shown = last_lines(log_file, output_file)
    if re.search(r"Address already in use", text):
        return PortTaken(
            f"{what}: one of its loopback ports was taken.", hint="Stop what listens there, or choose another port."
        )
    if re.search(r"Failed to acquire lock on file", text):
        return DataDirectoryInUse(
            f"{what}: another broker uses {log_file.parent}.", hint="Stop it, or choose another data directory."
        )
    if re.search(r"Could not reserve enough space|insufficient memory for the Java|Cannot allocate memory", text):
        return MemoryInsufficient(f"{what}: {shown}", hint="Free some memory, or use a broker on another machine.")
    return BrokerStartFailed(f"{what}: {shown}", hint=f"The whole log is {log_file}.")


def last_lines(log_file: Path, output_file: Path) -> str:
    """Return the telling lines of both files, or else the last ones of the log, in one line.

    In what the JVM itself writes, the reason follows the line that says "Error"; in Kafka's log every line has a level.
    """
    output, log = _lines(output_file), _lines(log_file)
    first = next((number for number, line in enumerate(output) if _TELLING.search(line)), len(output))
    telling = output[first : first + LINES_SHOWN] + [line for line in log if _TELLING.search(line)][-LINES_SHOWN:]
    return " | ".join(telling or log[-LINES_SHOWN:]) or "it wrote nothing."


def _lines(path: Path) -> list[str]:
    """Return the end of a file line by line, without blank lines and those of stack traces."""
    lines = (line.strip() for line in _tail(path).splitlines())
    return [line for line in lines if line and not line.startswith("at ")]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - TAIL_BYTES, 0))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
