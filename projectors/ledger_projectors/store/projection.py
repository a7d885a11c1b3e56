"""Projections: named, versioned read models, each a directory of SQL that this package ships."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Self

import duckdb

_CONDITION: Final = "-- Only when there is a row in "
"""How a statement file begins that has nothing to do while a table is empty: most have, in a small batch."""


@dataclass(frozen=True, slots=True)
class Statements:
    """One statement file, parsed once, and the rows that it has something to do for (none: always).

    `only_when` is what follows FROM in a question whether there is such a row.
    """

    sql: str
    parsed: tuple[duckdb.Statement, ...]
    only_when: duckdb.Statement | None

    @classmethod
    def of(cls, text: str) -> Self:
        """Take the text of a statement file."""
        first, _, _ = text.partition("\n")
        rows = first.removeprefix(_CONDITION) if first.startswith(_CONDITION) else None
        # Rows are named by our own files.
        asked = duckdb.extract_statements(f"SELECT 1 FROM {rows} LIMIT 1")[0] if rows else None  # noqa: S608 - as said above
        return cls(text, tuple(duckdb.extract_statements(text)), asked)

    def run(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Execute the statements, where there is something to do."""
        if self.only_when is not None and not connection.execute(self.only_when).fetchall():
            return
        for statement in self.parsed:
            connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Projection:
    """One read model: the SQL that makes its tables and its views, and the fold, statement files in order.

    `digest` is SHA-256 over tables and fold: two files with the same digests hold the same function of the log. Views
    are policies over the rows and have a digest of their own: changing one asks for no replay.
    """

    name: str
    version: int
    tables: tuple[str, ...]
    create_tables: str
    create_views: str
    fold: tuple[Statements, ...]
    digest: str
    views_digest: str


@cache
def lifecycle() -> Projection:
    """Return the projection of the notification lifecycle."""
    return _load("lifecycle")


@cache
def engine_statements(name: str) -> Statements:
    """Return one of the engine's own statement files, to be run."""
    return Statements.of(engine_sql(name))


@cache
def engine_sql(name: str) -> str:
    """Return one of the engine's own statement files (`stage`, `deduplicate`, ...)."""
    return files("ledger_projectors").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _load(name: str) -> Projection:
    room = files("ledger_projectors").joinpath("projections", name)
    manifest = tomllib.loads(room.joinpath("manifest.toml").read_text(encoding="utf-8"))
    steps = sorted(room.joinpath("fold").iterdir(), key=lambda step: step.name)
    fold = tuple(Statements.of(step.read_text(encoding="utf-8")) for step in steps if step.name.endswith(".sql"))
    tables = room.joinpath("tables.sql").read_text(encoding="utf-8")
    views = room.joinpath("views.sql").read_text(encoding="utf-8")
    return Projection(
        name=manifest["name"],
        version=manifest["version"],
        tables=tuple(manifest["tables"]),
        create_tables=tables,
        create_views=views,
        fold=fold,
        digest=hashlib.sha256("\0".join([tables, *(step.sql for step in fold)]).encode()).hexdigest(),
        views_digest=hashlib.sha256(views.encode()).hexdigest(),
    )
