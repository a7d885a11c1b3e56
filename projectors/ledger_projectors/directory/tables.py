"""The directory's tables: read whole into memory, and written row by row inside an open transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

from ledger_projectors.directory.state import FOLD_VERSION, Changes, Device, DirectoryState, Key
from ledger_projectors.store.projection import engine_sql
from ledger_schemas.directory_codec import schemas_digest

TABLES: Final = (
    "directory_keys",
    "directory_tenants",
    "directory_team_members",
    "directory_devices",
    "directory_events",
    "directory_quarantine",
)

_TEXT: Final = pa.string()
_TIME: Final = pa.timestamp("us", "UTC")

_COLUMNS: Final[Mapping[str, Mapping[str, pa.DataType]]] = {
    "directory_keys": {
        "key_id": _TEXT,
        "key_hash": _TEXT,
        "role": _TEXT,
        "tenant_id": _TEXT,
        "recipient_id": _TEXT,
        "label": _TEXT,
        "issued_at": _TIME,
        "expires_at": _TIME,
        "revoked_at": _TIME,
    },
    "directory_tenants": {"tenant_id": _TEXT, "setting": _TEXT, "value": _TEXT},
    "directory_team_members": {"tenant_id": _TEXT, "team_id": _TEXT, "recipient_id": _TEXT},
    "directory_devices": {
        "tenant_id": _TEXT,
        "device_token": _TEXT,
        "recipient_id": _TEXT,
        "platform": _TEXT,
        "registered_at": _TIME,
    },
    "directory_events": {"event_id": _TEXT},
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fold_digest() -> str:
    """Return what the rows depend on beside the log: the version of the fold, and the schemas that are shipped."""
    return f"{FOLD_VERSION}.{schemas_digest()}"


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables, empty."""
    connection.execute(engine_sql("directory_tables"))


def clear_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove every row: the directory is read again from the beginning of its log."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names


def read_state(connection: duckdb.DuckDBPyConnection) -> DirectoryState:
    """Return all that the tables hold."""
    return DirectoryState(
        {row["key_id"]: Key(**row) for row in _rows(connection, "directory_keys")},
        {(row["tenant_id"], row["setting"]): row["value"] for row in _rows(connection, "directory_tenants")},
        {
            (row["tenant_id"], row["team_id"], row["recipient_id"])
            for row in _rows(connection, "directory_team_members")
        },
        {
            (row["tenant_id"], row["device_token"]): Device(row["recipient_id"], row["platform"], row["registered_at"])
            for row in _rows(connection, "directory_devices")
        },
        {row["event_id"] for row in _rows(connection, "directory_events")},
    )


def write_changes(connection: duckdb.DuckDBPyConnection, changes: Changes) -> None:
    """Replace the rows that changed, by DELETE and INSERT: see `log_positions.advance`."""
    _replace(
        connection, "directory_keys", [(one,) for one in changes.keys], [asdict(one) for one in changes.keys.values()]
    )
    _replace(
        connection,
        "directory_tenants",
        list(changes.settings),
        [
            {"tenant_id": tenant, "setting": name, "value": value}
            for (tenant, name), value in changes.settings.items()
            if value is not None
        ],
    )
    _replace(
        connection,
        "directory_team_members",
        list(changes.members),
        [
            {"tenant_id": tenant, "team_id": team, "recipient_id": recipient}
            for (tenant, team, recipient), is_one in changes.members.items()
            if is_one
        ],
    )
    _replace(
        connection,
        "directory_devices",
        list(changes.devices),
        [
            {"tenant_id": tenant, "device_token": token, **asdict(device)}
            for (tenant, token), device in changes.devices.items()
            if device is not None
        ],
    )
    _replace(connection, "directory_events", [], [{"event_id": str(one)} for one in changes.event_ids])


def _replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    changed: Sequence[tuple[str, ...]],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Remove the rows whose first columns are among the `changed`, and insert `rows`."""
    columns = _COLUMNS[table]
    if changed:
        names = list(columns)[: len(changed[0])]
        keys = pa.table({name: [key[index] for key in changed] for index, name in enumerate(names)})
        connection.register("touched_rows", keys)
        matches = " AND ".join(f'{table}."{name}" = touched_rows."{name}"' for name in names)
        connection.execute(f"DELETE FROM {table} USING touched_rows WHERE {matches}")  # noqa: S608 - our own names
        connection.unregister("touched_rows")
    if rows:
        connection.register("changed_rows", pa.Table.from_pylist(list(rows), pa.schema(list(columns.items()))))
        connection.execute(f"INSERT INTO {table} BY NAME FROM changed_rows")
        connection.unregister("changed_rows")


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    times = {name for name, of in _COLUMNS.get(table, {}).items() if of == _TIME}
    result = connection.execute(f"FROM {table}")
    names = [column[0] for column in result.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for row in found:
        for name in times:
            if row[name] is not None:
                row[name] = row[name].astimezone(UTC)
    return found
