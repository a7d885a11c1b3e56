"""What every dialect is made of: a FastAPI application that answers every failure in its vendor's own shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_queries.content_encoding import ContentEncodings
from ledger_queries.desk import Desk
from ledger_queries.dialects.credentials import require_caller
from ledger_queries.dialects.openapi_document import describe_exactly
from ledger_queries.problems import UnexpectedErrors
from ledger_queries.request_texts import Utf8Requests
from ledger_schemas.access import Role
from ledger_schemas.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Violation:
    """One input that breaks a rule: its name, the part of the request that it is in, and the rule."""

    name: str
    message: str
    part: str = "query"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request is not answered, before a dialect puts it in its own words.

    `status` is the ledger's or the framework's own; a dialect may answer with another. `error` is the ledger's error,
    if it is one. `path` is the path that was asked, with the dialect's prefix.
    """

    status: int
    path: str
    message: str
    violations: Sequence[Violation] = ()
    error: LedgerError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


SecretOf = Callable[[Headers], str | None]
"""Finds the secret in the headers of a request; None: there is none."""

Render = Callable[[Failure], Response]
"""Makes a dialect's answer for a failure."""


def make_app(title: str, summary: str, render: Render, *, desk: Desk, secret_of: SecretOf) -> FastAPI:
    """Make the application of a dialect: with its own OpenAPI document, and `render` for every failure.

    The document too is for those who have a key, of any role: `secret_of` finds it in the vendor's header.
    """
    app = FastAPI(title=title, version="1", summary=summary, docs_url=None, redoc_url=None, openapi_url=None)

    def ledger_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, LedgerError)  # noqa: S101 - Starlette calls a handler for its own class only
        return render(_failure(error, request.url.path))

    def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        found = [_violation(one) for one in error.errors()]
        status = HTTPStatus.UNPROCESSABLE_ENTITY if found[0].part == "body" else HTTPStatus.BAD_REQUEST
        return render(Failure(status, request.url.path, f"{found[0].name}: {found[0].message}", found))

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        headers = dict(error.headers or {})
        if "Allow" in headers:  # The framework names the methods of the first route of a path alone.
            headers["Allow"] = ", ".join(sorted(_methods(app, request.scope)))
        return render(Failure(error.status_code, request.url.path, str(error.detail), headers=headers))

    def refuse(error: LedgerError, path: str) -> Response:
        return render(_failure(error, path))

    def unexpected(path: str) -> Response:
        return render(Failure(HTTPStatus.INTERNAL_SERVER_ERROR, path, "Internal server error"))

    app.add_exception_handler(LedgerError, ledger_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_middleware(UnexpectedErrors, answer=unexpected)
    app.add_middleware(ContentEncodings, refuse=refuse)
    app.add_middleware(Utf8Requests, refuse=refuse)
    describe_exactly(app)

    @app.get("/openapi.json", include_in_schema=False)
    async def document(request: Request) -> Response:
        require_caller(desk, secret_of(request.headers), frozenset(Role))
        return answer_json({**app.openapi(), "servers": [{"url": request.scope["root_path"] or "/"}]})

    return app


def answer_json(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer, its keys in the order of the document."""
    return Response(
        to_json(document),
        status_code=status,
        media_type="application/json",
        # Answers hold personal content and go stale with the next event.
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


class Mounts:
    """ASGI middleware: the dialects under their prefixes, everything else to the app."""

    def __init__(self, app: ASGIApp, dialects: Mapping[str, ASGIApp]) -> None:
        """Stand before `app`; `dialects` are applications by prefix, such as `/suger`."""
        self._app = app
        self._mounts = [_mount(prefix, dialect) for prefix, dialect in dialects.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the application that its path belongs to."""
        for mount in self._mounts if scope["type"] == "http" else ():
            match, child_scope = mount.matches(scope)
            if match is not Match.NONE:
                await mount.app({**scope, **child_scope}, receive, send)
                return
        await self._app(scope, receive, send)


def _methods(app: FastAPI, scope: Scope) -> set[str]:
    """Return the methods of all routes that a path has."""
    matching = [route for route in app.routes if route.matches(scope)[0] is not Match.NONE]
    return {method for route in matching for method in getattr(route, "methods", None) or ()}


def _mount(prefix: str, app: ASGIApp) -> Mount:
    mount = Mount(prefix, app=app)
    # Starlette's own pattern stops at a newline (%0A), and such a path would be answered in another shape.
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def _failure(error: LedgerError, path: str) -> Failure:
    violations = [Violation(error.field, error.message)] if error.field else []
    headers = {"Retry-After": "1"} if error.retryable else {}
    return Failure(error.status, path, error.message, violations, error, headers)


def _violation(finding: Mapping[str, Any]) -> Violation:
    part, *path = finding["loc"] or ("request",)
    name = ".".join(str(step) for step in path) or str(part)
    message = "is required" if finding["type"] == "missing" else str(finding["msg"]).removeprefix("Value error, ")
    return Violation(name, message, str(part))
