"""Reads request bodies with a Content-Encoding: gzip is decoded within a bound, what is not known is refused."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger_queries.problems import Refuse, problem_response
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest, EncodingUnsupported, LedgerError, LimitExceeded

ACCEPTED: Final = "gzip"

_GZIP_NAMES: Final = ("gzip", "x-gzip")
"""RFC 9110, section 8.4.1.3: the second is the first."""

_GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS
_INPUT_BYTES: Final = 4_096
"""What is decoded at a time: zlib copies what it leaves, so a body of many small members is cut small."""

_OUTPUT_BYTES: Final = 65_536


class ContentEncodings:
    """ASGI middleware: passes decoded bodies to the app."""

    def __init__(self, app: ASGIApp, refuse: Refuse = problem_response) -> None:
        """Stand before `app`; `refuse` answers where a body cannot be read."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body decoded; or answer 400, 413 or 415."""
        if scope["type"] != "http" or not _has_encoded_body(headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            _refuse_unknown(headers)
            body = await _decoded(receive)
        except LedgerError as error:
            response = self._refuse(error, Request(scope).url.path)
            if isinstance(error, EncodingUnsupported):
                response.headers["Accept-Encoding"] = ACCEPTED
            await response(scope, receive, send)
            return
        if body is not None:
            await self._app(_plain(scope), _Replay(body, receive), send)


class _Replay:
    """Gives the decoded body in one message, and then what the server sends."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Gunzip:
    """Decodes gzip as it comes: members one after another (RFC 1952, section 2.2), never more than the limit."""

    def __init__(self) -> None:
        self.decoded = bytearray()
        self._received = 0
        self._member: zlib._Decompress | None = None

    def feed(self, received: bytes) -> None:
        """Take some bytes. Raises BadRequest and LimitExceeded."""
        # Members without content cost time and give no bytes, so what is received has the limit too.
        self._received += len(received)
        _refuse_over_limit(self._received)
        for start in range(0, len(received), _INPUT_BYTES):
            self._feed(received[start : start + _INPUT_BYTES])

    def finish(self) -> bytes:
        """Return all that was decoded. Raises BadRequest when the last member has no end."""
        if self._member is None or not self._member.eof:
            raise _damaged()
        return bytes(self.decoded)

    def _feed(self, rest: bytes) -> None:
        while rest:
            if self._member is None or self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WINDOW_BITS)
            try:
                self.decoded += self._member.decompress(rest, _OUTPUT_BYTES)
            except zlib.error:
                raise _damaged() from None
            _refuse_over_limit(len(self.decoded))
            rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail


async def _decoded(receive: Receive) -> bytes | None:
    """Return the decoded body; None: the client went away."""
    gunzip = _Gunzip()
    try:
        async with asyncio.timeout(limits.BODY_SECONDS_MAX):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                # In a worker thread: a little gzip may be much to decode.
                await run_in_threadpool(gunzip.feed, message.get("body", b""))
                if not message.get("more_body", False):
                    return gunzip.finish()
    except TimeoutError:
        raise BadRequest(
            f"The body did not arrive within BODY_SECONDS_MAX = {limits.BODY_SECONDS_MAX:g} s.",
            hint="Send it again; nothing was written.",
        ) from None


def _has_encoded_body(headers: Headers) -> bool:
    """Say whether there is a body (RFC 9112, section 6) that is not as it is."""
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    return has_body and bool(_codings(headers))


def _codings(headers: Headers) -> list[str]:
    """Return the codings that were applied, in their order, without those that do nothing."""
    named = ",".join(headers.getlist("content-encoding")).split(",")
    return [coding for name in named if (coding := name.strip().lower()) not in {"", "identity"}]


def _refuse_unknown(headers: Headers) -> None:
    codings = _codings(headers)
    if len(codings) > 1 or codings[0] not in _GZIP_NAMES:
        raise EncodingUnsupported(
            "The body has a Content-Encoding that the ledger does not read.",
            hint="Send it as gzip, once, or as it is (identity).",
            field="Content-Encoding",
        )


def _refuse_over_limit(size: int) -> None:
    if size > limits.INGEST_BYTES_MAX:
        raise LimitExceeded(
            f"The request body is more than INGEST_BYTES_MAX = {limits.INGEST_BYTES_MAX} bytes.",
            hint="Send less in one call.",
        )


def _damaged() -> BadRequest:
    return BadRequest("The body is not whole gzip.", hint="Compress it again, or send it as it is.", field="body")


def _plain(scope: Scope) -> Scope:
    gone = (b"content-encoding", b"content-length", b"transfer-encoding")
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name not in gone]}
