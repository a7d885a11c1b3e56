"""Times as text: RFC 3339 with an offset; a leap second is the next second, what is finer than microseconds is cut."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, TypeAdapter, ValidationError

from ledger_schemas import limits

_RULE: Final = "must be a time of RFC 3339 with an offset, such as 2026-01-02T03:04:05Z"
_YEARS: Final = "must lie in the years 1 to 9999, UTC"

_RFC_3339: Final = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_MICROSECOND_DIGITS: Final = 6
_LEAP: Final = "60"
_LAST_MINUTE: Final = (23, 59)

_AWARE: Final[TypeAdapter[datetime]] = TypeAdapter(AwareDatetime)


def _read(value: object) -> object:
    """Return what pydantic reads as a time. Raises ValueError that says what is wrong.

    A number is refused, in a text too: whether it counts seconds, milliseconds or microseconds would be a guess.
    """
    if isinstance(value, datetime):
        return value
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(_RULE)
    fraction = found["fraction"] or "0"
    if len(fraction) > limits.TIME_FRACTION_DIGITS_MAX:
        message = (
            f"must have at most {limits.TIME_FRACTION_DIGITS_MAX} digits in the fraction of its second, "
            f"TIME_FRACTION_DIGITS_MAX; it has {len(fraction)}"
        )
        raise ValueError(message)
    rest = f".{fraction[:_MICROSECOND_DIGITS]}{found['offset']}"
    if found["second"] == _LEAP:
        return _after_leap_second(f"{found['minute']}:59{rest}")
    return f"{found['minute']}:{found['second']}{rest}"


def _after_leap_second(second_before: str) -> datetime:
    """Return the time that is one second later (RFC 3339, section 5.7). Raises ValueError where none is inserted."""
    try:
        before = _AWARE.validate_python(second_before)
        minute = before.astimezone(UTC)
        if (minute.hour, minute.minute) != _LAST_MINUTE:
            message = "must not have a second 60, but for the leap second, which is 23:59:60 in UTC"
            raise ValueError(message)
        return before + timedelta(seconds=1)
    except ValidationError:
        raise ValueError(_RULE) from None
    except OverflowError:
        raise ValueError(_YEARS) from None


def _in_calendar(value: datetime) -> datetime:
    try:
        # Years 1 to 9999 with an offset may lie outside them in UTC, where no reader of the log could show them.
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError(_YEARS) from None
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_read), AfterValidator(_in_calendar)]
"""An instant with an offset, in the years 1 to 9999: an aware datetime, or a text of RFC 3339.

The leap second 23:59:60 UTC is the next second. Digits beyond microseconds are cut, not rounded: a time is never later
than it was stated.
"""
