"""Questions about the quarantine: list, count, show. An operator's view: bytes that nobody can read have no tenant."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from ledger_queries.answer_types import Answer, Time
from ledger_queries.content_filter import Instant
from ledger_queries.reading import Reading
from ledger_queries.sql import over_filter, statement
from ledger_schemas import limits
from ledger_schemas.codec import decode_event
from ledger_schemas.errors import BadRequest, ContractViolation, CursorInvalid, NotFound, Undecodable
from ledger_schemas.framing import FrameFormat, split_frame
from ledger_schemas.known_schemas import KnownSchemas

PAGE_PAYLOAD_BYTES_MAX: Final = 16 * 1024 * 1024
"""Values on one page that has payloads, in bytes; a page has at least one row."""

_OFFSET_MAX: Final = 2**63 - 1
_PARTITION_MAX: Final = 2**31 - 1
_MICROSECONDS_MAX: Final = limits.OCCURRED_AT_MICROSECONDS_MAX
_CURSOR: Final = re.compile(r"(?P<at>\d{1,18})\.(?P<partition>\d{1,10})\.(?P<offset>\d{1,19})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class QuarantineReason(StrEnum):
    """Why a record is in quarantine."""

    UNDECODABLE = "undecodable"
    SCHEMA_UNKNOWN = "schema_unknown"
    KIND_UNKNOWN = "kind_unknown"
    CONTRACT_VIOLATION = "contract_violation"
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    CONFLICT = "conflict"


class QuarantineGroup(StrEnum):
    """What a count of the quarantine may be grouped by."""

    REASON = "reason"
    PARTITION = "partition"
    TENANT = "tenant"


class QuarantineFilter(BaseModel):
    """Which records. All conditions must hold; times are half-open: from <= recorded_at < before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: QuarantineReason | None = Field(None, description="Only records with this reason.")
    tenant: str | None = Field(None, description="Only records whose event was decoded and is this tenant's.")
    partition: int | None = Field(None, ge=0, le=_PARTITION_MAX, description="Only records of this partition.")
    recorded_from: Instant | None = Field(
        None, description="Only records that the log took at or after this time.", examples=["2026-01-01T00:00:00Z"]
    )
    recorded_before: Instant | None = Field(
        None, description="Only records that the log took before this time.", examples=["2026-02-01T00:00:00Z"]
    )

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the filter statement: only those that were asked for."""
        values = {name: getattr(self, name) for name in QuarantineFilter.model_fields}
        return {name: value for name, value in values.items() if value is not None}


class QuarantineListQuery(QuarantineFilter):
    """List the quarantine."""

    limit: int = Field(
        limits.PAGE_ROWS_DEFAULT, ge=1, le=limits.PAGE_ROWS_MAX, description="Rows of the page, at most."
    )
    cursor: str | None = Field(None, description="`next` of the page before; absent: the first page.")
    payload: bool = Field(
        default=False, description="Also what the records hold, base64; pages are cut by bytes then. Personal data."
    )


class QuarantineCountQuery(QuarantineFilter):
    """Count the quarantine."""

    group_by: QuarantineGroup | None = Field(None, description="Also count per reason, partition or tenant.")


class QuarantineShowQuery(BaseModel):
    """Show one record of the quarantine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str | None = Field(None, description="Only if its event was decoded and is this tenant's.")
    topic: str | None = Field(None, description="Of which topic; absent: the lifecycle topic, else the directory's.")
    payload: bool = Field(default=False, description="Also its value, base64. Personal data.")
    decode: bool = Field(default=False, description="Also the event that it states, where it states one. Likewise.")


class QuarantinedHeader(Answer):
    """One header of a record."""

    name: str
    value: str | None = Field(description="Base64.")


class Payload(Answer):
    """What a record holds, as it came: base64. `value` is absent where it was not asked for."""

    key: str | None
    headers: list[QuarantinedHeader]
    value: str | None = None


class QuarantinedRecord(Answer):
    """One record that cannot be applied: where it lies in the log, why, and how large it is."""

    topic: str
    partition: int
    offset: int
    recorded_at: Time
    reason: str
    detail: str
    tenant_id: str | None = Field(description="Null: no event was decoded from it.")
    key_bytes: int | None = Field(description="Null: it has no key.")
    value_bytes: int | None = Field(description="Null: it has no value.")
    header_count: int
    payload: Payload | None = None


class QuarantinePage(Answer):
    """A page of the quarantine, the record that the log took last first."""

    position: str
    rows: list[QuarantinedRecord]
    next: str | None = Field(description="Cursor of the next page; null: this is the last.")


class QuarantineGroupCount(Answer):
    """How many records have one reason, lie in one partition, or are one tenant's."""

    name: str | None = Field(description="Null: no event was decoded from these, so that they have no tenant.")
    count: int


class QuarantineCount(Answer):
    """How many records are in quarantine."""

    position: str
    total: int
    group_by: QuarantineGroup | None
    groups: list[QuarantineGroupCount] | None = Field(description="Most first.")
    groups_complete: bool | None = Field(description="False: there are more groups than GROUPS_MAX.")


class Frame(Answer):
    """What the first bytes of a record say of its writer schema."""

    format: FrameFormat
    schema_reference: str = Field(description="Fingerprint or registry id.")
    schema_known: bool = Field(description="Whether whoever answered knows that schema.")
    kind: str | None = Field(description="The kind that the schema describes; null when it is none of ours.")


class QuarantinedDetail(Answer):
    """One record in detail; `frame` is null when it begins with none."""

    position: str
    record: QuarantinedRecord
    frame: Frame | None
    event: dict[str, Any] | None = Field(None, description="The event, as `POST /v1/events` would take it.")
    event_error: str | None = Field(None, description="Why there is none, when it was asked for.")


def list_quarantined(reading: Reading, asked: QuarantineListQuery) -> QuarantinePage:
    """Return one page, newest first by recorded_at. Raises CursorInvalid."""
    parameters = {**asked.parameters(), **_after(asked.cursor), "rows": asked.limit + 1}
    found = reading.rows(over_filter("quarantine", "quarantine/page", parameters), parameters)
    rows = found[: asked.limit]
    if asked.payload:
        rows = _first_bytes(rows)
        held = _payloads(reading, rows)
        rows = [{**row, "payload": held.get((row["topic"], row["partition"], row["offset"]))} for row in rows]
    following = _cursor(rows[-1]) if len(found) > len(rows) else None
    return QuarantinePage.model_validate({"position": str(reading.position), "rows": rows, "next": following})


def count_quarantined(reading: Reading, asked: QuarantineCountQuery) -> QuarantineCount:
    """Return how many records the filter finds: those that the list walks through."""
    parameters = asked.parameters()
    ((total,),) = (row.values() for row in reading.rows(over_filter("quarantine", "total", parameters), parameters))
    groups = complete = None
    if asked.group_by is not None:
        parameters["groups"] = limits.GROUPS_MAX + 1
        found = reading.rows(over_filter("quarantine", f"quarantine/by_{asked.group_by}", parameters), parameters)
        groups, complete = found[: limits.GROUPS_MAX], len(found) <= limits.GROUPS_MAX
    answer = {"total": total, "group_by": asked.group_by, "groups": groups, "groups_complete": complete}
    return QuarantineCount.model_validate({"position": str(reading.position), **answer})


def show_quarantined(
    reading: Reading, partition: int, offset: int, asked: QuarantineShowQuery, known: KnownSchemas
) -> QuarantinedDetail:
    """Return one record with its key and headers; its value and its event when asked for. Raises NotFound."""
    if not (0 <= partition <= _PARTITION_MAX and 0 <= offset <= _OFFSET_MAX):
        raise BadRequest("A place is a partition and an offset, both from 0 on.", hint="`quarantine list` shows them.")
    place = {"partition": partition, "offset": offset, "topic": asked.topic}
    rows = reading.rows(statement("quarantine/one", place), place)
    if not rows or (asked.tenant is not None and rows[0]["tenant_id"] != asked.tenant):
        raise NotFound(
            f"Offset {offset} of partition {partition} is not in quarantine.",
            hint="`notification-ledger quarantine list` shows what is; it may have been released.",
        )
    payload = _payloads(reading, rows)[rows[0]["topic"], partition, offset]
    value = base64.b64decode(payload.value) if payload.value is not None else None
    event, event_error = _event(value, known) if asked.decode else (None, None)
    return QuarantinedDetail(
        position=str(reading.position),
        record=QuarantinedRecord.model_validate(
            {**rows[0], "payload": payload if asked.payload else payload.model_copy(update={"value": None})}
        ),
        frame=_frame(value, known),
        event=event,
        event_error=event_error,
    )


def _frame(value: bytes | None, known: KnownSchemas) -> Frame | None:
    try:
        reference, _ = split_frame(value or b"")
    except Undecodable:
        return None
    try:
        kind = known.find(reference).kind.value
    except Undecodable:
        kind = None
    return Frame(format=reference.format, schema_reference=str(reference), schema_known=reference in known, kind=kind)


def _event(value: bytes | None, known: KnownSchemas) -> tuple[dict[str, Any] | None, str | None]:
    try:
        event = decode_event(value or b"", known)
    except (ContractViolation, Undecodable) as error:
        return None, error.message
    return event.model_dump(mode="json", exclude_none=True), None


def _payloads(reading: Reading, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int, int], Payload]:
    places = {f"{name}s": [row[name] for row in rows] for name in ("topic", "partition", "offset")}
    return {
        (row["topic"], row["partition"], row["offset"]): Payload(
            key=_base64(row["key"]),
            headers=[QuarantinedHeader(name=one["name"], value=_base64(one["value"])) for one in row["headers"]],
            value=_base64(row["value"]),
        )
        for row in reading.rows(statement("quarantine/payloads", places), places)
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")


def _first_bytes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first rows, at least one, whose values fit on a page."""
    total = 0
    for count, row in enumerate(rows):
        total += row["value_bytes"] or 0
        if count and total > PAGE_PAYLOAD_BYTES_MAX:
            return rows[:count]
    return rows


def _cursor(row: Mapping[str, Any]) -> str:
    return f"{(row['recorded_at'] - _EPOCH) // _MICROSECOND}.{row['partition']}.{row['offset']}"


def _after(cursor: str | None) -> dict[str, object]:
    if cursor is None:
        return {}
    found = _CURSOR.fullmatch(cursor)
    numbers = [int(part) for part in found.groups()] if found else []
    if not found or any(
        number > most for number, most in zip(numbers, (_MICROSECONDS_MAX, _PARTITION_MAX, _OFFSET_MAX), strict=True)
    ):
        raise CursorInvalid(
            "cursor: it is not one that the quarantine gave out.",
            hint="Pass `next` of the page before, unchanged; or begin again without a cursor.",
            field="cursor",
        )
    at, partition, offset = numbers
    return {
        "after_recorded_at": _EPOCH + at * _MICROSECOND,
        "after_partition": partition,
        "after_offset": offset,
    }
