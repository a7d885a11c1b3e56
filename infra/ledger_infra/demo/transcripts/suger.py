"""Suger: a notification event, the contacts that it is for, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from ledger_infra.demo.transcripts.sample import Sample
from ledger_infra.demo.transcripts.transcript import Transcript, read_time, said
from ledger_schemas import Event, Kind, derive_notification_id

SOURCE: Final = "suger"
MAIL: Final = "EMAIL"
"""The channel of an address, and of the openings in `trackEvents`, whose only action is OPEN_EMAIL."""

BOTH_LISTS: Final = "to_cc"
"""The role of a contact in both contactIds and ccContactIds: an audience names a recipient once."""

OUTCOMES: Final[Mapping[str, tuple[Kind, Mapping[str, Any]]]] = {
    "DONE": (Kind.DELIVERED, {}),
    "FAILED": (Kind.FAILED, {"permanent": True}),
}
"""Final values of `eventStatus`, and the fact that each states of every member of the audience."""


def transcribe_suger(sample: Sample) -> list[Event]:
    """Return a `created`, the `fired` and outcomes that `eventStatus` states, and an `opened` for each track event."""
    row = sample.row
    tenant_id = row["organizationID"]
    transcript = Transcript(tenant_id, SOURCE, derive_notification_id(tenant_id, SOURCE, row["eventID"]))
    _create(transcript, row)
    _conclude(transcript, row)
    for opening in row["trackEvents"]:
        at = read_time(opening["timestamp"])
        transcript.state(Kind.OPENED, at, recipient_id=opening.get("contactId"), channel=MAIL)
    return transcript.events


def _create(transcript: Transcript, row: Mapping[str, Any]) -> None:
    creator = row["createdBy"]
    timestamp, changed = read_time(row["timestamp"]), read_time(row["lastUpdateTime"])
    # The timestamp of a scheduled event lies ahead of it: nothing but its creation has happened so far.
    scheduled = row["eventStatus"] == "SCHEDULED"
    members = _members(transcript, row)
    addresses = {recipient_id: {MAIL: address} for recipient_id, address in _addressed(transcript, row)}
    transcript.state(
        Kind.CREATED,
        changed if scheduled else timestamp,
        external_id=row["eventID"],
        scheduled_at=timestamp if scheduled else None,
        audience=[{"recipient_id": recipient_id, "role": role} for recipient_id, role in members.items()],
        channels=row["channels"],
        action=row["action"],
        priority=row["priority"],
        subject=said(type=row["entityType"], id=row["entityID"], status=row["entityStatus"]),
        creator=said(type=creator["entityType"], id=creator["entityId"]),
        attributes=said(isActionItem=row["isActionItem"], requireAudit=row["requireAudit"], partner=row["partner"]),
        personal={
            "title": row["title"],
            "body": row["message"],
            "subject_name": row["entityName"],
            "creator_name": creator["name"],
            "creator_address": creator["email"],
        },
        data=said(customFields=row["customFields"], info=row.get("info")),
        addresses=addresses,
    )


def _conclude(transcript: Transcript, row: Mapping[str, Any]) -> None:
    status, changed = row["eventStatus"], read_time(row["lastUpdateTime"])
    if status == "PENDING":
        transcript.state(Kind.FIRED, changed)
    elif status in OUTCOMES:
        transcript.state(Kind.FIRED, read_time(row["timestamp"]))
        kind, outcome = OUTCOMES[status]
        for recipient_id, channel in _deliveries(transcript, row):
            transcript.state(kind, changed, recipient_id=recipient_id, channel=channel, **outcome)


def _members(transcript: Transcript, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the role of each member of the audience, by recipient id; a member stands in it once."""
    copied = set(row["ccContactIds"])
    return {
        **{recipient_id: BOTH_LISTS if recipient_id in copied else "to" for recipient_id in row["contactIds"]},
        **{recipient_id: "cc" for recipient_id in row["ccContactIds"] if recipient_id not in row["contactIds"]},
        **{recipient_id: "to_address" for recipient_id, _ in _addressed(transcript, row)},
    }


def _addressed(transcript: Transcript, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return recipient id and address of each `contactEmails`: an address is never an id, so its place names it.

    With the notification in front, since the same place is another person in another notification of the tenant.
    """
    notification_id = transcript.notification_id
    return [(f"{notification_id}/address-{place}", address) for place, address in enumerate(row["contactEmails"], 1)]


def _deliveries(transcript: Transcript, row: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Yield recipient and channel of each delivery: of a bare address by mail alone; without members, of nobody."""
    roles = _members(transcript, row)
    for recipient_id, channel in product(roles or [None], row["channels"]):
        if recipient_id is None or roles[recipient_id] != "to_address" or channel == MAIL:
            yield recipient_id, channel
