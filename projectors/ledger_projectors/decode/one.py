"""One log record by the reference decoder: its values, or why it is no event. What it says, stands."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ledger_projectors.decode.partitioning import partition_of
from ledger_projectors.log.records import LogRecord, Reason, Rejection
from ledger_schemas.codec import WireEvent, decode_wire
from ledger_schemas.errors import ContractViolation, Undecodable
from ledger_schemas.known_schemas import KnownSchemas

KEYS_REMEMBERED_MAX: Final = 100_000
"""Keys whose partition is remembered: murmur2 in Python costs as much as the decode beside it."""


def decode_one(record: LogRecord, partitions: int, known: KnownSchemas) -> WireEvent | Rejection:
    """Return the event of one record as plain values, or its rejection.

    `partitions` is the partition count of the topic. Nothing that a record holds makes this raise.
    """
    if record.value is None:
        return Rejection(record, Reason.UNDECODABLE, "The record has no value.")
    try:
        event = decode_wire(record.value, known)
    except (ContractViolation, Undecodable) as error:
        return Rejection(record, Reason(error.code), error.message)
    key = event.values["notification_id"].encode("ascii")
    if record.key != key:
        detail = "The record's key is not its notification_id."
        return Rejection(record, Reason.KEY_MISMATCH, detail, event.values["tenant_id"])
    right = _remembered_partition(key, partitions)
    if record.partition != right:
        detail = f"The key belongs in partition {right} of {partitions} (Kafka's murmur2 partitioner)."
        return Rejection(record, Reason.WRONG_PARTITION, detail, event.values["tenant_id"])
    return event


_remembered_partition = lru_cache(maxsize=KEYS_REMEMBERED_MAX)(partition_of)
