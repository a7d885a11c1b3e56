"""Opens the file of a read model for reading, while no process writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from ledger_queries.reading import open_reading
from ledger_schemas.errors import DataDirectoryInUse, SettingInvalid

_TAKEN: Final = ("could not set lock", "being used by another process")
"""What DuckDB says on POSIX and on Windows when another process has the file."""

REBUILD_HINT: Final = (
    "Name the ledger's data directory with --data-dir; a read model can always be rebuilt from the log."
)


@contextmanager
def open_read_only(path: Path, *, instead: str, unreadable: str = REBUILD_HINT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the read model at `path`; `instead` is the hint when another process has it.

    `unreadable` is the hint when it is no read model of this version. Raises DataDirectoryInUse when another process
    has it, and SettingInvalid when there is no file or this version cannot open it.
    """
    if not path.is_file():
        raise SettingInvalid(
            f"data_dir: there is no read model at {path}, and no API runs on it.",
            hint="Start the ledger first with `notification-ledger up`, or name its data directory with --data-dir.",
            field="data_dir",
        )
    try:
        connection = duckdb.connect(path, read_only=True)
    except duckdb.Error as error:
        if not any(words in str(error).lower() for words in _TAKEN):
            raise _unreadable(path, unreadable) from None
        raise DataDirectoryInUse(
            f"Another process has the read model {path}, and no API of it answers.", hint=instead, field="data_dir"
        ) from None
    with connection:
        try:
            with open_reading(connection.cursor):
                pass
        except duckdb.CatalogException:
            raise _unreadable(path, unreadable) from None
        yield connection


def _unreadable(path: Path, hint: str) -> SettingInvalid:
    return SettingInvalid(
        f"data_dir: {path} is not a read model that this version can open.",
        hint=hint,
        field="data_dir",
    )
