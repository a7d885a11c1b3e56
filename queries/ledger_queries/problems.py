"""Every error over HTTP in one shape: application/problem+json (RFC 9457), whatever raised it."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_queries.filters import refusal
from ledger_schemas.errors import LedgerError, OutcomeUnknown, Unauthenticated

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1.0
"""What a caller is told to wait before it repeats a call that may then succeed."""

Refuse = Callable[[LedgerError, str], Response]
"""Makes the answer for an error and the path that was asked."""

_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What went wrong, by RFC 9457: match on `code`, show `detail` and `hint`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:notification-ledger:problem:cursor_invalid",
                    "title": "Cursor invalid",
                    "status": 400,
                    "detail": "cursor: it belongs to another filter.",
                    "instance": "/v1/inbox",
                    "code": "cursor_invalid",
                    "hint": "Pass `next` of the page before, unchanged and with the same filter.",
                    "field": "cursor",
                    "retryable": False,
                }
            ]
        },
    )

    type: str = Field(description="Identifies the class of problem; a URN that ends in the code.")
    title: str = Field(description="The class of problem in words, the same for all of its kind.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was wrong this time.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="Stable; what programs match on.")
    hint: str = Field(description="What to do next; may be empty.")
    field: str | None = Field(None, description="Which input it is about.")
    retryable: bool = Field(description="Whether the same call may succeed later without a change.")


_DESCRIPTIONS: Final = MappingProxyType(
    {
        400: "The question cannot be asked; `field` and `detail` say what is wrong with it.",
        401: "The request has no credential, or none that holds.",
        403: "The credential's role does not reach this far.",
        404: "The tenant has no such thing.",
        413: "The body is too large, or it asks for more than one call may do.",
        422: "The body breaks a rule; `field` names it. Nothing was written.",
        500: "A fault of the ledger; nothing of it is told.",
        503: "The read model has not reached the position asked for, or is away; see Retry-After.",
        504: "The log did not confirm in time: some events may be in it. Call again.",
    }
)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI descriptions of the problems that an operation may answer with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _DESCRIPTIONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem_response(
    error: LedgerError, instance: str, *, extra: Mapping[str, Any] | None = None, retry_after: float | None = None
) -> Response:
    """Return the response for one error of the tree, with `extra` members beside the standard ones."""
    wait = retry_after if retry_after is not None else RETRY_AFTER_SECONDS
    return _response(
        Problem(
            **_name(error.code),
            status=error.status,
            detail=error.message,
            instance=instance,
            hint=error.hint,
            field=error.field,
            retryable=error.retryable,
            **(extra or {}),
        ),
        _headers(error, wait),
    )


def _headers(error: LedgerError, wait: float) -> Mapping[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110, section 11.6.1; RFC 6750, section 3
    return {"Retry-After": str(math.ceil(wait))} if error.retryable else {}


def install_problems(app: FastAPI) -> None:
    """Make every failure of `app` a problem: the ledger's errors, FastAPI's, Starlette's, and the unexpected ones."""
    app.add_exception_handler(LedgerError, _ledger_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(UnexpectedErrors)


class UnexpectedErrors:
    """Answers 500 to what no handler knows, and tells of it nothing but a code.

    Starlette's own handler raises again after answering, so that the server writes the exception's message, and with
    it perhaps somebody's data, into its log.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[str], Response] | None = None) -> None:
        """Stand before `app`; `answer` makes the answer of a path that failed."""
        self._app = app
        self._answer = answer or _internal_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; answer for it when it fails before an answer began."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http":
                raise
            if isinstance(error, ClientDisconnect):
                return  # Nobody is left to answer, and it is no fault of the ledger.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            _log.error(
                "api.unexpected_error",
                method=scope["method"],
                path=scope["path"],
                error_type=type(error).__name__,
                raised_in=f"{frame.name}:{frame.lineno}",
            )
            if not begun:
                await self._answer(scope["path"])(scope, receive, send)


def _internal_error(path: str) -> Response:
    return _response(
        Problem(
            **_name("internal_error"),
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            detail="The ledger failed to answer.",
            instance=path,
            hint="Its log names the fault; repeat the call, and report it when it comes again.",
            retryable=False,
        )
    )


def _ledger_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LedgerError)  # noqa: S101 - Starlette calls a handler for its own class only
    extra = {}
    if isinstance(error, OutcomeUnknown):
        # A caller that stated none can now repeat the call safely.
        extra = {"event_ids": [str(event.event_id) for event in error.events]}
    return problem_response(error, request.url.path, extra=extra)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return problem_response(refusal(error.errors()), request.url.path)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = HTTPStatus(error.status_code)
    hint = "/openapi.json has every path and method." if status in {404, 405} else ""
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":  # The framework does not know that a HEAD is answered as a GET.
        headers["Allow"] = "GET, HEAD"
    return _response(
        Problem(
            **_name(status.name.lower()),
            status=status,
            detail=f"{status.description or status.phrase}.".replace("..", "."),
            instance=request.url.path,
            hint=hint,
            retryable=status == HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        headers,
    )


def _name(code: str) -> dict[str, str]:
    title = code.replace("_", " ").capitalize()
    return {"type": f"urn:notification-ledger:problem:{code}", "title": title, "code": code}


def _response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        problem.model_dump_json(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
