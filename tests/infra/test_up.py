"""`notification-ledger up` as a process: it starts, answers, drains, starts again, and says clearly why it does not."""

import asyncio
import gzip
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from ledger_infra.paths import kafka_dir, read_model_path, run_file
from ledger_infra.settings import environment_without_settings
from ledger_schemas import LIFECYCLE_TOPIC, Position, new_id
from ledger_schemas.errors import DataDirectoryInUse, GuardRefused, PortTaken, PositionInvalid, SettingInvalid
from ledger_schemas.topic import DIRECTORY_TOPIC
from tests.running import RunningLedger, json_of, processes_below, run_command

CREATED: dict[str, object] = {
    "kind": "created",
    "tenant_id": "acme",
    "source": "shop",
    "audience": [{"recipient_id": "ann", "channels": ["email"]}],
    "personal": {"title": "Your parcel is on its way"},
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLedger]:
    """Give one ledger to the tests that only talk to it."""
    with RunningLedger(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


def test_it_prints_where_it_answers(ledger: RunningLedger) -> None:
    """The addresses of the broker and of the API, the topic and the data directory are on the screen."""
    said = ledger.log.read_text(encoding="utf-8")
    for shown in (ledger.bootstrap_servers, ledger.api_url, LIFECYCLE_TOPIC, str(ledger.data_dir)):
        assert shown in said


def test_a_write_is_read_at_its_position(ledger: RunningLedger) -> None:
    """A read with `at_least` set to the position of a write sees the write."""
    position = ledger.post(CREATED)
    answer = ledger.get("/v1/inbox", tenant="acme", recipient="ann", at_least=position)
    assert "Your parcel is on its way" in [row["title"] for row in answer["rows"]]


def test_a_second_up_on_the_same_directory_is_refused(ledger: RunningLedger) -> None:
    """The data directory of a running ledger gives data_directory_in_use, its exit code, and what to do."""
    second = RunningLedger(ledger.data_dir)
    refused = second.run("up")
    assert refused.returncode == DataDirectoryInUse.exit_code
    assert "data_directory_in_use" in refused.stderr
    assert "--data-dir" in refused.stderr
    assert ledger.ready()


@pytest.mark.parametrize("which", ["api", "broker"])
def test_a_taken_port_is_named(tmp_path: Path, which: str) -> None:
    """A port that somebody listens on gives port_taken with its number, and leaves no process behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ledger = RunningLedger(tmp_path / "data")
        refused = ledger.run("up", f"--{which}-port", str(port))
    assert refused.returncode == PortTaken.exit_code
    assert str(port) in refused.stderr
    assert not processes_below(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("API_HOST", ""), ("API_PORT", "eighty"), ("PARTITIONS", "0"), ("SASL_MECHANISM", "NTLM")],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """A setting that is not allowed gives setting_invalid, its variable and what is allowed, and starts nothing."""
    variable = f"NOTIFICATION_LEDGER_{name}"
    refused = run_command("up", environment=environment_without_settings() | {variable: value})
    assert refused.returncode == SettingInvalid.exit_code
    assert variable in refused.stderr
    assert "setting_invalid" in refused.stderr


def test_a_secret_that_is_refused_is_not_shown() -> None:
    """A refused start says nothing of the password that was configured."""
    environment = environment_without_settings() | {
        "NOTIFICATION_LEDGER_SASL_PASSWORD": "hunter2-hunter2",
        "NOTIFICATION_LEDGER_API_PORT": "0",
    }
    refused = run_command("up", environment=environment)
    assert refused.returncode == SettingInvalid.exit_code
    assert "hunter2" not in refused.stderr + refused.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_drains_and_starts_again_where_it_was(tmp_path: Path, number: signal.Signals) -> None:
    """A stop ends with 0, leaves no process and no note; the next start answers with what was written before."""
    ledger = RunningLedger(tmp_path / "data")
    ledger.start()
    position = ledger.post(CREATED)
    assert ledger.stop(number) == 0
    assert not run_file(ledger.data_dir).exists()
    assert not processes_below(tmp_path)
    with ledger:
        assert ledger.get("/v1/notifications/count", tenant="acme", at_least=position)["total"] == 1
        ledger.post(CREATED)


@pytest.mark.parametrize("signals", [1, 2])
def test_a_stop_during_start_up_is_heard(tmp_path: Path, signals: int) -> None:
    """A stop before it is ready ends it without a second word, and a second one at once; no process is left."""
    ledger = RunningLedger(tmp_path / "data")
    ledger.launch()
    assert ledger.process is not None
    _wait_for_java_below(tmp_path)
    for _ in range(signals):
        ledger.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    assert ledger.process.wait(30) == (0 if signals == 1 else -signal.SIGINT)
    assert "Traceback" not in ledger.log.read_text(encoding="utf-8")
    _wait_for_no_process_below(tmp_path)


def test_after_a_sigkill_everything_acknowledged_is_there(tmp_path: Path) -> None:
    """SIGKILL of the process leaves no broker behind, and the next start has every event that was acknowledged."""
    ledger = RunningLedger(tmp_path / "data")
    ledger.start()
    position = ledger.post(*[CREATED] * 50)
    assert ledger.stop(signal.SIGKILL) == -signal.SIGKILL
    _wait_for_no_process_below(tmp_path)
    with ledger:
        assert ledger.get("/v1/notifications/count", tenant="acme", at_least=position)["total"] == 50


def test_a_broker_that_dies_stops_the_ledger_with_its_reason(tmp_path: Path) -> None:
    """When the embedded broker is killed, `up` ends by itself, not with 0, and names the broker's log."""
    ledger = RunningLedger(tmp_path / "data")
    ledger.start()
    (java,) = [one for one in processes_below(tmp_path) if one.name() == "java"]
    java.kill()
    assert ledger.process is not None
    assert ledger.process.wait(60) not in {0, None}
    said = ledger.log.read_text(encoding="utf-8")
    assert "broker_unavailable" in said
    assert "kafka.log" in said


def test_another_log_than_the_read_model_was_made_from_is_refused(tmp_path: Path) -> None:
    """A read model beside an emptied broker gives guard_refused with the range, and loses nothing."""
    ledger = RunningLedger(tmp_path / "data")
    with ledger:
        ledger.get("/v1/notifications", tenant="acme", at_least=ledger.post(CREATED))
    kafka_dir(ledger.data_dir).rename(tmp_path / "the-log")
    refused = ledger.run("up")
    assert refused.returncode == GuardRefused.exit_code
    assert "the read model is at 1" in refused.stderr
    assert "notification-ledger export-history" in refused.stderr
    assert read_model_path(ledger.data_dir).exists()


def test_commands_find_the_running_ledger(ledger: RunningLedger) -> None:
    """emit, list, get, count and snapshot work beside a running `up`, told only the data directory."""
    event = CREATED | {"tenant_id": "shell"}
    emitted = json_of(ledger.run("emit", json.dumps(event), "--json"))
    at_least = ("--at-least", str(emitted["position"]))
    (notification_id,) = emitted["notification_ids"]
    listed = json_of(ledger.run("list", "--tenant", "shell", "--json", *at_least))
    assert [row["notification_id"] for row in listed["rows"]] == [notification_id]
    assert json_of(ledger.run("count", "--tenant", "shell", "--json"))["total"] == 1
    got = ledger.run("get", str(notification_id), "--tenant", "shell")
    assert got.returncode == 0
    assert "Your parcel is on its way" in got.stdout
    taken = json_of(ledger.run("snapshot", "--json"))
    assert Path(str(taken["path"])).stat().st_size > 0


def test_emit_refuses_a_file_with_one_bad_line_whole(ledger: RunningLedger, tmp_path: Path) -> None:
    """The bad line is named by its number and field, and no line of the file is written."""
    bad = {name: value for name, value in CREATED.items() if name != "source"}
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(event | {"tenant_id": "whole"}) for event in (CREATED, bad)), encoding="utf-8")
    refused = ledger.run("emit", str(file))
    assert refused.returncode == 4
    assert "Line 2: source" in refused.stderr
    accepted = json_of(ledger.run("emit", "-", "--json", stdin=json.dumps(CREATED | {"tenant_id": "whole"})))
    counted = ledger.run("count", "--tenant", "whole", "--json", "--at-least", str(accepted["position"]))
    assert json_of(counted)["total"] == 1


def test_a_fact_from_the_future_is_refused_over_http_and_by_emit(ledger: RunningLedger, tmp_path: Path) -> None:
    """Both go through the emitter: the answer names the event, the field, the limit and its value."""
    future = CREATED | {"tenant_id": "future", "occurred_at": "2199-01-01T00:00:00Z"}
    events = [CREATED | {"tenant_id": "future"}, future]
    answer = httpx2.post(f"{ledger.api_url}/v1/events", json=events, trust_env=False)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (413, "limit_exceeded", "1.occurred_at")
    assert "CLOCK_SKEW_SECONDS_MAX is 900" in problem["detail"]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    refused = ledger.run("emit", str(file))
    assert (refused.returncode, "Line 2: occurred_at" in refused.stderr) == (5, True)
    accepted = json_of(ledger.run("emit", json.dumps(events[0]), "--json"))
    counted = ledger.run("count", "--tenant", "future", "--json", "--at-least", str(accepted["position"]))
    assert json_of(counted)["total"] == 1


def test_a_clock_that_is_ahead_pins_nothing_and_keeps_its_order(ledger: RunningLedger) -> None:
    """Content 14 minutes ahead is corrected by a right clock; of a fast clock's read and unread, the second holds."""
    common: dict[str, object] = {"tenant_id": "fast", "notification_id": str(new_id()), "source": "shop"}
    ahead = datetime.now(UTC) + timedelta(minutes=14)

    def amended(title: str, occurred_at: datetime) -> dict[str, object]:
        return common | {"kind": "amended", "occurred_at": occurred_at.isoformat(), "personal": {"title": title}}

    def by_ann(kind: str, seconds: int) -> dict[str, object]:
        # The later fact of a pair has the smaller event_id.
        event_id = str(UUID(int=9 - seconds, version=4))
        occurred_at = (ahead + timedelta(seconds=seconds)).isoformat()
        return common | {"kind": kind, "recipient_id": "ann", "event_id": event_id, "occurred_at": occurred_at}

    position = ledger.post(CREATED | common, amended("Wrong", ahead), by_ann("read", 0), by_ann("unread", 5))
    ledger.get("/v1/inbox", tenant="fast", at_least=position)
    position = ledger.post(amended("Right", datetime.now(UTC)))
    (entry,) = ledger.get("/v1/inbox", tenant="fast", recipient="ann", at_least=position)["rows"]
    assert (entry["title"], entry["facts"]["read"]["count"], entry["is_read"]) == ("Right", 1, False)


@pytest.mark.parametrize(
    ("method", "path", "headers", "field"),
    [
        ("GET", "/v1/inbox?tenant=acme", {"Host": "rebound.example.com"}, "Host"),
        ("POST", "/v1/events", {"Content-Type": "text/plain"}, "Content-Type"),
        ("POST", "/v1/operator/snapshots", {}, "Content-Type"),
    ],
)
def test_a_page_of_another_site_gets_nothing(
    ledger: RunningLedger, method: str, path: str, headers: dict[str, str], field: str
) -> None:
    """What only a browser with a foreign page open would send is refused as a problem that names the header."""
    body = json.dumps(CREATED) if path == "/v1/events" else None
    answer = httpx2.request(method, f"{ledger.api_url}{path}", headers=headers, content=body, trust_env=False)
    assert answer.status_code == httpx2.codes.BAD_REQUEST
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["field"]) == ("bad_request", field)


def test_the_log_holds_no_content(tmp_path: Path) -> None:
    """At its most talkative the log names nothing of an event: read, refused, or no event at all and in quarantine."""
    event = CREATED | {
        "tenant_id": "tenant-marker",
        "audience": [{"recipient_id": "recipient-marker", "channels": ["email"]}],
        "personal": {"title": "title-marker"},
    }
    with RunningLedger(tmp_path / "data", extra_environment={"NOTIFICATION_LEDGER_LOG_LEVEL": "debug"}) as ledger:
        ledger.get("/v1/inbox", tenant="tenant-marker", recipient="recipient-marker", at_least=ledger.post(event))
        for refused in (json.dumps([event | {"occurred_at": "time-marker"}]), '{"title": "syntax-marker"'):
            headers = {"Content-Type": "application/json"}
            answer = httpx2.post(f"{ledger.api_url}/v1/events", content=refused, headers=headers, trust_env=False)
            assert answer.status_code in {httpx2.codes.BAD_REQUEST, httpx2.codes.UNPROCESSABLE_CONTENT}
        behind_it = asyncio.run(_append_poison(ledger, key=b"key-marker", value=b"poison-marker"))
        ledger.get("/v1/notifications/count", tenant="tenant-marker", at_least=str(behind_it))
    said = ledger.log.read_text(encoding="utf-8")
    assert "batch_committed" in said, "the level debug is not on"
    assert "records_quarantined" in said
    assert re.findall(r"[a-z]+-marker", said) == []


def test_live_and_ready_answer_a_probe(ledger: RunningLedger) -> None:
    """Both health endpoints answer 200 without a tenant when the ledger has caught up."""
    assert httpx2.get(f"{ledger.api_url}/health/live", trust_env=False).json() == {"status": "live"}
    assert httpx2.get(f"{ledger.api_url}/health/ready", trust_env=False).json()["status"] == "ready"


@pytest.mark.parametrize(("coding", "status"), [("gzip", 201), ("identity", 422), ("br", 415)])
def test_a_body_is_what_it_is_declared_to_be(ledger: RunningLedger, coding: str, status: int) -> None:
    """One gzip body: decoded under its own name, no JSON as it is, and refused under the name of another encoding."""
    answer = httpx2.post(
        f"{ledger.api_url}/v1/events",
        content=gzip.compress(json.dumps(CREATED).encode()),
        headers={"Content-Type": "application/json", "Content-Encoding": coding},
        trust_env=False,
    )
    assert answer.status_code == status, answer.text
    assert answer.headers.get("accept-encoding") == ("gzip" if coding == "br" else None)


def test_a_position_of_another_ledger_is_refused(ledger: RunningLedger) -> None:
    """Over HTTP and by the command line: position_invalid, not behind, and the partitions that there are."""
    for position in (f"{LIFECYCLE_TOPIC}@6:1", "another.v1@0:1"):
        asked = {"tenant": "acme", "at_least": position, "wait_seconds": "30"}
        answer = httpx2.get(f"{ledger.api_url}/v1/inbox", params=asked, trust_env=False, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (400, "position_invalid")
        refused = ledger.run("list", "--tenant", "acme", "--at-least", position, "--wait-seconds", "30")
        assert refused.returncode == PositionInvalid.exit_code
        has = f"it has partition 0 of {DIRECTORY_TOPIC}, partitions 0 to 5 of {LIFECYCLE_TOPIC}"
        assert has in refused.stderr


def test_head_is_answered_wherever_get_is(ledger: RunningLedger) -> None:
    """Every path of the API has the status and the headers of GET under HEAD, and no body: 405 where GET has it."""
    title = {**CREATED, "tenant_id": "heads"}
    ledger.get("/v1/notifications", tenant="heads", at_least=ledger.post(title, title))
    (notification, _) = ledger.get("/v1/notifications", tenant="heads")["rows"]
    filled = {"{notification_id}": notification["notification_id"], "{partition}": "0", "{offset}": "0"}
    paths = ["/openapi.json", "/v1/nowhere", "/v1/inbox?tenant=%ff"]
    for path, operations in ledger.get("/openapi.json")["paths"].items():
        for name, value in filled.items():
            path = path.replace(name, value)  # noqa: PLW2901 - one name after another
        asked = {one["name"] for one in operations.get("get", {}).get("parameters", [])} & {"tenant", "recipient"}
        of_one = "".join(f"{name}={'heads' if name == 'tenant' else 'ann'}&" for name in sorted(asked))
        paths += [path, f"{path}?{of_one}", f"{path}?{of_one}limit=1"]
    statuses = set()
    for path in paths:
        got, head = _answered(ledger, "GET", path), _answered(ledger, "HEAD", path)
        assert head == (*got[:2], b""), path
        statuses.add(got[0])
    assert statuses == {200, 400, 404, 405}


def _answered(ledger: RunningLedger, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers without the date, and every byte that follows them until the connection closes."""
    with socket.create_connection(("127.0.0.1", ledger.api_port), timeout=30) as connection:
        host = f"127.0.0.1:{ledger.api_port}"
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    del headers["date"]
    return int(status.split()[1]), headers, body


async def _append_poison(ledger: RunningLedger, *, key: bytes, value: bytes) -> Position:
    """Append a record that is no event, as a stranger would; return the position behind it."""
    async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap_servers) as producer:
        appended = await producer.send_and_wait(LIFECYCLE_TOPIC, key=key, value=value)
    return Position({(LIFECYCLE_TOPIC, appended.partition): appended.offset + 1})


def _wait_for_java_below(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not any(one.name() == "java" for one in processes_below(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_for_no_process_below(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while processes_below(folder):
        assert time.monotonic() < deadline, [one.cmdline() for one in processes_below(folder)]
        time.sleep(0.1)
