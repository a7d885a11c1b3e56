"""The quarantine on a terminal: tables without payloads, one record in detail, a hex dump on request."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import typer

from ledger_infra.cli.render import print_table, table_of
from ledger_queries.answer_types import rfc_3339
from ledger_queries.quarantine import Frame, Payload, QuarantineCount, QuarantinedDetail, QuarantinePage

if TYPE_CHECKING:
    from ledger_infra.quarantine_routes import RetriedRecord

REFUSED_SHOWN_MAX: Final = 50
"""Refused records that a table shows; --json has all."""

DUMP_ROW_BYTES: Final = 16

_COLUMNS: Final = (
    "recorded_at",
    "partition",
    "offset",
    "reason",
    "tenant",
    "detail",
    "key bytes",
    "value bytes",
    "headers",
)


def print_quarantine(page: QuarantinePage) -> None:
    """Write one page as a table; what the records hold is not shown."""
    rows = [
        [
            rfc_3339(row.recorded_at),
            str(row.partition),
            str(row.offset),
            row.reason,
            row.tenant_id or "",
            row.detail,
            _size(row.key_bytes),
            _size(row.value_bytes),
            str(row.header_count),
        ]
        for row in page.rows
    ]
    footer = [f"{len(page.rows)} records"]
    if page.next is not None:
        footer.append(f"more: --cursor {page.next}")
    print_table(table_of(_COLUMNS, rows), page.position, *footer)


def print_quarantine_count(answer: QuarantineCount) -> None:
    """Write a count: its groups as a table, the total below."""
    groups = answer.groups or []
    footer = [f"{answer.total} records"]
    if answer.groups_complete is False:
        footer.append(f"the first {len(groups)} groups")
    table = table_of([str(answer.group_by), "count"], ([group.name or "none", str(group.count)] for group in groups))
    print_table(table, answer.position, *footer)


def print_quarantined(detail: QuarantinedDetail) -> None:
    """Write one record in detail, its value as a hex dump and its event as JSON where the answer has them."""
    record, payload = detail.record, detail.record.payload or Payload(key=None, headers=[])
    fields = [
        ["place", f"{record.topic} partition {record.partition} offset {record.offset}"],
        ["recorded_at", rfc_3339(record.recorded_at)],
        ["reason", record.reason],
        ["detail", record.detail],
        ["tenant", record.tenant_id or "none"],
        ["key", f"{_text(payload.key)} ({_size(record.key_bytes)} bytes)"],
        ["value", f"{_size(record.value_bytes)} bytes"],
        *([f"header {header.name}", _text(header.value)] for header in payload.headers),
        *_framing(detail.frame),
    ]
    print_table(table_of(["record", ""], fields), detail.position)
    if payload.value is not None:
        for line in hex_dump(base64.b64decode(payload.value)):
            typer.echo(line)
    if detail.event is not None:
        typer.echo(json.dumps(detail.event, indent=2, ensure_ascii=True))
    if detail.event_error is not None:
        typer.echo(f"It states no event: {detail.event_error}", err=True)


def print_retried(retried: Sequence[RetriedRecord]) -> None:
    """Write how many left quarantine, and of those that did not, why."""
    refused = [one for one in retried if one.result == "refused"]
    if refused:
        shown = [
            [str(one.partition), str(one.offset), str(one.reason), one.detail or ""]
            for one in refused[:REFUSED_SHOWN_MAX]
        ]
        title = "refused still" if len(shown) == len(refused) else f"refused still: the first {len(shown)}"
        print_table(table_of(["partition", "offset", "reason", "detail"], shown, title=title))
    counts = ", ".join(f"{count} {result}" for result, count in counted(retried).items())
    typer.echo(f"{len(retried)} records were tried again: {counts}.")


def counted(retried: Sequence[RetriedRecord]) -> dict[str, int]:
    """Return how many had each result."""
    results = [str(one.result) for one in retried]
    return {result: results.count(result) for result in ("applied", "duplicate", "refused")}


def hex_dump(value: bytes) -> Iterator[str]:
    """Yield a value row by row: offset, bytes in hexadecimal, and what of them is printable ASCII."""
    for start in range(0, len(value), DUMP_ROW_BYTES):
        row = value[start : start + DUMP_ROW_BYTES]
        readable = "".join(chr(one) if chr(one).isascii() and chr(one).isprintable() else "." for one in row)
        yield f"{start:08x}  {row.hex(' '):<{3 * DUMP_ROW_BYTES}} |{readable}|"


def _framing(frame: Frame | None) -> list[list[str]]:
    if frame is None:
        return [["frame", "none that the ledger knows"]]
    known = f"known, {frame.kind or 'of no kind of ours'}" if frame.schema_known else "not known here"
    return [["frame", str(frame.format)], ["schema", f"{frame.schema_reference}: {known}"]]


def _size(count: int | None) -> str:
    return "no" if count is None else str(count)


def _text(encoded: str | None) -> str:
    """Return bytes as text where that is all they are, else in hexadecimal."""
    if encoded is None:
        return "none"
    value = base64.b64decode(encoded)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"hex {value.hex()}"
    return text if text.isprintable() else f"hex {value.hex()}"
