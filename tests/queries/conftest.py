"""What tests of the read side may ask for: a read model file, and an API over it behind a real socket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from tests.loopback import Servers

from .builder import Model

Serve = Callable[[FastAPI], httpx2.Client]


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
