"""Commands around writer schemas: schemas list, publish, show."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ledger_infra.cli.options import DataDir, JsonOutput, RunningKafka
from ledger_infra.cli.write_commands import reachable_kafka
from ledger_infra.logs import configure_logs
from ledger_infra.settings import Settings, load_settings
from ledger_producers.schema_publisher import schema_publisher
from ledger_schemas.errors import KindUnknown, LimitExceeded, NotFound, SchemaUnusable, SettingInvalid, Undecodable
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of, key_text, read_key
from ledger_schemas.shipped import WriterSchema, schema_text, shipped_schemas, writer_schema

_stderr = Console(stderr=True)
_stdout = Console()


@dataclass(frozen=True, slots=True)
class _Row:
    """One writer schema; `key` is that of the schema topic.

    `kind` is None for one that this version does not know, `version` for one that this distribution does not ship.
    """

    kind: str | None
    version: int | None
    key: str
    in_topic: bool


def register(app: typer.Typer) -> None:
    """Add the commands to the app, as a family of their own."""
    family = typer.Typer(
        help="The writer schemas: what the ledger ships, and what the schema topic has.\n\n"
        "Every event names the schema that it was written with, by 8 bytes. A reader finds it among those that it "
        "ships, then in the schema topic. Emitters publish what they write with by themselves; a service that writes "
        "with a schema of its own publishes that first: `notification-ledger schemas publish FILE`.",
        no_args_is_help=True,
    )
    family.command("list")(list_schemas)
    family.command()(publish)
    family.command()(show)
    app.add_typer(family, name="schemas")


def list_schemas(data_dir: DataDir = None, bootstrap_servers: RunningKafka = None, as_json: JsonOutput = False) -> None:
    """List what the schema topic has against what this distribution ships.

    A shipped schema that is not in the topic is no fault: it comes with the first event of an emitter. A version `-`
    is not shipped: somebody writes with a schema of their own.
    """
    configured = _configured(data_dir, bootstrap_servers)
    store = asyncio.run(_read(configured))
    rows = _rows(store)
    skipped = {reason.value: count for reason, count in store.skipped.items()}
    if as_json:
        document = {"topic": configured.schemas_topic, "schemas": [asdict(row) for row in rows], "skipped": skipped}
        typer.echo(json.dumps(document, indent=2))
        return
    table = Table("kind", "version", "key", "in the topic", title=configured.schemas_topic, title_justify="left")
    for row in rows:
        version = "-" if row.version is None else str(row.version)
        table.add_row(row.kind or "(unknown)", version, row.key, "yes" if row.in_topic else "no")
    _stdout.print(table)
    if skipped:
        _stderr.print(f"Records that bind no schema, by reason: {skipped}", highlight=False)


def publish(
    file: Annotated[
        Path | None, typer.Argument(help="An .avsc file; without it, the current schema of every kind that we ship.")
    ] = None,
    data_dir: DataDir = None,
    bootstrap_servers: RunningKafka = None,
    as_json: JsonOutput = False,
) -> None:
    """Put writer schemas into the schema topic, unless they are there, and print the keys of those that are new.

    Publish before the first event that is written with it. Publishing too late loses nothing: the events wait in
    quarantine and are released when their schema comes. A file must be the schema of a kind that the ledger knows.
    """
    configured = _configured(data_dir, bootstrap_servers)
    schemas = list(shipped_schemas().values()) if file is None else [_schema_of(file)]
    published = asyncio.run(_publish(configured, schemas))
    keys = [key_text(binding.reference) for binding in published]
    if as_json:
        typer.echo(json.dumps({"topic": configured.schemas_topic, "published": keys}))
        return
    for key in keys:
        typer.echo(key)
    _stderr.print(f"{len(keys)} of {len(schemas)} schema(s) were new to {configured.schemas_topic}.", highlight=False)


def show(
    schema: Annotated[
        str, typer.Argument(help="A kind (`created`), or a key of the schema topic as `schemas list` shows it.")
    ],
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Of a kind; without it, the current one.")
    ] = None,
    data_dir: DataDir = None,
    bootstrap_servers: RunningKafka = None,
) -> None:
    """Print the .avsc text of one schema as it was published. A shipped one needs no broker."""
    if schema in {kind.value for kind in Kind}:
        typer.echo(_shipped_text(Kind(schema), version), nl=False)
        return
    reference = read_key(schema)
    if reference is None:
        raise SettingInvalid(
            f"{schema} is neither a kind nor a key of the schema topic.",
            hint="`notification-ledger schemas list` shows both.",
            field="schema",
        )
    shipped = shipped_schemas().get(reference.value)
    text = (
        shipped.text if shipped else asyncio.run(_read(_configured(data_dir, bootstrap_servers))).bound.get(reference)
    )
    if text is None:
        raise NotFound(
            f"The schema topic has no schema under {schema}.", hint="`notification-ledger schemas list` shows all."
        )
    typer.echo(text, nl=False)


def _configured(data_dir: Path | None, bootstrap_servers: str | None) -> Settings:
    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers)
    configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.
    return configured


async def _read(configured: Settings) -> SchemaStore:
    connection = configured.connection(reachable_kafka(configured))
    async with SchemaStore(connection, configured.schemas_topic_spec()) as store:
        return store


async def _publish(configured: Settings, schemas: list[WriterSchema]) -> list[SchemaBinding]:
    connection = configured.connection(reachable_kafka(configured))
    async with schema_publisher(connection, configured.schemas_topic_spec()) as publisher:
        return await publisher.publish([binding_of(schema) for schema in schemas])


def _rows(store: SchemaStore) -> list[_Row]:
    ours = [SchemaReference.to_fingerprint(fingerprint) for fingerprint in shipped_schemas()]
    others = [reference for reference in store.bound if reference not in ours]
    return [_row(reference, store.known, in_topic=reference in store.bound) for reference in [*ours, *others]]


def _row(reference: SchemaReference, known: KnownSchemas, *, in_topic: bool) -> _Row:
    key = key_text(reference)
    try:
        schema = known.find(reference)
    except Undecodable:
        # Of a kind of nobody's; or whatever else the store could make nothing of: the list is to show it, not to fail.
        return _Row(None, None, key, in_topic)
    shipped = shipped_schemas().get(schema.fingerprint)
    return _Row(schema.kind.value, shipped.version if shipped else None, key, in_topic)


def _schema_of(file: Path) -> WriterSchema:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{file} cannot be read: {type(error).__name__}.", hint="Name an .avsc file.", field="file"
        ) from None
    try:
        return writer_schema(text)
    except (KindUnknown, LimitExceeded, SchemaUnusable) as error:
        error.message = f"{file}: {error.message}"
        raise


def _shipped_text(kind: Kind, version: int | None) -> str:
    try:
        return schema_text(kind, version)
    except FileNotFoundError:
        raise NotFound(
            f"There is no version {version} of {kind}.", hint="`notification-ledger schemas list` shows all."
        ) from None
