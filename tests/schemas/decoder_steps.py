"""The steps of a decoder over a record, counted: whatever schema and bytes it is given, and however long it takes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def steps(parsed: Any, body: bytes) -> Iterator[None]:  # noqa: ANN401 - a schema is any JSON
    """Yield at each node that a decoder comes to, to the end of the record or to the byte that is missing or wrong."""
    with suppress(EOFError, IndexError):
        yield from _steps_of(parsed, io.BytesIO(body), {})


def _steps_of(node: Any, source: io.BytesIO, named: dict[str, Any]) -> Iterator[None]:  # noqa: ANN401 - as above
    node = named.get(node, node) if isinstance(node, str) else node
    yield
    match node:
        case list():
            yield from _steps_of(node[_long(source)], source, named)
        case {"type": "record", "name": name, "fields": fields}:
            named[name] = node
            for field in fields:
                yield from _steps_of(field["type"], source, named)
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            while number := abs(_long(source)):
                for _ in range(number):
                    _take(source, _long(source) if node["type"] == "map" else 0)
                    yield from _steps_of(inner, source, named)
        case "boolean":
            _take(source, 1)
        case "string" | "long":
            number = _long(source)
            _take(source, number if node == "string" else 0)


def _take(source: io.BytesIO, size: int) -> bytes:
    taken = source.read(max(0, size))
    if len(taken) != size:
        raise EOFError
    return taken


def _long(source: io.BytesIO) -> int:
    value = shift = 0
    more = True
    while more:
        byte = _take(source, 1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        more = byte > 0x7F
    return (value >> 1) ^ -(value & 1)
