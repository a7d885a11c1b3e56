"""Routes of the quarantine of a running ledger, for its operator: list, count, show, retry."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from ledger_projectors.log.records import Reason
from ledger_projectors.store.quarantine import Result, RetryOutcome, Selection
from ledger_queries.parameters import only_fields_of
from ledger_queries.problems import problem_responses
from ledger_queries.quarantine import (
    QuarantineCount,
    QuarantineCountQuery,
    QuarantinedDetail,
    QuarantineListQuery,
    QuarantinePage,
    QuarantineShowQuery,
    count_quarantined,
    list_quarantined,
    show_quarantined,
)
from ledger_queries.reading import Reader, open_reading
from ledger_schemas.known_schemas import KnownSchemas

PLACES_MAX: Final = 1_000
"""Places that one retry may name."""

Place = tuple[NonNegativeInt, NonNegativeInt]
Retry = Callable[[Selection], Awaitable[RetryOutcome]]

_MANY: Final = problem_responses(400, 500)
_ONE: Final = problem_responses(400, 404, 500)


class RetryRequest(BaseModel):
    """What to try again: all, or what has this reason, or what lies at these places (partition, offset)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all: bool = False
    reason: Reason | None = None
    places: Annotated[tuple[Place, ...] | None, Field(min_length=1, max_length=PLACES_MAX)] = None
    after: Place | None = Field(None, description="`next` of the answer before; absent: from the beginning.")

    @model_validator(mode="after")
    def _names_something(self) -> "RetryRequest":
        if self.all == (self.reason is not None or self.places is not None):
            message = "must name a reason or places, or have all = true"
            raise ValueError(message)
        return self

    def selection(self) -> Selection:
        """Return it as the projector takes it."""
        return Selection(self.reason, self.places, self.after)


class RetriedRecord(BaseModel):
    """What became of one record; `reason` and `detail` say why it is refused still."""

    partition: int
    offset: int
    result: Result
    reason: Reason | None
    detail: str | None


class RetryAnswer(BaseModel):
    """What became of the first records of what was named, in log order."""

    retried: list[RetriedRecord]
    next: Place | None = Field(description="Repeat the request with this as `after` until it is null.")


def retry_answer(outcome: RetryOutcome) -> RetryAnswer:
    """Return the outcome of one retry as it is told."""
    retried = [RetriedRecord.model_validate(dataclasses.asdict(one)) for one in outcome.retried]
    return RetryAnswer(retried=retried, next=(retried[-1].partition, retried[-1].offset) if retried else None)


def quarantine_router(reader: Reader, known: Callable[[], KnownSchemas], retry: Retry) -> APIRouter:
    """Return the routes below `/v1/operator/quarantine`. `retry` is awaited on the event loop.

    They show records of every tenant, and of none: bytes that nobody can read name no tenant.
    """
    router = APIRouter(prefix="/v1/operator/quarantine", tags=["operator"])

    @router.get(
        "", summary="List the quarantine", responses=_MANY, dependencies=[Depends(only_fields_of(QuarantineListQuery))]
    )
    def list_records(query: Annotated[QuarantineListQuery, Query()]) -> QuarantinePage:
        """List records that cannot be applied, the one that the log took last first."""
        with open_reading(reader) as reading:
            return list_quarantined(reading, query)

    @router.get(
        "/count",
        summary="Count the quarantine",
        responses=_MANY,
        dependencies=[Depends(only_fields_of(QuarantineCountQuery))],
    )
    def count_records(query: Annotated[QuarantineCountQuery, Query()]) -> QuarantineCount:
        """Count exactly the records that the list with the same filter walks through."""
        with open_reading(reader) as reading:
            return count_quarantined(reading, query)

    @router.get(
        "/{partition}/{offset}",
        summary="Show one record of the quarantine",
        responses=_ONE,
        dependencies=[Depends(only_fields_of(QuarantineShowQuery))],
    )
    def show_record(partition: int, offset: int, query: Annotated[QuarantineShowQuery, Query()]) -> QuarantinedDetail:
        """Show where it lies, why it is here, its key and headers, and what its first bytes say of its schema."""
        with open_reading(reader) as reading:
            return show_quarantined(reading, partition, offset, query, known())

    @router.post("/retries", summary="Try records of the quarantine again", responses=_MANY)
    async def retry_records(request: RetryRequest) -> RetryAnswer:
        """Apply them as if they had come in time, or say why they are refused still. Some at a time: see `next`."""
        return retry_answer(await retry(request.selection()))

    return router
