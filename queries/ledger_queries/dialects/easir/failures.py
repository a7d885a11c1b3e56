"""EASI'R's errors: a message, and under `errors` what is wrong with each field."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from typing_extensions import TypedDict

from ledger_queries.dialects.dialect import Failure, answer_json


class ErrorBody(TypedDict):
    """Every error. `errors` has the messages of each field, and nothing where no field is wrong."""

    message: str
    errors: dict[str, list[str]]


_DESCRIPTIONS: Final[Mapping[int, str]] = {
    400: "The request cannot be read: malformed JSON, or no UTF-8",
    401: "The bearer token is missing, unknown, revoked or expired",
    403: "The bearer token is no user's",
    404: "The user has no such notification",
    405: "The path has no such method",
    413: "A limit was passed",
    415: "The encoding of the body is unknown",
    422: "A field breaks a rule",
    500: "The ledger failed",
    503: "The ledger cannot answer now",
    504: "Whether the log took it is unknown",
}


def responses(*further: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors that every route can answer with, and further ones, for the OpenAPI document."""
    statuses = sorted({400, 401, 403, 413, 415, 422, 500, 503, *further})
    return {status: {"model": ErrorBody, "description": _DESCRIPTIONS[status]} for status in statuses}


def render(failure: Failure) -> Response:
    """Return the vendor's answer for a failure."""
    errors: dict[str, list[str]] = {}
    for one in failure.violations:
        errors.setdefault(one.name, []).append(one.message)
    body: ErrorBody = {"message": failure.message, "errors": errors}
    headers = dict(failure.headers)
    status = failure.status
    if failure.error is None and failure.violations:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return answer_json(body, status, headers)


def wrong(name: str, message: str, part: str = "query") -> RequestValidationError:
    """Return the error of a field that breaks a rule; its name is a dotted path."""
    return RequestValidationError([{"loc": (part, *name.split(".")), "msg": message, "type": "value_error"}])
