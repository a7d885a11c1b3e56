"""NextInteract's `GET /rest/notification/sent`: one array of everything that was sent, newest first."""

from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Response
from fastapi.security import APIKeyHeader
from starlette.datastructures import Headers

from ledger_queries.desk import Desk
from ledger_queries.dialects.credentials import require_caller
from ledger_queries.dialects.dialect import answer_json, make_app
from ledger_queries.dialects.nextinteract.answer_types import SentNotification
from ledger_queries.dialects.nextinteract.failures import RESPONSES, WsError, render, render_ws_error
from ledger_queries.dialects.nextinteract.fields import SAID, Recorded, latest, sent_notification
from ledger_queries.dialects.nextinteract.parameters import (
    NAMES,
    Asked,
    BroadcastType,
    EventId,
    Long,
    Version,
    require_version,
)
from ledger_queries.dialects.page_events import page_events
from ledger_queries.finding import Page, find_notifications
from ledger_queries.parameters import only
from ledger_queries.reading import Reading
from ledger_queries.recorded import contents_of
from ledger_queries.sorting import RowKey
from ledger_schemas import limits
from ledger_schemas.access import Role
from ledger_schemas.errors import Forbidden, LimitExceeded
from ledger_schemas.kinds import Kind

NOTIFICATIONS_SENT_ROWS_MAX: Final = 10_000
"""Rows of one answer: the vendor's has no pages, and an array without an end would be held in memory whole."""

PAGE_ROWS: Final = limits.PAGE_ROWS_MAX
"""Rows that are read at a time, all in one snapshot."""

READERS: Final = frozenset({Role.APPLICATION, Role.AUDITOR})
"""Not a person, since a row is of everybody that it went to; not the operator, whose token names no tenant."""

_TOKEN: Final = APIKeyHeader(
    name="x-nextinteract-authtoken", scheme_name="authToken", description="A key of the ledger.", auto_error=False
)


def nextinteract_app(desk: Desk) -> FastAPI:
    """Make the application of NextInteract's dialect."""
    app = make_app(
        "NextInteract sent notifications", "Notifications that were sent.", render, desk=desk, secret_of=_secret_of
    )
    app.add_exception_handler(WsError, render_ws_error)

    def tenant_of(token: Annotated[str | None, Depends(_TOKEN)]) -> str:
        """Return the tenant that the token names."""
        tenant_id = require_caller(desk, token or None, READERS).tenant_id
        if tenant_id is None:
            raise Forbidden("The token belongs to no tenant.", hint="Ask with the key of a tenant.")
        return tenant_id

    @app.get(
        "/rest/notification/sent",
        summary="getSentNotifications",
        operation_id="getSentNotifications",
        dependencies=[Depends(tenant_of), Depends(require_version), Depends(only(NAMES))],
        responses={200: {"model": list[SentNotification]}, **RESPONSES},
    )
    async def get_sent_notifications(
        tenant_id: Annotated[str, Depends(tenant_of)],
        version: Annotated[Version, Query(description="The version of this API.")],  # noqa: ARG001 - see require_version
        broadcast_type: Annotated[
            BroadcastType,
            Query(alias="broadcastType", description="Required without notificationScheduleId. ET is GE."),
        ] = None,
        company_id: Annotated[Long, Query(alias="companyId", description="Required with GT.")] = None,
        event_uuid: Annotated[EventId, Query(alias="eventUUID", description="Required with GE.")] = None,
        schedule_id: Annotated[Long, Query(alias="notificationScheduleId", description="One schedule alone.")] = None,
        brochure_id: Annotated[Long, Query(alias="brochureId", description="Required with GA.")] = None,
    ) -> Response:
        asked = Asked.of(broadcast_type, schedule_id, company_id, event_uuid, brochure_id)
        return answer_json(await desk.read(lambda reading: _sent(reading, tenant_id, asked)))

    return app


def _sent(reading: Reading, tenant_id: str, asked: Asked) -> list[dict[str, Any]]:
    """Return all that is asked for. Raises LimitExceeded when that is more than one answer holds."""
    answer: list[dict[str, Any]] = []
    rows_read = 0
    after: RowKey | None = None
    while True:
        page = Page(limit=min(PAGE_ROWS, NOTIFICATIONS_SENT_ROWS_MAX - rows_read), after=after)
        found = find_notifications(reading, asked.filter(tenant_id), page)
        contents = contents_of(reading, found.numbers, SAID)
        amended = page_events(reading, found, Kind.AMENDED)
        recorded = map(Recorded, found.rows, contents, map(latest, amended))
        answer += [
            sent_notification(one) for one in recorded if all(one.is_of(*group) for group in asked.groups.items())
        ]
        rows_read += len(found.rows)
        if not found.more:
            return answer
        if rows_read == NOTIFICATIONS_SENT_ROWS_MAX:
            raise LimitExceeded(
                f"More than NOTIFICATIONS_SENT_ROWS_MAX = {NOTIFICATIONS_SENT_ROWS_MAX} notifications were sent.",
                hint="Ask for one notificationScheduleId.",
            )
        after = found.last


def _secret_of(headers: Headers) -> str | None:
    return headers.get("x-nextinteract-authtoken") or None
