"""Plain values of events, drawn from a schema: most are good, some break a rule of the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final
from uuid import UUID

ODD_SHARE: Final = 0.004
"""How often a value is one that may break a rule; an event has some thirty."""

_LONGS: Final = (0, 1, -1, 63, 64, -64, -65, 2**31, 2**62, -(2**62), 2**63 - 1, -(2**63))
_TIMES: Final = (-62_135_596_800_000_000, -62_135_596_800_000_001, 253_402_300_799_999_999, 253_402_300_800_000_000)
_TEXTS: Final = (
    "",
    "a",
    "a" * 63,
    "a" * 64,
    "a" * 128,
    "a" * 129,
    "é" * 128,
    "\U0001f600" * 129,
    "a\n",
    "a\x7f",
    "\x80",
)
_UUIDS: Final = (
    "",
    "0" * 36,
    "-" * 36,
    "019ca7a1-0000-0000-8000-000000000001",
    "019CA7A1-0000-7000-8000-000000000001",
    "g19ca7a1-0000-7000-8000-000000000001",
    "019ca7a100000-7000-8000-000000000001",
    "019ca7a1-0000-7000-8000-00000000001",
    "019ca7a1-0000-7000-8000-0000000000001",
)


def draw_values(rng: Random, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return values for the fields of a published record: times in microseconds, ids as text, absent is None."""
    values = {field["name"]: draw_value(rng, field["type"]) for field in fields}
    if "delivery_ref" in values and rng.random() >= ODD_SHARE:
        values["channel"] = values.get("channel") or "email"
    return values


def draw_value(rng: Random, node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return a value for one type of a published schema."""
    match node:
        case ["null", inner] | [inner, "null"]:
            return draw_value(rng, inner) if _every_second(rng) else None
        case {"type": "record", "fields": fields}:
            return draw_values(rng, fields)
        case {"type": "array", "items": items}:
            return _draw_list(rng, items)
        case {"logicalType": simple} | simple:
            good, odd = _SIMPLE[simple]
            return rng.choice(odd) if rng.random() < ODD_SHARE else good(rng)


def _draw_list(rng: Random, items: Any) -> list[Any]:  # noqa: ANN401 - a schema is any JSON
    # An audience names a recipient once, and numbers of six digits are hardly ever the same by chance.
    drawn = [draw_value(rng, items) for _ in range(rng.randrange(4))]
    if rng.random() < ODD_SHARE:
        drawn += rng.choice((drawn, drawn[:1], [draw_value(rng, items) for _ in range(70)]))
    return drawn


def _every_second(rng: Random) -> bool:
    return rng.getrandbits(1) == 1


def _uuid7(rng: Random) -> str:
    bits = 0x019CA7A1 << 96 | rng.getrandbits(96)
    return str(UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 0x2 << 62))


_SIMPLE: Final[dict[str, tuple[Callable[[Random], Any], Sequence[Any]]]] = {
    "uuid": (_uuid7, _UUIDS),
    "timestamp-micros": (lambda rng: rng.randrange(-(2**40), 2**51), _TIMES + _LONGS),
    "string": (lambda rng: f"{rng.choice('abcdeé')}{rng.randrange(10**6)}", _TEXTS),
    "boolean": (_every_second, (True, False)),
    "long": (lambda rng: rng.randrange(2**63), _LONGS),
}
"""How a value of each simple type is drawn, and which ones are odd."""
