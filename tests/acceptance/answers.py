"""Stands around the served application: counts what each dialect is asked, and changes answers when told to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import pytest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Change = Callable[[str, Any], bool]
"""Changes a JSON answer of a dialect in place, and says whether it did."""


class Answers:
    """What all served applications of a session have in common."""

    def __init__(self) -> None:
        """Begin with nothing asked and nothing changed."""
        self.asked: Counter[str] = Counter()
        """Requests by the first segment of their path: the dialect."""
        self.change: Change | None = None
        """What is done to answers: nothing, but under the mutation command."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the app with this session's counting and changing around it."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            dialect = scope["path"].split("/")[1]
            self.asked[dialect] += 1
            if self.change is None:
                await app(scope, receive, send)
            else:
                await app(scope, receive, _Changing(dialect, self.change, send))

        return application


_ANSWERS: Final = pytest.StashKey[Answers]()


def answers_of(config: pytest.Config) -> Answers:
    """Return what all served applications of a session have around them."""
    return config.stash.setdefault(_ANSWERS, Answers())


class _Changing:
    """Holds an answer back until it is whole, and sends it changed if it is a success in JSON."""

    def __init__(self, dialect: str, change: Change, send: Send) -> None:
        self._dialect = dialect
        self._change = change
        self._send = send
        self._start: MutableMapping[str, Any] = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(raw=self._start["headers"])
        if self._start["status"] < HTTPStatus.MULTIPLE_CHOICES and "json" in headers.get("content-type", ""):
            answer = json.loads(self._body)
            if self._change(self._dialect, answer):
                self._body = json.dumps(answer).encode()
                headers["content-length"] = str(len(self._body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": self._body})
