"""Commands around the directory: keys issue, list, revoke; tenants set, list; teams add, remove, list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table

from ledger_infra.cli.bars import DownloadBar
from ledger_infra.cli.options import BrokerPort, DataDir, JsonOutput
from ledger_infra.logs import configure_logs
from ledger_infra.settings import load_settings
from ledger_schemas import limits
from ledger_schemas.access import Role, caller_of
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind, parse_directory_event
from ledger_schemas.errors import BadRequest, NotFound
from ledger_schemas.tenant_settings import TENANT_SETTINGS, check_settings
from ledger_schemas.times import Time

if TYPE_CHECKING:
    from ledger_infra.directory_log import DirectoryLog
    from ledger_projectors.directory.state import Key

ACTOR: Final = "command-line"

_stderr = Console(stderr=True)
_stdout = Console()

_Answer = TypeVar("_Answer")

_WHERE: Final = (
    "They write to Kafka: that of the ledger which runs over the data directory, else the configured cluster, else the "
    "native broker, which is started for it. A running ledger follows within seconds."
)

_Tenant = Annotated[str, typer.Argument(help="The tenant.")]
_Team = Annotated[str, typer.Argument(help="The team.")]
_Recipients = Annotated[list[str], typer.Argument(help="Recipients, by their ids.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app, as three families."""
    keys = typer.Typer(
        help="Credentials: who may ask the API. Without any, the API answers on loopback alone, to everybody there.\n\n"
        "With the first key, everybody needs one, at once. Start with an operator's, which opens everything: "
        "`keys issue --role operator`. Then one for each service, application or person: "
        f"`keys issue --role application --tenant acme --label billing`. {_WHERE}",
        no_args_is_help=True,
    )
    keys.command()(issue)
    keys.command("list")(list_keys)
    keys.command()(revoke)
    app.add_typer(keys, name="keys")
    tenants = typer.Typer(
        help=f"Settings of tenants, such as their ids in a dialect: {', '.join(TENANT_SETTINGS)}. {_WHERE}",
        no_args_is_help=True,
    )
    tenants.command("set")(set_tenant)
    tenants.command("list")(list_tenants)
    app.add_typer(tenants, name="tenants")
    teams = typer.Typer(
        help=f"Teams: named groups of a tenant's recipients, which a notification may be for. {_WHERE}",
        no_args_is_help=True,
    )
    teams.command()(add)
    teams.command()(remove)
    teams.command("list")(list_teams)
    app.add_typer(teams, name="teams")


def issue(
    *,
    role: Annotated[Role, typer.Option(help="What it is for; an operator crosses tenants, every other role has one.")],
    tenant: Annotated[str | None, typer.Option(help="Its tenant; not for an operator.")] = None,
    recipient: Annotated[str | None, typer.Option(help="The one recipient of a person's key.")] = None,
    label: Annotated[str | None, typer.Option(help="What you call it, for the list.")] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="From when on it holds no more (RFC 3339); default: until it is revoked.")
    ] = None,
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Make a key and print it, once: the ledger keeps only its SHA-256. Send it as `Authorization: Bearer KEY`.

    service emits events; application reads and marks for a tenant; person does so for one recipient; analyst lists and
    counts; auditor reads everything of a tenant; operator does everything.

    Examples: `notification-ledger keys issue --role operator --label ops`;
    `notification-ledger keys issue --role person --tenant acme --recipient ann --expires-at 2027-01-01T00:00:00Z`
    """
    caller_of(role, tenant, recipient)
    key = new_key()
    event = _event(
        DirectoryKind.KEY_ISSUED,
        tenant_id=tenant,
        key_id=key.key_id,
        key_hash=key.key_hash,
        role=role.value,
        recipient_id=recipient,
        label=label,
        expires_at=_future(expires_at),
    )

    async def work(log: DirectoryLog) -> tuple[str, bool]:
        had_keys = any(one.key_hash is not None for one in (await log.read()).keys.values())
        return str(await log.append([event])), had_keys

    position, had_keys = _with_log(work, data_dir=data_dir, broker_port=broker_port)
    if as_json:
        named = {"role": role, "tenant": tenant, "recipient": recipient, "label": label, "expires_at": expires_at}
        _print_json({"key_id": key.key_id, "key": key.credential, **named, "position": position})
        return
    typer.echo(key.credential)
    _say(f"Key {key.key_id} ({role}). It is shown once: keep it where secrets are kept.")
    if not had_keys:
        _say("It is the first: from now on every request needs a key, `Authorization: Bearer KEY`.")


def list_keys(data_dir: DataDir = None, broker_port: BrokerPort = None, as_json: JsonOutput = False) -> None:
    """List every key that was issued, with what it is for and whether it holds. Secrets are nowhere to be shown."""
    state = _with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    keys = sorted((one for one in state.keys.values() if one.key_hash), key=lambda one: (one.issued_at, one.key_id))
    rows = [_key_row(one) for one in keys]
    if as_json:
        _print_json({"keys": rows})
        return
    table = Table()
    table.add_column("key", no_wrap=True)
    for heading in ("state", "role", "tenant", "recipient", "label", "issued", "expires"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        names = ("key_id", "state", "role", "tenant", "recipient", "label", "issued_at", "expires_at")
        table.add_row(*(row[name] or "" for name in names))
    _stdout.print(table)
    if not rows:
        _say("There are none: the API answers on loopback alone. `notification-ledger keys issue` makes one.")


def revoke(
    key_id: Annotated[str, typer.Argument(help="The key, as `keys list` shows it; not the secret.")],
    data_dir: DataDir = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Revoke a key, for good: a running ledger refuses it within seconds. The way back is a new key.

    Example: `notification-ledger keys revoke 0123456789abcdef`
    """

    async def work(log: DirectoryLog) -> tuple[bool, list[Key]]:
        state = await log.read()
        key = state.keys.get(key_id)
        if key is None:
            raise NotFound(
                "No key with this id was issued.", hint="`notification-ledger keys list` shows them.", field="key_id"
            )
        if key.revoked_at is None:
            await log.append([_event(DirectoryKind.KEY_REVOKED, tenant_id=key.tenant_id, key_id=key_id)])
        return key.revoked_at is None, [one for one in state.keys.values() if _state(one) == "holds"]

    done, holding = _with_log(work, data_dir=data_dir, broker_port=broker_port)
    operators = [one for one in holding if one.role == Role.OPERATOR and one.key_id != key_id]
    if as_json:
        _print_json({"key_id": key_id, "revoked": True, "was_revoked_before": not done})
        return
    _say(f"Key {key_id} is revoked." if done else f"Key {key_id} was revoked before.")
    if not operators:
        _say("No operator's key holds now. `notification-ledger keys issue --role operator` makes one.")


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
    event = _event(DirectoryKind.TENANT_SETTINGS_CHANGED, tenant_id=tenant, settings=values)
    position = _append([event], data_dir=data_dir, broker_port=broker_port)
    if as_json:
        _print_json({"tenant": tenant, "settings": values, "position": position})
    else:
        _say(f"{len(values)} setting(s) of {tenant} changed.")


def list_tenants(data_dir: DataDir = None, broker_port: BrokerPort = None, as_json: JsonOutput = False) -> None:
    """List the settings of every tenant that has any."""
    state = _with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    tenants: dict[str, dict[str, str]] = {}
    for (tenant, name), value in sorted(state.settings.items()):
        tenants.setdefault(tenant, {})[name] = value
    if as_json:
        _print_json({"tenants": tenants})
        return
    table = Table("tenant", "setting", "value")
    for tenant, settings in tenants.items():
        for name, value in settings.items():
            table.add_row(tenant, name, value)
    _stdout.print(table)


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
    state = _with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    teams: dict[str, list[str]] = {}
    for owner, name, recipient in sorted(state.members):
        if owner == tenant and team in {None, name}:
            teams.setdefault(name, []).append(recipient)
    if as_json:
        _print_json({"tenant": tenant, "teams": teams})
        return
    table = Table("team", "recipient")
    for name, members in teams.items():
        for recipient in members:
            table.add_row(name, recipient)
    _stdout.print(table)


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
        _event(kind, tenant_id=tenant, team_id=team, recipient_ids=recipients[start : start + size])
        for start in range(0, len(recipients), size)
    ]
    position = _append(events, data_dir=data_dir, broker_port=broker_port)
    if as_json:
        _print_json({"tenant": tenant, "team": team, "recipients": recipients, "position": position})
    else:
        done = "added to" if kind is DirectoryKind.TEAM_MEMBERS_ADDED else "removed from"
        _say(f"{len(recipients)} recipient(s) {done} {team} of {tenant}.")


def _append(events: list[DirectoryEvent], *, data_dir: DataDir, broker_port: BrokerPort) -> str:
    return str(_with_log(lambda log: log.append(events), data_dir=data_dir, broker_port=broker_port))


def _with_log(
    work: Callable[[DirectoryLog], Awaitable[_Answer]], *, data_dir: DataDir, broker_port: BrokerPort
) -> _Answer:
    """Do something with the directory's log, wherever it is."""
    from ledger_infra.directory_log import directory_log  # noqa: PLC0415 - DuckDB is slow to import

    configured = load_settings(data_dir=data_dir, broker_port=broker_port)
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.

    async def run() -> _Answer:
        with DownloadBar(_stderr) as download:
            async with directory_log(configured, download) as log:
                return await work(log)

    return asyncio.run(run())


def _event(kind: DirectoryKind, **values: object) -> DirectoryEvent:
    return parse_directory_event({"kind": kind, "occurred_at": datetime.now(UTC), "actor": ACTOR, **values})


def _future(text: str | None) -> datetime | None:
    """Return the time that a key expires at. Raises BadRequest when it is none, or past."""
    if text is None:
        return None
    try:
        at: datetime = TypeAdapter(Time).validate_python(text)
    except ValidationError:
        raise BadRequest(
            "expires_at: must be a time of RFC 3339 with an offset.",
            hint="Such as 2027-01-02T03:04:05Z.",
            field="expires_at",
        ) from None
    if at <= datetime.now(UTC):
        raise BadRequest("expires_at: must lie in the future.", hint="Such a key never holds.", field="expires_at")
    return at


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadRequest("settings: must be NAME=VALUE.", hint="NAME= removes a setting.", field="settings")
    return name, value


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= datetime.now(UTC) else "holds"


def _key_row(key: Key) -> dict[str, str | None]:
    return {
        "key_id": key.key_id,
        "state": _state(key),
        "role": key.role,
        "tenant": key.tenant_id,
        "recipient": key.recipient_id,
        "label": key.label,
        "issued_at": _text(key.issued_at),
        "expires_at": _text(key.expires_at),
        "revoked_at": _text(key.revoked_at),
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2))


def _say(line: str) -> None:
    _stderr.print(line, highlight=False, soft_wrap=True)
