"""The read routes: list and count at each grain, and get, each answer with the position that it reflects."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from pydantic.main import IncEx

from ledger_queries.answers import AnyPage, count_rows, fields_of, get_notification, list_rows
from ledger_queries.badges import read_badge
from ledger_queries.desk import Desk
from ledger_queries.filters import Grain
from ledger_queries.parameters import (
    BadgeQuery,
    Consistency,
    EntryCountQuery,
    EntryListQuery,
    NotificationCountQuery,
    NotificationListQuery,
    NotificationQuery,
    only_fields_of,
)
from ledger_queries.problems import problem_responses
from ledger_queries.reading import Reading, parse_at_least
from ledger_queries.rows import (
    BadgeAnswer,
    CountAnswer,
    DeliveryPage,
    InboxEntryPage,
    NotificationDetail,
    NotificationPage,
)
from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS

_MANY: Final = problem_responses(400, 500, 503)
_ONE: Final = problem_responses(400, 404, 500, 503)
_PAGES: Final[dict[int | str, dict[str, Any]]] = {
    **_MANY,
    200: {
        "headers": {
            "Link": {
                "description": 'The next page, rel="next" (RFC 8288); absent when there is no more.',
                "schema": {"type": "string"},
            }
        }
    },
}

_Answer = TypeVar("_Answer", bound=BaseModel)


def read_router(desk: Desk) -> APIRouter:
    """Make the routes under `/v1`."""
    router = APIRouter(prefix="/v1", tags=["read"])
    answers = _Answers(desk)
    _add_notifications(router, answers)
    _add_inbox(router, answers)
    _add_badge(router, answers)
    _add_deliveries(router, answers)
    return router


def _add_notifications(router: APIRouter, answers: "_Answers") -> None:
    @router.get(
        "/notifications",
        summary="List notifications",
        response_model=NotificationPage,
        responses=_PAGES,
        dependencies=[Depends(only_fields_of(NotificationListQuery))],
    )
    async def list_notifications(request: Request, query: Annotated[NotificationListQuery, Query()]) -> Response:
        """List notifications, newest first; recipient and channel mean: has such an inbox entry, such a delivery."""
        return await answers.page(request, Grain.NOTIFICATION, query)

    @router.get(
        "/notifications/count",
        summary="Count notifications",
        response_model=CountAnswer,
        responses=_MANY,
        dependencies=[Depends(only_fields_of(NotificationCountQuery))],
    )
    async def count_notifications(query: Annotated[NotificationCountQuery, Query()]) -> Response:
        """Count exactly the rows that the list with the same filter walks through."""
        return await answers.count(Grain.NOTIFICATION, query)

    @router.get(
        "/notifications/{notification_id}",
        summary="Get one notification with its whole timeline",
        response_model=NotificationDetail,
        responses=_ONE,
        dependencies=[Depends(only_fields_of(NotificationQuery))],
    )
    async def get_one_notification(notification_id: UUID, query: Annotated[NotificationQuery, Query()]) -> Response:
        """Get its row, what it says, its inbox entries, its deliveries, and every event of its history.

        It answers also before its `created` has come. Another tenant's id is answered as an unknown one.
        """
        return await answers.get(notification_id, query)


def _add_inbox(router: APIRouter, answers: "_Answers") -> None:
    @router.get(
        "/inbox",
        summary="List inbox entries",
        response_model=InboxEntryPage,
        responses=_PAGES,
        dependencies=[Depends(only_fields_of(EntryListQuery))],
    )
    async def list_inbox_entries(request: Request, query: Annotated[EntryListQuery, Query()]) -> Response:
        """List inbox entries, newest first; channel means: has a delivery over it."""
        return await answers.page(request, Grain.INBOX_ENTRY, query)

    @router.get(
        "/inbox/count",
        summary="Count inbox entries",
        response_model=CountAnswer,
        responses=_MANY,
        dependencies=[Depends(only_fields_of(EntryCountQuery))],
    )
    async def count_inbox_entries(query: Annotated[EntryCountQuery, Query()]) -> Response:
        """Count inbox entries. Unread by recipient: read=false and group_by=recipient; of one: its badge."""
        return await answers.count(Grain.INBOX_ENTRY, query)


def _add_badge(router: APIRouter, answers: "_Answers") -> None:
    @router.get(
        "/inbox/badge",
        summary="Look up the badge of a recipient",
        response_model=BadgeAnswer,
        responses=_MANY,
        dependencies=[Depends(only_fields_of(BadgeQuery))],
    )
    async def get_badge(query: Annotated[BadgeQuery, Query()]) -> Response:
        """Look up how many inbox entries a recipient has, unread and otherwise, on every shelf.

        The projector keeps these numbers with the rows: it costs the same however many there are. A recipient of whom
        nothing is known has none.
        """
        return await answers.badge(query)


def _add_deliveries(router: APIRouter, answers: "_Answers") -> None:
    @router.get(
        "/deliveries",
        summary="List deliveries",
        response_model=DeliveryPage,
        responses=_PAGES,
        dependencies=[Depends(only_fields_of(EntryListQuery))],
    )
    async def list_deliveries(request: Request, query: Annotated[EntryListQuery, Query()]) -> Response:
        """List deliveries, newest first."""
        return await answers.page(request, Grain.DELIVERY, query)

    @router.get(
        "/deliveries/count",
        summary="Count deliveries",
        response_model=CountAnswer,
        responses=_MANY,
        dependencies=[Depends(only_fields_of(EntryCountQuery))],
    )
    async def count_deliveries(query: Annotated[EntryCountQuery, Query()]) -> Response:
        """Count exactly the rows that the list with the same filter walks through."""
        return await answers.count(Grain.DELIVERY, query)


class _Answers:
    """Answers one question over HTTP."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, request: Request, grain: Grain, query: NotificationListQuery | EntryListQuery) -> Response:
        asked, hidden = query.as_filter(), left_out(grain, query.fields)
        found: AnyPage = await self._answer(
            query,
            lambda reading: list_rows(
                reading,
                grain,
                asked,
                limit=query.limit,
                cursor=query.cursor,
                offset=query.offset,
                sort=query.sort,
                total=query.total,
            ),
        )
        return _json(
            found,
            {"Link": _next_link(request, found.next)} if found.next else {},
            exclude={"rows": {"__all__": hidden}} if hidden else None,
        )

    async def count(self, grain: Grain, query: NotificationCountQuery | EntryCountQuery) -> Response:
        asked = query.as_filter()
        found = await self._answer(query, lambda reading: count_rows(reading, grain, asked, group_by=query.group_by))
        return _json(found)

    async def badge(self, query: BadgeQuery) -> Response:
        found = await self._answer(query, lambda reading: read_badge(reading, query.tenant, query.recipient))
        return _json(found)

    async def get(self, notification_id: UUID, query: NotificationQuery) -> Response:
        found = await self._answer(query, lambda reading: get_notification(reading, query.tenant, notification_id))
        return _json(found)

    async def _answer(self, asked: Consistency, question: Callable[[Reading], _Answer]) -> _Answer:
        return await self._desk.read(question, at_least=parse_at_least(asked.at_least), wait_seconds=asked.wait_seconds)


def _json(answer: BaseModel, headers: Mapping[str, str] | None = None, *, exclude: IncEx | None = None) -> Response:
    return Response(
        answer.model_dump_json(exclude=exclude),
        media_type="application/json",
        # Answers hold personal content and go stale with the next event.
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _next_link(request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in {"cursor", "offset"}]
    return f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def left_out(grain: Grain, fields: str | None) -> set[str]:
    """Return the fields of a grain's rows that a list with commas leaves out; none without a list.

    Raises BadRequest for a field that the rows do not have.
    """
    if fields is None:
        return set()
    known, wanted = fields_of(grain), [name.strip() for name in fields.split(",")]
    for name in wanted:
        if name not in known:
            raise BadRequest(
                f"fields: {grain} rows have no {name[:NAME_SHOWN_CHARS]!r}.",
                hint=f"Allowed are {', '.join(known)}.",
                field="fields",
            )
    return {name for name in known if name not in wanted}
