"""Record batches written byte by byte, as the Kafka documentation has them: also those that no client would write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

from ledger_schemas import KafkaConnection

CODECS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "none": (0, bytes),
    "gzip": (1, gzip_encode),
    "snappy": (2, snappy_encode),
    "lz4": (3, lz4_encode),
    "zstd": (4, zstd_encode),
}
APPEND_TIME: Final = 0x08
TRANSACTIONAL: Final = 0x10
CONTROL: Final = 0x20
COMMIT_KEY: Final = b"\x00\x00\x00\x01"
ABORT_KEY: Final = b"\x00\x00\x00\x00"
TIME_MS: Final = 1_772_366_400_000
ODD_NAME: Final = b"tr\xffce"
"""No UTF-8."""

ODD_NAME_SHOWN: Final = "tr\\xffce"


@dataclass(frozen=True)
class Written:
    """One record as it is to be written; its time is the batch's first and `delay_ms`."""

    offset: int
    value: bytes | None = b"value"
    key: bytes | None = b"key"
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    delay_ms: int = 0


def batch_of(
    *records: Written,
    base: int = 0,
    next_offset: int | None = None,
    attributes: int = APPEND_TIME,
    codec: str = "none",
    producer_id: int = -1,
) -> bytes:
    """Return a batch of magic 2, with a checksum; `next_offset` lies behind its last record, unless it is given."""
    code, encode = CODECS[codec]
    after = next_offset if next_offset is not None else records[-1].offset + 1
    body = encode(b"".join(_record(one, base) for one in records))
    last_ms = TIME_MS + max((one.delay_ms for one in records), default=0)
    checked = struct.pack(
        ">hiqqqhii", attributes | code, after - 1 - base, TIME_MS, last_ms, producer_id, 0, -1, len(records)
    )
    checked += body
    rest = struct.pack(">ibI", 0, 2, calc_crc32c(checked)) + checked
    return struct.pack(">qi", base, len(rest)) + rest


def marker(base: int, key: bytes, producer_id: int) -> bytes:
    """Return the control batch that ends a transaction."""
    control = Written(base, b"\x00\x00\x00\x00\x00\x00", key)
    return batch_of(control, base=base, attributes=TRANSACTIONAL | CONTROL, producer_id=producer_id)


async def append_batches(connection: KafkaConnection, topic: str, batches: Sequence[bytes]) -> None:
    """Append batches to partition 0 of a topic as they are; the broker gives them their offsets."""
    client = AIOKafkaClient(**connection.client_options())
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = next(iter(client.cluster.brokers())).nodeId
        for batch in batches:
            request = ProduceRequest(
                transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(0, batch)])]
            )
            answer = await client.send(leader, request)
            assert answer.topics[0][1][0][1] == 0
    finally:
        await client.close()


def _record(one: Written, base: int) -> bytes:
    headers = b"".join(_text(name) + _text(value) for name, value in one.headers)
    body = b"\x00" + _varint(one.delay_ms) + _varint(one.offset - base) + _text(one.key) + _text(one.value)
    body += _varint(len(one.headers)) + headers
    return _varint(len(body)) + body


def _text(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _varint(number: int) -> bytes:
    left = (number << 1) ^ (number >> 63)
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)
