"""The contract of the notification ledger: events, their bytes, their ids, positions, errors, limits."""

from ledger_schemas.codec import decode_event, encode_event
from ledger_schemas.connection import KafkaConnection, Secret
from ledger_schemas.events import (
    AudienceMember,
    Event,
    Kind,
    NotificationAcknowledged,
    NotificationCreated,
    NotificationDelivered,
    NotificationFailed,
    NotificationFired,
    NotificationOpened,
    NotificationRead,
    NotificationUnread,
    Personal,
    Subject,
    parse_event,
)
from ledger_schemas.facts import FactSink, Receipt
from ledger_schemas.ids import derive_notification_id, new_id
from ledger_schemas.positions import Position
from ledger_schemas.topic import LIFECYCLE_TOPIC, TopicSpec

__all__ = [
    "LIFECYCLE_TOPIC",
    "AudienceMember",
    "Event",
    "FactSink",
    "KafkaConnection",
    "Kind",
    "NotificationAcknowledged",
    "NotificationCreated",
    "NotificationDelivered",
    "NotificationFailed",
    "NotificationFired",
    "NotificationOpened",
    "NotificationRead",
    "NotificationUnread",
    "Personal",
    "Position",
    "Receipt",
    "Secret",
    "Subject",
    "TopicSpec",
    "decode_event",
    "derive_notification_id",
    "encode_event",
    "new_id",
    "parse_event",
]
