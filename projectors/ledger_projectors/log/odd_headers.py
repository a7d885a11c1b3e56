"""Records of a batch, parsed in Python: aiokafka's parser reads no record with a header name that is not UTF-8.

Source of the format: Kafka's documentation, "Message Format", record (magic 2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.util import decode_varint

from ledger_projectors.log.records import Headers

_UNPACK: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: bytes,
    1: gzip_decode,
    2: snappy_decode,
    3: lz4_decode,
    4: zstd_decode,
}
"""By the compression that the attributes of a batch name."""

_BEYOND: Final = (ValueError, IndexError, struct.error)
"""What reading behind the end of the bytes raises."""


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """What aiokafka's own record says, too."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def parse_records(
    packed: bytes, *, compression: int, count: int, base_offset: int, first_time_ms: int
) -> Iterator[ParsedRecord]:
    r"""Yield the records of a batch from the bytes behind its header.

    A header name that is not UTF-8 comes as text in which each odd byte is an escape (`\xff`). Raises
    CorruptRecordException for bytes that are no records, UnsupportedCodecError for a compression that Kafka has not.
    """
    if compression not in _UNPACK:
        raise UnsupportedCodecError(f"Compression {compression}.")
    reader = _Reader(bytearray(_UNPACK[compression](packed)))
    try:
        for _ in range(count):
            end = reader.number() + reader.at
            reader.at += 1
            timestamp, offset = first_time_ms + reader.number(), base_offset + reader.number()
            key, value = reader.data(), reader.data()
            headers = tuple(
                ((reader.data() or b"").decode("utf-8", "backslashreplace"), reader.data())
                for _ in range(reader.number())
            )
            if reader.at != end:
                raise CorruptRecordException(f"The record at offset {offset} ends elsewhere than it says.")
            yield ParsedRecord(offset, timestamp, key, value, headers)
    except _BEYOND as error:
        raise CorruptRecordException("A record batch that ends within a record.") from error


class _Reader:
    """The bytes of records, and how far they are read."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self.at = 0

    def number(self) -> int:
        number: Any
        number, self.at = decode_varint(self._data, self.at)
        return int(number)

    def data(self) -> bytes | None:
        length = self.number()
        if length < 0:
            return None
        start, self.at = self.at, self.at + length
        if self.at > len(self._data):
            raise IndexError(self.at)
        return bytes(self._data[start : self.at])
