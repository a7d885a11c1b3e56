"""Page cursors: opaque texts that say after which row, of which question and order, the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ledger_queries.filters import Filter, Grain
from ledger_queries.sorting import IDS_BELOW, TIMES, RowKey, Sort, SortBy
from ledger_schemas import limits
from ledger_schemas.errors import CursorInvalid

CURSOR_CHARS_MAX: Final = 12_000
"""Room for seven texts of ID_CHARS_MAX four-byte characters, escaped in JSON, then in base64."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_Text = Annotated[str, StringConstraints(max_length=limits.ID_CHARS_MAX)]


class _CursorDocument(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    version: Literal[2] = Field(2, alias="v")
    grain: Grain = Field(alias="g")
    projection_version: int = Field(alias="p")
    filter_digest: str = Field(alias="f")
    order: str = Field(alias="o")
    values: tuple[int | _Text | None, ...] = Field(alias="k")
    notification_id: UUID = Field(alias="n")
    ids_below: tuple[_Text, ...] = Field(alias="i")


def encode_cursor(key: RowKey, sorts: Sequence[Sort], grain: Grain, asked: Filter, projection_version: int) -> str:
    """Return the cursor of the page that begins after `key`."""
    document = _CursorDocument(
        v=2,
        g=grain,
        p=projection_version,
        f=asked.digest(),
        o=_told(sorts),
        k=tuple((value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value for value in key.values),
        n=key.notification_id,
        i=key.ids_below,
    )
    text = document.model_dump_json(by_alias=True)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str, sorts: Sequence[Sort], grain: Grain, asked: Filter, projection_version: int) -> RowKey:
    """Return the row that the cursor names.

    Raises CursorInvalid when it is broken, or was given for another grain, order or filter (the tenant is part of it),
    or another version of the projection, whose rows may sort differently.
    """
    document = _parse(cursor)
    if document.grain is not grain:
        raise _invalid(f"it belongs to a list of {document.grain} rows")
    if document.filter_digest != asked.digest():
        raise _invalid("it belongs to another filter")
    if document.order != _told(sorts):
        raise _invalid("it belongs to another order")
    if document.projection_version != projection_version:
        raise _invalid("the read model was made again since, by another version of the projection")
    if len(document.values) != len(sorts) or len(document.ids_below) != len(IDS_BELOW[grain]):
        raise _not_ours()
    values = tuple(_value(one, value) for one, value in zip(sorts, document.values, strict=True))
    return RowKey(values, document.notification_id, document.ids_below)


def _value(sort: Sort, value: int | str | None) -> Any:  # noqa: ANN401 - a time, a number or a text, by its key
    """Return the value of a sort key as DuckDB takes it. Raises CursorInvalid when it is none of the key's type."""
    if sort.by in TIMES:
        if not isinstance(value, int) or not (
            limits.OCCURRED_AT_MICROSECONDS_MIN <= value <= limits.OCCURRED_AT_MICROSECONDS_MAX
        ):
            raise _not_ours()
        return _EPOCH + timedelta(microseconds=value)
    is_number = sort.by is SortBy.NUMBER
    if value is not None and (isinstance(value, int) != is_number or (is_number and abs(int(value)) >= _BIGINT)):
        raise _not_ours()
    return value


_BIGINT: Final = 2**63


def _told(sorts: Sequence[Sort]) -> str:
    return ",".join(str(one) for one in sorts)


def _parse(cursor: str) -> _CursorDocument:
    if len(cursor) > CURSOR_CHARS_MAX:
        raise _invalid(f"it is longer than CURSOR_CHARS_MAX = {CURSOR_CHARS_MAX}")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return _CursorDocument.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, ValidationError):
        raise _not_ours() from None


def _not_ours() -> CursorInvalid:
    return _invalid("it is not one that this ledger gave out")


def _invalid(reason: str) -> CursorInvalid:
    return CursorInvalid(
        f"cursor: {reason}.",
        hint="Pass `next` of the page before, unchanged and with the same filter; or begin again without a cursor.",
        field="cursor",
    )
