"""The shape of each kind: which of its fields are ids, times and records, read off its current schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema

_UUID: Final = "uuid"
_TIME: Final = "timestamp-micros"


@dataclass(frozen=True, slots=True)
class Shape:
    """Field names of one kind, by what has to be done with them, in the order of the schema."""

    fields: tuple[str, ...]
    uuids: tuple[str, ...]
    times: tuple[str, ...]
    records: tuple[str, ...]
    record_lists: tuple[str, ...]


@cache
def shape_of(kind: Kind) -> Shape:
    """Return the shape of a kind."""
    fields = {field["name"]: _present(field["type"]) for field in current_schema(kind).document["fields"]}

    def those(logical: str) -> tuple[str, ...]:
        return tuple(n for n, t in fields.items() if isinstance(t, dict) and t.get("logicalType") == logical)

    return Shape(
        tuple(fields),
        those(_UUID),
        those(_TIME),
        tuple(n for n, t in fields.items() if isinstance(t, dict) and t["type"] == "record"),
        tuple(n for n, t in fields.items() if isinstance(t, dict) and isinstance(t.get("items"), dict)),
    )


def _present(node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return the type of a field that is there: the second branch of [null, type]."""
    return node[1] if isinstance(node, list) else node
