"""The types that every answer is made of: times as text, absent ids as null, frozen models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema


def rfc_3339(value: datetime) -> str:
    """Return a time as every answer writes it: RFC 3339, UTC, microseconds."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[
    datetime,
    PlainSerializer(rfc_3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-02T03:04:05.000000Z"]}),
]
Absent = BeforeValidator(lambda value: None if value == "" else value)
"""The read model writes an absent delivery_ref as an empty text."""


class Answer(BaseModel):
    """Part of an answer, or all of it: frozen."""

    model_config = ConfigDict(frozen=True)
