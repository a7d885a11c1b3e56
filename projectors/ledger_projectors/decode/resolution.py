"""Avro's schema resolution for whole columns, as far as versions of the contract need it: the rest is fastavro's.

Fields are found by name. One that the reader does not know is dropped, one that the writer did not have gets the
reader's default (Avro 1.12 specification, "Schema Resolution"). No type is promoted to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ledger_projectors.decode.event_columns import arrow_type


@dataclass(frozen=True, slots=True)
class Target:
    """How one column of the reader is made: out of the writer's column `source`, or, without one, of `default`.

    `parts` make the columns inside it: the fields of a record, or the items of an array.
    """

    name: str
    as_type: pa.DataType
    source: int | None
    default: Any = None
    parts: tuple[Target, ...] = ()


class UnresolvedError(Exception):
    """Two schemas that only fastavro can bring together, if anybody."""


def resolve(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> tuple[Target, ...]:
    """Return how the fields of the reader's record are made out of those of the writer's, in the reader's order.

    Both are Avro records as JSON; types are as `arrow_type` has them for the reader. Raises UnresolvedError.
    """
    if _short_name(writer) != _short_name(reader):
        raise UnresolvedError
    indexes = {field["name"]: number for number, field in enumerate(writer["fields"])}
    return tuple(
        _written(field, indexes[field["name"]], writer["fields"][indexes[field["name"]]]["type"])
        if field["name"] in indexes
        else _missing(field)
        for field in reader["fields"]
    )


def resolved(targets: Iterable[Target], columns: Sequence[pa.Array], rows: int) -> list[pa.Array]:
    """Return the reader's columns of `rows` rows out of the writer's. Nothing that was written is copied."""
    return [_column(target, columns, rows) for target in targets]


def _written(field: Mapping[str, Any], index: int, writer: Any) -> Target:  # noqa: ANN401 - a schema is any JSON
    (written, writer_nullable), (wanted, reader_nullable) = _present(writer), _present(field["type"])
    if writer_nullable and not reader_nullable:
        raise UnresolvedError
    parts: tuple[Target, ...] = ()
    match written, wanted:
        case {"type": "record"}, {"type": "record"}:
            parts = resolve(written, wanted)
        case {"type": "array"}, {"type": "array"}:
            parts = (_written({"name": "item", "type": wanted["items"]}, 0, written["items"]),)
        case str(), str() if written == wanted:
            pass
        case _:
            raise UnresolvedError
    return Target(field["name"], arrow_type(field["type"]), index, parts=parts)


def _missing(field: Mapping[str, Any]) -> Target:
    # A field that was renamed is found by its alias: rare enough to leave to fastavro.
    if "default" not in field or "aliases" in field:
        raise UnresolvedError
    return Target(field["name"], arrow_type(field["type"]), None, field["default"])


def _column(target: Target, columns: Sequence[pa.Array], rows: int) -> pa.Array:
    if target.source is None:
        if target.default is None:
            return pa.nulls(rows, target.as_type)
        return pa.array([target.default] * rows, target.as_type)
    column = columns[target.source]
    if not target.parts:
        return column if column.type == target.as_type else column.view(target.as_type)
    if pa.types.is_list(column.type):
        # Where the lists begin is kept, and so is which of them are null.
        kept, inner = 2, [column.values]
    else:
        kept, inner = 1, [column.field(number) for number in range(column.type.num_fields)]
    children = resolved(target.parts, inner, len(inner[0]))
    buffers = column.buffers()[:kept]
    return pa.Array.from_buffers(target.as_type, len(column), buffers, column.null_count, column.offset, children)


def _present(node: Any) -> tuple[Any, bool]:  # noqa: ANN401 - as above
    """Return the type, without logical types, of a field that is there, and whether it may be absent."""
    match node:
        case ["null", present] | [present, "null"]:
            return _present(present)[0], True
        case {"type": str(primitive)} if primitive not in {"record", "array"}:
            return primitive, False
    return node, False


def _short_name(record: Mapping[str, Any]) -> str:
    """Return the name without its namespace, which one document may spell out and another not."""
    return str(record["name"]).rpartition(".")[2]
