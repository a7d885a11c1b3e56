"""The facts of rows: which kinds a row reached, when and how often, as the file has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field

from ledger_queries.answer_types import Answer, Time
from ledger_queries.filters import KINDS, Grain
from ledger_schemas.kinds import Kind

Row = dict[str, Any]

_BY_MACHINES: Final = (Kind.OPENED, Kind.CLICKED)

FACTS: Final[Mapping[Grain, tuple[str, ...]]] = MappingProxyType(
    {
        grain: tuple(
            name
            for kind in kinds
            for name in ((kind.value, f"automated_{kind}") if kind in _BY_MACHINES else (kind.value,))
        )
        for grain, kinds in KINDS.items()
    }
)
"""The facts that rows of each grain can have, in the order in which they show them.

What a machine opened or clicked is a fact of its own.
"""


class FactAnswer(Answer):
    """One fact of a row: earliest and latest occurred_at, and how many distinct events state it."""

    first_at: Time
    last_at: Time
    count: int = Field(ge=1)


Facts = Annotated[
    dict[str, FactAnswer],
    Field(
        description="Per kind that the row reached: when first, when last, how often. A kind that it never reached is "
        "absent. `automated_opened` and `automated_clicked` are what machines did.",
        examples=[
            {"read": {"first_at": "2026-01-02T03:04:05.000000Z", "last_at": "2026-01-02T03:04:05.000000Z", "count": 1}}
        ],
    ),
]


def with_facts(grain: Grain, rows: Sequence[Row]) -> list[Row]:
    """Return rows of one grain with their facts by name, in the order of FACTS: the file has them in a list."""
    return [{**row, "facts": _by_name(grain, row["facts"])} for row in rows]


def _by_name(grain: Grain, facts: Sequence[Row]) -> dict[str, Row]:
    found = {one["fact"]: {name: one[name] for name in ("first_at", "last_at", "count")} for one in facts}
    return {name: found[name] for name in FACTS[grain] if name in found}
