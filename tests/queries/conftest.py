"""What tests of the read side may ask for: a read model file, and an API over it behind a real socket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from fastapi import FastAPI

from ledger_queries import Readiness
from ledger_schemas.positions import Position
from tests.loopback import Servers

from .builder import TOPIC, Model

Serve = Callable[[FastAPI], httpx2.Client]

LIVE: Final = Readiness(ready=True, position=Position({(TOPIC, 0): 5}), behind=0)


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    """Give an empty read model file at the beginning of the log."""
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as made:
        yield made


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves an app on a loopback port and returns a client of it, until the test ends."""
    with Servers() as servers:
        yield servers.serve


def problem(response: httpx2.Response) -> dict[str, Any]:
    """Return the problem that the response must be."""
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"].endswith(document["code"])
    assert {"title", "detail", "instance", "hint", "field", "retryable"} <= document.keys()
    return document
