"""Clients of a running API in a process of their own: raw sockets, kept alive, each waiting for its answer.

A thread writes bytes that were made before and reads an answer by its Content-Length. That is some ten microseconds of
Python a request, so that what is measured is the server.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

CONNECT_SECONDS: Final = 30.0
RECEIVE_BYTES: Final = 262_144

_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, by how many clients at a time, and for how long; each answer must have the status."""

    port: int
    requests: tuple[bytes, ...]
    status: int
    clients: int
    seconds: float
    warm_up_seconds: float


@dataclass(frozen=True, slots=True)
class Answers:
    """How long each counted answer took, in nanoseconds, over how many seconds, and the clients' share of a core."""

    nanoseconds: list[int]
    wall_seconds: float
    cpu_share: float


def request(method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of one request."""
    length = {"Content-Type": "application/json", "Content-Length": str(len(body))} if body else {}
    lines = [f"{name}: {value}\r\n" for name, value in {**length, **(headers or {})}.items()]
    return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{''.join(lines)}\r\n".encode() + body


def take_turns(port: int, ways: Sequence[Sequence[bytes]], seconds: float, warm_up_rounds: int) -> list[list[int]]:
    """Return for each way how long its answers took, in nanoseconds: one client, which asks one way after the other.

    In a round each way sends its next request; the one that begins changes. Raises ValueError on an answer that is no
    success.
    """
    took: list[list[int]] = [[] for _ in ways]
    with socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ends = time.perf_counter() + seconds
        round_ = 0
        while round_ <= warm_up_rounds or time.perf_counter() < ends:
            for place in range(len(ways)):
                way = (place + round_) % len(ways)
                sent = time.perf_counter_ns()
                connection.sendall(ways[way][round_ % len(ways[way])])
                status = _answer(connection)
                if status != HTTPStatus.OK:
                    message = f"expected {HTTPStatus.OK}, the answer is {status}"
                    raise ValueError(message)
                if round_ >= warm_up_rounds:
                    took[way].append(time.perf_counter_ns() - sent)
            round_ += 1
    return took


def put_on(load: Load) -> Answers:
    """Put the load on; return what came after the warm-up. Raises ValueError on an answer with another status."""
    begin = threading.Barrier(load.clients)
    with ThreadPoolExecutor(load.clients) as threads:
        cpu_began, began = time.process_time(), time.perf_counter()
        found = list(threads.map(lambda number: _client(load, number, begin), range(load.clients)))
        cpu_share = (time.process_time() - cpu_began) / (time.perf_counter() - began)
    counted = [one for each in found for one in each]
    wall_ns = max(answered for _, answered in counted) - min(sent for sent, _ in counted)
    return Answers([answered - sent for sent, answered in counted], wall_ns / 1e9, cpu_share)


def _client(load: Load, number: int, begin: threading.Barrier) -> list[tuple[int, int]]:
    """Send one request after another; return when each that counts was sent and answered: at least one."""
    counted: list[tuple[int, int]] = []
    turn = number * len(load.requests) // load.clients
    with socket.create_connection(("127.0.0.1", load.port), timeout=CONNECT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin.wait()
        counted_from = time.perf_counter_ns() + int(load.warm_up_seconds * 1e9)
        ends = counted_from + int(load.seconds * 1e9)
        while (sent := time.perf_counter_ns()) < ends or not counted:
            connection.sendall(load.requests[turn % len(load.requests)])
            status = _answer(connection)
            if status != load.status:
                message = f"expected {load.status}, the answer is {status}"
                raise ValueError(message)
            if sent >= counted_from:
                counted.append((sent, time.perf_counter_ns()))
            turn += 1
    return counted


def _answer(connection: socket.socket) -> int:
    """Read one answer and return its status."""
    received = b""
    while (head_end := received.find(_HEAD_END)) < 0:
        received += _some(connection)
    length = _LENGTH.search(received, 0, head_end + len(_HEAD_END))
    if length is None:
        message = "an answer does not declare its length"
        raise ValueError(message)
    left = head_end + len(_HEAD_END) + int(length[1]) - len(received)
    while left > 0:
        left -= len(_some(connection))
    return int(received[9:12])


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(RECEIVE_BYTES)
    if not received:
        message = "the server closed a connection that was to be kept alive"
        raise ConnectionError(message)
    return received
