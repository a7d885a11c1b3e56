"""A read model file of many notifications, made fast: decoded columns are built as such and go the usual way of apply.

Every notification has a created for one recipient and a delivered. What comes from no log leaves the position alone;
its offsets lie behind those of any log that is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger_projectors.decode.batch import DecodedBatch
from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.decode.partitioning import partitions_of
from ledger_projectors.decode.staging import stage
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Kind
from tests.benchmarks.measuring import progress
from tests.benchmarks.workload_bytes import ID_CHARS, time_ordered_ids, uuid_texts
from tests.benchmarks.workload_plan import BEGIN_MICROSECONDS, DERIVED_ID_SHARE, USERS

EVENTS_PER_NOTIFICATION: Final = 2
BLOCK_NOTIFICATIONS: Final = 100_000
"""Notifications of one batch: the larger, the faster."""

MICROSECONDS_PER_NOTIFICATION: Final = 20_000
OFFSETS_FROM: Final = 2**40
TENANTS: Final = 50
CHANNELS: Final = ("email", "push", "in_app")

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Prefilled:
    """What was put into a file: notification ids (rows x 16 bytes); tenant and recipient follow from the row."""

    ids: Bytes
    events: int = 0

    def tenants(self, rows: Numbers) -> list[str]:
        """Return the tenant of each of these notifications; one has half of them."""
        return [f"prefilled-{0 if row % 2 else row % TENANTS}" for row in rows.tolist()]

    def recipients(self, rows: Numbers) -> list[str]:
        """Return the recipient of each of these notifications."""
        return [f"user-{row * 7_919 % USERS:06d}" for row in rows.tolist()]


def prefill(model: ReadModel, notifications: int, before: Prefilled | None = None, seed: int = 1) -> Prefilled:
    """Bring a file to so many notifications; `before` is what an earlier call put into it."""
    done = before or Prefilled(np.empty((0, 16), np.uint8))
    while (begin := len(done.ids)) < notifications:
        rows = np.arange(begin, min(begin + BLOCK_NOTIFICATIONS, notifications))
        progress(f"filling: {begin:,} of {notifications:,} notifications")
        rng = np.random.default_rng([seed, begin])
        # The past, so that what is measured is newer; a share of the ids is not ordered by time.
        created_at = BEGIN_MICROSECONDS - 10**13 + rows * MICROSECONDS_PER_NOTIFICATION
        ids = time_ordered_ids(created_at, np.full(len(rows), 7), rng)
        derived = rng.random(len(rows)) < DERIVED_ID_SHARE
        ids[derived, :6] = np.frombuffer(rng.bytes(6 * int(np.count_nonzero(derived))), np.uint8).reshape(-1, 6)
        done.ids = np.concatenate([done.ids, ids])
        channels = pa.array(CHANNELS).take(rows % len(CHANNELS))
        apply_columns(model, done, rows, Kind.CREATED, created_at, _created(done, rows, channels), rng)
        delivered = {"recipient_id": pa.array(done.recipients(rows)), "channel": channels}
        apply_columns(model, done, rows, Kind.DELIVERED, created_at + 900_000, delivered, rng)
    return done


def apply_columns(
    model: ReadModel,
    done: Prefilled,
    rows: Numbers,
    kind: Kind,
    occurred_at: Numbers,
    more: Mapping[str, pa.Array],
    rng: np.random.Generator,
) -> None:
    """Apply an event of one kind about each of these notifications, in one transaction; `more` are its own columns."""
    ids = done.ids[rows]
    texts = uuid_texts(ids)
    offsets = OFFSETS_FROM + done.events + np.arange(len(rows))
    columns: dict[str, Any] = {
        "kind": pa.repeat(kind.value, len(rows)),
        "recorded_at": pa.array(occurred_at // 1_000 * 1_000 + 5_000),
        "log_partition": pa.array(partitions_of(texts.reshape(-1), model.partitions)),
        "log_offset": pa.array(offsets),
        "event_id": _ids(time_ordered_ids(occurred_at, np.full(len(rows), 7), rng), "event_id"),
        "tenant_id": pa.array(done.tenants(rows)),
        "notification_id": _ids(ids, "notification_id"),
        "occurred_at": pa.array(occurred_at),
        "source": pa.repeat("shop", len(rows)),
        **more,
    }
    table = pa.Table.from_arrays(
        [
            columns[column.name].cast(column.type) if column.name in columns else pa.nulls(len(rows), column.type)
            for column in EVENT_SCHEMA
        ],
        schema=EVENT_SCHEMA,
    )
    outcome = model.apply([], decoded=DecodedBatch(stage(table), []))
    assert (outcome.applied, outcome.quarantined) == (len(rows), 0)
    done.events += len(rows)


def _created(done: Prefilled, rows: Numbers, channels: pa.Array) -> dict[str, pa.Array]:
    one_each = pa.array(np.arange(len(rows) + 1, dtype=np.int32))
    member = {
        "recipient_id": pa.array(done.recipients(rows)),
        "role": pa.repeat("to", len(rows)),
        "channels": pa.ListArray.from_arrays(one_each, channels),
    }
    personal = {
        "title": pa.repeat("Your order has shipped", len(rows)),
        "body": pa.repeat("Soon with you. " * 9, len(rows)),
    }
    return {
        "audience": pa.ListArray.from_arrays(
            one_each, struct_array(member, EVENT_SCHEMA.field("audience").type.value_type)
        ),
        "personal": struct_array(personal, EVENT_SCHEMA.field("personal").type),
        "type": pa.repeat("order_update", len(rows)),
        "category": pa.repeat("transactional", len(rows)),
    }


def struct_array(parts: Mapping[str, pa.Array], struct: pa.StructType) -> pa.StructArray:
    """Return records with these parts; the others are null."""
    length = len(next(iter(parts.values())))
    arrays = [parts[one.name].cast(one.type) if one.name in parts else pa.nulls(length, one.type) for one in struct]
    return pa.StructArray.from_arrays(arrays, fields=[*struct])


def _ids(raw: Bytes, column: str) -> pa.Array:
    """Return UUIDs as a decoded batch has them: text, or their 16 bytes."""
    wanted = EVENT_SCHEMA.field(column).type
    if wanted not in (pa.string(), pa.large_string()):
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw), [None, pa.py_buffer(raw.tobytes())])
    starts = np.arange(len(raw) + 1, dtype=np.int32) * ID_CHARS
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(starts), pa.py_buffer(uuid_texts(raw).tobytes()))
