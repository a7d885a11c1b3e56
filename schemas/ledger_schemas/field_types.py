"""The types of an event's fields: ids, times, JSON texts and bounded texts, each with its rule."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

from ledger_schemas import limits
from ledger_schemas.ids import CANONICAL_UUID

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


def _json_data(text: str) -> str:
    return _json(text, "DATA_BYTES_MAX", limits.DATA_BYTES_MAX)[0]


def _json_attributes(text: str) -> str:
    text, document = _json(text, "ATTRIBUTES_BYTES_MAX", limits.ATTRIBUTES_BYTES_MAX)
    if not isinstance(document, dict):
        message = "must be a JSON object as text"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports a ValueError with its field
    return text


def _json(text: str, limit: str, bytes_max: int) -> tuple[str, object]:
    # A lone surrogate has no bytes; the encoder refuses it by name.
    size = len(text.encode(errors="surrogatepass"))
    if size > bytes_max:
        message = f"must be at most {bytes_max} bytes of UTF-8, {limit}; it is {size}"
        raise ValueError(message)
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = "must be a JSON document as text"
        raise ValueError(message) from error
    depth = _depth(document)
    if depth > limits.DATA_DEPTH_MAX:
        message = f"must not be nested deeper than DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}; it is {depth} deep"
        raise ValueError(message)
    return text, document


def _no_constant(name: str) -> None:
    # Python reads NaN and Infinity; JSON (RFC 8259) has neither, and other readers of the log stop at them.
    raise ValueError(name)


def _depth(document: object) -> int:
    depth, level = 0, [document]
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth


Id = Annotated[str, StringConstraints(min_length=1, max_length=limits.ID_CHARS_MAX, pattern=_NO_CONTROL)]
"""An opaque id or code: 1 to 128 characters, no control characters."""

RfcUuid = Annotated[UUID, AfterValidator(_canonical)]
Time = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_in_calendar)]
"""An instant with an offset, in the years 1 to 9999: an aware datetime, or a text of RFC 3339."""

DataText = Annotated[str, AfterValidator(_json_data)]
"""A JSON document as text: at most DATA_BYTES_MAX bytes of UTF-8, nested at most DATA_DEPTH_MAX deep."""

AttributesText = Annotated[str, AfterValidator(_json_attributes)]
"""A JSON object as text: at most ATTRIBUTES_BYTES_MAX bytes of UTF-8, nested at most DATA_DEPTH_MAX deep."""

Title = Annotated[str, StringConstraints(max_length=limits.TITLE_CHARS_MAX)]
Name = Annotated[str, StringConstraints(max_length=limits.NAME_CHARS_MAX)]
Body = Annotated[str, StringConstraints(max_length=limits.BODY_CHARS_MAX)]
Link = Annotated[str, StringConstraints(max_length=limits.LINK_CHARS_MAX)]
Detail = Annotated[str, StringConstraints(max_length=limits.DETAIL_CHARS_MAX)]
