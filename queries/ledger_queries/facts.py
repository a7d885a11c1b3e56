"""The facts of rows: which kinds a row reached, when and how often, read from the history of the rows at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field

from ledger_queries.answer_types import Answer, Time
from ledger_queries.filters import KINDS, Grain
from ledger_queries.reading import Reading
from ledger_queries.sql import statement
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

_PLACE: Final = ("touched_in", "n")
_NAMED_BY: Final[Mapping[Grain, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        Grain.NOTIFICATION: ("notifications", _PLACE),
        Grain.INBOX_ENTRY: ("inbox_entries", (*_PLACE, "recipient_id", "marks")),
        Grain.DELIVERY: ("deliveries", (*_PLACE, "recipient_id", "channel", "delivery_ref", "marks")),
    }
)
"""The folder of a grain's statements, and the columns of its rows that they take, each as a list."""

_BELOW: Final[Mapping[Grain, tuple[str, ...]]] = MappingProxyType(
    {Grain.NOTIFICATION: _PLACE, Grain.INBOX_ENTRY: (*_PLACE, "recipient_id")}
)
"""The same for the rows below those of a grain. A delivery has none."""


def with_facts(reading: Reading, grain: Grain, rows: Sequence[Row]) -> list[Row]:
    """Return rows of one grain with their facts and with the numbers of what lies below them.

    It reads the events of these rows alone, and a row has the few facts that it reached.
    """
    if not rows:
        return []
    folder, named_by = _NAMED_BY[grain]
    facts: list[dict[str, Row]] = [{} for _ in rows]
    for found in reading.rows(
        statement(f"{folder}/facts", ()), {name: [row[name] for row in rows] for name in named_by}
    ):
        facts[found["place"]][found["fact"]] = {
            "first_at": found["first_at"],
            "last_at": found["last_at"],
            "count": found["events"],
        }
    complete = [
        {**row, "facts": {fact: of_row[fact] for fact in FACTS[grain] if fact in of_row}}
        for row, of_row in zip(rows, facts, strict=True)
    ]
    if named_by := _BELOW.get(grain, ()):
        lists = {name: [row[name] for row in rows] for name in named_by}
        for below in reading.rows(statement(f"{folder}/below", ()), lists):
            complete[below.pop("place")] |= below
    return complete
