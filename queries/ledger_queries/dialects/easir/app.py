"""EASI'R's notifications: the list of a user, custom ones, marking as read, and devices."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.security import HTTPBearer
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from ledger_queries.desk import Desk
from ledger_queries.dialects.bodies import read_json
from ledger_queries.dialects.credentials import require_caller, secret_after
from ledger_queries.dialects.dialect import answer_json, make_app
from ledger_queries.dialects.easir import creating, devices
from ledger_queries.dialects.easir.answer_types import NotificationPage, Queued
from ledger_queries.dialects.easir.failures import render, responses
from ledger_queries.dialects.easir.listing import list_notifications
from ledger_queries.dialects.numerals import DecimalText
from ledger_queries.filters import Filter
from ledger_queries.marks import Mark, Marking, mark_entries
from ledger_schemas import limits
from ledger_schemas.access import Caller, Role
from ledger_schemas.errors import NotFound
from ledger_schemas.ids import CANONICAL_UUID

PER_PAGE_DEFAULT: Final = 15
PER_PAGE_MAX: Final = 100
WAIT_SECONDS: Final = 5.0
"""How long a mark waits until the list shows it."""

_PERSONS: Final = frozenset({Role.PERSON})
_BEARER: Final = HTTPBearer(auto_error=False, description="The key of a person, whose notifications these are.")


_Show = Literal["unread"]
_PageNumber = Annotated[int, Field(ge=1, le=limits.NUMBER_MAX), DecimalText]
_PageSize = Annotated[int, Field(ge=1, le=PER_PAGE_MAX), DecimalText]
_Token = Annotated[
    str,
    Path(description="Device token of the push service.", min_length=1, max_length=devices.TOKEN_CHARS_MAX),
]


@dataclass(frozen=True, slots=True)
class _User:
    """Whose notifications these are: the person of the bearer token."""

    tenant: str
    id: str
    caller: Caller

    def inbox(self, **conditions: Any) -> Filter:  # noqa: ANN401 - the filter checks them
        """Return the filter of what the user has and did not delete."""
        return Filter(tenant=self.tenant, recipient=self.id, deleted=False, **conditions)


def easir_app(desk: Desk) -> FastAPI:
    """Make the application of the dialect."""
    app = make_app(
        "EASI'R notifications",
        "Notifications of this ledger as EASI'R's API answers with them.",
        render,
        desk=desk,
        secret_of=_secret_of,
    )

    # The scheme is for the document alone: it would refuse in words of its own.
    def user_of(request: Request, _: Annotated[object, Depends(_BEARER)]) -> _User:
        caller = require_caller(desk, _secret_of(request.headers), _PERSONS)
        assert caller.tenant_id is not None  # noqa: S101 - of every person
        assert caller.recipient_id is not None  # noqa: S101 - likewise
        return _User(caller.tenant_id, caller.recipient_id, caller)

    current_user = Depends(user_of)
    _add_list(app, desk, current_user)
    _add_custom(app, desk, current_user)
    _add_marks(app, desk, current_user)
    _add_devices(app, desk, current_user)
    return app


def _add_list(app: FastAPI, desk: Desk, current_user: Any) -> None:  # noqa: ANN401 - FastAPI's own type
    @app.get(
        "/notifications",
        summary="Get your notifications",
        operation_id="getNotifications",
        responses={200: {"model": NotificationPage, "description": "A page, newest first"}, **responses()},
    )
    async def get_notifications(
        request: Request,
        user: Annotated[_User, current_user],
        # Its types have no null: a query has none, and the OpenAPI document says so.
        show: Annotated[_Show, Query(description="Only the unread ones.")] = None,  # type: ignore[assignment]
        page: Annotated[_PageNumber, Query(description="Which page, from 1 on.")] = 1,
        per_page: Annotated[_PageSize, Query(description="Rows of a page.")] = PER_PAGE_DEFAULT,
    ) -> Response:
        asked = user.inbox(read=False if show else None)
        url = request.url
        return answer_json(await desk.read(lambda reading: list_notifications(reading, asked, page, per_page, url)))


def _add_custom(app: FastAPI, desk: Desk, current_user: Any) -> None:  # noqa: ANN401 - FastAPI's own type
    @app.post(
        "/notifications",
        status_code=HTTPStatus.ACCEPTED,
        summary="Create a custom notification",
        operation_id="createNotification",
        openapi_extra=_json_body(creating.BODY_SCHEMA, required=True),
        responses={202: {"model": Queued, "description": "The log has it"}, **responses(504)},
    )
    async def create_notification(
        request: Request,
        user: Annotated[_User, current_user],
        idempotency_key: Annotated[
            # The vendor's document has none; the guide explains it.
            str | None,
            Header(include_in_schema=False),
        ] = None,
    ) -> Response:
        key = creating.request_key(idempotency_key)
        custom = creating.parse_custom(await read_json(request))
        recipients = creating.recipients_of(custom, lambda team: desk.directory.team_members(user.tenant, team))
        events = await run_in_threadpool(creating.custom_events, user.tenant, user.id, custom, recipients, key)
        await desk.append(events)
        return answer_json({"queued": True}, HTTPStatus.ACCEPTED)


def _add_marks(app: FastAPI, desk: Desk, current_user: Any) -> None:  # noqa: ANN401 - FastAPI's own type
    @app.put(
        "/notifications/read",
        status_code=HTTPStatus.NO_CONTENT,
        summary="Mark all notifications as read",
        operation_id="markAllAsRead",
        responses={204: {"description": "All that was unread is read"}, **responses(504)},
    )
    async def mark_all_as_read(user: Annotated[_User, current_user]) -> Response:
        marking = Marking(Mark.READ, user.inbox(read=False))
        await mark_entries(desk, user.caller, marking, wait_seconds=WAIT_SECONDS)
        return _nothing()

    @app.put(
        "/notifications/{notification_id}/read",
        status_code=HTTPStatus.NO_CONTENT,
        summary="Mark notification as read",
        operation_id="markAsRead",
        responses={204: {"description": "It is read"}, **responses(404, 504)},
    )
    async def mark_as_read(
        user: Annotated[_User, current_user],
        notification_id: Annotated[str, Path(json_schema_extra={"format": "uuid"})],
    ) -> Response:
        found = _uuid(notification_id)
        marking = Marking(Mark.READ, user.inbox(notification_id=(found,)))
        marked = await mark_entries(desk, user.caller, marking, wait_seconds=WAIT_SECONDS)
        if not marked.marked and not marked.unchanged:
            raise _missing()
        return _nothing()


def _add_devices(app: FastAPI, desk: Desk, current_user: Any) -> None:  # noqa: ANN401 - FastAPI's own type
    @app.post(
        "/notifications/devices/{token}",
        status_code=HTTPStatus.NO_CONTENT,
        summary="Register a device to receive push notifications",
        operation_id="registerDevice",
        openapi_extra=_json_body(devices.BODY_SCHEMA, required=False),
        responses={204: {"description": "The device is the user's, and no other's"}, **responses(504)},
    )
    async def register_device(request: Request, user: Annotated[_User, current_user], token: _Token) -> Response:
        platform = devices.platform_of(await read_json(request))
        await desk.directory_sink.put_directory([devices.registered(user.tenant, user.id, token, platform)])
        return _nothing()

    @app.delete(
        "/notifications/devices/{token}",
        status_code=HTTPStatus.NO_CONTENT,
        summary="Unregister a device for push notifications",
        operation_id="unregisterDevice",
        responses={204: {"description": "The device is not the user's"}, **responses(504)},
    )
    async def unregister_device(user: Annotated[_User, current_user], token: _Token) -> Response:
        await desk.directory_sink.put_directory([devices.unregistered(user.tenant, user.id, token)])
        return _nothing()


def _uuid(text: str) -> UUID:
    """Return the id of a path, in the one spelling that ids have. Raises NotFound for any other text."""
    if not CANONICAL_UUID.fullmatch(text.lower()):
        raise _missing()
    return UUID(text)


def _missing() -> NotFound:
    return NotFound("The user has no such notification.", hint="Ask for the list of the user.")


def _nothing() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})


def _json_body(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": required}}


def _secret_of(headers: Headers) -> str | None:
    return secret_after("Bearer", headers.get("Authorization"))
