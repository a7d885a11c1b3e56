"""Failures as Novu tells them: an ErrorDto, and for input that breaks a rule a ValidationErrorDto."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from fastapi import Response

from ledger_queries.dialects.dialect import Failure, answer_json
from ledger_queries.dialects.novu.answer_types import ErrorDto, ValidationErrorDto
from ledger_queries.dialects.times import utc_milliseconds
from ledger_schemas.ids import new_id

_log = structlog.get_logger(__name__)

STATUSES: Final = MappingProxyType(
    {
        400: "The id is not one of 24 hexadecimal digits, or the request cannot be read.",
        401: "The request has no credential, or none that holds.",
        403: "The credential has a role that does not read events, or belongs to no environment.",
        404: "The environment has no such event.",
        405: "The path has another method.",
        409: "Documented by the vendor; the ledger never answers with it here.",
        413: "The request is larger than the ledger takes.",
        414: "Documented by the vendor; the ledger never answers with it here.",
        415: "The body is encoded in a way that the ledger does not read.",
        422: "An input breaks a rule; `errors` says of each field which.",
        429: "Documented by the vendor; the ledger limits no rate and never answers with it.",
        500: "A fault of the ledger; nothing of it is told but the id under which its log has it.",
        503: "The read model is away or behind; see Retry-After.",
    }
)
"""The statuses that the vendor documents, and what they mean here."""


def render_failure(failure: Failure) -> Response:
    """Return the vendor's answer for a failure. A status that Novu does not document becomes one that it does."""
    status = failure.status if failure.status in STATUSES else _documented(failure.status)
    body: dict[str, Any] = {
        "statusCode": status,
        "timestamp": utc_milliseconds(datetime.now(UTC)),
        "path": failure.path,
        "message": failure.message,
    }
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        body["errorId"] = str(new_id())
        _log.error("novu.internal_error", path=failure.path, error_id=body["errorId"])
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        # What was given is not told again: it may be somebody's data.
        fields = failure.violations or ()
        body["errors"] = {each.name: {"messages": [each.message], "value": None} for each in fields}
    return answer_json(body, status, failure.headers)


def _documented(status: int) -> int:
    if status < HTTPStatus.BAD_REQUEST or status >= HTTPStatus.NOT_IMPLEMENTED:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.BAD_REQUEST


def failure_responses() -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI descriptions of all failures."""
    retry_after = {
        "Retry-After": {
            "description": "Seconds after which the same request may succeed.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    }
    return {
        status: {
            "description": description,
            "model": ValidationErrorDto if status == HTTPStatus.UNPROCESSABLE_ENTITY else ErrorDto,
            **({"headers": retry_after} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}),
        }
        for status, description in STATUSES.items()
    }
