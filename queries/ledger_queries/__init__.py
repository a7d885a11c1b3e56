"""The read side of the notification ledger: list, get and count, each answer with the position that it reflects."""

from ledger_queries.answers import AnyPage, count_rows, get_notification, list_rows
from ledger_queries.api import create_app
from ledger_queries.filters import Filter, Grain, GroupBy
from ledger_queries.health import Readiness
from ledger_queries.reading import Reading, open_reading
from ledger_queries.rows import (
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
    "CountAnswer",
    "DeliveryPage",
    "DeliveryRow",
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
]
