"""One Novu event, from what the ledger recorded of an inbox entry: the vendor's fields in the vendor's order.

| Novu                          | lies in                                                                    |
| ----------------------------- | -------------------------------------------------------------------------- |
| `_id`                         | `external_id` where it is 24 hex digits and names one inbox entry; derived |
| `_environmentId`, `_organizationId` | settings of the tenant                                               |
| `_subscriberId`, `subscriber` | the recipient, `data#subscriber`, `addresses` over email and sms           |
| `transactionId`               | `correlation_id`                                                           |
| `_templateId`, `template`     | `template`, `attributes#template`                                          |
| `_digestedNotificationId`     | `digest.merged_into`                                                       |
| `createdAt`                   | when the `created` was true                                                |
| `updatedAt`                   | when the latest fact of the inbox entry was true                           |
| `channels`                    | `attributes#channels`, else the recipient's in `audience`, else those used |
| `jobs`                        | deliveries and attempts (jobs.py)                                          |
| `payload`, `controls`, `to`   | `data` under the same names                                                |
| `tags`, `severity`, `contextKeys` | `tags`, `severity`, `contexts`                                         |
| `topics`                      | `groups` of type topic                                                     |
| `critical`                    | `attributes#critical`                                                      |

What stands in required fields when nothing is recorded: defaults.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger_queries.dialects.novu.defaults import DEFAULTS
from ledger_queries.dialects.novu.jobs import Recipient, jobs_of
from ledger_queries.dialects.novu.object_ids import hashed_id
from ledger_queries.dialects.novu.recorded_shapes import TRIGGERS
from ledger_queries.dialects.novu.shapes import ABSENT, Shape, any_object, flag, items, present, text
from ledger_queries.dialects.times import utc_milliseconds
from ledger_queries.recorded import RecordedContent, RecordedEvent
from ledger_queries.rows import DeliveryRow, InboxEntryRow

ENVIRONMENT_SETTING: Final = "novu.environment_id"
ORGANIZATION_SETTING: Final = "novu.organization_id"
TOPIC: Final = "topic"
"""The type of the groups that are Novu's topics."""

_TEMPLATE: Final = DEFAULTS["template"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one inbox entry. `alone`: its notification has no other recipient.

    `events` are those of the recipient and those that name no recipient.
    """

    object_id: str
    entry: InboxEntryRow
    alone: bool
    content: RecordedContent
    deliveries: Sequence[DeliveryRow]
    events: Sequence[RecordedEvent]


def event_of(recorded: Recorded, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the event as Novu's document shows it. `settings` are those of the tenant."""
    entry, content = recorded.entry, recorded.content
    template_id = content.template.id if content.template else None
    subscriber = _subscriber(recorded)
    created_at = content.created_at or entry.listed_at
    assert created_at is not None  # noqa: S101 - an entry is found by lists from its `created` on
    changes = (event.occurred_at for event in recorded.events)
    facts = (fact.last_at for fact in entry.facts.values())
    jobs = jobs_of(
        Recipient(entry.recipient_id, recorded.alone, str(entry.inbox_entry_id), template_id),
        recorded.deliveries,
        recorded.events,
    )
    environment_id, organization_id = _tenant_ids(entry.tenant_id)
    return present(
        _id=recorded.object_id,
        _environmentId=settings.get(ENVIRONMENT_SETTING) or environment_id,
        _organizationId=settings.get(ORGANIZATION_SETTING) or organization_id,
        _subscriberId=subscriber["_id"],
        transactionId=content.correlation_id or str(entry.notification_id),
        _templateId=template_id,
        _digestedNotificationId=content.digest.merged_into if content.digest else None,
        createdAt=utc_milliseconds(created_at),
        updatedAt=utc_milliseconds(max((created_at, *changes, *facts))),
        channels=_channels(entry, content),
        subscriber=subscriber,
        template=_template(content),
        jobs=jobs,
        payload=_of(content.data, "payload", any_object),
        tags=content.tags or [],
        controls=_of(content.data, "controls", any_object),
        to=_of(content.data, "to", any_object),
        topics=[
            {"_topicId": group.reference or hashed_id(group.id), "topicKey": group.id}
            for group in content.groups or ()
            if group.type == TOPIC
        ],
        severity=content.severity,
        critical=_of(content.attributes, "critical", flag),
        contextKeys=content.contexts or [],
    )


def _tenant_ids(tenant_id: str) -> tuple[str, str]:
    """Return the ids of environment and organization of a tenant that has no settings: digits of its id's SHA-256."""
    digits = hashlib.sha256(tenant_id.encode()).hexdigest()
    return digits[:24], digits[24:48]


def _subscriber(recorded: Recorded) -> dict[str, Any]:
    """Return the recipient; what is recorded of another subscriber is not shown."""
    recipient_id = recorded.entry.recipient_id
    said = _of(recorded.content.data, "subscriber", any_object)
    own = said if said is not ABSENT and said.get("subscriberId", recipient_id) == recipient_id else {}
    addresses = _of(recorded.content.addresses, recipient_id, any_object)
    return present(
        firstName=_of(own, "firstName", text),
        subscriberId=recipient_id,
        _id=own["_id"] if isinstance(own.get("_id"), str) else hashed_id(recipient_id),
        lastName=_of(own, "lastName", text),
        email=_of(addresses, "email", text),
        phone=_of(addresses, "sms", text),
    )


def _template(content: RecordedContent) -> Any:  # noqa: ANN401 - an object, or ABSENT
    said = _of(content.attributes, "template", any_object)
    if content.template is None and said is ABSENT:
        return ABSENT
    triggers = _of(said, "triggers", TRIGGERS)
    template_id = content.template.id if content.template else None
    return present(
        _id=template_id,
        name=(content.template.name if content.template else None) or template_id or _TEMPLATE["name"],
        origin=_of(said, "origin", text),
        triggers=_TEMPLATE["triggers"] if triggers is ABSENT else triggers,
    )


def _channels(entry: InboxEntryRow, content: RecordedContent) -> list[str]:
    stated: Any = _of(content.attributes, "channels", items(text))
    if stated is not ABSENT:
        return list(stated)
    planned = [member.channels for member in content.audience or () if member.recipient_id == entry.recipient_id]
    return next((channels for channels in planned if channels), entry.channels)


def _of(document: Any, name: str, shape: Shape) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return a member of a recorded object in its shape, or ABSENT."""
    return shape(document[name]) if isinstance(document, Mapping) and name in document else ABSENT
