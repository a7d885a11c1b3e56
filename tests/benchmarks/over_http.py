"""How soon the API answers: a whole `up` in a process of its own, asked over connections that are kept alive.

The ledger is small and prefilled over HTTP. The clients are raw sockets in another process, so that on two cores they
take little from the server; what they took is told.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from ledger_schemas.ids import new_id
from tests.benchmarks.http_clients import Answers, Load, put_on, request
from tests.benchmarks.measuring import progress
from tests.running import RunningLedger

NOTIFICATIONS_DEFAULT: Final = 5_000
SECONDS_DEFAULT: Final = 3.0
CLIENTS_DEFAULT: Final = (1, 8)
WARM_UP_SHARE: Final = 0.2
"""Of the seconds, once more before them: not counted."""

ENTRIES_PER_RECIPIENT: Final = 100
PAGE_ROWS: Final = 50
MANY_EVENTS: Final = 100
FILLED_AT_A_TIME: Final = 250
ASKED_MAX: Final = 500
"""Different notifications and recipients that are asked for in turn."""

SETTLE_SECONDS: Final = 120.0
TENANT: Final = "acme"
NS_PER_MS: Final = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--notifications", type=int, default=NOTIFICATIONS_DEFAULT, help="in the ledger before (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS_DEFAULT, help="for each request (default: %(default)s)"
    )
    parser.add_argument(
        "--clients", type=int, nargs="+", default=CLIENTS_DEFAULT, help="at a time, in turn (default: 1 8)"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each request with each number of clients; times are in milliseconds."""
    measured = []
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process,
        RunningLedger(Path(folder, "data")) as ledger,
    ):
        progress(f"filling a ledger with {options.notifications:,} notifications")
        ids = _fill(ledger, options.notifications)
        for name, (status, requests) in _requests(ids).items():
            for clients in options.clients:
                _settle(ledger)
                progress(f"{name}, {clients} at a time")
                load = Load(
                    port=ledger.api_port,
                    requests=requests,
                    status=status,
                    clients=clients,
                    seconds=options.seconds,
                    warm_up_seconds=options.seconds * WARM_UP_SHARE,
                )
                measured.append(
                    {"request": name, "clients": clients, **_figures(process.submit(put_on, load).result())}
                )
    return {"notifications": options.notifications, "seconds": options.seconds, "requests": measured}


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    numbers = "".join(f"{name:>9}" for name in ("clients", "p50", "p99", "max"))
    head = f"{'milliseconds':24}{numbers}{'answers a second':>19}{'cores of clients':>18}"
    lines = [f"{found['notifications']:,} notifications, {found['seconds']:g} s each", "", head]
    lines += [
        f"{one['request']:24}{one['clients']:>9}{one['p50_ms']:>9.2f}{one['p99_ms']:>9.2f}{one['max_ms']:>9.2f}"
        f"{one['answers_a_second']:>19,.0f}{one['clients_cpu_share']:>18.2f}"
        for one in found["requests"]
    ]
    return "\n".join(lines)


def _requests(ids: list[str]) -> dict[str, tuple[int, tuple[bytes, ...]]]:
    """Return by name the status of the answer, and the requests that are sent in turn."""
    recipients = [_recipient(number) for number in range(0, len(ids), ENTRIES_PER_RECIPIENT)][:ASKED_MAX]
    one = _created("posted")
    step = max(1, len(ids) // ASKED_MAX)
    return {
        "health": (200, (request("GET", "/health/live"),)),
        "badge": (200, tuple(request("GET", _inbox("/badge", recipient)) for recipient in recipients)),
        "get": (200, tuple(request("GET", f"/v1/notifications/{id_}?tenant={TENANT}") for id_ in ids[::step])),
        f"page of {PAGE_ROWS}": (
            200,
            tuple(request("GET", f"{_inbox('', recipient)}&limit={PAGE_ROWS}") for recipient in recipients),
        ),
        "POST of 1 event": (201, (request("POST", "/v1/events", json.dumps(one).encode()),)),
        f"POST of {MANY_EVENTS} events": (
            201,
            (request("POST", "/v1/events", json.dumps([one] * MANY_EVENTS).encode()),),
        ),
    }


def _inbox(below: str, recipient: str) -> str:
    return f"/v1/inbox{below}?tenant={TENANT}&recipient={recipient}"


def _fill(ledger: RunningLedger, notifications: int) -> list[str]:
    """Put notifications, each created and delivered, into the ledger; return their ids when all are visible."""
    ids = [str(new_id()) for _ in range(notifications)]
    for part in _parts(ids):
        events = [_created(_recipient(number)) | {"notification_id": id_} for number, id_ in part]
        events += [_delivered(_recipient(number), id_) for number, id_ in part]
        position = ledger.post(*events)
        ledger.get("/v1/notifications/count", tenant=TENANT, at_least=position, wait_seconds="30")
    return ids


def _parts(ids: list[str]) -> Iterator[list[tuple[int, str]]]:
    numbered = [*enumerate(ids)]
    for start in range(0, len(ids), FILLED_AT_A_TIME):
        yield numbered[start : start + FILLED_AT_A_TIME]


def _created(recipient: str) -> dict[str, object]:
    """Return a usual event; the ledger makes the ids that are not added."""
    return {
        "kind": "created",
        "tenant_id": TENANT,
        "source": "benchmark",
        "audience": [{"recipient_id": recipient, "channels": ["email"]}],
        "personal": {"title": "Your parcel is on its way", "body": "It arrives tomorrow between nine and twelve."},
    }


def _delivered(recipient: str, notification_id: str) -> dict[str, object]:
    envelope = {"kind": "delivered", "tenant_id": TENANT, "source": "benchmark"}
    return {**envelope, "notification_id": notification_id, "recipient_id": recipient, "channel": "email"}


def _recipient(number: int) -> str:
    return f"r{number // ENTRIES_PER_RECIPIENT}"


def _settle(ledger: RunningLedger) -> None:
    """Wait until the projector has caught up with what the measure before has posted."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not ledger.ready():
        assert time.monotonic() < deadline, "the read model does not catch up"
        time.sleep(0.1)


def _figures(answers: Answers) -> dict[str, float | int]:
    milliseconds = np.array(answers.nanoseconds) / NS_PER_MS
    p50, p99, most = np.percentile(milliseconds, (50, 99, 100))
    return {
        "answers": len(milliseconds),
        "answers_a_second": len(milliseconds) / answers.wall_seconds,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "max_ms": float(most),
        "clients_cpu_share": answers.cpu_share,
    }
