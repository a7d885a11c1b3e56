"""Realtime Register's `GET /v2/customers/{customer}/notifications/{notificationId}`."""

from collections.abc import Collection
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Path, Query, Response
from fastapi.security import APIKeyHeader
from pydantic import AfterValidator, Field, WithJsonSchema
from starlette.datastructures import Headers

from ledger_queries.desk import Desk
from ledger_queries.dialects.credentials import require_caller, secret_after
from ledger_queries.dialects.dialect import answer_json, make_app
from ledger_queries.dialects.numerals import DecimalText
from ledger_queries.dialects.realtimeregister.answer_types import Notification, SelectedFields
from ledger_queries.dialects.realtimeregister.failures import RESPONSES, render
from ledger_queries.dialects.realtimeregister.fields import CHANNEL, FIELDS, Recorded, notification_of
from ledger_queries.filters import Filter
from ledger_queries.finding import Page, find_deliveries, find_inbox_entries
from ledger_queries.reading import Reading
from ledger_queries.recorded import contents_of
from ledger_schemas import limits
from ledger_schemas.access import Caller, Role
from ledger_schemas.errors import NotFound
from ledger_schemas.kinds import Kind

_FIELDS_CHARS_MAX: Final = 2_000

_KEY: Final = APIKeyHeader(
    name="Authorization",
    scheme_name="ApiKey",
    description="`ApiKey <key>`, the key as it was issued.",
    auto_error=False,
)

Customer = Annotated[
    str,
    Path(
        description="The handle of the customer.",
        pattern=r"^[a-zA-Z0-9\-_@\.]+$",
        min_length=3,
        max_length=40,
        examples=["realtimeregister-demo"],
    ),
]
NotificationId = Annotated[int, Field(ge=0, le=limits.NUMBER_MAX), DecimalText]


def _known_names(text: str) -> str:
    if len(text) > _FIELDS_CHARS_MAX or not FIELDS.keys() >= set(text.split(",")):
        raise ValueError("must be names of fields with commas between them")
    return text


_ALL_NAMES: Final = ",".join(FIELDS)
_NAMES: Final = "|".join(FIELDS)
FieldNames = Annotated[
    str,
    AfterValidator(_known_names),
    WithJsonSchema({"type": "string", "pattern": f"^({_NAMES})(,({_NAMES}))*$", "maxLength": _FIELDS_CHARS_MAX}),
]


def realtimeregister_app(desk: Desk) -> FastAPI:
    """Make the application of the dialect."""
    app = make_app(
        "Realtime Register notifications",
        "Notifications of this ledger as Realtime Register's API answers with them.",
        render,
        desk=desk,
        secret_of=_secret_of,
    )

    def caller_of(key: Annotated[str | None, Depends(_KEY)]) -> Caller:
        return require_caller(desk, secret_after("ApiKey", key))

    @app.get(
        "/v2/customers/{customer}/notifications/{notificationId}",
        summary="Retrieve a single notification",
        operation_id="getNotification",
        responses={
            200: {"model": Notification | SelectedFields, "description": "The notification"},
            **RESPONSES,
        },
    )
    async def get_notification(
        caller: Annotated[Caller, Depends(caller_of)],
        customer: Customer,
        notification_id: Annotated[
            NotificationId,
            Path(alias="notificationId", description="The ID of the notification.", examples=[1203344]),
        ],
        fields: Annotated[
            FieldNames, Query(description="Fields to include, comma separated; `id` always is.", examples=["fireDate"])
        ] = _ALL_NAMES,
    ) -> Response:
        names = {"id", *fields.split(",")}
        if not _may_read(caller, customer):
            raise _missing()
        recorded = await desk.read(lambda reading: _find(reading, customer, notification_id, names))
        return answer_json(notification_of(recorded, names))

    return app


def _may_read(caller: Caller, customer: str) -> bool:
    """Say whether the customer is the caller's: its tenant, and of a person the recipient too."""
    if caller.role is Role.OPERATOR:
        return True
    return caller.tenant_id == customer and caller.recipient_id in {None, customer}


def _find(reading: Reading, customer: str, number: int, names: Collection[str]) -> Recorded:
    """Return the customer's notification of a number. Raises NotFound also where two have the number."""
    asked = Filter(tenant=customer, recipient=customer, number=number, reached=(Kind.FIRED,), deleted=False)
    found = find_inbox_entries(reading, asked, Page(limit=2))
    if len(found.rows) != 1:
        raise _missing()
    (entry,) = found.rows
    (content,) = contents_of(reading, found.numbers)
    delivered_at = None
    if Kind.DELIVERED.value in entry.facts and "deliveryDate" in names:
        over_webhook = Filter(
            tenant=customer,
            recipient=customer,
            notification_id=(entry.notification_id,),
            channel=CHANNEL,
            reached=(Kind.DELIVERED,),
        )
        deliveries = find_deliveries(reading, over_webhook, Page(limit=limits.PAGE_ROWS_MAX)).rows
        delivered_at = min((one.facts[Kind.DELIVERED.value].first_at for one in deliveries), default=None)
    return Recorded(customer, entry, content, delivered_at)


def _missing() -> NotFound:
    """Return the one answer for what there is not, is not fired, is deleted, or is another customer's."""
    return NotFound("The notification does not exist.", hint="Check the customer and the id.")


def _secret_of(headers: Headers) -> str | None:
    return secret_after("ApiKey", headers.get("Authorization"))
