"""The types of an event's fields: ids, JSON texts and bounded texts, each with its rule."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from ledger_schemas import limits
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.json_texts import checked_addresses, checked_attributes, checked_data

_NO_CONTROL = r"^[^\x00-\x1f\x7f]+$"


def _canonical(value: UUID) -> UUID:
    if not CANONICAL_UUID.fullmatch(str(value)):
        message = "must be a UUID of RFC 9562, versions 1 to 8"
        raise ValueError(message)
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=limits.ID_CHARS_MAX, pattern=_NO_CONTROL)]
"""An opaque id or code: 1 to 128 characters, no control characters."""

RfcUuid = Annotated[UUID, AfterValidator(_canonical)]

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
