"""The query parameters of each operation: the filter of its grain, paging, and how fresh the answer must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from ledger_queries.content_filter import REPEATABLE, VALUES_MAX
from ledger_queries.filters import Filter, GroupBy, NotificationFilter
from ledger_queries.sorting import SORT_CHARS_MAX, SortBy
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest
from ledger_schemas.field_types import Id
from ledger_schemas.json_texts import NAME_SHOWN_CHARS

WAIT_SECONDS_DEFAULT: Final = 5.0
"""How long a read with at_least waits when it does not say."""

POSITION_CHARS_MAX: Final = 10_000
FIELDS_CHARS_MAX: Final = 1_000


class Consistency(BaseModel):
    """How fresh an answer must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: str | None = Field(
        None,
        max_length=POSITION_CHARS_MAX,
        description="A position that the answer must have reached, such as a write returned.",
        examples=["notifications.lifecycle.v1@0:128"],
    )
    wait_seconds: float = Field(
        WAIT_SECONDS_DEFAULT,
        ge=0,
        le=limits.WAIT_SECONDS_MAX,
        allow_inf_nan=False,
        description="How long to wait for at_least before answering 503.",
    )


class Part(BaseModel):
    """Which part of a list, in which order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(
        limits.PAGE_ROWS_DEFAULT, ge=1, le=limits.PAGE_ROWS_MAX, description="Rows of the page, at most."
    )
    cursor: str | None = Field(None, description="`next` of the page before; absent: the first page.")
    offset: int = Field(
        0,
        ge=0,
        le=limits.PAGE_OFFSET_MAX,
        description="Rows to pass over; instead of a cursor, where pages are numbered.",
    )
    sort: str | None = Field(
        None,
        max_length=SORT_CHARS_MAX,
        description=f"Sort keys with commas, a minus before one means down: {', '.join(SortBy)}. Rows without a value "
        "come last; the ids make every order total.",
        examples=["-due_at,external_id"],
    )
    total: bool = Field(default=False, description="Also count all rows that the filter finds, in the same snapshot.")


class _Paging(Part, Consistency):
    fields: str | None = Field(
        None,
        max_length=FIELDS_CHARS_MAX,
        description="Which fields of the rows, as a list with commas; absent: all of them.",
        examples=["notification_id,title,status,facts"],
    )


class _Grouping(Consistency):
    group_by: GroupBy | None = Field(None, description="Also count per recipient, channel or kind.")


class NotificationListQuery(_Paging, NotificationFilter):
    """List at the notification grain."""


class NotificationCountQuery(_Grouping, NotificationFilter):
    """Count at the notification grain."""


class EntryListQuery(_Paging, Filter):
    """List at the grains that have a read state of their own."""


class EntryCountQuery(_Grouping, Filter):
    """Count at the grains that have a read state of their own."""


class NotificationQuery(Consistency):
    """Get one notification."""

    tenant: Id = Field(description="Whose notification; required always.", examples=["acme"])


class BadgeQuery(Consistency):
    """Look up the badge of a recipient."""

    tenant: Id = Field(description="Whose notifications; required always.", examples=["acme"])
    recipient: Id = Field(description="Whose badge.", examples=["ann"])


def only(names: Collection[str], repeatable: Collection[str] = ()) -> Callable[[Request], Awaitable[None]]:
    """Make a dependency that refuses other query parameters than `names`, and one given twice that is not repeatable.

    Without it a misspelt filter would be dropped and the answer would be to another question.
    """

    async def refuse_others(request: Request) -> None:
        given = Counter(name for name, _ in request.query_params.multi_items())
        for name, times in given.items():
            if name not in names:
                raise BadRequest(
                    f"There is no query parameter {name[:NAME_SHOWN_CHARS]!r} here.",
                    hint=f"Allowed are {', '.join(names)}.",
                    field=name[:NAME_SHOWN_CHARS],
                )
            if times > 1 and name not in repeatable:
                raise BadRequest(f"{name}: is given more than once.", hint="Give it once.", field=name)
            if times > VALUES_MAX:
                raise BadRequest(f"{name}: is given {times:,} times.", hint=f"VALUES_MAX is {VALUES_MAX}.", field=name)

    return refuse_others


def only_fields_of(model: type[BaseModel]) -> Callable[[Request], Awaitable[None]]:
    """Make the dependency of `only` for the query parameters of the native API that are the fields of a model."""
    return only(model.model_fields, _REPEATABLE)


_REPEATABLE: Final = frozenset({"reached", "not_reached", *REPEATABLE})
