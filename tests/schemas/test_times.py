"""The type of every time that a caller states: leap seconds, and digits that are finer than the log's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from ledger_schemas import parse_event
from ledger_schemas.codec import decode_event, encode_event
from ledger_schemas.times import Time

from .test_bad_input import FIRED, refusal

NEW_YEAR = datetime(2017, 1, 1, tzinfo=UTC)


def read(text: str) -> datetime:
    """Return the instant that a text is read as."""
    time: TypeAdapter[datetime] = TypeAdapter(Time)
    return time.validate_python(text)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2016-12-31T23:59:60Z", 0),
        ("2016-12-31t23:59:60z", 0),
        ("2016-12-31T23:59:60+00:00", 0),
        ("2016-12-31T23:59:60-00:00", 0),
        ("2017-01-01T00:59:60+01:00", 0),
        ("2017-01-01T05:29:60+05:30", 0),
        ("2016-12-31T15:59:60-08:00", 0),
        ("2016-12-31T23:59:60.5Z", 500_000),
        ("2016-12-31T23:59:60.999999999Z", 999_999),
        ("2017-01-01T05:29:60.000001+05:30", 1),
    ],
)
def test_the_leap_second_is_the_next_second(text: str, microseconds: int) -> None:
    """RFC 3339, section 5.7: it is 23:59:60 in UTC, whatever offset it is written with; its fraction is kept."""
    assert read(text) == NEW_YEAR.replace(microsecond=microseconds)


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:58:60Z",
        "2016-12-31T22:59:60Z",
        "2016-12-31T00:00:60Z",
        "2016-12-31T23:59:60+01:00",
        "2017-01-01T05:30:60+05:30",
        "2016-12-31T23:59:60",
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:59:60.Z",
        "2016-12-32T23:59:60Z",
        "2016-12-31T23:59:60Zz",
        "9999-12-31T23:59:60Z",
        "0001-01-01T00:59:60+01:00",
    ],
)
def test_any_other_second_60_is_refused(text: str) -> None:
    """No clock has one: it would be read as an instant that nobody stated. The error names the field and no value."""
    with pytest.raises(ValidationError):
        read(text)
    error = refusal({**FIRED, "occurred_at": text})
    assert error.field == "occurred_at"
    assert text not in error.message


@pytest.mark.parametrize("digits", ["1234567", "123456789", "123456999", "1234569999999999", "123456" + "9" * 58])
def test_digits_beyond_microseconds_are_cut(digits: str) -> None:
    """Not rounded, however many there are: 64 is the limit."""
    assert read(f"2016-12-31T23:59:59.{digits}Z").microsecond == 123_456
    assert read(f"2017-01-01T00:59:59.{digits}+01:00").microsecond == 123_456


@pytest.mark.parametrize(
    "text",
    ["\u0662\u0660\u0661\u0666-12-31T23:59:59Z", "2016-12-31T23:59:59.\u0661Z", "2016-12-31T23:59:\u0666\u0660Z"],
)
def test_only_ascii_digits_are_digits(text: str) -> None:
    """RFC 3339 knows no others, and a reader that does not would stop at them."""
    with pytest.raises(ValidationError):
        read(text)


def test_the_log_has_the_second_that_was_read() -> None:
    """Every time of an event is read so, and encoded as microseconds: the leap second comes back as the next one."""
    stated = {**FIRED, "kind": "created", "occurred_at": "2016-12-31T23:59:60.1234567Z"}
    stated |= {"scheduled_at": "2017-01-01T05:29:60+05:30", "expires_at": "2016-12-31T23:59:60Z"}
    decoded = decode_event(encode_event(parse_event(stated))).model_dump()
    assert decoded["occurred_at"] == NEW_YEAR.replace(microsecond=123_456)
    assert (decoded["scheduled_at"], decoded["expires_at"]) == (NEW_YEAR, NEW_YEAR)
