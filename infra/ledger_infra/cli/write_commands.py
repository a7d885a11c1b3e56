"""Commands that write: emit."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ledger_infra.cli.options import DataDir, JsonOutput, RunningKafka
from ledger_infra.clients import emitter_of
from ledger_infra.logs import configure_logs
from ledger_infra.running import running_ledger
from ledger_infra.settings import Settings, load_settings
from ledger_producers.clock_skew import check_clock_skew, system_clock
from ledger_schemas.errors import BadRequest, SettingInvalid
from ledger_schemas.events import Event
from ledger_schemas.parsing import parse_event
from ledger_schemas.positions import Position

EMIT_BATCH_EVENTS: Final = 1_000
"""Events that are under way at once."""

SOURCE: Final = "command-line"

_stderr = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(emit)


def emit(
    events: Annotated[
        str, typer.Argument(help="One event as JSON, or the name of a file with one event a line, or `-` for stdin.")
    ],
    data_dir: DataDir = None,
    bootstrap_servers: RunningKafka = None,
    as_json: JsonOutput = False,
) -> None:
    """Append events to the log, and print the position after them.

    All lines are checked before the first is sent: one that breaks the contract is named, and nothing is written. The
    same line twice counts once where it states event_id; without event_id it is a new fact each time.

    Example: notification-ledger emit '{"kind": "created", "tenant_id": "acme", "source": "shop",
    "audience": [{"recipient_id": "ann", "channels": ["email"]}], "personal": {"title": "Hello"}}'
    """
    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.
    parsed = parse_lines(_text_of(events))
    position, ids = asyncio.run(_append(configured, parsed))
    if as_json:
        typer.echo(json.dumps({"position": str(position), "notification_ids": ids}))
        return
    for notification_id in dict.fromkeys(ids):
        typer.echo(notification_id)
    _stderr.print(f"{len(ids)} event(s) appended; position {position}", highlight=False, soft_wrap=True)


async def _append(configured: Settings, events: list[Event]) -> tuple[Position, list[str]]:
    position, ids = Position(), []
    async with emitter_of(configured, configured.connection(reachable_kafka(configured)), SOURCE) as to:
        for start in range(0, len(events), EMIT_BATCH_EVENTS):
            for receipt in await to.put_many(events[start : start + EMIT_BATCH_EVENTS]):
                position = position.merged(receipt.position)
                ids.append(str(receipt.notification_id))
    return position, ids


def reachable_kafka(configured: Settings) -> str:
    """Return the configured address of Kafka, else that of the ledger that runs here. Raises SettingInvalid."""
    if configured.bootstrap_servers is not None:
        return configured.bootstrap_servers
    running = running_ledger(configured.data_dir)
    if running is None:
        raise SettingInvalid(
            f"No Kafka is configured, and no ledger runs over {configured.data_dir}.",
            hint="Start `notification-ledger up`, or give --bootstrap-servers.",
            field="bootstrap_servers",
        )
    return running.bootstrap_servers


def parse_lines(text: str) -> list[Event]:
    """Return the events of JSON lines, in their order; a line of white space alone holds none.

    Raises ContractViolation and LimitExceeded that begin with the number of the line, counted from 1.
    """
    # Not splitlines(): U+0085, U+2028 and U+2029, which end lines for it, may stand in a JSON text as they are.
    # A carriage return before the end is white space to JSON.
    return [_parse(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _text_of(events: str) -> str:
    if events.lstrip().startswith("{"):
        return events.replace("\n", " ")
    try:
        # As bytes, since text streams turn a lone carriage return, white space to JSON, into the end of a line.
        return (sys.stdin.buffer.read() if events == "-" else Path(events).read_bytes()).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{events} cannot be read: {type(error).__name__}.", hint="Name a file of JSON lines.", field="events"
        ) from None


def _parse(number: int, line: str) -> Event:
    try:
        event = parse_event(line)
        # The emitter checks this too; here it is said before the first of many batches is sent.
        check_clock_skew(event, system_clock())
    except BadRequest as error:
        error.message = f"Line {number}: {error.message}"
        raise
    return event
