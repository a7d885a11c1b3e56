"""Builds read model files for the tests of the read side: rows by SQL, without the projector."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import pyarrow as pa

import ledger_projectors
from ledger_schemas import derive_inbox_entry_id

TOPIC: Final = "test.v1"
NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
KINDS: Final = (
    *("fired", "delivered", "opened", "read", "unread", "acknowledged", "failed", "attempted", "deferred"),
    *("cancelled", "expired", "seen", "clicked", "archived", "unarchived", "snoozed", "unsnoozed"),
    *("action_completed", "action_reverted", "deleted", "unsubscribed", "complained"),
)
"""Kinds that rows of every grain can have reached."""

STATES: Final = ("seen", "read", "archived", "snoozed", "deleted")
_FACTS: Final = (*KINDS, "automated_opened", "automated_clicked")
_FACTS_ABOVE: Final = ("created", "amended", "audience_added", "retracted")

Row = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One delivery to be written."""

    channel: str
    ref: str = ""
    reached: Collection[str] = ()
    states: Collection[str] = ()


@dataclass(frozen=True)
class Entry:
    """One inbox entry to be written."""

    recipient: str
    sent: Sequence[Sent] = ()
    reached: Collection[str] = ()
    states: Collection[str] = ()


@dataclass(frozen=True)
class Notification:
    """One notification to be written; `listed_at` None: its created has not come. `channels` name no recipient."""

    id: UUID
    tenant: str = "acme"
    listed_at: datetime | None = NOON
    entries: Sequence[Entry] = ()
    reached: Collection[str] = ()
    channels: Collection[str] = ()
    content: Mapping[str, Any] = field(default_factory=dict)


def numbered(number: int) -> UUID:
    """Return a UUIDv7-shaped id that sorts by its number."""
    return UUID(int=(0x019A << 112) | (0x7000 << 64) | (0x8000 << 48) | number)


def at(seconds: float) -> datetime:
    """Return a time that many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def new_file(path: Path) -> duckdb.DuckDBPyConnection:
    """Make a read model file, at the beginning of the log, and return the connection that may write it."""
    root = Path(ledger_projectors.__file__).parent
    connection = duckdb.connect(path)
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("sql/engine_tables.sql", "projections/lifecycle/tables.sql", "projections/lifecycle/views.sql"):
        connection.execute((root / name).read_text(encoding="utf-8"))
    connection.execute("INSERT INTO projections VALUES ('lifecycle', 2, 'digest', 'views')")
    connection.execute("INSERT INTO read_model VALUES (1, 1)")
    return connection


def move_to(connection: duckdb.DuckDBPyConnection, *next_offsets: int) -> None:
    """Set the position: one next offset per partition."""
    connection.execute("DELETE FROM positions")
    for partition, offset in enumerate(next_offsets):
        connection.execute(
            "INSERT INTO positions (log_topic, log_partition, next_offset) VALUES (?, ?, ?)", [TOPIC, partition, offset]
        )


def insert(connection: duckdb.DuckDBPyConnection, notifications: Iterable[Notification]) -> None:
    """Write notifications with all their inbox entries, deliveries and contents, in one transaction."""
    rows = [row for one in notifications for row in rows_of(one)]
    connection.begin()
    for table in ("notifications", "inbox_entries", "deliveries", "contents"):
        insert_rows(connection, table, [row for name, row in rows if name == table])
    connection.commit()


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Write rows by column name; columns that they do not have are null."""
    if rows:
        batch = pa.Table.from_pylist(list(rows))
        connection.register("batch", batch)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")  # noqa: S608 - a name of this file
        connection.unregister("batch")


def rows_of(one: Notification) -> list[tuple[str, Row]]:
    """Return (table, row) for everything that the notification consists of."""
    key: Row = {"tenant_id": one.tenant, "notification_id": str(one.id), "listed_at": one.listed_at}
    created = one.listed_at is not None
    rows: list[tuple[str, Row]] = [
        (
            "notifications",
            key
            | _facts(one.reached)
            | {f"{fact}_count": int(fact in one.reached) for fact in _FACTS_ABOVE}
            | {
                "first_created_at": one.listed_at,
                "last_created_at": one.listed_at,
                "created_count": int(created),
                "channels": sorted({*one.channels, *(sent.channel for entry in one.entries for sent in entry.sent)}),
                "recipients": len(one.entries),
                "deliveries": sum(len(entry.sent) for entry in one.entries),
            }
            | {
                f"recipients_{kind}": sum(kind in entry.reached for entry in one.entries)
                for kind in ("delivered", "failed", "cancelled", "expired", "opened", "clicked", "acknowledged")
            }
            | {f"recipients_{state}": sum(state in entry.states for entry in one.entries) for state in STATES},
        )
    ]
    for entry in one.entries:
        rows.append(
            (
                "inbox_entries",
                key
                | _facts(entry.reached)
                | _states(entry.states)
                | {
                    "recipient_id": entry.recipient,
                    "inbox_entry_id": str(derive_inbox_entry_id(one.tenant, one.id, entry.recipient)),
                    "channels": sorted({sent.channel for sent in entry.sent}),
                    "deliveries": len(entry.sent),
                },
            )
        )
        rows.extend(
            (
                "deliveries",
                key
                | _facts(sent.reached)
                | _states(sent.states)
                | {
                    "recipient_id": entry.recipient,
                    "channel": sent.channel,
                    "delivery_ref": sent.ref,
                },
            )
            for sent in entry.sent
        )
    if created:
        rows.append(("contents", {**key, "source": "billing", **one.content}))
        del rows[-1][1]["listed_at"]
    return rows


def _facts(reached: Collection[str]) -> Row:
    columns: Row = {"failed_permanently": "failed" in reached}
    for number, fact in enumerate(_FACTS):
        count = 1 + number % 2 if fact in reached else 0
        columns[f"first_{fact}_at"] = at(number) if count else None
        columns[f"last_{fact}_at"] = at(number + count) if count else None
        columns[f"{fact}_count"] = count
    return columns


def _states(states: Collection[str]) -> Row:
    until = at(60) if "snoozed" in states else None
    return {f"is_{state}": state in states for state in STATES} | {"snoozed_until": until}
