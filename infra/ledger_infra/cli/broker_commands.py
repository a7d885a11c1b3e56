"""Commands around Kafka itself: broker, topic."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ledger_infra.cli.bars import DownloadBar
from ledger_infra.cli.options import BootstrapServers, BrokerPort, JsonOutput
from ledger_infra.clients import check_topics, ensure_topics
from ledger_infra.logs import configure_logs
from ledger_infra.paths import kafka_dir, prepare_data_dir
from ledger_infra.settings import load_settings
from ledger_schemas.errors import SettingInvalid

_stderr = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (broker, topic):
        app.command()(command)


def broker(
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="The log lies in `kafka` below it.", show_default="data")
    ] = None,
    broker_port: BrokerPort = None,
) -> None:
    """Run a real Apache Kafka on this machine: one node, loopback, no Docker and no Java installation needed.

    The first start downloads 44 MB, each file pinned by version and SHA-256. Ctrl-C stops it.
    """
    from ledger_infra.broker.command import run_broker  # noqa: PLC0415 - the broker extra may be missing

    configured = load_settings(data_dir=data_dir, broker_port=broker_port)
    with DownloadBar(_stderr) as download:
        run_broker(
            data_dir=kafka_dir(prepare_data_dir(configured.data_dir)),
            port=configured.broker_port,
            cache_dir=configured.cache_dir,
            progress=download,
            say=lambda line: _stderr.print(line, highlight=False, soft_wrap=True),
        )


def topic(
    bootstrap_servers: BootstrapServers = None,
    create: Annotated[bool, typer.Option("--create", help="Make it if it is not there.")] = False,
    as_json: JsonOutput = False,
) -> None:
    """Check that the ledger's topics are what it needs: partitions, append time, unlimited retention.

    They are the lifecycle topic, which holds the events, the schema topic, in which their writer schemas travel, and
    the dead-letter topic, when NOTIFICATION_LEDGER_DEAD_LETTER_TOPIC names one.
    """
    configured = load_settings(bootstrap_servers=bootstrap_servers)
    if configured.bootstrap_servers is None:
        raise SettingInvalid(
            "No Kafka is configured.",
            hint="Give --bootstrap-servers, or set NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS.",
            field="bootstrap_servers",
        )
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.
    specs = configured.topic_specs()
    made = dict.fromkeys((spec.name for spec in specs), False)
    if create:
        made = asyncio.run(ensure_topics(configured, configured.connection()))
    else:
        asyncio.run(check_topics(configured, configured.connection()))
    if as_json:
        topics = [{"topic": spec.name, "partitions": spec.partitions, "made": made[spec.name]} for spec in specs]
        typer.echo(json.dumps({"topics": topics}))
        return
    for spec in specs:
        state = "made" if made[spec.name] else "as it should be"
        typer.echo(f"{spec.name}: {state}, {spec.partitions} partition{'s' * (spec.partitions != 1)}.")
