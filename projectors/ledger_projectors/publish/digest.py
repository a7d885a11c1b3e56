"""A digest of what a read model says, the same for the same content whatever the order of its rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import duckdb

from ledger_projectors.directory import tables as directory
from ledger_projectors.store.log_positions import read_position
from ledger_projectors.store.projection import lifecycle
from ledger_schemas.positions import Position

_NUMBERED_BY_FILE: Final = ("n", "version", "seen_events", "seen_elsewhere")
"""Columns that no digest speaks of: numbers of notifications and rows, and which hashes stand on a row, depend on how
the log was cut into batches."""

_WITH_STATED: Final = ("notification_rows", "inbox_entry_rows")
"""Tables with the column `stated`."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Row counts and checksums per table, one text over all of it, and the position that it speaks of."""

    position: Position
    tables: dict[str, tuple[int, str]]
    text: str


def digest_read_model(connection: duckdb.DuckDBPyConnection) -> Digest:
    """Return the digest of history, the folded tables, duplicates, quarantine and the directory, in one snapshot.

    Per table: the number of rows, and the sum over all rows of the MD5 of the row's text, so that order plays no
    part and a doubled row does.
    """
    connection.execute("BEGIN")
    try:
        position = read_position(connection)
        names = ("events", *lifecycle().tables, "duplicates", "quarantine", *directory.TABLES)
        tables = {name: _table(connection, name) for name in names}
    finally:
        connection.execute("ROLLBACK")
    lines = [str(position), *(f"{name} {count} {checksum}" for name, (count, checksum) in tables.items())]
    return Digest(position, tables, hashlib.sha256("\n".join(lines).encode()).hexdigest())


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, str]:
    # In what order facts as stated lie plays no part, as that of rows.
    stated = ", list_sort(stated) AS stated" if name in _WITH_STATED else ""
    ((count, low, high),) = connection.execute(
        f"WITH decoded AS (SELECT COLUMNS(lambda c: NOT list_contains($left_out, c)){stated} FROM query_table($name)), "  # noqa: S608 - our own column
        "marked AS (SELECT md5_number(decoded::VARCHAR) AS mark FROM decoded) "
        "SELECT count(*), sum((mark % 18446744073709551616)::HUGEINT), sum((mark // 18446744073709551616)::HUGEINT) "
        "FROM marked",
        {"name": name, "left_out": [*_NUMBERED_BY_FILE, *(["stated"] if stated else [])]},
    ).fetchall()
    return count, f"{low or 0:x}.{high or 0:x}"
