"""CloudEvents on request: the headers that make a record one in binary mode; its value stays the framed Avro.

CloudEvents 1.0.2, Kafka protocol binding, section 3.2 (binary content mode); extension Partitioning.
"""

from __future__ import annotations

from datetime import UTC
from typing import Final
from urllib.parse import quote

from ledger_schemas.events import Event
from ledger_schemas.shipped import NAMESPACE, current_schema

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/avro"
"""As the Kafka protocol binding's own example has it."""

CONTRACT_VERSION: Final = "v1"
"""Of the lifecycle topic; the version of one schema is in `ce_dataschema`, so that a type's name is stable."""


def cloud_event_headers(event: Event) -> list[tuple[str, bytes]]:
    """Return the record headers of one event, all ASCII."""
    fingerprint = current_schema(event.kind).fingerprint.hex()
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(event.event_id),
        "ce_source": _uri_reference(event.source),
        "ce_type": f"{NAMESPACE}.{event.kind}.{CONTRACT_VERSION}",
        "ce_time": event.occurred_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "ce_subject": str(event.notification_id),
        "ce_dataschema": f"urn:avro:crc-64-avro:{fingerprint}",
        "ce_partitionkey": str(event.notification_id),
        "content-type": CONTENT_TYPE,
    }
    return [(name, value.encode("ascii")) for name, value in attributes.items()]


def _uri_reference(source: str) -> str:
    """Return a service's name as a relative reference of one segment (RFC 3986): a colon would make it a scheme."""
    return quote(source, safe="")
