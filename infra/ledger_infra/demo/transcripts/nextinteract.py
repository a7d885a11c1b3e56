"""NextInteract: a message to everybody of a company, a team or an event, with the number of people that it went to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ledger_infra.demo.transcripts.sample import Sample, tenant_of
from ledger_infra.demo.transcripts.transcript import Transcript, read_milliseconds, said
from ledger_schemas import Event, Kind, derive_notification_id

SOURCE: Final = "nextinteract"
CHANNEL: Final = "push"
"""The document names no channel; it tells notifications to users from the e-mail that may go with them."""

GROUPS: Final = {"companyId": "company", "eventUUID": "event", "brochureId": "brochure"}
"""Fields that name one group that the audience was drawn from, and the type of the group; `teamIds` names several."""


def transcribe_nextinteract(sample: Sample) -> list[Event]:
    """Return a `created`, the `amended` of its last change, a `fired`, and what came of it for each person.

    A row has no id, and one schedule has many rows: heading, type and schedule name it.
    """
    row = sample.row
    tenant_id = tenant_of("nextinteract")
    external_id = f"nextinteract {sample.heading} {row['type']} {row.get('notificationScheduleId', 'adhoc')}"
    transcript = Transcript(tenant_id, SOURCE, derive_notification_id(tenant_id, SOURCE, external_id))
    sent_at = read_milliseconds(row["notificationCreated"])
    # The document counts the people that it was sent to and names none of them.
    people = [f"unnamed-{number:03}" for number in range(1, row["totalNotificationsSent"] + 1)]
    transcript.state(
        Kind.CREATED,
        sent_at,
        external_id=external_id,
        audience=[{"recipient_id": person, "channels": [CHANNEL]} for person in people],
        groups=list(_groups(row)),
        type=row["type"],
        creator=said(id=row["notificationCreatedBy"]),
        template=said(name=row.get("emailTemplate")),
        schedule=said(id=str(row.get("notificationScheduleId", ""))),
        personal={"title": row.get("emailSubject"), "body": row["message"]},
        data=said(description=row.get("description"), emailParams=row.get("emailParams")),
    )
    modified = row["notificationModified"], row["notificationModifiedBy"]
    if modified != (row["notificationCreated"], row["notificationCreatedBy"]):
        # What was changed the document does not say: when and by whom is all that there is to state.
        transcript.state(Kind.AMENDED, read_milliseconds(modified[0]), actor=modified[1])
    transcript.state(Kind.FIRED, sent_at)
    outcome = Kind.DELIVERED if row["successful"] else Kind.FAILED
    for person in people:
        transcript.state(outcome, sent_at, recipient_id=person, channel=CHANNEL)
    return transcript.events


def _groups(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, group_type in GROUPS.items():
        if name in row:
            yield {"type": group_type, "id": str(row[name])}
    for team_id in row.get("teamIds", ()):
        yield {"type": "team", "id": team_id}
