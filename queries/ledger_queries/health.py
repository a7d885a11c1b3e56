"""Health: alive, and ready: the read model has caught up with a log that loses no facts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from ledger_queries.problems import problem_response, problem_responses
from ledger_schemas.alarms import Alarm
from ledger_schemas.errors import LedgerError, LogLosesFacts, ReadModelBehind
from ledger_schemas.positions import Position


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the read model has caught up, where it stands, and how many events it is behind (None: not known).

    `alarms` are the conditions that an operator must look at; with one that loses facts the ledger is not ready.
    """

    ready: bool
    position: Position
    behind: int | None = None
    alarms: Sequence[Alarm] = ()


class LiveAnswer(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class AlarmAnswer(BaseModel):
    """A condition that an operator must look at."""

    code: str = Field(description="Stable; what programs match on.")
    detail: str = Field(description="The facts.")
    hint: str = Field(description="What to do next.")


class ReadyAnswer(BaseModel):
    """The read model has caught up with the log."""

    status: Literal["ready"] = "ready"
    position: str = Field(description="Where in the log the read model stands.")
    lag_events: int | None = Field(description="How many events the log is ahead; null: not known.")
    alarms: list[AlarmAnswer] = Field(description="What an operator must look at: a disk that fills, for instance.")


def health_router(readiness: Callable[[], Readiness]) -> APIRouter:
    """Make `/health/live` and `/health/ready`; `readiness` is called in a worker thread."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live", summary="Is the process alive?")
    async def live() -> LiveAnswer:
        """Answers as long as the process does, however far the read model is behind."""
        return LiveAnswer()

    @router.get(
        "/ready",
        summary="Has the read model caught up?",
        response_model=ReadyAnswer,
        responses=problem_responses(500, 503),
    )
    def ready(request: Request) -> Response:
        """Answers 503 with position, lag and alarms until the read model has caught up with the log.

        It also does while a topic has a setting by which Kafka deletes facts.
        """
        found = readiness()
        answer = ReadyAnswer(
            position=str(found.position),
            lag_events=found.behind,
            alarms=[AlarmAnswer(code=one.code, detail=one.detail, hint=one.hint) for one in found.alarms],
        )
        if (problem := _problem(found)) is None:
            return Response(answer.model_dump_json(), media_type="application/json")
        return problem_response(problem, request.url.path, extra=answer.model_dump(exclude={"status"}))

    return router


def _problem(found: Readiness) -> LedgerError | None:
    """Return why the ledger is not ready, None when it is."""
    losing = [alarm for alarm in found.alarms if alarm.loses_facts]
    if losing:
        return LogLosesFacts(" ".join(one.detail for one in losing), hint=" ".join(one.hint for one in losing))
    if found.ready:
        return None
    lag = "an unknown number of" if found.behind is None else f"{found.behind}"
    return ReadModelBehind(
        f"The read model is {lag} events behind the log.", hint="Ask again; answers are stale until then."
    )
