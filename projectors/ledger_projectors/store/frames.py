"""Frames into DuckDB and out of it: statements parsed once, sources registered once, types that the fold knows."""

from __future__ import annotations

from typing import Any, Final

import duckdb
import polars as pl
from polars import DataFrame

from ledger_projectors.fold.facts import FACT
from ledger_projectors.fold.frames import KIND

_ENUMS: Final = {"kind": KIND, "fact": FACT}


class _Source:
    """What a statement reads under a name: the frame that it holds then."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


class Frames:
    """A connection of DuckDB that takes and gives frames. A frame keeps its columns and types under its name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use the writer's connection. It gives ids as their 16 bytes from here on, not as texts."""
        connection.execute("SET arrow_lossless_conversion = true")
        self._connection = connection
        self._sources: dict[str, _Source] = {}
        self._parsed: dict[str, duckdb.Statement] = {}
        self._casts: dict[str, list[pl.Expr]] = {}
        self._empty: dict[str, DataFrame] = {}

    def run(self, sql: str, **given: DataFrame) -> None:
        """Run a statement that reads the given frames under their names."""
        self._register(given)
        self._connection.execute(self._statement(sql))

    def read(self, sql: str, **given: DataFrame) -> DataFrame:
        """Return what a query gives, of the given frames among others."""
        self._register(given)
        # A relation: DuckDB copies the rows of a result once more to give them as Arrow.
        frame = DataFrame(self._connection.sql(self._statement(sql)))
        casts = self._casts.get(sql)
        if casts is None:
            casts = self._casts[sql] = [
                cast for name, type_ in frame.schema.items() if (cast := _cast(name, type_)) is not None
            ]
        return frame.with_columns(casts)

    def empty(self, sql: str) -> DataFrame:
        """Return what a query without a row gives; it is asked once."""
        if sql not in self._empty:
            self._empty[sql] = self.read(sql)
        return self._empty[sql]

    def rolled_back(self) -> None:
        """Register sources again: what was registered in a transaction is gone with it."""
        self._sources.clear()

    def _register(self, given: dict[str, DataFrame]) -> None:
        for name, frame in given.items():
            if name in self._sources:
                self._sources[name].frame = frame
            else:
                self._sources[name] = _Source(frame)
                self._connection.register(name, self._sources[name])

    def _statement(self, sql: str) -> duckdb.Statement:
        if sql not in self._parsed:
            (self._parsed[sql],) = duckdb.extract_statements(sql)
        return self._parsed[sql]


def _cast(name: str, type_: pl.DataType) -> pl.Expr | None:
    """Return how a column becomes one of the fold's types; None: it is one."""
    if isinstance(type_, pl.BaseExtension):
        return pl.col(name).ext.storage().cast(pl.Boolean)
    wanted = _wanted(name, type_)
    return None if wanted == type_ else pl.col(name).cast(wanted)


def _wanted(name: str, type_: Any) -> Any:  # noqa: ANN401 - a type of Polars is a class or an instance
    match type_:
        case pl.List():
            return pl.List(_wanted(name, type_.inner))
        case pl.Struct():
            return pl.Struct({field.name: _wanted(field.name, field.dtype) for field in type_.fields})
        case pl.Categorical():
            return _ENUMS[name]
    return type_


def hash_of(id_column: str) -> pl.Expr:
    """Return 64 bits of ids: the first half XOR the second."""
    halves = [pl.col(id_column).bin.slice(at, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big") for at in (0, 8)]
    return halves[0] ^ halves[1]
