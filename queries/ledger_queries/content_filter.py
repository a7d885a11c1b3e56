"""What a list or a count may ask of the content of its notifications, at every grain."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from ledger_schemas import limits
from ledger_schemas.field_types import Id
from ledger_schemas.times import Time

VALUES_MAX: Final = 100
"""Values that one condition of a filter may list."""

NOTIFICATION_IDS_MAX: Final = 1_000
"""Notifications that a filter may name."""

JSON_PATH_PATTERN: Final = r"^\$(\.[A-Za-z_][A-Za-z0-9_-]{0,127}|\[[0-9]{1,6}\]){1,64}$"
"""Members by name and items by index, as in `$.order.lines[0]`: a subset of RFC 9535."""

Instant = Annotated[
    Time,
    WithJsonSchema({"type": "string", "format": "date-time", "description": "In a URL, write + as %2B."}),
    AfterValidator(lambda value: value.astimezone(UTC)),
]
"""A time of RFC 3339, read as those of events are, in UTC after validation."""

_Values = Annotated[tuple[Id, ...], Field(max_length=VALUES_MAX)]


class ContentFilter(BaseModel):
    """Conditions on what a notification says. All must hold; of several values of one condition, any.

    `tag` and `context` are the exception: a notification must have all of those that are listed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    notification_id: Annotated[tuple[UUID, ...], Field(max_length=NOTIFICATION_IDS_MAX)] = Field(
        (), description="Only the notifications with these ids. May be repeated."
    )
    external_id: _Values = Field((), description="Only what its source calls by one of these ids. May be repeated.")
    number: int | None = Field(None, ge=0, le=limits.NUMBER_MAX, description="Only the notification of this number.")
    correlation_id: _Values = Field((), description="Only what was created under one of these. May be repeated.")
    type: _Values = Field((), description="Only these types. May be repeated.")
    category: _Values = Field((), description="Only these categories. May be repeated.")
    action: _Values = Field((), description="Only these actions. May be repeated.")
    priority: _Values = Field((), description="Only these priorities. May be repeated.", examples=[["HIGH"]])
    severity: _Values = Field((), description="Only these severities. May be repeated.")
    subject_type: Id | None = Field(None, description="Only what is about an object of this type.")
    subject_id: Id | None = Field(None, description="Only what is about the object with this id.")
    creator_type: Id | None = Field(None, description="Only what a creator of this type made.")
    creator_id: Id | None = Field(None, description="Only what the creator with this id made.")
    group_type: Id | None = Field(None, description="Only what went to a group of this type.")
    group_id: Id | None = Field(None, description="Only what went to the group with this id.")
    tag: _Values = Field((), description="Only what has this tag. May be repeated; all must hold.")
    context: _Values = Field((), description="Only what has this context. May be repeated; all must hold.")
    template_id: _Values = Field((), description="Only what these templates made. May be repeated.")
    schedule_id: Id | None = Field(None, description="Only what this schedule fires.")
    data_path: Annotated[str, Field(pattern=JSON_PATH_PATTERN, max_length=1_000)] | None = Field(
        None,
        description="Only what has data_value at this path of its data: names and indexes.",
        examples=["$.order.id"],
    )
    data_value: Annotated[str, Field(max_length=1_000)] | None = Field(
        None, description="What stands at data_path: a text as it is, anything else as JSON.", examples=["42"]
    )
    due_from: Instant | None = Field(None, description="Only what is scheduled, else listed, at or after this time.")
    due_before: Instant | None = Field(None, description="Only what is scheduled, else listed, before this time.")

    def content_parameters(self) -> dict[str, object]:
        """Return the parameters of the conditions that were stated, and which blocks of the statements they need."""
        stated = {
            name: list(value) if isinstance(value, tuple) else value
            for name in ContentFilter.model_fields
            if (value := getattr(self, name)) is not None and value != ()
        }
        if stated.keys() & {"group_type", "group_id"}:
            stated["group_asked"] = True
        if stated.keys() & {"due_from", "due_before"}:
            stated["due_asked"] = True
        if stated.keys() - {"notification_id", "due_from", "due_before", "due_asked"}:
            stated["content_asked"] = True
        return stated


SWITCHES: Final = frozenset({"content_asked", "due_asked", "group_asked"})
"""Parameters that choose lines of a statement and are none of its values."""

REPEATABLE: Final = tuple(name for name, field in ContentFilter.model_fields.items() if field.default == ())
"""Query parameters that may be given more than once."""
