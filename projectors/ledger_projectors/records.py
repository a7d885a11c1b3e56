"""One record of the log as the projector takes it, and the ways in which a record cannot be applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One Kafka record. `recorded_at_ms`: broker append time, milliseconds since 1970, UTC."""

    topic: str
    partition: int
    offset: int
    recorded_at_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Reason(StrEnum):
    """Why a record is in quarantine; what the decoder refuses has its error's code."""

    UNDECODABLE = "undecodable"
    SCHEMA_UNKNOWN = "schema_unknown"
    KIND_UNKNOWN = "kind_unknown"
    CONTRACT_VIOLATION = "contract_violation"
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that cannot be applied, and why; `detail` holds no payload."""

    record: LogRecord
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What one committed batch did, in records."""

    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
