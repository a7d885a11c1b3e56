"""The columns of a decoded batch: those of the table `events`, read off the current schema of every kind."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema

TIME: Final = pa.timestamp("us", tz="UTC")

_PRIMITIVES: Final = {"string": pa.string(), "boolean": pa.bool_(), "long": pa.int64()}


def arrow_type(node: Any) -> pa.DataType:  # noqa: ANN401 - a schema is any JSON
    """Return how a column holds one type of a schema: times as TIME, ids as text, everything may be null.

    Raises KeyError for a type that the contract does not use: it needs its column, and the table `events` its own.
    """
    match node:
        case ["null", present] | [present, "null"]:
            return arrow_type(present)
        case {"logicalType": "timestamp-micros"}:
            return TIME
        case {"type": "record", "fields": fields}:
            return pa.struct([(field["name"], arrow_type(field["type"])) for field in fields])
        case {"type": "array", "items": items}:
            return pa.list_(arrow_type(items))
        case {"type": str(primitive)} | str(primitive):
            return _PRIMITIVES[primitive]
    raise KeyError(str(node))


def _event_fields() -> dict[str, pa.DataType]:
    """Return every field of every kind, in order of first appearance: the envelope, which all begin with, first."""
    found: dict[str, pa.DataType] = {}
    for kind in Kind:
        for field in current_schema(kind).document["fields"]:
            column = arrow_type(field["type"])
            if found.setdefault(field["name"], column) != column:
                # History has one column for a field, whichever kinds carry it.
                raise TypeError(f"{kind}.{field['name']} is a {column}, and something else in a kind before it")
    return found


EVENT_SCHEMA: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("recorded_at", TIME),
        ("log_partition", pa.int32()),
        ("log_offset", pa.int64()),
        *_event_fields().items(),
    ]
)
"""What the decoder adds of the log itself, then the fields of the events. Ids are text: DuckDB makes UUIDs of them."""
