"""Serves ASGI applications on loopback ports, each in a thread of its own, for tests that ask over real HTTP."""

from __future__ import annotations

import threading
import time
from typing import Final, Self

import httpx2
import uvicorn
from starlette.types import ASGIApp

START_SECONDS: Final = 10.0


class Servers:
    """Servers that run until the block ends."""

    def __init__(self) -> None:
        """Begin without a server."""
        self._running: list[tuple[uvicorn.Server, threading.Thread, httpx2.Client]] = []

    def __enter__(self) -> Self:
        """Return the servers themselves."""
        return self

    def serve(self, app: ASGIApp) -> httpx2.Client:
        """Serve the app on a free port and return a client of it."""
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        self._running.append((server, thread, client))
        return client

    def __exit__(self, *_: object) -> None:
        """Stop all servers and close their clients."""
        for server, thread, client in self._running:
            client.close()
            server.should_exit = True
            thread.join(START_SECONDS)
