"""The loop that one writes first: decode an event, upsert it into a table per grain with a primary key, go on.

It deduplicates by a table of event ids, and keeps offsets in the transaction of its rows. Of the state it holds what
such a loop holds: content, and first, last and count of each fact at the grain of an event and those above.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
from fastavro import schemaless_reader

from ledger_projectors.log.records import LogRecord
from ledger_schemas import Kind
from ledger_schemas.framing import split_frame
from ledger_schemas.known_schemas import KnownSchemas
from tests.properties.oracle import State

FACTS: Final = (*(kind.value for kind in Kind if kind is not Kind.OBSERVED), "automated_opened", "automated_clicked")
GRAINS: Final = {
    "notifications": ("tenant_id", "notification_id"),
    "inbox_entries": ("tenant_id", "notification_id", "recipient_id"),
    "deliveries": ("tenant_id", "notification_id", "recipient_id", "channel", "delivery_ref"),
}
OF_DELIVERY: Final = ("attempted", "deferred", "delivered", "opened", "clicked", "automated_opened", "complained")
OF_ENTRY: Final = (*OF_DELIVERY, "seen", "read", "unread", "acknowledged", "archived", "deleted")
"""Facts that the workload states at that grain or below it, and that nothing above it changes: what such a loop can get
right. Of notifications, all."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ObviousLoop:
    """Use it as a context manager, which closes the file."""

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self._connection = duckdb.connect(str(path))
        self._known = KnownSchemas()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("CREATE TABLE events (identity VARCHAR PRIMARY KEY)")
        self._connection.execute("CREATE TABLE offsets (log_partition INTEGER PRIMARY KEY, next_offset BIGINT)")
        self._connection.execute("CREATE TABLE contents (identity VARCHAR PRIMARY KEY, title VARCHAR, body VARCHAR)")
        for table, key in GRAINS.items():
            columns = ", ".join(f"{name} VARCHAR" for name in key)
            self._connection.execute(
                f"CREATE TABLE {table} ({columns}, fact VARCHAR, first_at TIMESTAMPTZ, last_at TIMESTAMPTZ, "
                f"event_count INTEGER, PRIMARY KEY ({', '.join(key)}, fact))"
            )

    def apply(self, records: Sequence[LogRecord]) -> None:
        """Upsert what each record says, in one transaction."""
        self._connection.execute("BEGIN")
        for record in records:
            self._apply_one(record)
        for partition, offset in {record.partition: record.offset for record in records}.items():
            self._connection.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", [partition, offset + 1])
        self._connection.execute("COMMIT")

    def _apply_one(self, record: LogRecord) -> None:
        frame = record.value or b""
        reference, start = split_frame(frame)
        schema = self._known.find(reference)
        event: Any = schemaless_reader(io.BytesIO(frame[start:]), schema.parsed, None)
        identity = f"{event['tenant_id']} {event['notification_id']} {event['event_id']}"
        ((new,),) = self._connection.execute("INSERT OR IGNORE INTO events VALUES (?)", [identity]).fetchall()
        if not new or schema.kind is Kind.OBSERVED:
            return
        fact = f"automated_{schema.kind}" if event.get("automated") else schema.kind.value
        at = _EPOCH + timedelta(microseconds=event["occurred_at"])
        carried = event | {"delivery_ref": event["delivery_ref"] or ""}
        self._upsert("notifications", carried, fact, at)
        if event["recipient_id"] is not None and schema.kind is not Kind.RETRACTED:
            self._upsert("inbox_entries", carried, fact, at)
            if event["channel"] is not None:
                self._upsert("deliveries", carried, fact, at)
        if schema.kind in {Kind.CREATED, Kind.AMENDED} and event["personal"]:
            row = [identity, event["personal"]["title"], event["personal"]["body"]]
            self._connection.execute("INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", row)

    def _upsert(self, table: str, event: Mapping[str, Any], fact: str, at: datetime) -> None:
        self._connection.execute(_UPSERTS[table], [*(event[name] for name in GRAINS[table]), fact, at, at])

    def __enter__(self) -> Self:
        """Return the loop itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Checkpoint and close the file."""
        self._connection.close()


def check(path: Path, state: State) -> int:
    """Compare the file with the oracle in all that such a loop can get right; return how many facts that are.

    Notifications with a retracted are left out: it takes nothing back. Raises AssertionError.
    """
    retracted = {key for key, row in state.tables["notifications"].items() if row["retracted_count"]}
    compared = 0
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, facts in (("notifications", FACTS), ("inbox_entries", OF_ENTRY), ("deliveries", OF_DELIVERY)):
            key_and_fact = len(GRAINS[table]) + 1
            rows = connection.execute(f"FROM {table}").fetchall()
            held = {row[:key_and_fact]: row[key_and_fact:] for row in rows}
            for key, row in state.tables[table].items():
                for fact in facts if key[:2] not in retracted else ():
                    if row[f"{fact}_count"]:
                        expected = (row[f"first_{fact}_at"], row[f"last_{fact}_at"], row[f"{fact}_count"])
                        assert expected == held[(*map(str, key), fact)], f"obvious: {table} {key} {fact}"
                        compared += 1
    return compared


_UPSERTS: Final = {
    table: f"INSERT INTO {table} VALUES ({', '.join('?' for _ in key)}, ?, ?, ?, 1) "  # noqa: S608 - our names
    "ON CONFLICT DO UPDATE SET first_at = least(first_at, excluded.first_at), "
    f"last_at = greatest(last_at, excluded.last_at), event_count = {table}.event_count + 1"
    for table, key in GRAINS.items()
}
