"""The picture of a record: its key, its partition, and the two frames that its value may have."""

from __future__ import annotations

from typing import Final

from ledger_infra.contract.examples import NOTIFICATION_ID
from ledger_infra.contract.worked_event import worked_frame
from ledger_schemas.framing import (
    CONFLUENT_HEADER_BYTES,
    CONFLUENT_MAGIC,
    SINGLE_OBJECT_HEADER_BYTES,
    SINGLE_OBJECT_MAGIC,
)

_TOP: Final = 40
_ROW: Final = 92
_HEIGHT: Final = 52
_BLUE, _AMBER, _GREEN, _WHITE = "#dbeafe", "#fde68a", "#dcfce7", "#fff"

_LABEL: Final = (
    "A record of the log. Key: the 36 characters of the notification id, whose murmur2 gives the partition. Value: two "
    "bytes of magic, C3 01, eight bytes of the writer schema's fingerprint, then the record in Avro. Or, with a "
    "registry: a zero byte, four bytes of the registry's schema id, then the record in Avro."
)

_OPENING: Final = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 300" font-family="system-ui, sans-serif" font-size="14" \
role="img" aria-label="{_LABEL}">
  <defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 10 5 0 10z" fill="#64748b"/></marker></defs>
  <rect width="820" height="300" rx="12" fill="#f8fafc"/>"""


def frame_picture() -> str:
    """Return the picture as SVG."""
    frame = worked_frame()
    magic, fingerprint = frame[:2], frame[2:SINGLE_OBJECT_HEADER_BYTES]
    body = len(frame) - SINGLE_OBJECT_HEADER_BYTES
    boxes = [
        _title(0, "key"),
        _box(0, 110, 400, _WHITE, NOTIFICATION_ID, "notification_id: 36 lower-case ASCII characters"),
        _box(0, 560, 240, _WHITE, "partition", "(murmur2(key) &amp; 7fffffff) % partitions"),
        '<path d="M512 66H556" stroke="#64748b" stroke-width="1.8" marker-end="url(#a)"/>',
        _title(1, "value"),
        _box(1, 110, 90, _AMBER, _spaced(magic), f"{len(SINGLE_OBJECT_MAGIC)} bytes: magic"),
        _box(1, 200, 260, _BLUE, _spaced(fingerprint), f"{len(fingerprint)} bytes: CRC-64-AVRO, little-endian"),
        _box(1, 460, 340, _GREEN, f"the record in Avro: here {body} bytes", "the fields, in the order of the schema"),
        _title(2, "or"),
        _box(2, 110, 90, _AMBER, _spaced(CONFLUENT_MAGIC), f"{len(CONFLUENT_MAGIC)} byte: magic"),
        _box(2, 200, 260, _BLUE, "00 00 00 07", f"{CONFLUENT_HEADER_BYTES - 1} bytes: a registry's id, big-endian"),
        _box(2, 460, 340, _GREEN, "the record in Avro", "the same bytes"),
    ]
    return "\n".join([_OPENING, *(f"  {box}" for box in boxes), "</svg>\n"])


def _title(row: int, text: str) -> str:
    return f'<text x="24" y="{_TOP + row * _ROW + 31}" font-weight="600" fill="#0f172a">{text}</text>'


def _box(row: int, x: int, width: int, fill: str, first: str, second: str) -> str:
    y, middle = _TOP + row * _ROW, x + width // 2
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{_HEIGHT}" fill="{fill}" stroke="#94a3b8"/>'
        f'<text x="{middle}" y="{y + 22}" text-anchor="middle" font-family="ui-monospace, monospace" '
        f'fill="#0f172a">{first}</text>'
        f'<text x="{middle}" y="{y + 41}" text-anchor="middle" font-size="11" fill="#475569">{second}</text>'
    )


def _spaced(raw: bytes) -> str:
    return raw.hex(" ").upper()
