"""What tests of HTTP ingest may ask for: the whole API over a real socket, and the log behind it."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest
import uvicorn

from ledger_producers.ingest import ingest_router
from ledger_queries.api import create_app
from ledger_queries.desk import Desk
from ledger_queries.health import Readiness
from ledger_schemas import Position, Receipt
from ledger_schemas.codec import encode_event
from ledger_schemas.errors import LedgerError
from ledger_schemas.events import Event
from tests.directories import OPEN

START_SECONDS = 10.0
MARKER = "MARKER-7f3a"
PROBLEM = "application/problem+json"


class MemoryLog:
    """A FactSink over a list: two partitions, taken in turn; like the emitter it refuses what is too large."""

    def __init__(self) -> None:
        self.calls: list[list[Event]] = []
        self.fails: LedgerError | None = None

    async def put(self, event: Event) -> Receipt:
        """Take one."""
        return (await self.put_many([event]))[0]

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Take several."""
        for event in events:
            encode_event(event)
        if self.fails:
            raise self.fails
        self.calls.append(list(events))
        return [
            Receipt(event.event_id, event.notification_id, Position({("log", number % 2): number // 2 + 1}))
            for number, event in enumerate(events)
        ]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[httpx2.Client, MemoryLog]]:
    """Give a client of the whole API over a real socket, and the log behind it."""
    log = MemoryLog()
    app = create_app(Desk(_nobody_reads, directory=OPEN), readiness=_ready, routers=[ingest_router(log)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        yield client, log
    server.should_exit = True
    thread.join(START_SECONDS)


@pytest.fixture
def api(served: tuple[httpx2.Client, MemoryLog]) -> httpx2.Client:
    """Give the client."""
    return served[0]


@pytest.fixture
def log(served: tuple[httpx2.Client, MemoryLog]) -> MemoryLog:
    """Give the log, empty and well."""
    log = served[1]
    log.calls.clear()
    log.fails = None
    return log


def _nobody_reads() -> Any:  # noqa: ANN401 - never called
    raise AssertionError


def _ready() -> Readiness:
    raise AssertionError


def refused(answer: httpx2.Response, log: MemoryLog, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a whole problem and that nothing was written; return it."""
    problem: dict[str, Any] = answer.json()
    assert (status, PROBLEM) == (answer.status_code, answer.headers["content-type"])
    assert (code, status, "/v1/events") == (problem["code"], problem["status"], problem["instance"])
    assert problem["detail"]
    assert problem["hint"]
    assert MARKER not in answer.text
    assert log.calls == []
    return problem
