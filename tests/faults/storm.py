"""The command `python -m tests.faults.storm`: clients repeat each request until it is acknowledged, through SIGKILLs.

    python -m tests.faults.storm --requests 100000 --clients 20 --kills 2

Each request is one event over `POST /v1/events` of a running `up`, with an event_id and with fields left out. A client
repeats a request, unchanged, until a 201 comes; now and then it hangs up before the answer, or repeats what was
acknowledged. The process is killed with SIGKILL and started again while they do. In the end every fact must count once,
nothing may be in quarantine, and no request may have failed but while the process was down. Exit code 1: something was
lost, doubled or refused.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any, Final

import duckdb

from ledger_infra.paths import read_model_path
from ledger_schemas import Kind, Position, new_id
from tests.running import RunningLedger, processes_below

REQUESTS_DEFAULT: Final = 100_000
CLIENTS_DEFAULT: Final = 20
KILLS_DEFAULT: Final = 2

CREATED_SHARE: Final = 0.3
HUNG_UP_SHARE: Final = 0.01
REPEATED_SHARE: Final = 0.03
OPEN_NOTIFICATIONS: Final = 50
"""Notifications of a client that its later facts are about."""

RETRY_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 30.0
CATCH_UP_SECONDS: Final = 120.0
TELL_SECONDS: Final = 5.0

_TENANTS: Final = ("acme", "globex", "initech")
_FOLLOWING: Final = (Kind.FIRED, Kind.DELIVERED, Kind.OPENED, Kind.READ, Kind.UNREAD, Kind.ACKNOWLEDGED)


@dataclass
class Storm:
    """What happened: requests by what became of them, and what the read model has in the end."""

    requests: int
    clients: int
    kills: int
    acknowledged: int = 0
    repeated: int = 0
    """Sent again although they were acknowledged."""
    hung_up: int = 0
    failed_while_down: int = 0
    failed_while_up: list[str] = field(default_factory=list)
    """Must stay empty: a failure that no restart explains."""
    events: int = 0
    duplicates: int = 0
    quarantined: int = 0
    seconds: float = 0.0


class _Outage:
    """When the process was down: from each kill until it was ready again."""

    def __init__(self) -> None:
        self._spans: list[list[float]] = []

    def begin(self) -> None:
        self._spans.append([time.monotonic(), float("inf")])

    def end(self) -> None:
        self._spans[-1][1] = time.monotonic()

    def explains(self, began: float, ended: float) -> bool:
        """Say whether a request that ran from `began` to `ended` met the process down."""
        return any(down <= ended and began <= up for down, up in self._spans)


class _Client:
    """One client with a keep-alive connection: states facts, and repeats each until it is acknowledged."""

    def __init__(self, number: int, requests: int, port: int, outage: _Outage, seed: int) -> None:
        self.number = number
        self.acknowledged: dict[str, str] = {}
        """Kind by event_id."""
        self.position = Position()
        """After the last event that was acknowledged."""
        self.storm = Storm(requests, 1, 0)
        self._requests = requests
        self._port = port
        self._outage = outage
        self._rng = Random(f"{seed} {number}")  # noqa: S311 - a load that repeats itself, no secret
        self._open: list[dict[str, str]] = []
        self._connection: HTTPConnection | None = None

    def run(self) -> None:
        for _ in range(self._requests):
            self._state(self._document())
        self._hang_up()

    def _document(self) -> dict[str, Any]:
        rng = self._rng
        document: dict[str, Any] = {"event_id": str(new_id()), "source": "storm"}
        if not self._open or rng.random() < CREATED_SHARE:
            recipients = rng.sample(range(100), rng.randint(1, 2))
            audience = [{"recipient_id": f"r{one}", "channels": ["email"]} for one in recipients]
            document |= {"kind": Kind.CREATED, "tenant_id": rng.choice(_TENANTS), "audience": audience}
            if rng.random() < 0.5:
                document["external_id"] = f"order-{document['event_id']}"
            return document
        about = rng.choice(self._open)
        return document | about | {"kind": rng.choice(_FOLLOWING)}

    def _state(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        if self._rng.random() < HUNG_UP_SHARE:
            self.storm.hung_up += 1
            self._send_and_hang_up(body)
        while (receipt := self._post(body)) is None:
            time.sleep(RETRY_SECONDS)
        self.storm.acknowledged += 1
        self.acknowledged[document["event_id"]] = document["kind"]
        if document["kind"] == Kind.CREATED:
            recipient = document["audience"][0]["recipient_id"]
            self._open.append(
                {
                    "tenant_id": document["tenant_id"],
                    "notification_id": receipt["notification_id"],
                    "recipient_id": recipient,
                }
            )
            del self._open[:-OPEN_NOTIFICATIONS]
        if self._rng.random() < REPEATED_SHARE:
            self.storm.repeated += 1
            while self._post(body) is None:
                time.sleep(RETRY_SECONDS)

    def _post(self, body: bytes) -> dict[str, str] | None:
        """Return the receipt; None when there was no answer, or not that one."""
        began = time.monotonic()
        try:
            connection = self._connected()
            connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            document = answer.read()
        except (OSError, HTTPException) as error:
            self._hang_up()
            self._failed(began, type(error).__name__)
            return None
        if answer.status != 201:
            self._failed(began, f"{answer.status} {document[:200].decode(errors='replace')}")
            return None
        receipt: dict[str, str] = json.loads(document)["receipts"][0]
        self.position = self.position.merged(Position.parse(receipt["position"]))
        return receipt

    def _failed(self, began: float, what: str) -> None:
        if self._outage.explains(began, time.monotonic()):
            self.storm.failed_while_down += 1
        else:
            self.storm.failed_while_up.append(what)

    def _send_and_hang_up(self, body: bytes) -> None:
        """Send the request whole and close the connection: its outcome is unknown to the client."""
        head = f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as sock:
                sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            return

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def run_storm(
    folder: Path,
    *,
    requests: int,
    clients: int,
    kills: int,
    seed: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Storm:
    """Run a storm over a data directory in `folder`. Raises AssertionError that says what was lost or doubled."""
    ledger = RunningLedger(folder / "data")
    outage, began = _Outage(), time.monotonic()
    ledger.start()
    shares = [requests // clients + (number < requests % clients) for number in range(clients)]
    all_clients = [_Client(number, share, ledger.api_port, outage, seed) for number, share in enumerate(shares)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in all_clients]
    for thread in threads:
        thread.start()
    try:
        told, killed = time.monotonic(), 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(RETRY_SECONDS)
            done = sum(client.storm.acknowledged for client in all_clients)
            if killed < kills and done >= requests * (killed + 1) // (kills + 1):
                killed += 1
                tell(f"{done:,} acknowledged; SIGKILL {killed} of {kills}")
                _kill_and_restart(ledger, folder, outage)
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                tell(f"{done:,} of {requests:,} acknowledged, {done / (told - began):,.0f} a second")
        assert killed == kills, f"only {killed} of {kills} kills: the requests were too few"
        _wait_until_seen(ledger, all_clients)
    finally:
        ledger.stop()
    storm = _added_up(all_clients, requests, kills)
    acknowledged = {event_id: kind for client in all_clients for event_id, kind in client.acknowledged.items()}
    _check(read_model_path(ledger.data_dir), acknowledged, storm)
    storm.seconds = time.monotonic() - began
    return storm


def _kill_and_restart(ledger: RunningLedger, folder: Path, outage: _Outage) -> None:
    outage.begin()
    ledger.stop(signal.SIGKILL)
    deadline = time.monotonic() + ANSWER_SECONDS
    while processes_below(folder):
        assert time.monotonic() < deadline, "the killed process left another behind"
        time.sleep(RETRY_SECONDS)
    ledger.start()
    outage.end()


def _wait_until_seen(ledger: RunningLedger, clients: list[_Client]) -> None:
    position = Position()
    for client in clients:
        position = position.merged(client.position)
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while not Position.parse(ledger.get("/health/ready")["position"]).reached(position):
        assert time.monotonic() < deadline, "the read model did not catch up"
        time.sleep(RETRY_SECONDS)


def _added_up(clients: list[_Client], requests: int, kills: int) -> Storm:
    storm = Storm(requests, len(clients), kills)
    for client in clients:
        storm.acknowledged += client.storm.acknowledged
        storm.repeated += client.storm.repeated
        storm.hung_up += client.storm.hung_up
        storm.failed_while_down += client.storm.failed_while_down
        storm.failed_while_up += client.storm.failed_while_up
    return storm


def _check(path: Path, acknowledged: dict[str, str], storm: Storm) -> None:
    with closing(duckdb.connect(path, read_only=True)) as file:
        history = file.execute("SELECT event_id::VARCHAR, kind::VARCHAR FROM events").fetchall()
        ((storm.duplicates,),) = file.execute("SELECT count(*) FROM duplicates").fetchall()
        ((storm.quarantined,),) = file.execute("SELECT count(*) FROM quarantine").fetchall()
        ((notifications,),) = file.execute("SELECT count(*) FROM notifications WHERE listed_at IS NOT NULL").fetchall()
    storm.events = len(history)
    assert storm.failed_while_up == [], f"requests failed while the process was up: {Counter(storm.failed_while_up)}"
    assert storm.quarantined == 0, f"{storm.quarantined} records are in quarantine"
    assert len(history) == len(dict(history)), "an event is in history twice"
    lost, more = acknowledged.keys() - dict(history).keys(), dict(history).keys() - acknowledged.keys()
    assert not lost, f"{len(lost)} acknowledged events are lost"
    assert not more, f"{len(more)} events were never stated"
    assert dict(history) == acknowledged
    created = Counter(acknowledged.values())[Kind.CREATED]
    assert notifications == created, f"{created} notifications were stated, {notifications} are listed"
    assert storm.duplicates >= storm.repeated, "what was sent again is missing among the duplicates"


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.storm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=REQUESTS_DEFAULT, help="how many (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=CLIENTS_DEFAULT, help="how many (default: %(default)s)")
    parser.add_argument(
        "--kills", type=int, default=KILLS_DEFAULT, help="SIGKILLs of the process (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="what is stated (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()

    def tell(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    with tempfile.TemporaryDirectory() as folder:
        try:
            storm = run_storm(
                Path(folder),
                requests=options.requests,
                clients=options.clients,
                kills=options.kills,
                seed=options.seed,
                tell=tell,
            )
        except AssertionError as error:
            sys.stderr.write(f"FAILED: {error}\n")
            return 1
    sys.stdout.write((json.dumps(asdict(storm), indent=2) if options.json else _text(storm)) + "\n")
    return 0


def _text(storm: Storm) -> str:
    return "\n".join(
        [
            f"{storm.requests:,} requests of {storm.clients} clients, {storm.kills} SIGKILLs, {storm.seconds:.0f} s",
            f"{storm.repeated:,} repeated after their answer, {storm.hung_up:,} hung up before it",
            f"{storm.failed_while_down:,} failed while the process was down, none while it was up",
            f"{storm.events:,} events count once, {storm.duplicates:,} copies are duplicates, none is in quarantine",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
