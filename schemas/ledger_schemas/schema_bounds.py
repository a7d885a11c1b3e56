"""Which writer schemas a decoder can be given: those whose records can make it neither loop nor recurse without end.

A store hands over whatever somebody published. With a record that contains itself, a megabyte of bytes nests so deeply
that a decoder written in C overflows its stack; with an array of items that take no bytes, ten bytes state 2^62 items.
"""

from __future__ import annotations

from typing import Any, Final

from ledger_schemas.errors import SchemaUnusable

_NO_BYTES: Final = 0
_A_BYTE: Final = 1
_HINT: Final = "Events of the ledger have neither; publish the schema that they were written with."


def check_bounded(parsed: Any) -> None:  # noqa: ANN401 - a schema is any JSON
    """Check a schema in fastavro's form. Raises SchemaUnusable that names the record or says what the array lacks."""
    _least_bytes(parsed, frozenset(), {})


def _least_bytes(node: Any, around: frozenset[str], seen: dict[str, int]) -> int:  # noqa: ANN401 - as above
    """Return whether a value takes a byte at least; `around` are the records that it lies in, `seen` those before."""
    match node:
        case list():
            for branch in node:
                _least_bytes(branch, around, seen)
            return _A_BYTE
        case {"type": "record" | "error", "name": name, "fields": fields}:
            each = [_least_bytes(field["type"], around | {name}, seen) for field in fields]
            seen[name] = max(each, default=_NO_BYTES)
            return seen[name]
        case {"type": "array", "items": items}:
            if _least_bytes(items, around, seen) == _NO_BYTES:
                raise SchemaUnusable("The schema has an array of items that take no bytes.", hint=_HINT)
        case {"type": "map", "values": values}:
            _least_bytes(values, around, seen)
        case {"type": "fixed", "name": name, "size": 0}:
            seen[name] = _NO_BYTES
            return _NO_BYTES
        case {"type": str(simple)} | str(simple):
            if simple in around:
                raise SchemaUnusable(f"The record {simple} of the schema contains itself.", hint=_HINT)
            return _NO_BYTES if simple == "null" else seen.get(simple, _A_BYTE)
    return _A_BYTE
