"""Commands around tenants: tenants set, list; teams add, remove, list."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ledger_infra.cli.directory_calls import WHERE, append_to_log, event_now, print_json, say, stdout, with_log
from ledger_infra.cli.options import BrokerPort, DataDir, JsonOutput
from ledger_schemas import limits
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.errors import BadRequest
from ledger_schemas.tenant_settings import TENANT_SETTINGS, check_settings

_Tenant = Annotated[str, typer.Argument(help="The tenant.")]
_Team = Annotated[str, typer.Argument(help="The team.")]
_Recipients = Annotated[list[str], typer.Argument(help="Recipients, by their ids.")]


def register(app: typer.Typer) -> None:
    """Add the two families to the app."""
    tenants = typer.Typer(
        help=f"Settings of tenants, such as their ids in a dialect: {', '.join(TENANT_SETTINGS)}. {WHERE}",
        no_args_is_help=True,
    )
    tenants.command("set")(set_tenant)
    tenants.command("list")(list_tenants)
    app.add_typer(tenants, name="tenants")
    teams = typer.Typer(
        help=f"Teams: named groups of a tenant's recipients, which a notification may be for. {WHERE}",
        no_args_is_help=True,
    )
    teams.command()(add)
    teams.command()(remove)
    teams.command("list")(list_teams)
    app.add_typer(teams, name="teams")


def set_tenant(
    tenant: _Tenant,
    settings: Annotated[list[str], typer.Argument(help="NAME=VALUE; NAME= removes it.", metavar="NAME=VALUE...")],
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Set settings of a tenant; others stay as they are.

    Example: `notification-ledger tenants set acme novu.environment_id=6a1b2c3d4e5f60718293a4b5`
    """
    values = dict(map(_pair, settings))
    check_settings(values)
    event = event_now(DirectoryKind.TENANT_SETTINGS_CHANGED, tenant_id=tenant, settings=values)
    position = append_to_log([event], data_dir=data_dir, broker_port=broker_port)
    if as_json:
        print_json({"tenant": tenant, "settings": values, "position": position})
    else:
        say(f"{len(values)} setting(s) of {tenant} changed.")


def list_tenants(data_dir: DataDir = None, broker_port: BrokerPort = None, as_json: JsonOutput = False) -> None:
    """List the settings of every tenant that has any."""
    state = with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    tenants: dict[str, dict[str, str]] = {}
    for (tenant, name), value in sorted(state.settings.items()):
        tenants.setdefault(tenant, {})[name] = value
    if as_json:
        print_json({"tenants": tenants})
        return
    table = Table("tenant", "setting", "value")
    for tenant, settings in tenants.items():
        for name, value in settings.items():
            table.add_row(tenant, name, value)
    stdout.print(table)


def add(
    tenant: _Tenant,
    team: _Team,
    recipients: _Recipients,
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Put recipients into a team. One that is in it stays.

    Example: `notification-ledger teams add acme support ann bob`
    """
    _change_team(DirectoryKind.TEAM_MEMBERS_ADDED, tenant, team, recipients, data_dir, broker_port, as_json=as_json)


def remove(
    tenant: _Tenant,
    team: _Team,
    recipients: _Recipients,
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Take recipients out of a team. One that is not in it changes nothing.

    Example: `notification-ledger teams remove acme support bob`
    """
    _change_team(DirectoryKind.TEAM_MEMBERS_REMOVED, tenant, team, recipients, data_dir, broker_port, as_json=as_json)


def list_teams(
    tenant: _Tenant,
    team: Annotated[str | None, typer.Argument(help="Only this team.")] = None,
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """List the teams of a tenant with their members.

    Example: `notification-ledger teams list acme`
    """
    state = with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    teams: dict[str, list[str]] = {}
    for owner, name, recipient in sorted(state.members):
        if owner == tenant and team in {None, name}:
            teams.setdefault(name, []).append(recipient)
    if as_json:
        print_json({"tenant": tenant, "teams": teams})
        return
    table = Table("team", "recipient")
    for name, members in teams.items():
        for recipient in members:
            table.add_row(name, recipient)
    stdout.print(table)


def _change_team(
    kind: DirectoryKind,
    tenant: str,
    team: str,
    recipients: list[str],
    data_dir: DataDir,
    broker_port: BrokerPort,
    *,
    as_json: bool,
) -> None:
    size = limits.RECIPIENTS_PER_EVENT_MAX
    events = [
        event_now(kind, tenant_id=tenant, team_id=team, recipient_ids=recipients[start : start + size])
        for start in range(0, len(recipients), size)
    ]
    position = append_to_log(events, data_dir=data_dir, broker_port=broker_port)
    if as_json:
        print_json({"tenant": tenant, "team": team, "recipients": recipients, "position": position})
    else:
        done = "added to" if kind is DirectoryKind.TEAM_MEMBERS_ADDED else "removed from"
        say(f"{len(recipients)} recipient(s) {done} {team} of {tenant}.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadRequest("settings: must be NAME=VALUE.", hint="NAME= removes a setting.", field="settings")
    return name, value
