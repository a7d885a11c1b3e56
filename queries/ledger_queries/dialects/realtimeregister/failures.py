"""Realtime Register's errors: their names and statuses, and which of them tells what went wrong here."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NotRequired

from fastapi import Response
from typing_extensions import TypedDict

from ledger_queries.dialects.dialect import Failure, answer_json
from ledger_schemas.errors import EncodingUnsupported, Forbidden, LimitExceeded, NotFound, Unauthenticated

STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AuthenticationError": 401,
        "AuthenticationRatelimitedError": 429,
        "AuthorizationError": 403,
        "ConstraintViolationException": 400,
        "InternalSRSError": 500,
        "InvalidMessage": 400,
        "ObjectDoesNotExist": 400,
        "ObjectExists": 400,
        "ObjectStatusProhibitsOperation": 400,
        "ProcessError": 400,
        "TooManyRequests": 429,
        "UnrecognizedPropertyException": 400,
        "ValidationError": 400,
        "ProviderConnectionError": 502,
        "ProviderUnavailable": 503,
    }
)
"""The vendor's generic errors, those that no route here raises included."""

ROUTING: Final[Mapping[int, str]] = MappingProxyType({404: "PathDoesNotExist", 405: "MethodNotAllowed"})
"""Names for a path or a method that there is not. The vendor has none."""


class ViolationBody(TypedDict):
    """One input that breaks a rule."""

    field: str
    message: str


class ErrorBody(TypedDict):
    """Every error: its name, what was wrong, and of constraint violations each one."""

    type: str
    message: str
    violations: NotRequired[list[ViolationBody]]


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "ConstraintViolationException, InvalidMessage or ObjectDoesNotExist"},
    401: {"model": ErrorBody, "description": "AuthenticationError"},
    403: {"model": ErrorBody, "description": "AuthorizationError"},
    500: {"model": ErrorBody, "description": "InternalSRSError"},
    503: {"model": ErrorBody, "description": "ProviderUnavailable"},
}


def render(failure: Failure) -> Response:
    """Return the vendor's answer for a failure."""
    name = _name(failure)
    body: ErrorBody = {"type": name, "message": failure.message}
    if name == "ConstraintViolationException":
        body["violations"] = [{"field": one.name, "message": one.message} for one in failure.violations]
    headers = dict(failure.headers)
    status = STATUSES.get(name, failure.status)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "ApiKey"
    return answer_json(body, status, headers)


def _name(failure: Failure) -> str:
    by_error = {
        Unauthenticated: "AuthenticationError",
        Forbidden: "AuthorizationError",
        NotFound: "ObjectDoesNotExist",
        EncodingUnsupported: "InvalidMessage",
        LimitExceeded: "InvalidMessage",
    }
    if failure.error is None and failure.status in ROUTING:
        return ROUTING[failure.status]
    if failure.error is not None and type(failure.error) in by_error:
        return by_error[type(failure.error)]
    if failure.error is not None and failure.error.retryable:
        return "ProviderUnavailable"
    if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "InternalSRSError"
    return "ConstraintViolationException" if failure.violations else "InvalidMessage"
