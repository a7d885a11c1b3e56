"""The read side of the notification ledger: list, get, count, badge; each answer with the position it reflects."""

from ledger_queries.answers import AnyPage, count_rows, get_notification, list_rows
from ledger_queries.api import create_app
from ledger_queries.badges import read_badge
from ledger_queries.desk import Desk
from ledger_queries.filters import Filter, Grain, GroupBy
from ledger_queries.health import Readiness
from ledger_queries.reading import Reading, open_reading
from ledger_queries.rows import (
    BadgeAnswer,
    CountAnswer,
    DeliveryPage,
    DeliveryRow,
    InboxEntryPage,
    InboxEntryRow,
    NotificationDetail,
    NotificationPage,
    NotificationRow,
)

__all__ = [
    "AnyPage",
    "BadgeAnswer",
    "CountAnswer",
    "DeliveryPage",
    "DeliveryRow",
    "Desk",
    "Filter",
    "Grain",
    "GroupBy",
    "InboxEntryPage",
    "InboxEntryRow",
    "NotificationDetail",
    "NotificationPage",
    "NotificationRow",
    "Readiness",
    "Reading",
    "count_rows",
    "create_app",
    "get_notification",
    "list_rows",
    "open_reading",
    "read_badge",
]
