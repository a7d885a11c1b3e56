"""Ask a broker over its plaintext listener which brokers of its cluster are alive: the proof that a start has ended."""

from __future__ import annotations

import socket
import struct
from typing import Final

ANSWER_TIMEOUT_SECONDS: Final = 2.0
"""How long one question may take; a broker that is still starting is asked again."""

ANSWER_BYTES_MAX: Final = 1 << 20
"""A longer answer is not one of ours: something else listens on the port."""

_METADATA_KEY: Final = 3
_METADATA_VERSION: Final = 1
_CORRELATION_ID: Final = 1
_CLIENT_ID: Final = b"notification-ledger"


class NotReady(Exception):
    """Nobody answered, or not in Kafka's protocol."""


def alive_brokers(host: str, port: int) -> frozenset[int]:
    """Return the node ids that the broker at `host`:`port` knows to be alive (registered and unfenced).

    One Metadata request (version 1, for no topic) of the Kafka protocol on a connection of its own. Raises NotReady.
    """
    body = struct.pack(">hhih", _METADATA_KEY, _METADATA_VERSION, _CORRELATION_ID, len(_CLIENT_ID)) + _CLIENT_ID
    body += struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), timeout=ANSWER_TIMEOUT_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _read(connection, 4))
            if not 0 < size <= ANSWER_BYTES_MAX:
                raise NotReady(f"an answer of {size} bytes")
            return _node_ids(_read(connection, size))
    except (OSError, struct.error) as error:
        raise NotReady(str(error)) from error


def _read(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise NotReady("the connection was closed")
        parts += part
    return bytes(parts)


def _node_ids(answer: bytes) -> frozenset[int]:
    correlation_id, count = struct.unpack_from(">ii", answer, 0)
    if correlation_id != _CORRELATION_ID:
        raise NotReady("an answer to another question")
    offset = 8
    found = set()
    for _ in range(count):
        node_id, host_length = struct.unpack_from(">ih", answer, offset)
        offset += 6 + host_length + 4
        (rack_length,) = struct.unpack_from(">h", answer, offset)
        offset += 2 + max(rack_length, 0)
        found.add(node_id)
    return frozenset(found)
