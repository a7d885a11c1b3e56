"""Commands around the quarantine: quarantine list, show, export, retry."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Annotated

import httpx2
import typer
from rich.console import Console

from ledger_infra.cli.bars import DownloadBar
from ledger_infra.cli.new_files import STANDARD_OUTPUT, new_file
from ledger_infra.cli.options import BootstrapServers, BrokerPort, DataDir, JsonOutput
from ledger_infra.cli.quarantine_export import event_line, walk
from ledger_infra.cli.quarantine_render import (
    counted,
    print_quarantine,
    print_quarantine_count,
    print_quarantined,
    print_retried,
)
from ledger_infra.cli.quarantine_sources import PATH, open_quarantine
from ledger_infra.cli.read_sources import ask, open_api
from ledger_infra.cli.render import print_json
from ledger_infra.logs import configure_logs
from ledger_infra.settings import Settings, load_settings
from ledger_queries.filters import checked_model
from ledger_queries.quarantine import (
    QuarantineCountQuery,
    QuarantineGroup,
    QuarantineListQuery,
    QuarantineReason,
    QuarantineShowQuery,
)
from ledger_schemas import limits
from ledger_schemas.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from ledger_infra.quarantine_routes import RetriedRecord, RetryRequest

_stderr = Console(stderr=True)

_Partition = Annotated[int, typer.Argument(help="Partition of the record.")]
_Offset = Annotated[int, typer.Argument(help="Offset of the record.")]
_Reason = Annotated[QuarantineReason | None, typer.Option(help="Only records with this reason.")]
_Tenant = Annotated[str | None, typer.Option(help="Only records whose event was decoded and is this tenant's.")]
_OfPartition = Annotated[int | None, typer.Option("--partition", help="Only records of this partition.")]
_RecordedFrom = Annotated[
    str | None, typer.Option(help="Only records that the log took at or after this time (RFC 3339).")
]
_RecordedBefore = Annotated[
    str | None, typer.Option(help="Only records that the log took before this time (RFC 3339).")
]
_Url = Annotated[str | None, typer.Option(help="Base URL of a running API; default: look in the data directory.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app, as a family of their own."""
    family = typer.Typer(
        help="Records that cannot be applied: what they are, why, and how they come in after a fix.\n\n"
        "They are kept whole, in their place, with the reason; nothing waits for them. Usually: "
        "`quarantine list --group-by reason`, then `quarantine show PARTITION OFFSET` of one; mend the cause; then "
        "`quarantine retry --reason REASON`. The commands ask the ledger that runs over the data directory; "
        "when none does, they open its file.",
        no_args_is_help=True,
    )
    family.command("list")(list_command)
    family.command()(show)
    family.command()(export)
    family.command()(retry)
    app.add_typer(family, name="quarantine")


def list_command(
    *,
    reason: _Reason = None,
    tenant: _Tenant = None,
    partition: _OfPartition = None,
    recorded_from: _RecordedFrom = None,
    recorded_before: _RecordedBefore = None,
    group_by: Annotated[
        QuarantineGroup | None, typer.Option(help="Count them instead, per reason, partition or tenant.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows of one page, at most.")] = limits.PAGE_ROWS_DEFAULT,
    cursor: Annotated[str | None, typer.Option(help="The cursor that the page before ended with.")] = None,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """List the quarantine, the record that the log took last first. What the records hold is not shown.

    Examples: `notification-ledger quarantine list --group-by reason`;
    `notification-ledger quarantine list --reason conflict --group-by tenant`;
    `notification-ledger quarantine list --reason undecodable --recorded-from 2026-01-02T00:00:00Z`
    """
    asked = {
        "reason": reason,
        "tenant": tenant,
        "partition": partition,
        "recorded_from": recorded_from,
        "recorded_before": recorded_before,
    }
    counting = checked_model(QuarantineCountQuery, **asked, group_by=group_by)
    query = checked_model(QuarantineListQuery, **asked, limit=limit, cursor=cursor)
    with open_quarantine(load_settings(data_dir=data_dir), url) as source:
        if group_by is not None:
            answer = source.count(counting)
            print_json(answer) if as_json else print_quarantine_count(answer)
        else:
            page = source.list(query)
            print_json(page) if as_json else print_quarantine(page)


def show(
    partition: _Partition,
    offset: _Offset,
    *,
    topic: Annotated[
        str | None, typer.Option(help="Of which topic; default: the lifecycle topic, else the directory's.")
    ] = None,
    with_bytes: Annotated[bool, typer.Option("--bytes", help="Also its value, as a hex dump. Personal data.")] = False,
    decode: Annotated[
        bool, typer.Option("--decode", help="Also the event that it states, where it states one. Likewise.")
    ] = False,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Show one record: where it lies, why it is here, key, headers, sizes, and which schema its first bytes name.

    A stopped ledger knows the schemas that it ships; a running one those of the schema topic too.

    Example: `notification-ledger quarantine show 3 1042 --bytes`
    """
    asked = QuarantineShowQuery(topic=topic, payload=with_bytes, decode=decode)
    with open_quarantine(load_settings(data_dir=data_dir), url) as source:
        detail = source.show(partition, offset, asked)
    if as_json:
        print_json(detail)
    else:
        print_quarantined(detail)


def export(
    file: Annotated[
        str, typer.Argument(help="A new file, or `-` for standard output. An existing file is never overwritten.")
    ],
    *,
    reason: _Reason = None,
    tenant: _Tenant = None,
    partition: _OfPartition = None,
    recorded_from: _RecordedFrom = None,
    recorded_before: _RecordedBefore = None,
    events: Annotated[
        bool,
        typer.Option(
            "--events",
            help="Instead of records, the events that they state, for `emit`; what states none is left out and told.",
        ),
    ] = False,
    url: _Url = None,
    data_dir: DataDir = None,
    as_json: JsonOutput = False,
) -> None:
    """Write records as JSON lines, newest first: place, reason, and key, value and headers in base64. Personal data.

    A record that was appended under a wrong key, or to a wrong partition, can never be applied where it lies.
    Appended again as an event it can, under the event_id that it has:
    `notification-ledger quarantine export mended.jsonl --events --reason wrong_partition`, then
    `notification-ledger emit mended.jsonl`
    """
    query = checked_model(
        QuarantineListQuery,
        reason=reason,
        tenant=tenant,
        partition=partition,
        recorded_from=recorded_from,
        recorded_before=recorded_before,
        limit=limits.PAGE_ROWS_MAX,
        payload=not events,
    )
    written = left_out = 0
    with open_quarantine(load_settings(data_dir=data_dir), url) as source, new_file(file) as out:
        for record in walk(source, query):
            line = event_line(source, record) if events else record.model_dump_json()
            if line is None:
                left_out += 1
            else:
                out.write(f"{line}\n".encode())
                written += 1
    if as_json:
        typer.echo(json.dumps({"written": written, "left_out": left_out}), err=file == STANDARD_OUTPUT)
    else:
        _stderr.print(f"{written} written, {left_out} left out.", highlight=False)


def retry(
    partition: Annotated[int | None, typer.Argument(help="Partition of one record.")] = None,
    offset: Annotated[int | None, typer.Argument(help="Offset of it.")] = None,
    *,
    reason: _Reason = None,
    all_records: Annotated[bool, typer.Option("--all", help="Every record, whatever the reason.")] = False,
    url: _Url = None,
    data_dir: DataDir = None,
    bootstrap_servers: BootstrapServers = None,
    broker_port: BrokerPort = None,
    as_json: JsonOutput = False,
) -> None:
    """Try records again after a fix, and say of each what became of it: applied, duplicate, or refused still.

    What can be applied is, as if it had come in time: with its own place and recorded_at, so that the read model is
    the one that a replay makes. The rest stays, with the reason that it has now. Records that wait for a schema need
    no retry: they are released when it comes. `undecodable` is mended by a new version of the reader, if by anything;
    `conflict`, `key_mismatch` and `wrong_partition` are what they are, and usually stay.

    A running ledger does it between two batches; of a stopped one, this command opens the file and the broker.

    Examples: `notification-ledger quarantine retry 3 1042`; `notification-ledger quarantine retry --reason undecodable`
    """
    from ledger_infra.quarantine_routes import RetryRequest  # noqa: PLC0415 - DuckDB and the web are slow to import

    if (partition is None) != (offset is None):
        raise BadRequest("A place is a partition and an offset.", hint="Give both, or --reason, or --all.")
    place = None if partition is None or offset is None else (partition, offset)
    request = checked_model(RetryRequest, all=all_records, reason=reason, places=None if place is None else (place,))
    configured = load_settings(data_dir=data_dir, bootstrap_servers=bootstrap_servers, broker_port=broker_port)
    with open_api(configured, url) as client:
        retried = asyncio.run(_retry_all(configured, client, request))
    if place is not None and not retried:
        raise NotFound(
            f"Offset {offset} of partition {partition} is not in quarantine.",
            hint="`notification-ledger quarantine list` shows what is; it may have been released.",
        )
    if as_json:
        document = [one.model_dump(mode="json") for one in retried]
        typer.echo(json.dumps({"results": counted(retried), "retried": document}))
    else:
        print_retried(retried)


async def _retry_all(configured: Settings, client: httpx2.Client | None, request: RetryRequest) -> list[RetriedRecord]:
    """Retry part after part, by the running ledger if there is one, until nothing is left of what was named."""
    from ledger_infra.quarantine_retry import retrying_stopped  # noqa: PLC0415 - as above
    from ledger_infra.quarantine_routes import RetryAnswer, retry_answer  # noqa: PLC0415 - as above

    retried: list[RetriedRecord] = []
    async with contextlib.AsyncExitStack() as stack:
        if client is None:
            configure_logs(configured.log_format, "critical")  # What fails is said once, as an error of ours.
            download = stack.enter_context(DownloadBar(_stderr))
            retry_file = await stack.enter_async_context(retrying_stopped(configured, download))
        while True:
            if client is not None:
                answer = ask(client, f"{PATH}/retries", RetryAnswer, body=request)
            else:
                answer = retry_answer(await retry_file(request.selection()))
            retried += answer.retried
            if answer.next is None:
                return retried
            request = request.model_copy(update={"after": answer.next})
