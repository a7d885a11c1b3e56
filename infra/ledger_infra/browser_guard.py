"""Refuses what only a page in a browser would send: loopback keeps other machines out, not other sites' pages."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger_queries.problems import problem_response
from ledger_schemas.access import Directory
from ledger_schemas.errors import BadRequest, DirectoryUnread

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
WRITE_MEDIA_TYPE: Final = "application/json"
"""What a page of another site cannot send without asking first, and nobody answers that it may."""


NATIVE_PATHS: Final = ("/v1/", "/health/")
"""Below these the native API answers, elsewhere the dialects, whose documents have media types of their own."""


class BrowserGuard:
    """ASGI middleware of an API for which no key may have been issued yet.

    Without any key, a request whose Host is no loopback name came by a foreign name that was pointed here (DNS
    rebinding). A write whose body is not declared as JSON may have been sent by a form or a script of any page that is
    open in a browser. With keys, the credential protects: no page of another site has one. The native API then still
    takes nothing but JSON.
    """

    def __init__(self, app: ASGIApp, directory: Directory) -> None:
        """Guard `app`; `directory` says whether there are keys."""
        self._app = app
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 as a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = _refusal(request, has_keys=self._has_keys())
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(refusal, request.url.path)(scope, receive, send)

    def _has_keys(self) -> bool:
        try:
            return self._directory.has_keys()
        except DirectoryUnread:
            return False  # Guarded until it is known.


def _refusal(request: Request, *, has_keys: bool) -> BadRequest | None:
    if not has_keys and not _is_loopback_name(request.url.hostname or ""):
        return BadRequest(
            "The Host header is not a loopback name.",
            hint="Ask for 127.0.0.1 or localhost; the ledger has no keys yet.",
            field="Host",
        )
    if has_keys and not request.url.path.startswith(NATIVE_PATHS):
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method not in SAFE_METHODS and media_type != WRITE_MEDIA_TYPE:
        return BadRequest(
            f"A {request.method} must have the Content-Type {WRITE_MEDIA_TYPE}.",
            hint="Set the header, also where there is no body.",
            field="Content-Type",
        )
    return None


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
