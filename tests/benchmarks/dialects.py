"""What a dialect's answer costs beside the native answer for the same rows in the same order, over real HTTP.

The API runs in a process of its own over a file of one tenant. One client asks dialect and native in turn, so that a
slow minute is shared by both. The overhead is (dialect - native) / native, of their medians.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx2
import numpy as np

from ledger_infra.broker.ports import free_ports
from ledger_infra.http_server import ApiServer, listen
from ledger_infra.settings import Settings
from ledger_projectors.store.read_model import ReadModel
from ledger_queries.api import create_app
from ledger_queries.desk import Desk
from ledger_queries.health import Readiness
from ledger_schemas import LIFECYCLE_TOPIC
from ledger_schemas.access import Caller, Role
from ledger_schemas.positions import Position
from tests.benchmarks import dialect_rows
from tests.benchmarks.dialect_rows import RECIPIENTS, ROWS_PER_SCHEDULE, TENANT, DialectRows
from tests.benchmarks.http_clients import request, take_turns
from tests.benchmarks.measuring import progress
from tests.directories import StatedDirectory

NOTIFICATIONS_DEFAULT: Final = 300_000
SECONDS_DEFAULT: Final = 10.0
WARM_UP_ROUNDS: Final = 10
ASKED_MAX: Final = 200
"""Different requests that are sent in turn."""

START_SECONDS: Final = 60.0
APPLICATION: Final = "application"
USER: Final = "user-07"
NATIVE: Final = {"Authorization": f"Bearer {APPLICATION}"}
NS_PER_MS: Final = 1e6

Shown = Callable[[Any], list[Any]]
"""Returns what tells the rows of an answer apart, in their order."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way to ask: the paths in turn, a credential, and how its rows are told apart."""

    paths: Sequence[str]
    headers: Mapping[str, str]
    shown: Shown

    def requests(self) -> list[bytes]:
        """Return the bytes that are sent."""
        return [request("GET", path, headers=self.headers) for path in self.paths]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--notifications", type=int, default=NOTIFICATIONS_DEFAULT, help="in the file (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS_DEFAULT, help="for each pair (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each dialect beside the native API; times are in milliseconds."""
    measured = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "read_model.duckdb")
        with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1) as model:
            rows = dialect_rows.fill(model, options.notifications)
        with _api(path) as port:
            for name, (dialect, native) in _pairs(rows).items():
                progress(name)
                compared = check_same_rows(port, name, dialect, native)
                ways = [dialect.requests(), native.requests()]
                took = take_turns(port, ways, options.seconds, WARM_UP_ROUNDS)
                measured.append({"answer": name, "rows": compared, **_figures(*took)})
    return {"notifications": options.notifications, "seconds": options.seconds, "answers": measured}


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    head = "".join(f"{name:>13}" for name in ("dialect p50", "p99", "native p50", "p99", "overhead"))
    lines = [
        f"{found['notifications']:,} notifications, {found['seconds']:g} s each, in turn",
        "",
        f"{'milliseconds':24}{head}",
    ]
    for one in found["answers"]:
        times = (one[side][name] for side in ("dialect", "native") for name in ("p50_ms", "p99_ms"))
        lines.append(f"{one['answer']:24}{''.join(f'{time:>13.2f}' for time in times)}{one['overhead']:>+13.2f}")
    return "\n".join(lines)


def _pairs(rows: DialectRows) -> dict[str, tuple[Side, Side]]:
    """Return by name a dialect's requests, and the native ones for the same rows."""
    first, last = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=dialect_rows.created_at(row))).date()
        for row in (0, len(rows.ids))
    )
    window = {"due_from": f"{first}T00:00:00Z", "due_before": f"{last + timedelta(days=1)}T00:00:00Z"}
    suger = f"/suger/org/{TENANT}/notificationEvent?startDate={first}&endDate={last}"
    pairs = {
        f"suger, {limit:,}": (
            Side(
                [f"{suger}&limit={limit}&offset={page * limit}" for page in range(5)],
                {"Authorization": f"Key {APPLICATION}"},
                lambda answer: [row["title"] for row in answer["notificationEvents"]],
            ),
            _listed(
                {**window, "sort": "-due_at,-external_id", "limit": limit},
                [{"offset": page * limit, "total": "false" if page else "true"} for page in range(5)],
            ),
        )
        for limit in (50, 1_000)
    }
    schedules = range(min(ASKED_MAX, max(1, len(rows.ids) // ROWS_PER_SCHEDULE)))
    pairs[f"nextinteract, {ROWS_PER_SCHEDULE}"] = (
        Side(
            [f"/nextinteract/rest/notification/sent?version=1&notificationScheduleId={one}" for one in schedules],
            {"x-nextinteract-authtoken": APPLICATION},
            lambda answer: [row["message"].partition(":")[0] for row in answer],
        ),
        _listed({"reached": "fired", "limit": ROWS_PER_SCHEDULE}, [{"schedule_id": one} for one in schedules]),
    )
    inbox = {"recipient": USER, "deleted": "false", "limit": 15, "total": "true"}
    pairs["easir, 15"] = (
        Side(
            [f"/easir/notifications?page={page}" for page in range(1, 6)],
            {"Authorization": f"Bearer {USER}"},
            lambda answer: [row["id"] for row in answer["data"]],
        ),
        _listed(inbox, [{"offset": page * 15} for page in range(5)], path="/v1/inbox", name="notification_id"),
    )
    customers = [*range(0, len(rows.ids), RECIPIENTS)][-ASKED_MAX:]
    pairs["realtimeregister, one"] = (
        Side(
            [f"/realtimeregister/v2/customers/{TENANT}/notifications/{row}" for row in customers],
            {"Authorization": f"ApiKey {APPLICATION}"},
            lambda answer: [answer["id"]],
        ),
        _got(rows, customers, "number"),
    )
    pairs["novu, one"] = (
        Side(
            [f"/novu/v1/notifications/{dialect_rows.external_id_of(row)}" for row in customers],
            {"Authorization": f"ApiKey {APPLICATION}"},
            lambda answer: [answer["_id"]],
        ),
        _got(rows, customers, "external_id"),
    )
    return pairs


def _listed(
    always: Mapping[str, object],
    in_turn: Sequence[Mapping[str, object]],
    *,
    path: str = "/v1/notifications",
    name: str = "title",
) -> Side:
    queries = [urlencode({**always, **one, "tenant": TENANT}) for one in in_turn]
    return Side([f"{path}?{query}" for query in queries], NATIVE, lambda answer: [row[name] for row in answer["rows"]])


def _got(rows: DialectRows, asked: Sequence[int], name: str) -> Side:
    ids = [UUID(bytes=rows.ids[row].tobytes()) for row in asked]
    paths = [f"/v1/notifications/{one}?tenant={TENANT}" for one in ids]
    return Side(paths, NATIVE, lambda answer: [answer["content"][name]])


def check_same_rows(port: int, name: str, dialect: Side, native: Side) -> int:
    """Return how many rows both answers have. Raises AssertionError if they are not the same in the same order."""
    shown = []
    for side in (dialect, native):
        answer = httpx2.get(f"http://127.0.0.1:{port}{side.paths[0]}", headers=dict(side.headers), timeout=60)
        assert answer.status_code == 200, f"{name}: {answer.text}"
        shown.append(side.shown(answer.json()))
    assert shown[0], f"{name}: no rows"
    assert shown[0] == shown[1], f"{name}: {shown[0][:3]} beside {shown[1][:3]}"
    return len(shown[0])


def _figures(dialect: Sequence[int], native: Sequence[int]) -> dict[str, Any]:
    told: dict[str, Any] = {
        side: {
            "answers": len(took),
            **{f"p{rank}_ms": float(np.percentile(took, rank)) / NS_PER_MS for rank in (50, 99)},
        }
        for side, took in (("dialect", dialect), ("native", native))
    }
    return told | {"overhead": told["dialect"]["p50_ms"] / told["native"]["p50_ms"] - 1}


@contextmanager
def _api(path: Path) -> Iterator[int]:
    """Serve the file in another process, which ends with the block; give the port."""
    (port,) = free_ports(1)
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(path, port), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.is_alive(), "the API did not start"
            assert time.monotonic() < deadline, "the API did not answer in time"
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.join()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    except httpx2.TransportError:
        return False


def _serve(path: Path, port: int) -> None:
    callers = {
        APPLICATION: Caller(Role.APPLICATION, TENANT, key_id=APPLICATION),
        USER: Caller(Role.PERSON, TENANT, USER, key_id=USER),
    }
    with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1) as model:
        desk = Desk(model.reader, directory=StatedDirectory(callers))
        app = create_app(desk, readiness=lambda: Readiness(ready=True, position=Position()))
        with listen(Settings(api_port=port)) as listener:
            asyncio.run(ApiServer(app).run(listener))
