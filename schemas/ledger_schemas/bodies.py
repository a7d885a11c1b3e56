"""Reads the body of a request within its limits: INGEST_BYTES_MAX and BODY_SECONDS_MAX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ledger_schemas import limits
from ledger_schemas.errors import BadRequest, LimitExceeded


async def read_body(stream: AsyncIterator[bytes]) -> bytes:
    """Return the whole body of a request. Raises LimitExceeded and BadRequest."""
    body = bytearray()
    try:
        async with asyncio.timeout(limits.BODY_SECONDS_MAX):
            async for chunk in stream:
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
