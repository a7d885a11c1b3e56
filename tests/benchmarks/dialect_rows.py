"""A read model file of one tenant that all dialects can ask: every notification says what their answers show."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Kind
from tests.benchmarks.measuring import progress
from tests.benchmarks.prefill import (
    BLOCK_NOTIFICATIONS,
    MICROSECONDS_PER_NOTIFICATION,
    Bytes,
    Numbers,
    Prefilled,
    apply_columns,
    struct_array,
)
from tests.benchmarks.workload_bytes import time_ordered_ids
from tests.benchmarks.workload_plan import BEGIN_MICROSECONDS

TENANT: Final = "benchmark"
RECIPIENTS: Final = 100
"""Each has every hundredth notification. The first is called as the tenant: Realtime Register's customer is both."""

ROWS_PER_SCHEDULE: Final = 500
TYPE: Final = "UN"
CHANNEL: Final = "EMAIL"
PRIORITIES: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


class DialectRows(Prefilled):
    """What was put into the file: everything follows from the row."""

    def tenants(self, rows: Numbers) -> list[str]:
        """Return the tenant of each row."""
        return [TENANT] * len(rows)

    def recipients(self, rows: Numbers) -> list[str]:
        """Return the recipient of each row."""
        return [recipient_of(row) for row in rows.tolist()]


def recipient_of(row: int) -> str:
    """Return whose notification a row is."""
    return f"user-{row % RECIPIENTS:02d}" if row % RECIPIENTS else TENANT


def external_id_of(row: int) -> str:
    """Return what its emitter calls a row: an id as Novu has them."""
    return f"{row:024x}"


def created_at(row: int) -> int:
    """Return when a row was created, in microseconds since 1970: before what any benchmark measures."""
    return BEGIN_MICROSECONDS - 10**13 + row * MICROSECONDS_PER_NOTIFICATION


def fill(model: ReadModel, notifications: int) -> DialectRows:
    """Put so many notifications into a new file, each created, fired and delivered."""
    done = DialectRows(np.empty((0, 16), np.uint8))
    for begin in range(0, notifications, BLOCK_NOTIFICATIONS):
        rows = np.arange(begin, min(begin + BLOCK_NOTIFICATIONS, notifications))
        progress(f"filling: {begin:,} of {notifications:,} notifications")
        rng = np.random.default_rng([1, begin])
        at = created_at(0) + rows * MICROSECONDS_PER_NOTIFICATION
        done.ids = np.concatenate([done.ids, _ids(at, rng)])
        apply_columns(model, done, rows, Kind.CREATED, at, _created(done, rows), rng)
        apply_columns(model, done, rows, Kind.FIRED, at + 100_000, {}, rng)
        to = {"recipient_id": pa.array(done.recipients(rows)), "channel": pa.repeat(CHANNEL, len(rows))}
        apply_columns(model, done, rows, Kind.DELIVERED, at + 900_000, to, rng)
    return done


def _ids(at: Numbers, rng: np.random.Generator) -> Bytes:
    return time_ordered_ids(at, np.full(len(at), 7), rng)


def _created(done: DialectRows, rows: Numbers) -> dict[str, pa.Array]:
    numbers = rows.tolist()
    return {
        "audience": _lists("audience", recipient_id=done.recipients(rows), role="to", channels=[[CHANNEL]] * len(rows)),
        "personal": _record(
            "personal",
            title=[title_of(row) for row in numbers],
            body=[f"{title_of(row)}: {'soon with you. ' * 8}" for row in numbers],
            data=[json.dumps(_data(row)) for row in numbers],
            creator_name="Sam Seller",
            creator_address="sam@seller.example.com",
            subject_name="Example Analytics",
        ),
        "attributes": pa.repeat(json.dumps({"eventStatus": "DONE", "isActionItem": False}), len(rows)),
        "groups": _lists("groups", type="company", id=[str(row % 7) for row in numbers]),
        "channels": pa.array([[CHANNEL]] * len(rows)),
        "type": pa.repeat(TYPE, len(rows)),
        "category": pa.repeat("transactional", len(rows)),
        "action": pa.repeat("ACCEPT", len(rows)),
        "priority": pa.array([PRIORITIES[row % len(PRIORITIES)] for row in numbers]),
        "subject": _record("subject", type="OFFER", id=[f"offer-{row % 1_000}" for row in numbers], status="ACCEPTED"),
        "creator": _record("creator", type="USER", id=[f"seller-{row % 20}" for row in numbers]),
        "template": _record("template", id="offer-accepted", name="Offer accepted", length=len(rows)),
        "schedule": _record("schedule", id=[str(row // ROWS_PER_SCHEDULE) for row in numbers]),
        "scheduled_at": pa.array(created_at(0) + rows * MICROSECONDS_PER_NOTIFICATION, pa.timestamp("us", "UTC")),
        "external_id": pa.array([external_id_of(row) for row in numbers]),
        "number": pa.array(rows),
        "correlation_id": pa.array([str(row) for row in numbers]),
    }


def title_of(row: int) -> str:
    """Return the title of a row."""
    return f"Offer {row} was accepted"


def _data(row: int) -> dict[str, Any]:
    return {
        "customFields": {"dealStage": "won", "weights": [1, 0.5, row]},
        "info": {"offer": {"id": f"offer-{row}", "amount": 1_250}},
        "user": {"id": row % 1_000, "first_name": "Bernita", "last_name": "Kilback"},
        "payload": {"domain": f"shop-{row}.example.com"},
    }


def _record(column: str, *, length: int | None = None, **parts: list[str] | str) -> pa.StructArray:
    """Return a column of records; a part that is one text is the same in each."""
    rows = length or next(len(part) for part in parts.values() if isinstance(part, list))
    arrays = {name: pa.repeat(part, rows) if isinstance(part, str) else pa.array(part) for name, part in parts.items()}
    return struct_array(arrays, EVENT_SCHEMA.field(column).type)


def _lists(column: str, **parts: Any) -> pa.ListArray:  # noqa: ANN401 - texts, or lists of them
    """Return a column of lists with one record each."""
    rows = next(len(part) for part in parts.values() if isinstance(part, list))
    arrays = {name: pa.repeat(part, rows) if isinstance(part, str) else pa.array(part) for name, part in parts.items()}
    records = struct_array(arrays, EVENT_SCHEMA.field(column).type.value_type)
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32)), records)
