"""Commands for a log that has lost facts: export-history, import-history."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import duckdb
import typer
from rich.console import Console

from ledger_infra.cli.bars import counting_bar
from ledger_infra.cli.new_files import STANDARD_OUTPUT, new_file
from ledger_infra.cli.options import DataDir, JsonOutput, RunningKafka
from ledger_infra.cli.write_commands import reachable_kafka
from ledger_infra.logs import configure_logs
from ledger_infra.paths import read_model_path
from ledger_infra.read_only import open_read_only
from ledger_infra.running import running_ledger
from ledger_infra.settings import Settings, load_settings
from ledger_producers.history_import import import_history
from ledger_queries.history import HistoryEvent, count_history, walk_history
from ledger_queries.reading import open_reading
from ledger_schemas.codec import encode_wire
from ledger_schemas.errors import ReadModelUnusable
from ledger_schemas.history_lines import HistoryLine

PROGRESS_EVENTS: Final = 1_000
"""How many events are written between two updates of the progress bar."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTEAD: Final = "Stop it first, or export from a published snapshot with --file."
_KEEP: Final = (
    "Keep it: it may be the last copy of the facts. Export with the version that wrote it, or name a snapshot or an "
    "older copy with --file."
)

_stderr = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command("export-history")(export_history)
    app.command("import-history")(import_command)


def export_history(
    file: Annotated[
        str, typer.Argument(help="A new file, or `-` for standard output. An existing file is never overwritten.")
    ],
    *,
    read_model: Annotated[
        Path | None,
        typer.Option(
            "--file", help="Export from this file instead: a published snapshot, or an old file that a rebuild kept."
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Write every event that the read model holds, as JSON lines in log order, for `import-history`. Personal data.

    For the day on which the log has lost facts, and the file is their last copy. Each line has the place that the
    event had in the log, and key and value of its record, in the log's own framing; a `created` states its number.
    Copies of events are left out, and so is the quarantine: `notification-ledger quarantine export` writes that.

    Of a running ledger it exports a snapshot, which is made for it and removed: that needs as much room as the file.

    Example: `notification-ledger export-history history.jsonl`
    """
    configured = load_settings(data_dir=data_dir)
    with (
        _damage_told(read_model or read_model_path(configured.data_dir)),
        _opened(configured, read_model) as connection,
        open_reading(connection.cursor) as reading,
        new_file(file) as out,
        counting_bar(_stderr) as bar,
    ):
        counts = count_history(reading)
        task = bar.add_task("Exporting the history", total=counts.events)
        digest, events, size = hashlib.sha256(), 0, 0
        for found in walk_history(reading):
            line = _line_of(found).dumps()
            out.write(line)
            digest.update(line)
            events += 1
            size += len(line)
            if events % PROGRESS_EVENTS == 0:
                bar.update(task, completed=events)
        bar.update(task, completed=events)
        answer = {
            "events": events,
            "bytes": size,
            "sha256": digest.hexdigest(),
            "position": str(reading.position),
            "left_out": {"duplicates": counts.duplicates, "quarantined": counts.quarantined},
        }
    if as_json:
        typer.echo(json.dumps(answer), err=file == STANDARD_OUTPUT)
        return
    _stderr.print(
        f"{events:,} events, {size:,} bytes, of the read model at {reading.position}\nSHA-256 {digest.hexdigest()}\n"
        f"Left out: {counts.duplicates:,} copies of events, and {counts.quarantined:,} records in quarantine "
        "(`notification-ledger quarantine export` writes those).",
        highlight=False,
        soft_wrap=True,
    )


def import_command(
    file: Annotated[Path, typer.Argument(help="A file that `export-history` wrote.")],
    *,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="The topic has records of an import that was interrupted: append all again. Copies count once.",
        ),
    ] = False,
    data_dir: DataDir = None,
    bootstrap_servers: RunningKafka = None,
    as_json: JsonOutput = False,
) -> None:
    """Append the events of an exported history to an empty log, each in the partition of its key.

    Make the topic first: `notification-ledger topic --create`. All lines are checked before the first is appended.
    Imported events get new offsets and a new recorded_at. Then copies of events follow until each partition ends where
    it did: new notifications must not get the numbers of old ones. Copies count once.

    Example: `notification-ledger import-history history.jsonl`
    """
    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.
    connection = configured.connection(reachable_kafka(configured))
    with counting_bar(_stderr) as bar:
        task = bar.add_task("Importing the history", total=None)
        imported = asyncio.run(
            import_history(
                connection,
                file,
                topic=configured.topic_spec(),
                schemas_topic=configured.schemas_topic_spec(),
                resume=resume,
                on_progress=lambda done, events: bar.update(task, completed=done, total=events),
            )
        )
    if as_json:
        typer.echo(json.dumps({**asdict(imported), "position": str(imported.position)}))
        return
    _stderr.print(
        f"{imported.events:,} events appended, and {imported.copies:,} copies; position {imported.position}\n"
        f"SHA-256 of the file {imported.sha256}",
        highlight=False,
        soft_wrap=True,
    )
    if imported.numbers_may_repeat:
        _stderr.print("The new log is shorter than the exported log: numbers of new notifications may repeat.")


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise ReadModelUnusable(
            f"The history of {path} cannot be read ({type(error).__name__}): it is damaged, or of another version.",
            hint=_KEEP,
        ) from error


@contextmanager
def _opened(configured: Settings, read_model: Path | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file that is named, else a snapshot of the ledger that runs, else the file of the stopped one."""
    running = running_ledger(configured.data_dir)
    if read_model is not None or running is None or running.api_url is None:
        path = read_model or read_model_path(configured.data_dir)
        with open_read_only(path, instead=_INSTEAD, unreadable=_KEEP) as connection:
            yield connection
        return
    from ledger_infra.snapshots import take_snapshot  # noqa: PLC0415 - only of a running ledger

    with tempfile.TemporaryDirectory(prefix=".export-", dir=configured.data_dir) as folder:
        path, _ = take_snapshot(configured, Path(folder) / "snapshot.duckdb")
        with open_read_only(path, instead=_INSTEAD) as connection:
            # DuckDB has it open and needs no name. An export that is killed then leaves no copy of every tenant's data.
            with suppress(PermissionError):  # Windows keeps the names of open files.
                path.unlink()
            yield connection


def _line_of(found: HistoryEvent) -> HistoryLine:
    return HistoryLine(
        found.topic,
        found.partition,
        found.offset,
        _EPOCH + timedelta(milliseconds=found.recorded_at_ms),
        found.event.values["notification_id"].encode("ascii"),
        encode_wire(found.event),
    )
