"""Reads the JSON body of a request to a dialect, within the limits of every other body."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ledger_schemas import limits
from ledger_schemas.errors import BadRequest, LimitExceeded
from ledger_schemas.json_texts import NotJsonError, load_json

SMALL_BODY_BYTES: Final = 16_000
"""Up to which a body is read on the event loop."""


async def read_json(request: Request) -> Any:  # noqa: ANN401 - any JSON
    """Return what the body states; an empty body is an object without fields.

    Raises BadRequest: it is not JSON, or does not arrive in time; LimitExceeded; ContractViolation: an object in it has
    a name twice.
    """
    body = await _read(request)
    if not body:
        return {}
    # A large body takes the processor for tens of milliseconds: others on the event loop have their turn.
    return await run_in_threadpool(_parsed, body) if len(body) > SMALL_BODY_BYTES else _parsed(body)


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(limits.BODY_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.INGEST_BYTES_MAX:
                    raise LimitExceeded(
                        f"The request body is more than INGEST_BYTES_MAX = {limits.INGEST_BYTES_MAX} bytes.",
                        hint="Send less in one call.",
                    )
    except TimeoutError:
        raise BadRequest(
            f"The body did not arrive within BODY_SECONDS_MAX = {limits.BODY_SECONDS_MAX:g} s.",
            hint="Send it again; nothing was written.",
        ) from None
    return bytes(body)


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return load_json(body)
    except NotJsonError:
        raise BadRequest("The body is not JSON.", hint="Send one JSON document in UTF-8.") from None
