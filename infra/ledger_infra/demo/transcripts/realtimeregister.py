"""Realtime Register: a notification of one customer, and the dates when it was fired, delivered, read, acknowledged."""

from __future__ import annotations

from typing import Final

from ledger_infra.demo.transcripts.sample import Sample, tenant_of
from ledger_infra.demo.transcripts.transcript import Transcript, read_time, said
from ledger_schemas import Event, Kind, derive_notification_id

SOURCE: Final = "realtimeregister"
CHANNEL: Final = "webhook"
"""What `deliveryDate` speaks of."""

DATES: Final = {"deliveryDate": Kind.DELIVERED, "readDate": Kind.READ, "acknowledgeDate": Kind.ACKNOWLEDGED}
"""Dates that a notification may have beside `fireDate`, none of which needs another."""

DATA_KEYS: Final = (
    "payload",
    "statusDetail",
    "domainName",
    "hostName",
    "transferType",
    "requestedDate",
    "actionDate",
    "createdDate",
    "expiryDate",
    "startDate",
    "endDate",
    "certificateId",
    "provider",
    "providerId",
    "product",
    "validationType",
    "currency",
    "watermark",
    "balance",
    "negativeSinceDate",
    "negativeCurrency",
    "negativeLimit",
    "negativeSoftLimit",
)
"""What stays under the vendor's own names: the payload, and the fields of single notification types."""


def transcribe_realtimeregister(sample: Sample) -> list[Event]:
    """Return a `created` and a `fired` at `fireDate`, the first time there is, and a fact for each further date."""
    row = sample.row
    # The customer of the path, which every notification repeats, is the tenant and the recipient.
    customer = tenant_of("realtimeregister")
    process = row.get("process")
    transcript = Transcript(
        customer,
        SOURCE,
        derive_notification_id(customer, SOURCE, str(row["id"])),
        correlation_id=None if process is None else str(process),
    )
    fired_at = read_time(row["fireDate"])
    transcript.state(
        Kind.CREATED,
        fired_at,
        external_id=str(row["id"]),
        number=row["id"],
        audience=[{"recipient_id": customer, "channels": [CHANNEL]}],
        type=row["notificationType"],
        action=row["eventType"],
        reason=row.get("reason"),
        subject=said(type=row.get("processType"), id=row.get("processIdentifier"), status=row.get("subjectStatus")),
        attributes=said(isAsync=row["isAsync"]),
        personal={"body": row["message"]},
        data=said(**{name: row.get(name) for name in DATA_KEYS}),
    )
    transcript.state(Kind.FIRED, fired_at)
    for name, kind in DATES.items():
        if name in row:
            channel = CHANNEL if kind == Kind.DELIVERED else None
            transcript.state(kind, read_time(row[name]), recipient_id=customer, channel=channel)
    return transcript.events
