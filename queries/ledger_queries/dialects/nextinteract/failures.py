"""NextInteract's exceptions: their names, statuses and codes, and which of them tells what went wrong here."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from ledger_queries.dialects.dialect import Failure, answer_json
from ledger_schemas.errors import DirectoryUnread

INVALID_PARAMETER: Final = "WSInvalidParameterException"
UNSUPPORTED_VERSION: Final = "WSUnsupportedVersionException"
INVALID_AUTH_TOKEN: Final = "WSInvalidAuthTokenException"  # noqa: S105 - the name of an error
CACHE_SERVICE: Final = "WSCacheServiceException"
INSUFFICIENT_PRIVILEGES: Final = "WSInsufficientPrivilegesException"
NOTIFICATION_SERVICE: Final = "WSNotificationServiceException"


class Meaning(NamedTuple):
    """Status and code of an exception; 0 where the vendor's code is not known."""

    status: int
    code: int


EXCEPTIONS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        INVALID_PARAMETER: Meaning(400, 1002),
        UNSUPPORTED_VERSION: Meaning(400, 0),
        INVALID_AUTH_TOKEN: Meaning(401, 1006),
        CACHE_SERVICE: Meaning(500, 2027),
        INSUFFICIENT_PRIVILEGES: Meaning(401, 0),
        "WSEventCancelledException": Meaning(400, 0),
        "WSEventNotFoundException": Meaning(400, 0),
        "WSEventServiceException": Meaning(500, 0),
        NOTIFICATION_SERVICE: Meaning(500, 0),
    }
)
"""The exceptions that the document names; those of events are raised by no route here."""

_KEPT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""Statuses of requests that reach no route, for which the vendor has no exception."""


class WsError(Exception):
    """A refusal of this dialect by one of the vendor's exceptions."""

    def __init__(self, name: str, message: str) -> None:
        """Take the name of the exception and what was wrong."""
        super().__init__(message)
        self.name = name
        self.message = message


class ErrorBody(BaseModel):
    """Every error: the vendor's exception, its code, and what was wrong."""

    model_config = ConfigDict(extra="forbid", strict=True)

    errorName: str
    errorCode: int
    errorMessage: str


def render(failure: Failure) -> Response:
    """Answer a failure as one of the vendor's exceptions."""
    name = _name_of(failure)
    status = failure.status if failure.status in _KEPT else EXCEPTIONS[name].status
    headers = dict(failure.headers)
    if headers.get("Allow") == "GET":  # The framework does not know that a HEAD is answered as a GET.
        headers["Allow"] = "GET, HEAD"
    return _answer(name, failure.message, status, headers)


def render_ws_error(_: Request, error: Exception) -> Response:
    """Answer a refusal of this dialect."""
    assert isinstance(error, WsError)  # noqa: S101 - Starlette calls a handler for its own class only
    return _answer(error.name, error.message, EXCEPTIONS[error.name].status, {})


def _name_of(failure: Failure) -> str:
    if isinstance(failure.error, DirectoryUnread):
        return CACHE_SERVICE
    if failure.status == HTTPStatus.UNAUTHORIZED:
        return INVALID_AUTH_TOKEN
    if failure.status == HTTPStatus.FORBIDDEN:
        return INSUFFICIENT_PRIVILEGES
    return NOTIFICATION_SERVICE if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID_PARAMETER


def _answer(name: str, message: str, status: int, headers: Mapping[str, str]) -> Response:
    body = ErrorBody(errorName=name, errorCode=EXCEPTIONS[name].code, errorMessage=message)
    return answer_json(body.model_dump(), status, headers)


def _described(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody, "description": description}}


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    **_described(400, f"{INVALID_PARAMETER} or {UNSUPPORTED_VERSION}"),
    **_described(401, f"{INVALID_AUTH_TOKEN} or {INSUFFICIENT_PRIVILEGES}"),
    **_described(500, f"{NOTIFICATION_SERVICE} or {CACHE_SERVICE}"),
}
