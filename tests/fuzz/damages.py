"""What may happen to the bytes of a record between its writer and its reader."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

Damage = Callable[[Random, bytes, bytes], bytes]
"""Takes a frame and another one of the same batch, and returns what is left of the first."""

HEADER_BYTES: Final = 10


def _flip_bits(rng: Random, frame: bytes, _: bytes) -> bytes:
    damaged = bytearray(frame)
    for _bit in range(rng.choice((1, 1, 1, 2, 8))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _flip_bits_of_the_body(rng: Random, frame: bytes, other: bytes) -> bytes:
    return frame[:HEADER_BYTES] + _flip_bits(rng, frame[HEADER_BYTES:] or b"\x00", other)


def _truncate(rng: Random, frame: bytes, _: bytes) -> bytes:
    return frame[: rng.randrange(len(frame))]


def _cut_the_end(rng: Random, frame: bytes, _: bytes) -> bytes:
    return frame[: -rng.randrange(1, 4)]


def _trail(rng: Random, frame: bytes, _: bytes) -> bytes:
    return frame + rng.choice((b"\x00", b"\x00\x00", rng.randbytes(rng.randrange(1, 40))))


def _insert(rng: Random, frame: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(frame))
    return frame[:at] + rng.randbytes(rng.randrange(1, 9)) + frame[at:]


def _leave_out(rng: Random, frame: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(frame))
    return frame[:at] + frame[at + rng.randrange(1, 9) :]


def _splice(rng: Random, frame: bytes, other: bytes) -> bytes:
    return frame[: rng.randrange(len(frame))] + other[rng.randrange(len(other) + 1) :]


def _follow(_: Random, frame: bytes, other: bytes) -> bytes:
    return frame + other[HEADER_BYTES:]


def _repeat_a_byte(rng: Random, frame: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(frame))
    return frame[:at] + bytes([rng.choice((0x00, 0x01, 0x02, 0x80, 0xFF))]) * rng.randrange(1, 30) + frame[at + 1 :]


def _make_up_the_body(rng: Random, frame: bytes, _: bytes) -> bytes:
    return frame[:HEADER_BYTES] + rng.randbytes(rng.randrange(200))


def _change_the_header(rng: Random, frame: bytes, other: bytes) -> bytes:
    return rng.choice((other[:HEADER_BYTES], b"\xc3\x01", b"\x00", b"", rng.randbytes(5))) + frame[HEADER_BYTES:]


DAMAGES: Final[tuple[Damage, ...]] = (
    _flip_bits,
    _flip_bits_of_the_body,
    _truncate,
    _cut_the_end,
    _trail,
    _insert,
    _leave_out,
    _splice,
    _follow,
    _repeat_a_byte,
    _make_up_the_body,
    _change_the_header,
)


def damage(rng: Random, frame: bytes, other: bytes) -> bytes:
    """Return a frame after one thing that may happen to it; one that is empty stays so."""
    return rng.choice(DAMAGES)(rng, frame, other) if frame else frame
