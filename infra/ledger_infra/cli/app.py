"""The command `notification-ledger`: its commands, and how an error of the ledger ends it."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from ledger_infra.cli import (
    broker_commands,
    contract_commands,
    history_commands,
    key_commands,
    quarantine_commands,
    read_commands,
    run_commands,
    schema_commands,
    tenant_commands,
    write_commands,
)
from ledger_schemas.errors import LedgerError


def build_app() -> typer.Typer:
    """Return the command with all its commands."""
    app = typer.Typer(
        name="notification-ledger",
        help="A ledger of what happened to every notification: events in Kafka, read models in DuckDB.\n\n"
        "Start with `notification-ledger demo` (a tour on real data), or `notification-ledger up` (broker, projector "
        "and API in one). Every setting is an environment variable too: `notification-ledger settings`.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    run_commands.register(app)
    write_commands.register(app)
    read_commands.register(app)
    quarantine_commands.register(app)
    broker_commands.register(app)
    schema_commands.register(app)
    contract_commands.register(app)
    history_commands.register(app)
    key_commands.register(app)
    tenant_commands.register(app)
    return app


def run() -> None:
    """Run the command and exit: 0, the exit code of a LedgerError's class, 2 for a wrong call, 130 on Ctrl-C."""
    try:
        build_app()()
    except LedgerError as error:
        console = Console(stderr=True)
        console.print(f"[bold red]{error.code}[/]: ", end="")
        console.print(error.message, markup=False, highlight=False, soft_wrap=True)
        if error.hint:
            console.print(error.hint, markup=False, highlight=False, style="yellow", soft_wrap=True)
        sys.exit(error.exit_code)
