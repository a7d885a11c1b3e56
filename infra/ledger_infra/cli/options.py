"""Options that several commands share; each is a setting, and a flag comes before the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Where the read model, the embedded broker's log and snapshots lie.", show_default="data"
    ),
]
BootstrapServers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers", help="`host:port,...` of a Kafka cluster; without it a native broker is started."
    ),
]
RunningKafka = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        help="`host:port,...` of a Kafka cluster; without it that of the ledger that runs over the data directory.",
    ),
]
BrokerPort = Annotated[
    int | None, typer.Option("--broker-port", help="Port of the native broker.", show_default="9092")
]
JsonOutput = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]
