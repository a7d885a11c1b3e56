"""What the tests of the directory share: events of every kind, and the records that state them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import DirectoryOutcome, DirectoryStore
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.credentials import NewKey, new_key
from ledger_schemas.directory_codec import encode_directory_event
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind, parse_directory_event
from ledger_schemas.topic import DIRECTORY_TOPIC

NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOKENS: Final = ("t1", "t2")
NOON_MS: Final = int(NOON.timestamp() * 1_000)


def stated(kind: DirectoryKind, number: int | None = None, **values: Any) -> DirectoryEvent:  # noqa: ANN401 - any field
    """Return an event; `number` makes its event_id the same at each call."""
    named = {} if number is None else {"event_id": UUID(f"019b7c1f-0000-7000-8000-{number:012x}")}
    own = {} if kind in {DirectoryKind.KEY_ISSUED, DirectoryKind.KEY_REVOKED} else {"tenant_id": "acme"}
    return parse_directory_event({"kind": kind, "occurred_at": NOON, **own, **named, **values})


def issued(key: NewKey, role: str = "operator", **values: Any) -> DirectoryEvent:  # noqa: ANN401 - any field
    """Return the event that issues a key."""
    return stated(DirectoryKind.KEY_ISSUED, key_id=key.key_id, key_hash=key.key_hash, role=role, **values)


def revoked(key: NewKey) -> DirectoryEvent:
    """Return the event that revokes a key."""
    return stated(DirectoryKind.KEY_REVOKED, key_id=key.key_id)


def every_kind() -> list[DirectoryEvent]:
    """Return events after which every table has a row."""
    key = new_key()
    return [
        issued(key, "person", tenant_id="acme", recipient_id="ann", label="phone", expires_at=NOON),
        revoked(key),
        stated(DirectoryKind.TENANT_SETTINGS_CHANGED, settings={"novu.environment_id": "a" * 24}),
        stated(DirectoryKind.TEAM_MEMBERS_ADDED, team_id="support", recipient_ids=["ann", "bob"]),
        stated(DirectoryKind.TEAM_MEMBERS_REMOVED, team_id="support", recipient_ids=["bob"]),
        stated(DirectoryKind.DEVICE_REGISTERED, recipient_id="ann", device_token=TOKENS[0], platform="apns"),
        stated(DirectoryKind.DEVICE_REGISTERED, recipient_id="ann", device_token=TOKENS[1], platform="fcm"),
        stated(DirectoryKind.DEVICE_UNREGISTERED, recipient_id="ann", device_token=TOKENS[1]),
    ]


def records_of(events: Sequence[DirectoryEvent | bytes], first: int = 0) -> list[LogRecord]:
    """Return the records that state the events, at offsets from `first` on; bytes are a record's value as it is."""
    values = [one if isinstance(one, bytes) else encode_directory_event(one) for one in events]
    return [LogRecord(DIRECTORY_TOPIC, 0, first + at, NOON_MS + at, None, value) for at, value in enumerate(values)]


def open_model(folder: Path) -> ReadModel:
    """Open the read model file of a folder."""
    return ReadModel.create_or_open(folder / "read_model.duckdb", topic="t", partitions=1)


def apply(store: DirectoryStore, state: DirectoryState, records: Sequence[LogRecord]) -> DirectoryOutcome:
    """Apply records that follow on one another."""
    return store.apply(state, records, {0: records[0].offset}, {0: records[-1].offset + 1})
