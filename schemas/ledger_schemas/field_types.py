"""The types of an event's fields: ids, times, JSON texts and bounded texts, each with its rule."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

from ledger_schemas import limits
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.json_texts import checked_addresses, checked_attributes, checked_data

_DATE_FIRST = re.compile(r"\d{4}-\d\d-\d\d")
_NO_CONTROL = r"^[^\x00-\x1f\x7f]+$"


def _no_number(value: object) -> object:
    """Refuse a number, in a text too: whether it counts seconds, milliseconds or microseconds would be a guess."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE_FIRST.match(value)):
        return value
    message = "must be a time of RFC 3339 with an offset, such as 2026-01-02T03:04:05Z"
    raise ValueError(message)


def _in_calendar(value: datetime) -> datetime:
    try:
        # Years 1 to 9999 with an offset may lie outside them in UTC, where no reader of the log could show them.
        value.astimezone(UTC)
    except OverflowError:
        message = "must lie in the years 1 to 9999, UTC"
        raise ValueError(message) from None
    return value


def _canonical(value: UUID) -> UUID:
    if not CANONICAL_UUID.fullmatch(str(value)):
        message = "must be a UUID of RFC 9562, versions 1 to 8"
        raise ValueError(message)
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=limits.ID_CHARS_MAX, pattern=_NO_CONTROL)]
"""An opaque id or code: 1 to 128 characters, no control characters."""

RfcUuid = Annotated[UUID, AfterValidator(_canonical)]
Time = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_calendar)]
"""An instant with an offset, in the years 1 to 9999: an aware datetime, or a text of RFC 3339."""

DataText = Annotated[str, AfterValidator(checked_data)]
"""A JSON document as text: at most DATA_BYTES_MAX bytes of UTF-8, nested at most DATA_DEPTH_MAX deep."""

AddressesText = Annotated[str, AfterValidator(checked_addresses)]
"""A JSON object as text: limits as of DataText."""

AttributesText = Annotated[str, AfterValidator(checked_attributes)]
"""A JSON object as text: at most ATTRIBUTES_BYTES_MAX bytes of UTF-8, nested at most DATA_DEPTH_MAX deep."""

Title = Annotated[str, StringConstraints(max_length=limits.TITLE_CHARS_MAX)]
Name = Annotated[str, StringConstraints(max_length=limits.NAME_CHARS_MAX)]
Body = Annotated[str, StringConstraints(max_length=limits.BODY_CHARS_MAX)]
Link = Annotated[str, StringConstraints(max_length=limits.LINK_CHARS_MAX)]
Detail = Annotated[str, StringConstraints(max_length=limits.DETAIL_CHARS_MAX)]
