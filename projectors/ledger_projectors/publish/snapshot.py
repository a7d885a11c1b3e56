"""Snapshots: a copy of the read model at a stated position, in a file that older DuckDB tools open too."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import duckdb

from ledger_projectors.store.log_positions import read_position
from ledger_schemas.file_publishing import publish_file, taken
from ledger_schemas.positions import Position

STORAGE_VERSION: Final = "v1.5.0"
"""The DuckDB storage version of snapshots: the oldest that the tools of analysts are expected to have."""


NOT_FOR_ANALYSTS: Final = ("directory_keys", "directory_devices")
"""Tables that are empty in a snapshot: hashes of credentials, and the tokens of people's devices."""


def publish_snapshot(connection: duckdb.DuckDBPyConnection, path: Path) -> Position:
    """Write everything that `connection` sees to a new file at `path`; return the position that it states.

    The file appears under its name only when it is complete and on the disk. Raises BadRequest when `path` exists
    already, OSError and duckdb.Error when it cannot be written.
    """
    if path.exists():
        raise taken(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder and a name of its own: two snapshots at a time, and what a killed one left, are in nobody's way.
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.unfinished-", dir=path.parent))
    unfinished, copy = folder / path.name, _name(folder.name)
    try:
        ((source,),) = connection.execute("SELECT current_database()").fetchall()
        # Identifiers and paths cannot be parameters here: both are quoted.
        connection.execute(
            f"ATTACH {_text(str(unfinished))} AS {copy} (READ_WRITE, STORAGE_VERSION '{STORAGE_VERSION}')"
        )
        try:
            connection.execute(f"COPY FROM DATABASE {_name(source)} TO {copy}")
            connection.execute(f"USE {copy}")
            for table in NOT_FOR_ANALYSTS:
                connection.execute(f"DELETE FROM {_name(table)}")  # noqa: S608 - our own names
            position = read_position(connection)
        finally:
            connection.execute(f"USE {_name(source)}")
            connection.execute(f"DETACH {copy}")
        publish_file(unfinished, path)
    finally:
        shutil.rmtree(folder)
    return position


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
