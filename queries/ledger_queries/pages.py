"""Page cursors: opaque texts that say behind which row, of which question, the next page begins."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ledger_queries.filters import Filter, Grain
from ledger_schemas import limits
from ledger_schemas.errors import CursorInvalid

CURSOR_CHARS_MAX: Final = 6_000
"""Room for three ids of ID_CHARS_MAX four-byte characters, escaped in JSON, then in base64."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SortKey:
    """The total order of every list: newest first by the first two, then upward; texts that a grain lacks are empty."""

    listed_at: datetime
    notification_id: UUID
    recipient_id: str = ""
    channel: str = ""
    delivery_ref: str = ""

    def parameters(self, grain: Grain) -> dict[str, object]:
        """Return the parameters that a page statement of `grain` takes for the row that it begins behind."""
        after: dict[str, object] = {
            "after_listed_at": self.listed_at,
            "after_notification_id": self.notification_id,
        }
        if grain is not Grain.NOTIFICATION:
            after["after_recipient_id"] = self.recipient_id
        if grain is Grain.DELIVERY:
            after |= {"after_channel": self.channel, "after_delivery_ref": self.delivery_ref}
        return after


_Text = Annotated[str, StringConstraints(max_length=limits.ID_CHARS_MAX)]


class _CursorDocument(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    version: Literal[1] = Field(1, alias="v")
    grain: Grain = Field(alias="g")
    projection_version: int = Field(alias="p")
    filter_digest: str = Field(alias="f")
    key: tuple[
        Annotated[int, Field(ge=limits.OCCURRED_AT_MICROSECONDS_MIN, le=limits.OCCURRED_AT_MICROSECONDS_MAX)],
        UUID,
        _Text,
        _Text,
        _Text,
    ] = Field(alias="k")


def encode_cursor(key: SortKey, grain: Grain, asked: Filter, projection_version: int) -> str:
    """Return the cursor of the page that begins behind `key`."""
    document = _CursorDocument(
        v=1,
        g=grain,
        p=projection_version,
        f=asked.digest(),
        k=(
            (key.listed_at - _EPOCH) // _MICROSECOND,
            key.notification_id,
            key.recipient_id,
            key.channel,
            key.delivery_ref,
        ),
    )
    text = document.model_dump_json(by_alias=True)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str, grain: Grain, asked: Filter, projection_version: int) -> SortKey:
    """Return the row that the cursor names.

    Raises CursorInvalid when it is broken, or was given for another grain, another filter (the tenant is part of it),
    or another version of the projection, whose rows may sort differently.
    """
    document = _parse(cursor)
    if document.grain is not grain:
        raise _invalid(f"it belongs to a list of {document.grain} rows")
    if document.filter_digest != asked.digest():
        raise _invalid("it belongs to another filter")
    if document.projection_version != projection_version:
        raise _invalid("the read model was made anew since, by another version of the projection")
    microseconds, notification_id, recipient_id, channel, delivery_ref = document.key
    return SortKey(_EPOCH + timedelta(microseconds=microseconds), notification_id, recipient_id, channel, delivery_ref)


def _parse(cursor: str) -> _CursorDocument:
    if len(cursor) > CURSOR_CHARS_MAX:
        raise _invalid(f"it is longer than CURSOR_CHARS_MAX = {CURSOR_CHARS_MAX}")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return _CursorDocument.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, ValidationError):
        raise _invalid("it is not one that this ledger gave out") from None


def _invalid(reason: str) -> CursorInvalid:
    return CursorInvalid(
        f"cursor: {reason}.",
        hint="Pass `next` of the page before, unchanged and with the same filter; or begin again without a cursor.",
        field="cursor",
    )
