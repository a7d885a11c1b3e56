"""What notifications say, and their events, whole or of one recipient: what dialects show beside the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from ledger_queries.content import Content, parsed
from ledger_queries.reading import Reading
from ledger_queries.rows import TimelineEvent
from ledger_queries.sql import statement
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import Personal

_PARSED: Final = ("data", "attributes", "addresses")


class RecordedContent(Content):
    """What a notification says, with what `get` leaves inside: addresses, and under what it was created, and when.

    `addresses` is an object: recipient -> channel -> address.
    """

    addresses: Any
    creator_address: str | None
    correlation_id: str | None
    created_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the content of a row whose JSON documents are texts."""
        return cls.model_validate({**row, **{name: parsed(row[name]) for name in _PARSED}})


FIELDS: Final = tuple(RecordedContent.model_fields)
_OF_CREATED: Final = frozenset({"created_at", "correlation_id"})
"""Fields that come from the events, not from the folded content."""

_NOTHING: Final[dict[str, Any]] = dict.fromkeys(FIELDS)


class RecordedEvent(TimelineEvent):
    """One event with all that it states; `data`, `attributes` and `addresses` are JSON documents, parsed."""

    title: str | None
    body: str | None
    body_formatted: str | None
    link: str | None
    data: Any
    detail: str | None
    addresses: Any
    attributes: Any


def contents_of(
    reading: Reading, numbers: Sequence[int], fields: Collection[str] = FIELDS, *, recipient_id: str | None = None
) -> list[RecordedContent]:
    """Return what the notifications with these numbers say, in their order. Every listed notification says something.

    Only the `fields` are read, the others are None: a nested one costs more than all texts together. With
    `recipient_id`, `audience` has only that recipient's member.
    """
    if not numbers:
        return []
    asked = _lists(numbers)
    given = {*fields}
    if recipient_id is not None and "audience" in given:
        given = given - {"audience"} | {"recipient"}
        asked["recipient"] = recipient_id
    if given & _OF_CREATED:
        given.add("created_asked")
    columns = "\n".join(f"    {_column_of(field)}," for field in fields if field in given - _OF_CREATED)
    rows = reading.rows(statement("recorded/contents", given, {"fields": columns}), asked)
    found = {row["ordinal"]: RecordedContent.from_row(_NOTHING | row) for row in rows}
    return [found[ordinal] for ordinal in range(len(numbers))]


def _column_of(field: str) -> str:
    return f'content.personal."{field}" AS "{field}"' if field in Personal.model_fields else f'content."{field}"'


def events_of(
    reading: Reading, numbers: Sequence[int], kinds: Collection[Kind], *, recipient_id: str | None = None
) -> list[list[RecordedEvent]]:
    """Return the events of some kinds of the notifications with these numbers, each list by (occurred_at, event_id).

    With `recipient_id`, only events of that recipient and events that name no recipient. Events that a `retracted`
    names are left out.
    """
    events: list[list[RecordedEvent]] = [[] for _ in numbers]
    if numbers and kinds:
        asked: dict[str, object] = {**_lists(numbers), "kinds": [kind.value for kind in kinds]}
        if recipient_id is not None:
            asked["recipient"] = recipient_id
        for row in reading.rows(statement("recorded/events", asked), asked):
            texts = {name: parsed(row[name]) for name in _PARSED}
            events[row["ordinal"]].append(RecordedEvent.model_validate({**row, **texts}))
    return events


def _lists(numbers: Sequence[int]) -> dict[str, object]:
    return {"n": [*numbers]}
