import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger_schemas import encode_event, parse_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import ContractViolation, LedgerError, SchemaUnknown, Undecodable

RECORDS = 20_000
SEED = 20260102
HEADER_BYTES = 10
ALLOCATED_BYTES_MAX = 16 * 1024 * 1024
"""What decoding any one hostile record may allocate at its peak; the honest records are a few hundred bytes."""

VERDICTS = (Undecodable, SchemaUnknown, ContractViolation)

HONEST = [path.read_bytes() for path in sorted(Path(__file__).with_name("golden").rglob("*.bin"))]

NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 2**64, 2**70]
"""Lengths, counts and branches that no honest record has."""


def varint(number: int) -> bytes:
    """Return the zigzag varint of a number, also of one that is too large for Avro's long."""
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*out, zigzag])


def flip(frame: bytearray, by: random.Random) -> None:
    """Flip one to four bits."""
    for _ in range(by.randint(1, 4)):
        frame[by.randrange(len(frame))] ^= 1 << by.randrange(8)


def cut(frame: bytearray, by: random.Random) -> None:
    """End early."""
    del frame[by.randrange(len(frame)) :]


def trail(frame: bytearray, by: random.Random) -> None:
    """Go on after the end."""
    frame += by.randbytes(by.randint(1, 40))


def splice(frame: bytearray, by: random.Random) -> None:
    """Go on with a piece of another record."""
    other = by.choice(HONEST)
    frame[by.randrange(len(frame)) :] = other[by.randrange(len(other)) :]


def swap_schema(frame: bytearray, by: random.Random) -> None:
    """Name another kind's schema for the same body."""
    frame[:HEADER_BYTES] = by.choice(HONEST)[:HEADER_BYTES]


def bad_text(frame: bytearray, by: random.Random) -> None:
    """Put bytes in that UTF-8 does not have: overlong, surrogate, out of range, lone continuation."""
    bad = by.choice([b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xff\xfe"])
    at = by.randrange(HEADER_BYTES, len(frame))
    frame[at : at + len(bad)] = bad


def number(frame: bytearray, by: random.Random) -> None:
    """Put a length, a count or a branch in that no honest record has."""
    at = by.randrange(HEADER_BYTES, len(frame))
    frame[at : at + by.randint(0, 2)] = varint(by.choice(NUMBERS))


def endless(frame: bytearray, by: random.Random) -> None:
    """Put a number in that does not end."""
    at = by.randrange(HEADER_BYTES, len(frame))
    frame[at:] = b"\xff" * by.randint(1, 5_000)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    *(flip, cut, trail, splice, swap_schema, bad_text, number, endless)
]


@contextmanager
def little_memory() -> Iterator[None]:
    """Fail when more is allocated inside than any honest record could need."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < ALLOCATED_BYTES_MAX
    finally:
        tracemalloc.stop()


def verdict(frame: bytes) -> str:
    """Return how a frame was judged; anything but a value or one of three errors is a failure of the test."""
    try:
        decode_wire(frame)
    except VERDICTS as error:
        return type(error).__name__
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} for {frame.hex()}") from error
    return "accepted"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_no_bytes_surprise_the_decoder(mutate: Callable[[bytearray, random.Random], None]) -> None:
    """A damaged record is either refused by one of three names or is an event; it never hangs, nor takes memory."""
    by = random.Random(f"{SEED} {mutate.__name__}")  # noqa: S311 - a repeatable sequence, no secret
    verdicts: Counter[str] = Counter()
    with little_memory():
        for _ in range(RECORDS // len(MUTATIONS)):
            frame = bytearray(by.choice(HONEST))
            mutate(frame, by)
            verdicts[verdict(bytes(frame))] += 1
    assert verdicts["Undecodable"] > 0
    assert verdicts["accepted"] < verdicts.total()


@pytest.mark.timeout(60)
def test_mixed_damage_and_noise_do_not_surprise_the_decoder() -> None:
    """Several sorts of damage in one record, and noise behind an honest header; all verdicts occur."""
    by = random.Random(SEED)  # noqa: S311 - as above
    verdicts: Counter[str] = Counter()
    with little_memory():
        for _ in range(RECORDS // 4):
            frame = bytearray(by.choice(HONEST))
            for mutate in by.choices(MUTATIONS, k=3):
                if len(frame) > HEADER_BYTES:
                    mutate(frame, by)
            verdicts[verdict(bytes(frame))] += 1
            verdicts[verdict(by.choice(HONEST)[:HEADER_BYTES] + by.randbytes(by.randint(0, 200)))] += 1
    assert {"Undecodable", "SchemaUnknown", "ContractViolation"} <= set(verdicts)


# 2**64 is left out: fastavro counts modulo 2**64, so it claims an empty array, which is an event.
@pytest.mark.parametrize("claimed", [n for n in NUMBERS if n not in {0, 1, 2**64}])
@pytest.mark.parametrize("tail", [b"", b"\0" * 100, b"\x02a" * 10_000])
def test_a_claimed_size_is_not_believed(claimed: int, tail: bytes) -> None:
    """An array or a text that claims to be huge costs what is there, not what it claims."""
    frame = encode_event(parse_event({"kind": "created", "tenant_id": "t", "source": "s", "tags": ["a"]}))
    tags = frame.index(b"\x02\x02a\0")
    with little_memory():
        for damaged in (frame[:tags] + varint(claimed) + tail, frame[: tags + 1] + varint(claimed) + tail):
            with pytest.raises(LedgerError):
                decode_wire(damaged)


@pytest.mark.parametrize("kind", ["created", "fired"])
def test_every_single_bit_matters_or_is_content(kind: str) -> None:
    """Each bit of a whole record flipped in turn: refused, or an event that differs from the honest one."""
    frame = encode_event(
        parse_event(
            {"kind": kind, "tenant_id": "t", "notification_id": "01900000-0000-7000-8000-000000000001", "source": "s"}
        )
    )
    honest = decode_wire(frame)
    for bit in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        if verdict(bytes(damaged)) == "accepted":
            assert honest != decode_wire(bytes(damaged)), f"bit {bit}"
