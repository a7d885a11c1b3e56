"""What the commands keys, tenants and teams share: the directory's log, an event of now, and what is printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer
from rich.console import Console

from ledger_infra.cli.bars import DownloadBar
from ledger_infra.cli.options import BrokerPort, DataDir
from ledger_infra.logs import configure_logs
from ledger_infra.settings import load_settings
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind, parse_directory_event

if TYPE_CHECKING:
    from ledger_infra.directory_log import DirectoryLog

ACTOR: Final = "command-line"

_stderr = Console(stderr=True)
stdout: Final = Console()

_Answer = TypeVar("_Answer")

WHERE: Final = (
    "They write to Kafka: that of the ledger which runs over the data directory, else the configured cluster, else the "
    "native broker, which is started for it. A running ledger follows within seconds."
)
"""What the help of each family says of where its events go."""


def append_to_log(events: list[DirectoryEvent], *, data_dir: DataDir, broker_port: BrokerPort) -> str:
    """Append events to the directory's log; return the position after them, as text."""
    return str(with_log(lambda log: log.append(events), data_dir=data_dir, broker_port=broker_port))


def with_log(
    work: Callable[[DirectoryLog], Awaitable[_Answer]], *, data_dir: DataDir, broker_port: BrokerPort
) -> _Answer:
    """Do something with the directory's log and return what comes of it. Raises what `directory_log` raises."""
    from ledger_infra.directory_log import directory_log  # noqa: PLC0415 - DuckDB is slow to import

    configured = load_settings(data_dir=data_dir, broker_port=broker_port)
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.

    async def run() -> _Answer:
        with DownloadBar(_stderr) as download:
            async with directory_log(configured, download) as log:
                return await work(log)

    return asyncio.run(run())


def event_now(kind: DirectoryKind, **values: object) -> DirectoryEvent:
    """Return an event of the directory that happens now. Raises ContractViolation."""
    return parse_directory_event({"kind": kind, "occurred_at": datetime.now(UTC), "actor": ACTOR, **values})


def print_json(document: dict[str, Any]) -> None:
    """Print what `--json` asks for on standard output."""
    typer.echo(json.dumps(document, indent=2))


def say(line: str) -> None:
    """Print a line for a person on standard error."""
    _stderr.print(line, highlight=False, soft_wrap=True)
