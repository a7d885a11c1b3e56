"""What tests of the read side may ask for: a read model file, and an API over it behind a real socket."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from .builder import Model

START_SECONDS = 10.0

Serve = Callable[[FastAPI], httpx2.Client]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    """Give an empty read model file at the beginning of the log."""
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as made:
        yield made


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves an app on a loopback port and returns a client of it, until the test ends."""
    with _Servers() as servers:
        yield servers.serve


class _Servers:
    def __init__(self) -> None:
        self._running: list[tuple[uvicorn.Server, threading.Thread, httpx2.Client]] = []

    def __enter__(self) -> Self:
        return self

    def serve(self, app: FastAPI) -> httpx2.Client:
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
        for server, thread, client in self._running:
            client.close()
            server.should_exit = True
            thread.join(START_SECONDS)
