"""Suger's `GET /org/{orgId}/notificationEvent`: its parameters, credentials, pages and errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Path, Query, Request, Response
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers

from ledger_queries.desk import Desk
from ledger_queries.dialects.credentials import require_caller, secret_after
from ledger_queries.dialects.dialect import Failure, answer_json, make_app
from ledger_queries.dialects.page_events import page_events
from ledger_queries.dialects.suger.answer_types import NotificationEvents
from ledger_queries.dialects.suger.fields import SAID, Recorded, notification_event
from ledger_queries.dialects.suger.parameters import NAMES, ROWS_MAX, Day, Limit, Offset, Priorities, listed, window
from ledger_queries.filters import Filter
from ledger_queries.finding import Page, find_notifications
from ledger_queries.parameters import only
from ledger_queries.reading import Reading
from ledger_queries.recorded import contents_of
from ledger_queries.sorting import Sort, SortBy
from ledger_schemas.access import Role
from ledger_schemas.errors import Unauthenticated
from ledger_schemas.field_types import Id
from ledger_schemas.kinds import Kind

ORDER: Final = (Sort(SortBy.DUE_AT, descending=True), Sort(SortBy.EXTERNAL_ID, descending=True))
"""Newest first by timestamp and eventID; notification_id makes the order total."""

READERS: Final = frozenset({Role.APPLICATION, Role.AUDITOR, Role.OPERATOR})
"""Not a person: an event shows all of its contacts."""

UNAUTHENTICATED: Final = "The credential is missing, or it is not one of this organization."
"""What every refused credential is told, so that it learns nothing of the organization."""

_KEY: Final = APIKeyHeader(
    name="Authorization", scheme_name="APIKeyAuth", description="`Key <secret>`", auto_error=False
)
_BEARER: Final = HTTPBearer(scheme_name="BearerAuth", auto_error=False)
_KEPT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""Statuses that say something which neither 400 nor 500, the document's two, would say."""


def suger_app(desk: Desk) -> FastAPI:
    """Make the application of Suger's dialect."""
    app = make_app(
        "Suger notification events",
        "Notification events of an organization.",
        _render,
        desk=desk,
        secret_of=_secret_of,
    )

    async def authorize(
        request: Request,
        _key: Annotated[str | None, Depends(_KEY)],
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> None:
        """Let in who may read for the organization of the path."""
        caller = require_caller(desk, _secret_of(request.headers), READERS)
        if caller.role is not Role.OPERATOR and caller.tenant_id != request.path_params["orgId"]:
            raise Unauthenticated(UNAUTHENTICATED)

    @app.get(
        "/org/{orgId}/notificationEvent",
        summary="list notification events",
        operation_id="ListNotificationEvents",
        dependencies=[Depends(authorize), Depends(only(NAMES))],
        responses={200: {"model": NotificationEvents}, **_ERRORS},
    )
    async def list_notification_events(
        org_id: Annotated[Id, Path(alias="orgId", description="Organization ID")],
        start: Annotated[
            Day,
            Query(alias="startDate", description="start date (UTC), default is 30 days before the endDate"),
        ] = None,
        end: Annotated[Day, Query(alias="endDate", description="end date (UTC), default is today")] = None,
        limit: Annotated[Limit, Query(description="List pagination size")] = ROWS_MAX,
        offset: Annotated[Offset, Query(description="List pagination offset")] = 0,
        priorities: Annotated[Priorities, Query(description="Filter by priorities, empty means all priorities.")] = "",
    ) -> Response:
        due_from, due_before = window(start, end)
        asked = Filter(tenant=org_id, due_from=due_from, due_before=due_before, priority=listed(priorities))
        page = Page(limit=limit, offset=offset, sorts=ORDER)
        return answer_json(await desk.read(lambda reading: _list(reading, asked, page)))

    return app


def _list(reading: Reading, asked: Filter, page: Page) -> dict[str, Any]:
    """Return a page of events, with the total on the first one."""
    found = find_notifications(reading, asked, page, total=page.offset == 0)
    contents = contents_of(reading, found.numbers, SAID)
    opened = page_events(reading, found, Kind.OPENED)
    events = [notification_event(Recorded(*each)) for each in zip(found.rows, contents, opened, strict=True)]
    return {
        **({"nextOffset": page.offset + page.limit} if found.more else {}),
        "notificationEvents": events,
        **({} if found.total is None else {"totalCount": found.total}),
    }


def _render(failure: Failure) -> Response:
    """Answer a failure as Suger does: a status, and what was wrong as a JSON string."""
    status, headers = failure.status, dict(failure.headers)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return answer_json(UNAUTHENTICATED, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Key, Bearer"})
    if headers.get("Allow") == "GET":  # The framework does not know that a HEAD is answered as a GET.
        headers["Allow"] = "GET, HEAD"
    if status not in _KEPT:
        server = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        status = HTTPStatus.INTERNAL_SERVER_ERROR if server else HTTPStatus.BAD_REQUEST
    return answer_json(failure.message, status, headers)


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": {"type": "string"}}}}


_ERRORS: Final[Mapping[int | str, dict[str, Any]]] = {
    400: _error("Bad request error"),
    401: _error("The credential is missing or wrong"),
    404: _error("There is no such path"),
    500: _error("Internal server error"),
}


def _secret_of(headers: Headers) -> str | None:
    header = headers.get("Authorization")
    return secret_after("Key", header) or secret_after("Bearer", header)
