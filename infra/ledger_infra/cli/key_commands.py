"""Commands around credentials: keys issue, list, revoke."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from ledger_infra.cli.directory_calls import WHERE, event_now, print_json, say, stdout, with_log
from ledger_infra.cli.options import BrokerPort, DataDir, JsonOutput
from ledger_schemas.access import Role, caller_of
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.errors import BadRequest, NotFound
from ledger_schemas.times import Time

if TYPE_CHECKING:
    from ledger_infra.directory_log import DirectoryLog
    from ledger_projectors.directory.state import Key


def register(app: typer.Typer) -> None:
    """Add the family to the app."""
    keys = typer.Typer(
        help="Credentials: who may ask the API. Without any, the API answers on loopback alone, to everybody there.\n\n"
        "With the first key, everybody needs one, at once. Start with an operator's, which opens everything: "
        "`keys issue --role operator`. Then one for each service, application or person: "
        f"`keys issue --role application --tenant acme --label billing`. {WHERE}",
        no_args_is_help=True,
    )
    keys.command()(issue)
    keys.command("list")(list_keys)
    keys.command()(revoke)
    app.add_typer(keys, name="keys")


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
    event = event_now(
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

    position, had_keys = with_log(work, data_dir=data_dir, broker_port=broker_port)
    if as_json:
        named = {"role": role, "tenant": tenant, "recipient": recipient, "label": label, "expires_at": expires_at}
        print_json({"key_id": key.key_id, "key": key.credential, **named, "position": position})
        return
    typer.echo(key.credential)
    say(f"Key {key.key_id} ({role}). It is shown once: keep it where secrets are kept.")
    if not had_keys:
        say("It is the first: from now on every request needs a key, `Authorization: Bearer KEY`.")


def list_keys(data_dir: DataDir = None, broker_port: BrokerPort = None, as_json: JsonOutput = False) -> None:
    """List every key that was issued, with what it is for and whether it holds. Secrets are nowhere to be shown."""
    state = with_log(lambda log: log.read(), data_dir=data_dir, broker_port=broker_port)
    keys = sorted((one for one in state.keys.values() if one.key_hash), key=lambda one: (one.issued_at, one.key_id))
    rows = [_key_row(one) for one in keys]
    if as_json:
        print_json({"keys": rows})
        return
    table = Table()
    table.add_column("key", no_wrap=True)
    for heading in ("state", "role", "tenant", "recipient", "label", "issued", "expires"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        names = ("key_id", "state", "role", "tenant", "recipient", "label", "issued_at", "expires_at")
        table.add_row(*(row[name] or "" for name in names))
    stdout.print(table)
    if not rows:
        say("There are none: the API answers on loopback alone. `notification-ledger keys issue` makes one.")


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
            await log.append([event_now(DirectoryKind.KEY_REVOKED, tenant_id=key.tenant_id, key_id=key_id)])
        return key.revoked_at is None, [one for one in state.keys.values() if _state(one) == "holds"]

    done, holding = with_log(work, data_dir=data_dir, broker_port=broker_port)
    operators = [one for one in holding if one.role == Role.OPERATOR and one.key_id != key_id]
    if as_json:
        print_json({"key_id": key_id, "revoked": True, "was_revoked_before": not done})
        return
    say(f"Key {key_id} is revoked." if done else f"Key {key_id} was revoked before.")
    if not operators:
        say("No operator's key holds now. `notification-ledger keys issue --role operator` makes one.")


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
