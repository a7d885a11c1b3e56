"""One real event taken apart byte by byte, for people who write an emitter without a library of ours."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

from fastavro import schemaless_writer

from ledger_infra.contract.examples import WORKED_KIND, example_event
from ledger_schemas.codec import encode_event, wire_values
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, SINGLE_OBJECT_MAGIC
from ledger_schemas.shipped import current_schema

DUMP_BYTES_PER_LINE: Final = 16

_PRINTABLE: Final = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a frame that belong together: where they begin, what they are of, how they read."""

    offset: int
    raw: bytes
    part: str
    reading: str


def worked_frame() -> bytes:
    """Return the framed bytes of the worked event: the value of its record."""
    return encode_event(example_event(WORKED_KIND))


def worked_pieces() -> list[Piece]:
    """Return the pieces of the worked event in their order; together they are its frame, without a gap."""
    schema = current_schema(WORKED_KIND)
    pieces = [
        Piece(0, SINGLE_OBJECT_MAGIC, "frame", "the magic of Avro single-object encoding, version 1"),
        Piece(
            len(SINGLE_OBJECT_MAGIC),
            schema.fingerprint,
            "frame",
            f"CRC-64-AVRO fingerprint of `{schema.kind}.v{schema.version}.avsc`, little-endian",
        ),
    ]
    offset = SINGLE_OBJECT_HEADER_BYTES
    values = wire_values(example_event(WORKED_KIND))
    for field in schema.parsed["fields"]:
        value = values[field["name"]]
        out = io.BytesIO()
        schemaless_writer(out, field["type"], value)
        pieces.append(Piece(offset, out.getvalue(), f"`{field['name']}`", _reading(field["type"], value)))
        offset += len(out.getvalue())
    return pieces


def hex_dump(raw: bytes) -> str:
    """Return bytes as `xxd` shows them: offset, hexadecimal, ASCII."""
    lines = []
    for start in range(0, len(raw), DUMP_BYTES_PER_LINE):
        part = raw[start : start + DUMP_BYTES_PER_LINE]
        shown = "".join(chr(byte) if byte in _PRINTABLE else "." for byte in part)
        lines.append(f"{start:08x}: {part.hex(' ', -2):<39}  {shown}")
    return "\n".join(lines)


def _reading(node: Any, value: Any) -> str:  # noqa: ANN401 - a schema is any JSON, a record holds any values
    if value is None:
        return "branch 0 of the union: null"
    branch = "branch 1 of the union (`02`), then " if isinstance(node, list) else ""
    if isinstance(value, int):
        return f"{branch}{value} as a zig-zag varint"
    length = len(value.encode())
    return f"{branch}length {length} (`{2 * length:02x}`: zig-zag doubles it), then `{value}`"
