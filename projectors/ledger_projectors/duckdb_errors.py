"""Which failures of DuckDB may pass by themselves: those the projector tries again, any other stops it."""

from __future__ import annotations

from typing import Final

import duckdb

_NO_ROOM: Final = (duckdb.IOException, duckdb.OutOfMemoryException)
_CUT_FILE: Final = "Could not read"
_NO_ROOM_FOR_WAL: Final = "Could not write file"
_READERS_IN_THE_WAY: Final = "Cannot CHECKPOINT"


def may_pass(error: duckdb.Error) -> bool:
    """Say whether the same call may succeed later, when there is room again, or no reader is in the way.

    As DuckDB 2.0 reports it: memory and temporary files without room are OutOfMemoryException or IOException, a COMMIT
    without room for the write-ahead log is TransactionException, and so is a CHECKPOINT that an open reader prevents.
    A file that was cut short is an IOException too, a corrupt block a plain Error: neither heals.
    """
    if isinstance(error, duckdb.TransactionException):
        return _NO_ROOM_FOR_WAL in str(error) or _READERS_IN_THE_WAY in str(error)
    return isinstance(error, _NO_ROOM) and _CUT_FILE not in str(error)
