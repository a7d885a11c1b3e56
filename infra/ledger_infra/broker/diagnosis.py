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
    shown = _shown(text)
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
    """Return the last telling lines of both files, in one line."""
    return _shown(_tail(output_file) + _tail(log_file))


def _shown(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    telling = [line for line in lines if _TELLING.search(line)]
    return " | ".join((telling or lines)[-LINES_SHOWN:]) or "it wrote nothing."


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - TAIL_BYTES, 0))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
