"""The badge of a recipient: how many inbox entries are on each shelf, looked up where the fold keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger_queries.filters import Filter
from ledger_queries.reading import Reading
from ledger_queries.rows import BadgeAnswer, Shelf, ShelfCounts
from ledger_queries.sql import statement
from ledger_schemas.kinds import Kind

_COUNTED: Final = ("total", "unread", "unseen", "unacknowledged")
_NARROWED_BY: Final = frozenset({"tenant", "recipient", "archived", "snoozed", "deleted"})
"""What a filter may state besides one of the following."""

_LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {"read": "unread", "seen": "unseen", f"reached_{Kind.ACKNOWLEDGED}": "unacknowledged"}
)
"""Parameters of a filter, and the column that counts the entries of which they do not hold."""

_SHELVES_OF: Final[Mapping[tuple[bool | None, ...], tuple[Shelf, ...]]] = MappingProxyType(
    {
        (None, None, None): tuple(Shelf),
        (True, None, None): (Shelf.DELETED,),
        (False, None, None): (Shelf.INBOX, Shelf.SNOOZED, Shelf.ARCHIVED),
        (False, True, None): (Shelf.ARCHIVED,),
        (False, False, None): (Shelf.INBOX, Shelf.SNOOZED),
        (False, False, True): (Shelf.SNOOZED,),
        (False, False, False): (Shelf.INBOX,),
    }
)
"""What a filter says of deleted, archived, snoozed, and the shelves that hold just that. For others there are none:
what is archived may be snoozed besides, what is deleted either."""


def read_badge(reading: Reading, tenant: str, recipient: str) -> BadgeAnswer:
    """Return how many listed inbox entries a recipient has, on the shelf `inbox` and on every shelf.

    Each number is what `count_rows` says of the same entries. A recipient of whom nothing is known has none.
    """
    shelves = _read_shelves(reading, tenant, recipient)
    inbox = shelves[Shelf.INBOX]
    return BadgeAnswer(
        position=str(reading.position),
        **{name: getattr(inbox, name) for name in _COUNTED},
        shelves=list(shelves.values()),
    )


def read_folded_total(reading: Reading, asked: Filter) -> int | None:
    """Return how many inbox entries the filter finds where the shelves of its recipient say so; None: they do not.

    They do when nothing is asked for besides the recipient, whole shelves, and one of: read, seen, acknowledged.
    """
    question = _Question.of(asked)
    if asked.recipient is None or question is None:
        return None
    shelves = _read_shelves(reading, asked.tenant, asked.recipient)
    return question.answer([shelves[shelf] for shelf in question.shelves])


@dataclass(frozen=True, slots=True)
class _Question:
    """Which shelves, which of their columns, and whether it is the other entries that are asked for."""

    shelves: tuple[Shelf, ...]
    column: str
    others: bool

    @classmethod
    def of(cls, asked: Filter) -> _Question | None:
        shelves = _SHELVES_OF.get((asked.deleted, asked.archived, asked.snoozed))
        stated = {name: value for name, value in asked.parameters().items() if name not in _NARROWED_BY}
        if shelves is None or len(stated) > 1 or not stated.keys() <= _LEFT_OUT.keys():
            return None
        for name, value in stated.items():
            return cls(shelves, _LEFT_OUT[name], others=value is True)
        return cls(shelves, "total", others=False)

    def answer(self, shelves: Iterable[ShelfCounts]) -> int:
        return sum(
            shelf.total - getattr(shelf, self.column) if self.others else getattr(shelf, self.column)
            for shelf in shelves
        )


def _read_shelves(reading: Reading, tenant: str, recipient: str) -> dict[Shelf, ShelfCounts]:
    rows = reading.rows(statement("badge", ()), {"tenant": tenant, "recipient": recipient})
    found = {row["shelf"]: row for row in rows}
    return {
        shelf: ShelfCounts.model_validate({"shelf": shelf, **dict.fromkeys(_COUNTED, 0), **found.get(shelf, {})})
        for shelf in Shelf
    }
