"""The mapping of the vendors' fields to the ledger, read from its files; and what of a vendor is to be mapped."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from ledger_projectors.store.projection import engine_sql, lifecycle

ROOT: Final = Path(__file__).parents[2]
MAPPING: Final = ROOT / "schemas/mapping"
SAMPLES: Final = ROOT / "infra/ledger_infra/demo/samples"
ACCEPTANCE: Final = Path(__file__).with_name("acceptance.md")
FIELDS: Final = Path(__file__).with_name("fields")

VENDORS: Final = {"suger": "S1", "realtimeregister": "S2", "novu": "S3", "nextinteract": "S4", "easir": "S5"}
"""Each vendor and how the ids of its rows in the acceptance table begin."""

_ROW: Final = re.compile(r"^\| (S[1-5]-\d\d) \|", re.MULTILINE)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Field(_Row):
    """One field of a vendor's document and where in the ledger its value lies: the first of `ledger` that is there."""

    vendor: str
    acceptance: list[str]
    ledger: list[str]
    note: str = ""


class DataKey(_Row):
    """One key of free-form data: where it lies, the JSON type of its value, and what it is."""

    ledger: str
    type: Literal["string", "boolean", "integer", "number", "object", "array"]
    doc: str


class Behaviour(_Row):
    """Rows of the acceptance table that name no field, and what of the ledger carries them."""

    acceptance: list[str]
    carries: str


class Mapping(_Row):
    """One vendor's mapping."""

    vendor: str
    document: str
    field: list[Field]
    data_key: list[DataKey]
    behaviour: list[Behaviour]


@cache
def mapping(vendor: str) -> Mapping:
    """Return a vendor's mapping."""
    return Mapping.model_validate(tomllib.loads((MAPPING / f"{vendor}.toml").read_text(encoding="utf-8")))


def acceptance_ids() -> list[str]:
    """Return the ids of the acceptance table in its order."""
    return _ROW.findall(ACCEPTANCE.read_text(encoding="utf-8"))


def listed_fields(vendor: str) -> list[str]:
    """Return the fields that the vendor's own documents list, as paths; [] stands for each item of a list."""
    lines = (FIELDS / f"{vendor}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def sample_leaves(vendor: str) -> Iterator[tuple[str, Any]]:
    """Walk over the leaves of the vendor's sample notifications: path and value."""
    document = json.loads((SAMPLES / f"{vendor}.json").read_text(encoding="utf-8"))
    for sample in document["samples"]:
        yield from leaves(sample["notification"])


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Walk over what is neither an object nor a list, or is an empty one, with its path."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield (f"{path}[]" if isinstance(value, list) else path), value


def row_of(rows: list[Field], path: str, free_form: set[str]) -> Field | None:
    """Return the row that maps a path: its own, else the nearest above it that is free-form data as a whole."""
    by_path = {row.vendor: row for row in rows}
    if path in by_path:
        return by_path[path]
    above = [row for row in rows if path.startswith((f"{row.vendor}.", f"{row.vendor}[]"))]
    whole = [row for row in above if free_form & set(row.ledger)]
    return max(whole, key=lambda row: len(row.vendor), default=None)


@cache
def columns() -> frozenset[str]:
    """Return the columns of the read model that people query, as view.column."""
    projection = lifecycle()
    with duckdb.connect() as connection:
        for statements in (engine_sql("engine_tables"), projection.create_tables, projection.create_views):
            connection.execute(statements)
        found = connection.execute(
            "SELECT table_name || '.' || column_name FROM duckdb_columns() "
            "WHERE table_name IN (SELECT view_name FROM duckdb_views() WHERE NOT internal)"
        ).fetchall()
    return frozenset(name for (name,) in found)
