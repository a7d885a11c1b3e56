"""Log records for the tests of the decoder, and what the reference says of each: fastavro, one by one."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from aiokafka.partitioner import murmur2
from fastavro import schemaless_writer

from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.decode.group import PIECE_RECORDS_MIN
from ledger_projectors.log.records import LogRecord, Reason, Rejection
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import ContractViolation, Undecodable
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import WriterSchema, current_schema

NOTIFICATION_ID: Final = "019ca7a1-0000-7000-8000-000000000001"
EVENT_ID: Final = "019ca7a1-0000-7000-8000-00000000000a"
KEY: Final = NOTIFICATION_ID.encode()

NOT_ALONE: Final = 2 * PIECE_RECORDS_MIN
"""So many records of a writer schema go to the batch decoder for certain; one alone never does."""


def full_values(kind: Kind) -> dict[str, Any]:
    """Return plain values of an event in which every field says something; all of them are about one notification."""
    fixed = {"event_id": EVENT_ID, "notification_id": NOTIFICATION_ID}
    return {
        field["name"]: fixed.get(field["name"]) or _example(field["name"], field["type"])
        for field in current_schema(kind).document["fields"]
    }


def _example(name: str, node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    match node:
        case ["null", inner]:
            return _example(name, inner)
        case {"logicalType": "uuid"}:
            return "019ca7a1-0000-7000-8000-0000000000ff"
        case {"logicalType": "timestamp-micros"}:
            return 1_772_366_399_654_321
        case {"type": "record", "fields": fields}:
            return {field["name"]: _example(f"{name} {field['name']}", field["type"]) for field in fields}
        case {"type": "array", "items": items}:
            return [_example(f"{number} of {name}", items) for number in range(2)]
    return {"string": f"secret {name} é", "boolean": True, "long": 2**62}[node]


def frame_with(schema: WriterSchema, values: Mapping[str, Any], reference: SchemaReference | None = None) -> bytes:
    """Return the frame of a writer who checks nothing but what Avro does."""
    out = io.BytesIO()
    out.write(header_of(reference or SchemaReference.to_fingerprint(schema.fingerprint)))
    schemaless_writer(out, schema.parsed, values)
    return out.getvalue()


def known_with(*schemas: WriterSchema) -> KnownSchemas:
    """Return the shipped schemas and some more."""
    known = KnownSchemas()
    for schema in schemas:
        assert known.learn(SchemaReference.to_fingerprint(schema.fingerprint), schema.text)
    return known


def right_partition(key: bytes, partitions: int) -> int:
    """Return where Kafka's default partitioner puts a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def log_of(frames: Sequence[tuple[bytes | None, bytes | None]], partitions: int) -> list[LogRecord]:
    """Return frames with their keys as the records of a log, at the offsets 0, 1, 2, ..., where their keys belong."""
    return [
        LogRecord("any.v1", right_partition(key or b"", partitions), offset, 1_772_366_400_000 + offset, key, frame)
        for offset, (frame, key) in enumerate(frames)
    ]


def reference(records: Sequence[LogRecord], partitions: int, known: KnownSchemas) -> tuple[pa.Table, list[Rejection]]:
    """Return what `decode_records` must return but for the order of its rows: here it is that of the records."""
    rows: list[dict[str, Any]] = []
    rejections: list[Rejection] = []
    for record in records:
        found = _verdict(record, partitions, known)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            rows.append(found)
    return pa.Table.from_pylist(rows, EVENT_SCHEMA), rejections


def assert_as_reference(records: Sequence[LogRecord], partitions: int, known: KnownSchemas) -> pa.Table:
    """Decode a log with rising offsets; every row and every rejection must be the reference's. Return its rows."""
    expected_rows, expected_rejections = reference(records, partitions, known)
    table, rejections = decode_records(records, partitions, known)
    assert [(one.record.offset, one.reason, one.detail, one.tenant_id) for one in expected_rejections] == [
        (one.record.offset, one.reason, one.detail, one.tenant_id) for one in rejections
    ]
    table.validate(full=True)
    rows = table.sort_by("log_offset")
    if not expected_rows.equals(rows):
        # Lists say where two tables differ; a table only says that it does.
        assert expected_rows.to_pylist() == rows.to_pylist()
    assert expected_rows.equals(rows)
    return rows


def _verdict(record: LogRecord, partitions: int, known: KnownSchemas) -> dict[str, Any] | Rejection:
    if record.value is None:
        return Rejection(record, Reason.UNDECODABLE, "The record has no value.")
    try:
        event = decode_wire(record.value, known)
    except (ContractViolation, Undecodable) as error:
        return Rejection(record, Reason(error.code), error.message)
    key = event.values["notification_id"].encode()
    if record.key != key:
        detail = "The record's key is not its notification_id."
        return Rejection(record, Reason.KEY_MISMATCH, detail, event.values["tenant_id"])
    right = right_partition(key, partitions)
    if record.partition != right:
        detail = f"The key belongs in partition {right} of {partitions} (Kafka's murmur2 partitioner)."
        return Rejection(record, Reason.WRONG_PARTITION, detail, event.values["tenant_id"])
    place = {
        "kind": event.kind.value,
        "recorded_at": record.recorded_at_ms * 1_000,
        "log_partition": record.partition,
        "log_offset": record.offset,
    }
    return {**place, **event.values}
