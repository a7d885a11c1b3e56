"""Refuses a request whose path or query is not UTF-8, before anything reads it with replacement characters."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_queries.problems import Refuse, problem_response
from ledger_schemas.errors import BadRequest
from ledger_schemas.json_texts import NAME_SHOWN_CHARS


class Utf8Requests:
    """ASGI middleware: a path and a query, percent-decoded, are UTF-8, or the answer is 400.

    Replacement characters would make two texts one: a filter would answer for another recipient than the one asked for.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse = problem_response) -> None:
        """Stand before `app`; `refuse` answers where a text is not UTF-8."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        field = _not_utf8(scope) if scope["type"] == "http" else None
        if field is None:
            await self._app(scope, receive, send)
            return
        refusal = BadRequest(
            f"{field}: is not UTF-8 after percent-decoding.", hint="Write texts as UTF-8, percent-encoded.", field=field
        )
        await self._refuse(refusal, scope["raw_path"].decode("latin-1"))(scope, receive, send)


def _not_utf8(scope: Scope) -> str | None:
    """Return what is not UTF-8: `path`, `query` for the name of a parameter, or the name of the parameter."""
    if _text(scope["raw_path"]) is None:
        return "path"
    for pair in scope["query_string"].split(b"&"):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        shown = _text(name)
        if shown is None:
            return "query"
        if _text(value) is None:
            return shown[:NAME_SHOWN_CHARS] or "query"
    return None


def _text(percent_encoded: bytes) -> str | None:
    try:
        return unquote_to_bytes(percent_encoded).decode("utf-8")
    except UnicodeDecodeError:
        return None
