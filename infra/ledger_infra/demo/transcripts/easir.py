"""EASI'R: a notification as one user has it, with whatever it is about, and when it was read."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ledger_infra.demo.transcripts.sample import Sample, tenant_of
from ledger_infra.demo.transcripts.transcript import Transcript, read_time
from ledger_schemas import Event, Kind, derive_notification_id

SOURCE: Final = "easir"
READERS: Final = {"Get your notifications": ("54", "in_app")}
OTHER_READER: Final = ("23", "push")
"""Recipient and channel, by heading. The document does not say whose its samples are: these are users of its own custom
notification, two of them, so that one user's list stays as the document shows it. The types are described as push."""


def transcribe_easir(sample: Sample) -> list[Event]:
    """Return a `created` for an audience of one, and a `read` where there is a `read_at`.

    Of an audience of one, the vendor's id is the notification's own. The document repeats some ids for other
    notifications: such a one gets an external id instead, which heading and id make.
    """
    row = sample.row
    tenant_id = tenant_of("easir")
    external_id = f"easir {sample.heading} {row['id']}" if sample.id_repeats else None
    notification_id = derive_notification_id(tenant_id, SOURCE, external_id) if external_id else UUID(row["id"])
    transcript = Transcript(tenant_id, SOURCE, notification_id)
    recipient_id, channel = READERS.get(sample.heading, OTHER_READER)
    transcript.state(
        Kind.CREATED,
        read_time(row["created_at"]),
        external_id=external_id,
        audience=[{"recipient_id": recipient_id, "channels": [channel]}],
        type=row["type"],
        action=row["data"].get("event", {}).get("type"),
        personal={"body": row["message"], "body_formatted": row["message_formatted"]},
        data={name: part for name, part in row["data"].items() if name != "event"},
    )
    if row["read_at"] is not None:
        transcript.state(Kind.READ, read_time(row["read_at"]), recipient_id=recipient_id)
    return transcript.events
