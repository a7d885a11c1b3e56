"""A schema registry over a socket: the routes of the Confluent API that the ledger's client really calls."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

SCHEMA_NOT_FOUND = 40_403
USER, PASSWORD = "ledger", "hunter2"


@dataclass
class Registry:
    """What the server holds, what it was asked, and how it misbehaves."""

    url: str = ""
    subjects: dict[str, list[int]] = field(default_factory=dict)
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuse_with: int | None = None
    body: bytes | None = None
    delay_seconds: float = 0.0
    credentials: tuple[str, str] | None = None
    first_id: int = 100

    def add(self, document: dict[str, Any], schema_id: int | None = None) -> int:
        """Take a schema as the registry keeps it and return its id."""
        schema_id = self.first_id + len(self.schemas) if schema_id is None else schema_id
        self.schemas[schema_id] = document
        return schema_id

    def answer(self, method: str, path: str, authorization: str | None, body: bytes) -> tuple[int, Any]:
        """Return status and document of one request."""
        self.requests.append(f"{method} {path}")
        time.sleep(self.delay_seconds)
        if self.credentials is not None:
            expected = base64.b64encode(":".join(self.credentials).encode()).decode()
            if authorization != f"Basic {expected}":
                return HTTPStatus.UNAUTHORIZED, {"error_code": 401, "message": "Unauthorized"}
        if self.refuse_with is not None:
            return self.refuse_with, {"error_code": self.refuse_with, "message": "no"}
        match (method, unquote(urlsplit(path).path).strip("/").split("/")):
            case ("POST", ["subjects", subject, "versions"]):
                return HTTPStatus.OK, {"id": self._register(subject, json.loads(body))}
            case ("GET", ["schemas", "ids", schema_id]) if int(schema_id) in self.schemas:
                return HTTPStatus.OK, self.schemas[int(schema_id)]
            case ("GET", ["schemas", "ids", _]):
                return HTTPStatus.NOT_FOUND, {"error_code": SCHEMA_NOT_FOUND, "message": "Schema not found"}
        return HTTPStatus.NOT_FOUND, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _register(self, subject: str, document: dict[str, Any]) -> int:
        for schema_id in self.subjects.setdefault(subject, []):
            if self.schemas[schema_id]["schema"] == document["schema"]:
                return schema_id
        schema_id = self.add({"schema": document["schema"]})
        self.subjects[subject].append(schema_id)
        return schema_id


@contextmanager
def registry_server() -> Iterator[Registry]:
    """Give a running registry on a loopback port."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = registry.answer(method, self.path, self.headers.get("Authorization"), body)
            content = json.dumps(document).encode() if registry.body is None else registry.body
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(content)))
            # A client that did not wait is gone by now.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
