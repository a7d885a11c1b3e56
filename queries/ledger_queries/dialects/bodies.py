"""Reads the JSON body of a request to a dialect, within the limits of every other body."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ledger_schemas.bodies import read_body
from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NotJsonError, load_json

SMALL_BODY_BYTES: Final = 16_000
"""Up to which a body is parsed on the event loop."""


async def read_json(request: Request) -> Any:  # noqa: ANN401 - any JSON
    """Return what the body states; an empty body is an object without fields.

    Raises BadRequest: it is not JSON, or does not arrive in time; LimitExceeded; ContractViolation: an object in it has
    a name twice.
    """
    body = await read_body(request.stream())
    if not body:
        return {}
    # A large body takes the processor for tens of milliseconds: others on the event loop have their turn.
    return await run_in_threadpool(_parsed, body) if len(body) > SMALL_BODY_BYTES else _parsed(body)


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return load_json(body)
    except NotJsonError:
        raise BadRequest("The body is not JSON.", hint="Send one JSON document in UTF-8.") from None
