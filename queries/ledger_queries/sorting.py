"""The orders that a list can have: some keys, each up or down, and then the ids, so that every order is total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.filters import Grain
from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS

SORT_KEYS_MAX: Final = 4
SORT_CHARS_MAX: Final = 200


class SortBy(StrEnum):
    """What rows can be sorted by. A row without a value comes last, up or down."""

    LISTED_AT = "listed_at"
    DUE_AT = "due_at"
    """When it is scheduled, else when it is listed."""
    NUMBER = "number"
    EXTERNAL_ID = "external_id"
    """What its source calls it, else its own id."""
    TYPE = "type"
    CATEGORY = "category"
    ACTION = "action"
    PRIORITY = "priority"
    SEVERITY = "severity"
    SUBJECT_TYPE = "subject_type"
    SUBJECT_ID = "subject_id"


_EXPRESSIONS: Final[Mapping[SortBy, str]] = MappingProxyType(
    {
        SortBy.LISTED_AT: "filtered.listed_at",
        SortBy.DUE_AT: "coalesce(content.scheduled_at, filtered.listed_at)",
        SortBy.NUMBER: 'content."number"',
        SortBy.EXTERNAL_ID: "coalesce(content.external_id, filtered.notification_id::VARCHAR)",
        SortBy.TYPE: 'content."type"',
        SortBy.CATEGORY: "content.category",
        SortBy.ACTION: 'content."action"',
        SortBy.PRIORITY: "content.priority",
        SortBy.SEVERITY: "content.severity",
        SortBy.SUBJECT_TYPE: 'content.subject."type"',
        SortBy.SUBJECT_ID: "content.subject.id",
    }
)
TIMES: Final = frozenset({SortBy.LISTED_AT, SortBy.DUE_AT})
"""Keys that every row has a value of."""

IDS_BELOW: Final[Mapping[Grain, tuple[str, ...]]] = MappingProxyType(
    {
        Grain.NOTIFICATION: (),
        Grain.INBOX_ENTRY: ("recipient_id",),
        Grain.DELIVERY: ("recipient_id", "channel", "delivery_ref"),
    }
)
"""The ids that come after notification_id, which goes down; these go up."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order."""

    by: SortBy
    descending: bool = False

    def __str__(self) -> str:
        """Return the key as a list is asked for it: a minus before it means down."""
        return f"-{self.by}" if self.descending else self.by.value


NEWEST_FIRST: Final = (Sort(SortBy.LISTED_AT, descending=True),)


def parse_sort(text: str | None) -> tuple[Sort, ...]:
    """Return the order of a text such as `-priority,listed_at`; of None, the newest first. Raises BadRequest."""
    if text is None:
        return NEWEST_FIRST
    sorts: list[Sort] = []
    for name in text.split(","):
        bare = name.strip()
        try:
            one = Sort(SortBy(bare.removeprefix("-")), descending=bare.startswith("-"))
        except ValueError:
            raise BadRequest(
                f"sort: rows cannot be sorted by {bare[:NAME_SHOWN_CHARS]!r}.",
                hint=f"Use some of {', '.join(SortBy)}, with commas; a minus before one means down.",
                field="sort",
            ) from None
        if one.by in {other.by for other in sorts} or len(sorts) == SORT_KEYS_MAX:
            raise BadRequest(
                f"sort: has a key twice, or more than SORT_KEYS_MAX = {SORT_KEYS_MAX}.",
                hint="Name each key once.",
                field="sort",
            )
        sorts.append(one)
    return tuple(sorts)


@dataclass(frozen=True, slots=True)
class RowKey:
    """Where a row stands in an order: the values of the sort keys, then the ids; those that a grain lacks are empty."""

    values: tuple[Any, ...]
    notification_id: Any
    ids_below: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any], sorts: Sequence[Sort], grain: Grain) -> RowKey:
        """Return the key of a row of a page statement."""
        return cls(
            tuple(row[_column(level)] for level in range(len(sorts))),
            row["notification_id"],
            tuple(row[name] for name in IDS_BELOW[grain]),
        )

    def parameters(self, grain: Grain) -> dict[str, object]:
        """Return the parameters of the condition of `page_fragments`."""
        values = {f"after_{level}": value for level, value in enumerate(self.values) if value is not None}
        ids = {f"after_{name}": value for name, value in zip(IDS_BELOW[grain], self.ids_below, strict=True)}
        return {**values, "after_notification_id": self.notification_id, **ids}


def needs_content(sorts: Sequence[Sort]) -> bool:
    """Say whether an order goes by what notifications say."""
    return any("content." in _EXPRESSIONS[one.by] for one in sorts)


def page_fragments(sorts: Sequence[Sort], grain: Grain, after: RowKey | None) -> dict[str, str]:
    """Return the lines of a page statement that depend on the order: names of columns alone, never a value."""
    directions = ["DESC" if one.descending else "ASC" for one in sorts]
    fragments = {
        "sorted_by": "".join(f"{_EXPRESSIONS[one.by]} AS {_column(level)}, " for level, one in enumerate(sorts)),
        "order": "".join(
            f"{_EXPRESSIONS[one.by]} {way} NULLS LAST, " for one, way in zip(sorts, directions, strict=True)
        ),
        "page_order": "".join(f"page.{_column(level)} {way} NULLS LAST, " for level, way in enumerate(directions)),
    }
    return fragments if after is None else fragments | {"after": f"AND {_after(sorts, grain, after)}"}


def _after(sorts: Sequence[Sort], grain: Grain, after: RowKey) -> str:
    """Return the condition that a row comes after another, key by key."""
    condition = "filtered.notification_id < $after_notification_id"
    if below := IDS_BELOW[grain]:
        ids, values = (", ".join(f"{prefix}{name}" for name in below) for prefix in ("filtered.", "$after_"))
        condition = f"({condition} OR (filtered.notification_id = $after_notification_id AND ({ids}) > ({values})))"
    for level, one in reversed([*enumerate(sorts)]):
        expression, sign = _EXPRESSIONS[one.by], "<" if one.descending else ">"
        if after.values[level] is None:
            condition = f"({expression} IS NULL AND {condition})"
        elif one.by in TIMES:
            # The first comparison alone lets the scan pass over row groups.
            condition = f"({expression} {sign}= $after_{level} AND ({expression} {sign} $after_{level} OR {condition}))"
        else:
            condition = (
                f"({expression} {sign} $after_{level} OR {expression} IS NULL "
                f"OR ({expression} = $after_{level} AND {condition}))"
            )
    return condition


def _column(level: int) -> str:
    return f"sort_{level}"
