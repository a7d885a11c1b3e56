"""Avro from its 1.12 specification, by hand: canonical form, CRC-64-AVRO, a strict reader; to judge fastavro by."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

CRC_EMPTY: Final = 0xC15D213AA4D7A795

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_KEPT: Final = ("name", "type", "fields", "symbols", "items", "values", "size")
"""The attributes that matter to a parser, in the order of the canonical form."""


def crc_64_avro(data: bytes) -> bytes:
    """Return the 8 bytes of the specification's 64-bit Rabin fingerprint, little-endian."""
    fingerprint = CRC_EMPTY
    for byte in data:
        fingerprint ^= byte
        for _ in range(8):
            fingerprint = (fingerprint >> 1) ^ (CRC_EMPTY if fingerprint & 1 else 0)
    return fingerprint.to_bytes(8, "little")


def canonical_form(schema: object) -> bytes:
    """Return the parsing canonical form of a schema document, as UTF-8."""
    return _canonical(schema, "").encode()


def _canonical(schema: object, namespace: str) -> str:
    if isinstance(schema, str):
        return json.dumps(schema if schema in PRIMITIVES or "." in schema else f"{namespace}.{schema}".lstrip("."))
    if isinstance(schema, Sequence):
        return f"[{','.join(_canonical(branch, namespace) for branch in schema)}]"
    assert isinstance(schema, Mapping)
    if schema["type"] in PRIMITIVES:
        return json.dumps(schema["type"])
    namespace = schema.get("namespace", namespace)
    parts = [f'"{key}":{_attribute(key, schema[key], namespace)}' for key in _KEPT if key in schema]
    return f"{{{','.join(parts)}}}"


def _attribute(key: str, value: Any, namespace: str) -> str:  # noqa: ANN401 - a schema is any JSON
    if key == "name":
        return json.dumps(value if "." in value else f"{namespace}.{value}".lstrip("."))
    if key == "fields":
        fields = (f'{{"name":"{f["name"]}","type":{_canonical(f["type"], namespace)}}}' for f in value)
        return f"[{','.join(fields)}]"
    if key in {"items", "values"}:
        return _canonical(value, namespace)
    return json.dumps(value, separators=(",", ":"))


def read_record(schema: object, body: bytes) -> Any:  # noqa: ANN401 - a record holds any values
    """Return the plain values of one whole record; a ValueError or IndexError says that it is none."""
    source = io.BytesIO(body)
    value = _read(schema, source)
    if source.read(1):
        raise ValueError("bytes are left over")
    return value


def _read(schema: Any, source: io.BytesIO) -> Any:  # noqa: ANN401 - as above
    if isinstance(schema, list):
        branch = _long(source)
        if branch < 0:
            raise IndexError(branch)
        return _read(schema[branch], source)
    of = schema["type"] if isinstance(schema, dict) else schema
    if of == "record":
        return {field["name"]: _read(field["type"], source) for field in schema["fields"]}
    if of == "array":
        return _array(schema["items"], source)
    return _PRIMITIVE_READERS[of](source)


def _boolean(source: io.BytesIO) -> bool:
    return (False, True)[source.read(1)[0]]


def _string(source: io.BytesIO) -> str:
    length = _long(source)
    text = source.read(length) if length >= 0 else b""
    if len(text) != length:
        raise ValueError("the text is cut off")
    return text.decode()


def _array(items: object, source: io.BytesIO) -> list[Any]:
    values = []
    while count := _long(source):
        if count < 0:
            _long(source)  # The block's size in bytes, for those who skip it.
        values += [_read(items, source) for _ in range(abs(count))]
    return values


def _long(source: io.BytesIO) -> int:
    zigzag = shift = 0
    while True:
        byte = source.read(1)[0]
        zigzag |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (zigzag >> 1) ^ -(zigzag & 1)


_PRIMITIVE_READERS: Final[Mapping[str, Callable[[io.BytesIO], object]]] = {
    "null": lambda _: None,
    "boolean": _boolean,
    "long": _long,
    "string": _string,
}
