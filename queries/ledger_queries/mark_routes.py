"""The route that marks inbox entries: one, some by their ids, or all that a filter finds."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger_queries.access import NOBODY, asking
from ledger_queries.answer_types import Answer
from ledger_queries.content_filter import NOTIFICATION_IDS_MAX, Instant
from ledger_queries.desk import Desk
from ledger_queries.filters import Filter, Grain, refusal
from ledger_queries.marks import Mark, Marking, mark_entries
from ledger_queries.parameters import WAIT_SECONDS_DEFAULT
from ledger_queries.problems import problem_responses
from ledger_schemas import limits
from ledger_schemas.access import Caller
from ledger_schemas.bodies import read_body
from ledger_schemas.errors import BadRequest, ContractViolation, NotFound
from ledger_schemas.field_types import Id, RfcUuid
from ledger_schemas.json_texts import NotJsonError, check_widths, load_json


class MarkRequest(BaseModel):
    """What to mark, as what. Either `notification_ids`, or `all` with a filter that may be empty."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"mark": "read", "tenant": "acme", "recipient": "ann", "all": True, "filter": {"type": ["note"]}},
                {
                    "mark": "archived",
                    "tenant": "acme",
                    "recipient": "ann",
                    "notification_ids": ["019a0000-0000-7000-8000-000000000001"],
                },
            ]
        },
    )

    mark: Mark
    tenant: Id | None = Field(None, description="Whose notifications; default: those of the key's tenant.")
    recipient: Id | None = Field(None, description="Whose inbox entries; default: those of the key's person.")
    notification_ids: Annotated[tuple[RfcUuid, ...], Field(min_length=1, max_length=NOTIFICATION_IDS_MAX)] | None = None
    all: bool = Field(default=False, description="All that the filter finds at the position that the answer names.")
    filter: dict[str, Any] = Field(
        default={}, description="Conditions by the names that the list of inbox entries has for them; with `all` alone."
    )
    snoozed_until: Instant | None = Field(None, description="With `snoozed` alone.")
    action_type: Id | None = Field(None, description="With `action_completed` and `action_reverted`, which need it.")
    wait_seconds: float = Field(
        WAIT_SECONDS_DEFAULT,
        ge=0,
        le=limits.WAIT_SECONDS_MAX,
        allow_inf_nan=False,
        description="How long to wait until the read model shows the marks.",
    )

    @model_validator(mode="after")
    def _ids_or_all(self) -> Self:
        if self.all == (self.notification_ids is not None):
            message = "state either notification_ids or all"
            raise ValueError(message)
        if self.filter and not self.all:
            message = "a filter goes with all; notification_ids name the entries already"
            raise ValueError(message)
        return self

    def marking(self, caller: Caller) -> Marking:
        """Return the marking, its tenant and its recipient as far as the caller reaches.

        Raises ContractViolation when one is missing, or the filter has a condition that there is not.
        """
        tenant = _reached("tenant", self.tenant, caller.tenant_id)
        recipient = _reached("recipient", self.recipient, caller.recipient_id)
        stated = {**self.filter, "notification_id": self.notification_ids or ()} if not self.all else self.filter
        for name in stated.keys() & {"tenant", "recipient"}:
            raise ContractViolation(
                f"filter.{name}: is stated beside the filter.", hint="Leave it out.", field=f"filter.{name}"
            )
        try:
            asked = Filter.model_validate({"tenant": tenant, "recipient": recipient, **stated}).checked(
                Grain.INBOX_ENTRY
            )
        except ValidationError as error:
            found = [{**one, "loc": ("body", "filter", *one["loc"])} for one in error.errors(include_input=False)]
            raise refusal(found) from None
        except BadRequest as error:
            raise ContractViolation(error.message, hint=error.hint, field=f"filter.{error.field}") from None
        return Marking(self.mark, asked, self.snoozed_until, self.action_type)


class MarkAnswer(Answer):
    """What became of the call."""

    as_of: str = Field(description="The position at which `all` was taken: what came after it is not marked.")
    position: str = Field(description="The position after the events; empty when there are none.")
    marked: int = Field(description="Inbox entries that were marked.")
    unchanged: int = Field(description="Inbox entries that were marked so already.")
    unknown: list[RfcUuid] = Field(description="Ids of the request that the recipient has no inbox entry of.")
    shown: bool = Field(description="Whether the read model shows the marks; else read with at_least=position.")


_RESPONSES: Final = {**problem_responses(400, 404, 413, 422, 500, 503, 504), 200: {"model": MarkAnswer}}


def mark_router(desk: Desk) -> APIRouter:
    """Make `POST /v1/inbox/marks`."""
    router = APIRouter(prefix="/v1", tags=["mark"])

    @router.post(
        "/inbox/marks",
        summary="Mark inbox entries",
        responses=_RESPONSES,
        openapi_extra={
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MarkRequest"}}},
                "required": True,
            }
        },
    )
    async def mark(request: Request) -> Response:
        """Mark one inbox entry, some, or all that a filter finds.

        Each mark becomes an event, and the answer waits until the read model shows it. Calling again changes nothing
        more. `all` means all that the read model held at `as_of`: what arrives meanwhile stays as it is.
        """
        asked = _parse(await read_body(request.stream()))
        caller = asking(request)
        marked = await mark_entries(desk, caller, asked.marking(caller), wait_seconds=asked.wait_seconds)
        known = {*marked.marked, *marked.unchanged}
        unknown = [one for one in asked.notification_ids or () if one not in known]
        if asked.notification_ids is not None and not known:
            raise NotFound(
                "The recipient has no inbox entry of these notifications.",
                hint="Check the ids, the tenant and the recipient.",
                field="notification_ids",
            )
        answer = MarkAnswer(
            as_of=str(marked.as_of),
            position=str(marked.position),
            marked=len(marked.marked),
            unchanged=len(marked.unchanged),
            unknown=unknown,
            shown=marked.is_shown,
        )
        return Response(answer.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})

    return router


def _reached(name: str, stated: str | None, own: str | None) -> str:
    """Return what was stated, else the caller's own; what is not the caller's is as nobody's."""
    if stated is None and own is None:
        raise ContractViolation(f"{name}: is required.", hint="State it; the key names none.", field=name)
    if stated is None or own is None:
        return stated or own or NOBODY
    return own if stated == own else NOBODY


def request_schemas() -> dict[str, Any]:
    """Return the schemas of the request for an OpenAPI document, by name: the body is read without the framework."""
    schema = MarkRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs", {})
    return parts | {"MarkRequest": schema}


def _parse(body: bytes) -> MarkRequest:
    try:
        document = load_json(body)
        check_widths(document) if isinstance(document, dict) else None
    except NotJsonError:
        raise ContractViolation("The body is not JSON.", hint="Send one object.", field="body") from None
    try:
        return MarkRequest.model_validate(document)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_input=False)]
        raise refusal(found) from None
