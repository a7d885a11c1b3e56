"""The five vendors' APIs, asked over HTTP of a ledger that runs: each with a key, each for a sample of its document."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
from rich.console import Console

from ledger_infra.broker.ports import free_ports
from ledger_infra.demo.checks import Finding
from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor, tenant_of
from ledger_infra.settings import environment_without_settings
from ledger_producers.directory_emitter import DirectoryEmitter
from ledger_schemas.access import Role
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryEvent, KeyIssued, TenantSettingsChanged
from ledger_schemas.errors import ApiUnavailable

START_SECONDS_MAX: Final = 60.0
KEY_SECONDS_MAX: Final = 10.0
"""How long a key that was just issued may take to be let in."""

STOP_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.1
SHOWN_CHARS: Final = 160

EASIR_USER: Final = "54"
"""Whose list the document of EASI'R shows."""

Find = Callable[[Any, Sample], Any]
"""Returns what an answer says of a sample."""


@dataclass(frozen=True, slots=True)
class _Question:
    vendor: Vendor
    target: str
    header: str
    scheme: str
    find: Find
    recipient: str | None = None


def _row_of_list(answer: Any, sample: Sample) -> Any:  # noqa: ANN401 - any JSON
    rows = answer["notificationEvents"] if "notificationEvents" in answer else answer["data"]
    name = "eventID" if "eventID" in sample.row else "id"
    return next((row for row in rows if row[name] == sample.row[name]), None)


def _row_of_array(answer: Any, sample: Sample) -> Any:  # noqa: ANN401 - any JSON
    return next((row for row in answer if row["message"] == sample.row["message"]), None)


def _whole(answer: Any, _sample: Sample) -> Any:  # noqa: ANN401 - any JSON
    return answer


def _questions() -> list[_Question]:
    of = {vendor: vendor_samples(vendor)[0].row for vendor in ("suger", "realtimeregister", "novu", "nextinteract")}
    org, customer = tenant_of("suger"), tenant_of("realtimeregister")
    day = of["suger"]["timestamp"][:10]
    suger = f"/suger/org/{org}/notificationEvent?startDate={day}&endDate={day}"
    register = f"/realtimeregister/v2/customers/{customer}/notifications/{of['realtimeregister']['id']}"
    sent = (
        f"/nextinteract/rest/notification/sent?version=1&broadcastType=GT&companyId={of['nextinteract']['companyId']}"
    )
    novu = f"/novu/v1/notifications/{of['novu']['_id']}"
    return [
        _Question("suger", suger, "Authorization", "Key ", _row_of_list),
        _Question("realtimeregister", register, "Authorization", "ApiKey ", _whole),
        _Question("novu", novu, "Authorization", "ApiKey ", _whole),
        _Question("nextinteract", sent, "x-nextinteract-authtoken", "", _row_of_array),
        _Question("easir", "/easir/notifications", "Authorization", "Bearer ", _row_of_list, EASIR_USER),
    ]


async def ask_five_apis(data_dir: Path, connection: KafkaConnection, console: Console) -> list[Finding]:
    """Run the ledger over `data_dir`, issue a key for each vendor, ask each API, and compare with its document.

    Raises ApiUnavailable when the ledger does not start, or does not let a key in.
    """
    with _running(data_dir, connection.bootstrap_servers) as url:
        keys = await _issue_keys(connection)
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
            return [_ask(client, question, keys[question.vendor], console) for question in _questions()]


def _ask(client: httpx2.Client, question: _Question, key: str, console: Console) -> Finding:
    answer = _let_in(client, question, {question.header: question.scheme + key})
    sample = vendor_samples(question.vendor)[0]
    found = question.find(answer.json(), sample) if answer.is_success else answer.text
    shown = f"{question.header}: {question.scheme}…"
    console.print(f"\n   [bold]$ curl -H '{shown}' {question.target}[/]", highlight=False, soft_wrap=True)
    text = json.dumps(found, ensure_ascii=False)
    cut = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}… ({len(text):,} characters)"
    console.print(f"   {cut}", highlight=False, markup=False, soft_wrap=True)
    verdict = "as its document has it" if found == sample.row else "something else"
    return Finding(f"{question.vendor}: its sample comes back", "as its document has it", verdict)


def _let_in(client: httpx2.Client, question: _Question, headers: Mapping[str, str]) -> httpx2.Response:
    """Ask until the directory knows the key."""
    deadline = time.monotonic() + KEY_SECONDS_MAX
    while True:
        answer = client.get(question.target, headers=headers)
        if answer.status_code not in {httpx2.codes.UNAUTHORIZED, httpx2.codes.SERVICE_UNAVAILABLE}:
            return answer
        if time.monotonic() > deadline:
            raise ApiUnavailable(f"The {question.vendor} API lets no key in: {answer.status_code}.", hint="See up.log.")
        time.sleep(POLL_SECONDS)


async def _issue_keys(connection: KafkaConnection) -> dict[Vendor, str]:
    now = datetime.now(UTC)
    novu = vendor_samples("novu")[0].row
    ids = {"novu.environment_id": novu["_environmentId"], "novu.organization_id": novu["_organizationId"]}
    events: list[DirectoryEvent] = [TenantSettingsChanged(tenant_id=tenant_of("novu"), occurred_at=now, settings=ids)]
    keys: dict[Vendor, str] = {}
    for question in _questions():
        key = new_key()
        keys[question.vendor] = key.credential
        events.append(
            KeyIssued(
                tenant_id=tenant_of(question.vendor),
                occurred_at=now,
                key_id=key.key_id,
                key_hash=key.key_hash,
                role=Role.PERSON if question.recipient else Role.APPLICATION,
                recipient_id=question.recipient,
                label="tour",
            )
        )
    async with DirectoryEmitter(connection) as emitter:
        await emitter.put_directory(events)
    return keys


@contextmanager
def _running(data_dir: Path, bootstrap_servers: str) -> Iterator[str]:
    """Run `up` until the block ends; give its URL when it is ready. Raises ApiUnavailable."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "ledger_infra", "up", "--data-dir", str(data_dir)]
    command += ["--bootstrap-servers", bootstrap_servers, "--api-port", str(port)]
    with (data_dir / "up.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment_without_settings()
        )
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ApiUnavailable("The ledger did not start.", hint=f"Its log: {data_dir / 'up.log'}.")
            time.sleep(POLL_SECONDS)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready", trust_env=False).is_success
    except httpx2.TransportError:
        return False
