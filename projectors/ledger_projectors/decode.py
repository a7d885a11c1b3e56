"""Log records to one Arrow table of events: the reference decoder, record by record, each judged alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
from aiokafka.partitioner import murmur2

from ledger_projectors.records import LogRecord, Reason, Rejection
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import ContractViolation, Undecodable
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import current_schema

KEYS_CACHED_MAX: Final = 100_000
"""Keys whose partition is remembered: murmur2 in Python costs more than the decode beside it."""

_TIME = pa.timestamp("us", tz="UTC")


def _arrow_type(node: Any) -> pa.DataType:  # noqa: ANN401 - a schema is any JSON
    match node:
        case [_, present]:
            return _arrow_type(present)
        case {"logicalType": "timestamp-micros"}:
            return _TIME
        case {"type": "record", "fields": fields}:
            return pa.struct([(field["name"], _arrow_type(field["type"])) for field in fields])
        case {"type": "array", "items": items}:
            return pa.list_(_arrow_type(items))
        case {"type": primitive} | primitive:
            return {"string": pa.string(), "boolean": pa.bool_(), "long": pa.int64()}[primitive]


_WIRE_COLUMNS: Final = {
    field["name"]: _arrow_type(field["type"]) for kind in Kind for field in current_schema(kind).document["fields"]
}
EVENT_SCHEMA: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("recorded_at", _TIME),
        ("log_partition", pa.int32()),
        ("log_offset", pa.int64()),
        *_WIRE_COLUMNS.items(),
    ]
)
"""Columns of a decoded batch: those of the table `events`, ids as text."""


def decode_records(
    records: Sequence[LogRecord], partitions: int, known: KnownSchemas | None = None
) -> tuple[pa.Table, list[Rejection]]:
    """Return the events of a batch (EVENT_SCHEMA) and the records that are none, each with its reason.

    `partitions` is the partition count of the topic, `known` are the writer schemas that may be met, by default the
    shipped ones. Nothing that a record holds makes this raise.
    """
    good: list[tuple[LogRecord, str, dict[str, Any]]] = []
    rejections: list[Rejection] = []
    for record in records:
        found = _decode(record, partitions, known)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            good.append((record, *found))
    columns: dict[str, Any] = {
        "kind": [kind for _, kind, _ in good],
        "recorded_at": [record.recorded_at_ms * 1_000 for record, _, _ in good],
        "log_partition": [record.partition for record, _, _ in good],
        "log_offset": [record.offset for record, _, _ in good],
    }
    for name in _WIRE_COLUMNS:
        columns[name] = [values.get(name) for _, _, values in good]
    arrays = [pa.array(columns[column.name], column.type) for column in EVENT_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=EVENT_SCHEMA), rejections


def _decode(record: LogRecord, partitions: int, known: KnownSchemas | None) -> tuple[str, dict[str, Any]] | Rejection:
    if record.value is None:
        return Rejection(record, Reason.UNDECODABLE, "The record has no value.")
    try:
        wire = decode_wire(record.value, known)
    except (ContractViolation, Undecodable) as error:
        return Rejection(record, Reason(error.code), error.message)
    key = wire.values["notification_id"].encode("ascii")
    if record.key != key:
        return Rejection(record, Reason.KEY_MISMATCH, "The record's key is not its notification_id.")
    right = _partition_of(key, partitions)
    if record.partition != right:
        detail = f"The key belongs in partition {right} of {partitions} (Kafka's murmur2 partitioner)."
        return Rejection(record, Reason.WRONG_PARTITION, detail)
    return wire.kind.value, wire.values


@lru_cache(maxsize=KEYS_CACHED_MAX)
def _partition_of(key: bytes, partitions: int) -> int:
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
