"""What was said of rows, as the columns that they answer with: read for the rows at hand, from their own history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.fact_columns import FactColumns, FactColumnsOfNotification
from ledger_queries.filters import Grain
from ledger_queries.reading import Reading
from ledger_queries.sql import statement

Row = dict[str, Any]


def _untold(model: type[FactColumns]) -> Row:
    """Return the columns of a row of which nothing was said."""
    facts = [name.removesuffix("_count") for name in model.model_fields if name.endswith("_count")]
    return {
        column: value
        for fact in facts
        for column, value in ((f"first_{fact}_at", None), (f"last_{fact}_at", None), (f"{fact}_count", 0))
    }


_UNTOLD: Final[Mapping[Grain, Row]] = MappingProxyType(
    {
        Grain.NOTIFICATION: _untold(FactColumnsOfNotification),
        Grain.INBOX_ENTRY: _untold(FactColumns),
        Grain.DELIVERY: _untold(FactColumns),
    }
)

_PLACE: Final = ("touched_in", "n")
_NAMED_BY: Final[Mapping[Grain, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        Grain.NOTIFICATION: ("notifications", _PLACE),
        Grain.INBOX_ENTRY: ("inbox_entries", (*_PLACE, "recipient_id", "marks")),
        Grain.DELIVERY: ("deliveries", (*_PLACE, "recipient_id", "channel", "delivery_ref", "marks")),
    }
)
"""Where the statement of a grain lies, and the columns of its rows that it takes, each as a list."""

_BELOW: Final[Mapping[Grain, tuple[str, ...]]] = MappingProxyType(
    {Grain.NOTIFICATION: _PLACE, Grain.INBOX_ENTRY: (*_PLACE, "recipient_id")}
)
"""The same of what lies below the rows of a grain; below a delivery lies nothing."""


def with_told(reading: Reading, grain: Grain, rows: Sequence[Row]) -> list[Row]:
    """Return rows of one grain, as their tables have them, with FactColumns and what lies below them beside theirs.

    It reads the events of these rows alone. Column by column it would say the same; fact by fact, what is not there
    is not planned, computed and fetched: most rows were told a handful of some twenty facts.
    """
    if not rows:
        return []
    folder, named_by = _NAMED_BY[grain]
    found = [_UNTOLD[grain] | row for row in rows]
    for said in reading.rows(statement(f"{folder}/told", ()), {name: [row[name] for row in rows] for name in named_by}):
        row, fact = found[said["place"]], said["fact"]
        row[f"first_{fact}_at"], row[f"last_{fact}_at"] = said["first_at"], said["last_at"]
        row[f"{fact}_count"] = said["events"]
    if named_by := _BELOW.get(grain, ()):
        lists = {name: [row[name] for row in rows] for name in named_by}
        for below in reading.rows(statement(f"{folder}/below", ()), lists):
            found[below.pop("place")] |= below
    return found
