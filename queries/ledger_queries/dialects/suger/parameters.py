"""The query parameters of Suger's list, and the window of time that its days make."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from ledger_queries.dialects.numerals import DecimalText
from ledger_queries.dialects.suger.vocabulary import PRIORITIES
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest

NAMES: Final = ("startDate", "endDate", "limit", "offset", "priorities")
ROWS_MAX: Final = 1_000
"""Rows of a page: the most, and how many where `limit` says nothing."""

WINDOW_DAYS: Final = 30
"""How many days before `endDate` the window begins where `startDate` says nothing."""

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PRIORITY: Final = f" *({'|'.join(PRIORITIES)})? *"


def _read_day(value: object) -> object:
    message = "must be a day of the calendar as YYYY-MM-DD"
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError(message)
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(message) from None


def _check_priorities(value: str) -> str:
    if not set(listed(value)) <= set(PRIORITIES):
        message = f"must be some of {', '.join(PRIORITIES)}, separated by commas"
        raise ValueError(message)
    return value


Day = Annotated[date | SkipJsonSchema[None], BeforeValidator(_read_day)]
Limit = Annotated[int, Field(ge=1, le=ROWS_MAX), DecimalText]
Offset = Annotated[int, Field(ge=0, le=limits.PAGE_OFFSET_MAX), DecimalText]
Priorities = Annotated[
    str,
    AfterValidator(_check_priorities),
    WithJsonSchema({"type": "string", "pattern": f"^{_PRIORITY}(,{_PRIORITY})*$", "examples": ["HIGH,CRITICAL"]}),
]


def listed(priorities: str) -> tuple[str, ...]:
    """Return the words of a list with commas, each once, without the spaces around them."""
    return tuple(dict.fromkeys(word for part in priorities.split(",") if (word := part.strip(" "))))


def window(start: date | None, end: date | None) -> tuple[datetime, datetime | None]:
    """Return the half-open span of time of the days from `start` to `end`, both whole and included, in UTC.

    Its end is None where the calendar ends. Raises BadRequest when `start` lies after `end`.
    """
    last = end or datetime.now(UTC).date()
    first = start or date.fromordinal(max(1, last.toordinal() - WINDOW_DAYS))
    if first > last:
        raise BadRequest("startDate: lies after endDate.", hint="Both are days of the window.", field="startDate")
    return _midnight(first), None if last == date.max else _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
