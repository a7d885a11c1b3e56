"""Commands that run the ledger: up, projector, rebuild, snapshot, demo, settings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ledger_infra.cli.bars import DownloadBar, counting_bar
from ledger_infra.cli.options import BootstrapServers, BrokerPort, DataDir, JsonOutput
from ledger_infra.clients import check_topics, schemas_of
from ledger_infra.logs import configure_logs
from ledger_infra.paths import prepare_data_dir, read_model_path
from ledger_infra.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from ledger_schemas.topic import ensure_topic

_stderr = Console(stderr=True)
_stdout = Console()


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (up, projector, demo, rebuild, snapshot, settings):
        app.command()(command)


def up(
    data_dir: DataDir = None,
    bootstrap_servers: BootstrapServers = None,
    broker_port: BrokerPort = None,
    api_port: Annotated[int | None, typer.Option("--api-port", help="Port of the API.", show_default="8080")] = None,
) -> None:
    """Run everything: broker (unless one is configured), topic, projector and API. Ctrl-C drains and stops.

    All data lies under one directory; stop it and start it again as you like.
    """
    configured = load_settings(
        data_dir=data_dir, bootstrap_servers=bootstrap_servers, broker_port=broker_port, api_port=api_port
    )
    _serve(configured, with_api=True, until_caught_up=False)


def projector(
    data_dir: DataDir = None,
    bootstrap_servers: BootstrapServers = None,
    broker_port: BrokerPort = None,
    until_caught_up: Annotated[
        bool,
        typer.Option(
            "--until-caught-up",
            help="Stop when the read model has reached the end of the log. An open transaction of another producer is "
            "waited for; the log names it.",
        ),
    ] = False,
) -> None:
    """Run the projector alone: fold the log into the read model, without an API."""
    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers, broker_port=broker_port)
    _serve(configured, with_api=False, until_caught_up=until_caught_up)


def demo(
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Keep the tour's data here; default: a temporary directory.")
    ] = None,
    notifications: Annotated[
        int, typer.Option("--notifications", min=100, max=1_000_000, help="Notifications of the generated stream.")
    ] = 20_000,
) -> None:
    """Take the tour: real notifications through a real Kafka into DuckDB, a SIGKILL, a rebuild, and the answers.

    Exit code 0 only if nothing was lost or doubled and the rebuild has the same digest.
    """
    from ledger_infra.demo.tour import take_tour  # noqa: PLC0415 - its input is only needed here

    configured = load_settings(data_dir=data_dir)
    configure_logs(configured.log_format, "warning")
    raise typer.Exit(take_tour(configured, data_dir, notifications, _stdout))


def rebuild(
    data_dir: DataDir = None,
    bootstrap_servers: BootstrapServers = None,
    broker_port: BrokerPort = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Compare only, and throw the new file away. Always reads the whole log. The old file takes out of its "
            "quarantine what is known by now, as at any start.",
        ),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Replay the log from zero into a new file, compare it with the old one at its position, and swap.

    The old file is kept beside it. Stop `up` or the projector first.

    A rebuild that was stopped is resumed. It first counts the records again that it has read: if the log has more or
    fewer of them now, it starts again.

    Exit codes: 0 equal, 20 another process has the file, 31 another log, 34 the two differ, 37 the log lacks records
    that the file has applied (infra/guides/restoring.md says what to do).

    Where the log lacks records that the old file has applied, it says which, and the file stays: see `export-history`.

    Example: `notification-ledger rebuild --check --json`
    """
    from ledger_projectors.progress import Progress as ProjectorProgress  # noqa: PLC0415 - DuckDB is slow to import
    from ledger_projectors.publish.rebuild import Rebuilt  # noqa: PLC0415 - as above
    from ledger_projectors.publish.rebuild import rebuild as replay  # noqa: PLC0415 - as above

    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers, broker_port=broker_port)
    configure_logs(configured.log_format, configured.log_level)

    prepare_data_dir(configured.data_dir)

    async def work() -> Rebuilt:
        from ledger_infra.kafka_access import kafka_of  # noqa: PLC0415 - as above

        with counting_bar(_stderr) as bar, DownloadBar(_stderr) as download:
            task = bar.add_task("Replaying the log", total=None)

            def show(progress: ProjectorProgress) -> None:
                done = sum(progress.position.values())
                bar.update(task, completed=done, total=max(done, sum(progress.end.values())))

            async with kafka_of(configured, download) as connection:
                # A ledger of a version before there was a directory has no topic of it.
                await ensure_topic(connection, configured.directory_topic_spec())
                await check_topics(configured, connection)
                async with schemas_of(configured, connection, with_registry=False) as schemas:
                    return await replay(
                        read_model_path(configured.data_dir),
                        connection,
                        topic=configured.topic,
                        partitions=configured.partitions,
                        directory_topic=configured.directory_topic,
                        schemas=schemas,
                        swap=not check,
                        on_progress=show,
                    )

    rebuilt = asyncio.run(work())
    answer = {
        "position": str(rebuilt.position),
        "digest": rebuilt.new.text,
        "compared": rebuilt.old is not None,
        "equal": None if rebuilt.old is None else rebuilt.old.text == rebuilt.new.text,
        "kept": None if rebuilt.kept is None else str(rebuilt.kept),
        "tables": {name: rows for name, (rows, _) in rebuilt.new.tables.items()},
    }
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    table = Table(title="The rebuilt read model", title_justify="left")
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, (rows, _) in rebuilt.new.tables.items():
        table.add_row(name, f"{rows:,}")
    _stdout.print(table)
    compared = (
        "equal to the old file, row for row" if rebuilt.old else "there was no file of this version to compare with"
    )
    _stdout.print(f"Digest {rebuilt.new.text[:16]}… at {rebuilt.position}: {compared}.", highlight=False)
    if rebuilt.kept:
        _stdout.print(f"The old file is kept as {rebuilt.kept}.", highlight=False)


def snapshot(
    data_dir: DataDir = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Name of the new file; default: a number, in `snapshots` of the data directory."),
    ] = None,
    as_json: JsonOutput = False,
) -> None:
    """Publish a copy of the read model at one position, for the DuckDB tools of analysts (1.5 and later).

    Works while the ledger runs, and when it is stopped. The copy holds every tenant.
    """
    from ledger_infra.snapshots import take_snapshot  # noqa: PLC0415 - DuckDB is slow to import

    configured = load_settings(data_dir=data_dir)
    path, position = take_snapshot(configured, output)
    if as_json:
        typer.echo(json.dumps({"path": str(path), "position": position}))
    else:
        _stdout.print(f"{path}\nposition {position}", highlight=False, soft_wrap=True)


def settings(as_json: JsonOutput = False) -> None:
    """Show every setting: its environment variable, its value now, and what it is for. Secrets are not shown."""
    configured = load_settings()
    values = configured.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps({ENVIRONMENT_PREFIX + name.upper(): value for name, value in values.items()}, indent=2))
        return
    table = Table(show_lines=False)
    for heading in ("environment variable", "value", "what it is for"):
        table.add_column(heading, overflow="fold")
    for name, field in Settings.model_fields.items():
        value = values[name]
        table.add_row(ENVIRONMENT_PREFIX + name.upper(), "" if value is None else str(value), field.description or "")
    _stdout.print(table)


def _serve(configured: Settings, *, with_api: bool, until_caught_up: bool) -> None:
    from ledger_infra.service import Addresses, Callbacks, serve  # noqa: PLC0415 - DuckDB and the web are slow to import

    configure_logs(configured.log_format, configured.log_level)

    def announce(addresses: Addresses) -> None:
        lines = [f"Kafka    {addresses.bootstrap_servers}, topic {addresses.topic}"]
        if addresses.api_url:
            lines += [
                f"API      {addresses.api_url}/v1/notifications?tenant=...",
                f"OpenAPI  {addresses.api_url}/openapi.json",
            ]
        if addresses.api_url and addresses.has_keys is False:
            lines.append(
                "Keys     none: every user of this machine may do everything; no other machine may ask. "
                "`notification-ledger keys issue` makes one; then everybody needs one."
            )
        if addresses.api_url and addresses.has_keys:
            lines.append("Keys     every request needs one; `notification-ledger keys issue` makes one.")
        lines.append(f"Data     {configured.data_dir.resolve()}")
        _stderr.print("[bold green]notification-ledger is up[/]; Ctrl-C drains and stops it")
        for line in lines:
            _stderr.print(f"  {line}", highlight=False, soft_wrap=True)

    with DownloadBar(_stderr) as download:
        asyncio.run(
            serve(
                configured,
                with_api=with_api,
                until_caught_up=until_caught_up,
                callbacks=Callbacks(announce=announce, download=download),
            )
        )
