"""HTTP ingest: facts as JSON over POST, for services that do not speak Kafka."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from ledger_schemas import limits
from ledger_schemas.access import Caller, Role
from ledger_schemas.bodies import read_body
from ledger_schemas.errors import ContractViolation, Forbidden, LedgerError, LimitExceeded
from ledger_schemas.events import Event
from ledger_schemas.facts import FactSink, Receipt
from ledger_schemas.json_texts import NotJsonError, check_widths, load_json
from ledger_schemas.parsing import parse_event
from ledger_schemas.positions import Position

SMALL_BODY_BYTES: Final = 16_000
"""Bodies up to this size are read on the event loop: some tens of events, well under a millisecond each."""

_EXAMPLE: Final = {
    "kind": "created",
    "tenant_id": "acme",
    "source": "shop",
    "audience": [{"recipient_id": "ann", "channels": ["email", "in_app"]}],
    "personal": {"title": "Your parcel is on its way"},
}

_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        400: "The request cannot be read; `field` and `detail` say why.",
        413: "The body, the array or an event is too large, or `occurred_at` lies too far ahead.",
        415: "The body has a Content-Encoding other than gzip.",
        422: "An event breaks the contract; `field` names its index and field. Nothing was written.",
        500: "A fault of the ledger or of its topic.",
        503: "The log is away; see Retry-After. Send the same body again.",
        504: "The log did not confirm in time: some events may be in it. Send the same body again, with `event_ids` of "
        "this answer, in their order, where it stated no event_id.",
    }.items()
}
"""The shape of errors is that of the application that the routes are part of."""


class ReceiptBody(BaseModel):
    """The log has the event."""

    event_id: str
    notification_id: str
    position: str = Field(description="A read with `at_least` set to this sees the event.")


class IngestAnswer(BaseModel):
    """Receipts in the order of the request, and one position that covers them all."""

    position: str
    receipts: list[ReceiptBody]


def ingest_router(sink: FactSink) -> APIRouter:
    """Return the routes that put facts into `sink`: `POST /v1/events` with one event, or an array of them."""
    router = APIRouter(tags=["events"])

    @router.post(
        "/v1/events",
        status_code=201,
        summary="Append one event, or an array of events",
        responses=_PROBLEMS,
        openapi_extra={"requestBody": {"content": {"application/json": {"example": _EXAMPLE}}, "required": True}},
    )
    async def append(request: Request) -> IngestAnswer:
        """Append events to the log; answer when every in-sync replica has them.

        All or none is checked before the first is written: one event that breaks the contract refuses the call and
        names its index and field. A 504 says that the outcome is unknown: send the same body again. An event with an
        event_id then counts once; one without is a new fact each time.
        The body may be gzip, with the header `Content-Encoding: gzip`.

        With a key of a tenant, `actor` is the key, whatever the body says, and `tenant_id` may be left out; an event
        for another tenant refuses the call.
        """
        body = await read_body(request.stream())
        # A large body takes the processor for tens of milliseconds: others on the event loop have their turn.
        large = len(body) > SMALL_BODY_BYTES
        caller: Caller | None = getattr(request.state, "caller", None)
        events = await run_in_threadpool(_events, body, caller) if large else _events(body, caller)
        receipts = await sink.put_many(events)
        return _answer(receipts)

    return router


def _events(body: bytes, caller: Caller | None) -> list[Event]:
    try:
        document = load_json(body)
    except NotJsonError:
        raise ContractViolation("The body is not JSON.", hint="Send one event object, or an array of them.") from None
    items = document if isinstance(document, list) else [document]
    if len(items) > limits.BATCH_EVENTS_MAX:
        raise LimitExceeded(
            f"The array holds {len(items)} events; BATCH_EVENTS_MAX is {limits.BATCH_EVENTS_MAX}.",
            hint="Send it in parts.",
        )
    return [_event(item, caller, index if isinstance(document, list) else None) for index, item in enumerate(items)]


def _event(item: object, caller: Caller | None, index: int | None) -> Event:
    place = "" if index is None else f"{index}."
    if not isinstance(item, dict):
        raise ContractViolation(
            f"{place}event: must be a JSON object.", hint="Send event objects.", field=f"{place}event"
        )
    try:
        check_widths(item)
        return parse_event(_stated_by(caller, item))
    except LedgerError as error:
        error.field = f"{place}{error.field}"
        error.message = f"{place}{error.message}"
        raise


def _stated_by(caller: Caller | None, item: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what the credential says of it: whose it is, and who states it. Raises Forbidden."""
    if caller is None or caller.role is Role.OPERATOR:
        return item
    if item.get("tenant_id", caller.tenant_id) != caller.tenant_id:
        raise Forbidden(
            "tenant_id: the credential is of another tenant.",
            hint="Leave tenant_id out, or use a key of that tenant. Nothing was written.",
            field="tenant_id",
        )
    return {**item, "tenant_id": caller.tenant_id, "actor": caller.recipient_id or caller.key_id}


def _answer(receipts: list[Receipt]) -> IngestAnswer:
    position = Position()
    for receipt in receipts:
        position = position.merged(receipt.position)
    return IngestAnswer(
        position=str(position),
        receipts=[
            ReceiptBody(
                event_id=str(receipt.event_id),
                notification_id=str(receipt.notification_id),
                position=str(receipt.position),
            )
            for receipt in receipts
        ],
    )
