"""The application of the Novu dialect: one route, its credential and its envelope."""

from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Header, Path, Response
from fastapi.security import APIKeyHeader
from pydantic.json_schema import SkipJsonSchema
from starlette.datastructures import Headers

from ledger_queries.desk import Desk
from ledger_queries.dialects.credentials import require_caller, secret_after
from ledger_queries.dialects.dialect import answer_json, make_app
from ledger_queries.dialects.novu.answer_types import Event, WrappedEvent
from ledger_queries.dialects.novu.event import Recorded, event_of
from ledger_queries.dialects.novu.failures import failure_responses, render_failure
from ledger_queries.dialects.novu.lookup import find_recorded
from ledger_queries.dialects.novu.object_ids import PATTERN
from ledger_queries.reading import Reading
from ledger_schemas.access import Caller
from ledger_schemas.errors import Forbidden, NotFound

SCHEME: Final = "ApiKey"
ENVELOPE_SETTING: Final = "novu.envelope"
WRAPPED: Final = "data"
"""Value of the tenant's setting `novu.envelope` that asks for `{"data": {...}}`; without it: bare."""

_EXAMPLE: Final = "de3000000000000000000001"
"""An event of the samples."""

_key: Final = APIKeyHeader(
    name="Authorization", scheme_name="secretKey", description=f"`{SCHEME} <secret>`.", auto_error=False
)


def novu_app(desk: Desk) -> FastAPI:
    """Return the application of the dialect."""
    app = make_app(
        "Novu", "Events of a ledger as Novu's API answers them.", render_failure, desk=desk, secret_of=_secret_of
    )

    def caller(authorization: Annotated[str | None, Depends(_key)]) -> Caller:
        return require_caller(desk, secret_after(SCHEME, authorization))

    @app.get(
        "/v1/notifications/{notificationId}",
        operation_id="NotificationsController_getNotification",
        summary="Retrieve an event",
        tags=["Notifications"],
        response_class=Response,
        responses={
            200: {"description": "The event, with its jobs.", "model": Event | WrappedEvent},
            **failure_responses(),
        },
    )
    async def retrieve(
        asking: Annotated[Caller, Depends(caller)],
        notification_id: Annotated[str, Path(alias="notificationId", pattern=PATTERN, examples=[_EXAMPLE])],
        idempotency_key: Annotated[  # noqa: ARG001 - documented, and without effect on a GET
            str | SkipJsonSchema[None],
            Header(alias="idempotency-key", description="Accepted, without effect: a GET changes nothing."),
        ] = None,
    ) -> Response:
        """Return one event by its id: 24 hexadecimal digits."""
        tenant_id = _tenant_of(asking)

        def find(reading: Reading) -> Recorded | None:
            return find_recorded(reading, tenant_id, notification_id, asking.recipient_id)

        recorded = await desk.read(find)
        if recorded is None:
            raise NotFound(f"Notification with id {notification_id} is not found.", hint="Ask for another.")
        settings = desk.directory.tenant_settings(tenant_id)
        event: dict[str, Any] = event_of(recorded, settings)
        return answer_json({"data": event} if settings.get(ENVELOPE_SETTING) == WRAPPED else event)

    return app


def _tenant_of(caller: Caller) -> str:
    """Return the tenant of a credential: the vendor's environment. Raises Forbidden for one of none."""
    if caller.tenant_id is None:
        raise Forbidden("The credential belongs to no environment.", hint="Ask with the key of a tenant.")
    return caller.tenant_id


def _secret_of(headers: Headers) -> str | None:
    return secret_after(SCHEME, headers.get("Authorization"))
