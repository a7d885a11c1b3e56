"""The lines of a history export: each is one event as a log held it, in one JSON document.

`key` and `value` are what a record of the log has: the 36 characters of the notification_id, and one framed Avro record
in base64. `topic`, `partition`, `offset` and `recorded_at` say where and when the log had it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import ContractViolation, LedgerError

_FIELDS: Final = ("topic", "partition", "offset", "recorded_at", "key", "value")


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line: where and when a log had the event, and the key and value of its record."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    key: bytes
    value: bytes

    def dumps(self) -> bytes:
        """Return the line, its end included."""
        recorded_at = self.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "recorded_at": recorded_at,
            "key": self.key.decode("ascii"),
            "value": base64.b64encode(self.value).decode("ascii"),
        }
        return f"{json.dumps(document)}\n".encode("ascii")

    @classmethod
    def loads(cls, text: bytes) -> Self:
        """Return what a whole line says; its event is decoded once to check it. Raises ContractViolation."""
        if not text.endswith(b"\n"):
            raise _no_line("it is cut off")
        try:
            document: dict[str, Any] = json.loads(text)
            topic, partition, offset, recorded_at, key, value = (document[name] for name in _FIELDS)
            line = cls(
                str(topic),
                int(partition),
                int(offset),
                datetime.fromisoformat(recorded_at),
                key.encode("ascii"),
                base64.b64decode(value, validate=True),
            )
        except (
            ValueError,
            OverflowError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            binascii.Error,
        ) as error:
            raise _no_line(type(error).__name__) from None
        try:
            stated = decode_wire(line.value).values["notification_id"]
        except LedgerError as error:
            raise _no_line(error.message) from None
        if stated.encode() != line.key:
            raise _no_line("its key is not the notification_id of its event")
        return line


def _no_line(why: str) -> ContractViolation:
    return ContractViolation(
        f"It is not a line of a history export: {why}.",
        hint="Use a file that `notification-ledger export-history` wrote, as it wrote it; compare its SHA-256.",
    )
