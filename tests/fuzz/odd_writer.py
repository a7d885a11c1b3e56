"""An Avro writer that takes every liberty: legal ones (longer numbers, arrays in blocks), and ones that break a record.

Source: Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

LONG_BYTES_MAX: Final = 10
"""The bytes of 64 bits at seven a byte."""

_BOMBS: Final = tuple(1 << power for power in (7, 14, 20, 31, 32, 40, 60, 62))
_BRANCHES: Final = (-1, -2, 2, 3, 1 << 31, 1 << 62, -(1 << 63))
_NO_TEXTS: Final = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80", b"a\x80")
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80


class OddWriter:
    """Writes values as Avro does, and now and then otherwise."""

    def __init__(self, rng: Random, legal_share: float, illegal_share: float) -> None:
        """Take a liberty with so many of the places where there is one, legal or not."""
        self._rng = rng
        self._legal_share = legal_share
        self._illegal_share = illegal_share
        self._simple: dict[str, Callable[[Any], bytes]] = {
            "null": lambda _: b"",
            "boolean": self._boolean,
            "long": self.long,
            "string": lambda text: self._text(text.encode()),
        }

    def write(self, node: Any, value: Any) -> bytes:  # noqa: ANN401 - a schema is any JSON
        """Return the bytes of a value of a type without logical types."""
        match node:
            case [first, second]:
                branch = int((value is None) != (first == "null"))
                return self._branch(branch) + self.write((first, second)[branch], value)
            case {"type": "record", "fields": fields}:
                return b"".join(self.write(field["type"], value[field["name"]]) for field in fields)
            case {"type": "array", "items": items}:
                return self._array([self.write(items, item) for item in value])
            case _:
                return self._simple[node](value)

    def long(self, value: int) -> bytes:
        """Return a number as zigzag, in more bytes than it needs now and then."""
        zigzag = (value << 1 ^ value >> 63) & (1 << 64) - 1
        out = bytearray()
        while zigzag > _SEVEN_BITS:
            out.append(zigzag & _SEVEN_BITS | _MORE)
            zigzag >>= 7
        out.append(zigzag)
        more = 0
        if self._legal():
            more = self._rng.randrange(LONG_BYTES_MAX + 1 - len(out))
        elif self._illegal():
            more = self._rng.randrange(1, LONG_BYTES_MAX + 4)
        if more:
            out[-1] |= _MORE
            out += bytes([_MORE]) * (more - 1)
            out.append(self._rng.choice((0, 1, _SEVEN_BITS)) if self._illegal() else 0)
        return bytes(out)

    def _boolean(self, truth: bool) -> bytes:  # noqa: FBT001 - a value to write, no flag
        return bytes([self._rng.choice((2, 3, 0x80, 0xFF)) if self._illegal() else truth])

    def _branch(self, branch: int) -> bytes:
        return self.long(self._rng.choice(_BRANCHES) if self._illegal() else branch)

    def _text(self, text: bytes) -> bytes:
        if self._illegal():
            text += self._rng.choice(_NO_TEXTS)
        return self._length(len(text)) + text

    def _length(self, length: int) -> bytes:
        if self._illegal():
            return self.long(self._rng.choice((*_BOMBS, *(-bomb for bomb in _BOMBS), length + 1, length - 1, -length)))
        return self.long(length)

    def _array(self, items: list[bytes]) -> bytes:
        out = b""
        while items:
            count = self._rng.randrange(1, len(items) + 1) if self._legal() else len(items)
            block, items = b"".join(items[:count]), items[count:]
            if self._legal():
                # A block may say how many bytes it has, for those who skip it; nobody else looks.
                size = self._rng.choice((0, -1, 1 << 62)) if self._illegal() else len(block)
                out += self._length(-count) + self.long(size) + block
            else:
                out += self._length(count) + block
        return out if self._illegal() else out + self.long(0)

    def _legal(self) -> bool:
        return self._rng.random() < self._legal_share

    def _illegal(self) -> bool:
        return self._rng.random() < self._illegal_share
