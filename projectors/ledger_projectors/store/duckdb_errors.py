"""Which failures of DuckDB may pass by themselves: those the projector tries again, any other stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

_NO_ROOM: Final = (duckdb.IOException, duckdb.OutOfMemoryException)
_CUT_FILE: Final = "Could not read"
_NO_ROOM_FOR_WAL: Final = "Could not write file"
_READERS_IN_THE_WAY: Final = "Cannot CHECKPOINT"


_FROM_THE_SYSTEM: Final = (duckdb.IOException, duckdb.TransactionException)


def log_fields(error: duckdb.Error, path: Path) -> dict[str, str]:
    """Return what a log line says of a failure that may pass: its class, which file, and what to do.

    What DuckDB says itself is among them where the operating system or the transaction manager said it: it names files.
    Any other message may hold a value.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        hint = "It is tried again. Give the process more memory, or its temporary files more room."
    elif _READERS_IN_THE_WAY in str(error):
        hint = "It is tried again after the next batch. Somebody has been reading all the while: end that."
    else:
        hint = "It is tried again. Look at the disk: its room, and whether it can be written."
    reason = {"reason": str(error).splitlines()[0]} if isinstance(error, _FROM_THE_SYSTEM) else {}
    return {"cause": type(error).__name__, "path": str(path), **reason, "hint": hint}


def may_pass(error: duckdb.Error) -> bool:
    """Say whether the same call may succeed later, when there is room again, or no reader is in the way.

    As DuckDB 2.0 reports it: memory and temporary files without room are OutOfMemoryException or IOException, a COMMIT
    without room for the write-ahead log is TransactionException, and so is a CHECKPOINT that an open reader prevents.
    A file that was cut short is an IOException too, a corrupt block a plain Error: neither heals.
    """
    if isinstance(error, duckdb.TransactionException):
        return _NO_ROOM_FOR_WAL in str(error) or _READERS_IN_THE_WAY in str(error)
    return isinstance(error, _NO_ROOM) and _CUT_FILE not in str(error)
