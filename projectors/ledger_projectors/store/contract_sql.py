"""SQL that follows from the contract: what stands in the place of a comment such as `/* kinds */` in a .sql file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from ledger_projectors.decode.event_columns import EVENT_SCHEMA, TIME
from ledger_projectors.decode.staging import CONTENT_COLUMNS, DETAIL_COLUMNS, UUID_COLUMNS
from ledger_projectors.fold.contents import CONTENT
from ledger_projectors.fold.facts import DECLARED, FACTS, FAILED_PERMANENTLY, OF_NOTIFICATIONS
from ledger_projectors.fold.rows import DATED
from ledger_schemas.kinds import Kind

_PLACEHOLDER: Final = re.compile(r"/\* (?P<name>[a-z ]+) \*/")
_SCALARS: Final[Mapping[Any, str]] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    TIME: "TIMESTAMPTZ",
}


def expanded(sql: str) -> str:
    """Return a statement file with what the contract states in it. Raises KeyError for an unknown comment."""
    return _PLACEHOLDER.sub(lambda found: _EXPANSIONS[found["name"]](), sql)


def _texts(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _columns(names: Iterable[str]) -> str:
    return ",\n    ".join(f'"{name}" {_type_of(name)}' for name in names)


def _type_of(column: str) -> str:
    return "UUID" if column in UUID_COLUMNS else _duckdb_type(EVENT_SCHEMA.field(column).type)


def _duckdb_type(of: pa.DataType) -> str:
    if pa.types.is_list(of):
        return f"{_duckdb_type(of.value_type)}[]"
    if pa.types.is_struct(of):
        return "STRUCT (" + ", ".join(f'"{field.name}" {_duckdb_type(field.type)}' for field in of) + ")"
    return _SCALARS[of]


def _facts(of_notifications: bool) -> str:  # noqa: FBT001 - the one question
    """Return three columns for each fact that rows show: of notifications, or of what lies below them."""
    hidden = {FAILED_PERMANENTLY, DECLARED, *(() if of_notifications else OF_NOTIFICATIONS)}
    return "\n    ".join(_columns_of(name) for name in FACTS if name not in hidden)


def _columns_of(fact: str) -> str:
    first = f"r.first_{fact}_at" if fact in DATED else f"fact_of(r.facts, '{fact}').first_at AS first_{fact}_at"
    return (
        f"{first}, fact_of(r.facts, '{fact}').last_at AS last_{fact}_at, "
        f"coalesce(fact_of(r.facts, '{fact}').count, 0)::BIGINT AS {fact}_count,"
    )


_EXPANSIONS: Final[Mapping[str, Callable[[], str]]] = {
    "kinds": lambda: _texts(Kind),
    "facts": lambda: _texts(FACTS),
    "columns of contents": lambda: _columns(CONTENT_COLUMNS),
    "columns of details": lambda: _columns(DETAIL_COLUMNS),
    "columns of content": lambda: _columns(CONTENT),
    "facts of notifications": lambda: _facts(of_notifications=True),
    "facts of inbox entries": lambda: _facts(of_notifications=False),
    "facts of deliveries": lambda: _facts(of_notifications=False),
}
