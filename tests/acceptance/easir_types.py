"""EASI'R's notification types as its document shows them: which parts `data` has, and what is in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, create_model

from ledger_queries.dialects.easir.answer_types import Notification, NotificationPage


def _part(**fields: type) -> TypeAdapter[Any]:
    """Return what judges a JSON object of just these fields."""
    model = create_model(
        "Part",
        __config__=ConfigDict(extra="forbid", strict=True),
        **{name: (of_type, ...) for name, of_type in fields.items()},  # type: ignore[call-overload] # fields alone
    )
    return TypeAdapter(model)


PARTS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "user": _part(id=int, first_name=str, last_name=str, profile_picture=str),
    "case": _part(id=str, case_number=int, relations_path_name=str),
    "correspondence": _part(id=str),
    "email": _part(id=str, correspondence_id=str, subject=str),
    "contact": _part(id=str, first_name=str, last_name=str, account_id=str),
    "task": _part(id=str),
    "report": _part(id=str),
    "scheduled_report": _part(id=str, name=str),
    "notified_report": _part(id=str),
    "campaign": _part(id=str, name=str, type=str),
    "lead": _part(id=str),
    "lead_type": _part(id=str, name=str),
    "event": _part(type=str),
    "level": _part(name=str),
    "rank": _part(id=str, name=str, icon=str),
    "badge": _part(name=str),
    "target": _part(name=str, title=str, count=str),
    "activities": TypeAdapter(list[str]),
}

USER_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "note": ("user", "case"),
    "inbox": ("user", "case", "correspondence"),
    "incoming_email": ("email", "case", "contact"),
    "email_opened": ("email", "case", "contact"),
    "task_assigned": ("user", "case", "task"),
    "overdue_task": ("case", "task"),
    "scheduled_report": ("report", "scheduled_report"),
    "notified_report": ("user", "notified_report"),
    "campaign_sent": ("campaign",),
    "lead_assigned": ("lead", "lead_type"),
    "lead_escalated": ("lead", "lead_type"),
    "lead_revoked": ("lead", "lead_type"),
    "lead_accepted": ("lead", "lead_type", "case"),
    "case_owner": ("user", "case"),
}
"""The parts of `data`, in the document's order, of each of the fourteen types."""

EVENT_PARTS: Final[Mapping[str, str]] = {
    "new_level": "level",
    "new_rank_first_place": "rank",
    "badge_achieved": "badge",
    "target_reached": "target",
    "activity_created": "activities",
}
"""The part of `data` that goes with each `event.type`."""

_ROW: Final = TypeAdapter(Notification)
_PAGE: Final = TypeAdapter(NotificationPage)


def check_row(row: Mapping[str, Any]) -> None:
    """Check a row of the list against the document, field by field."""
    _ROW.validate_python(row, strict=True)
    data = row["data"]
    event = data.get("event", {}).get("type")
    expected = {
        "gamification": ("event", EVENT_PARTS.get(event, "")),
        "high_fived": ("user", "event", EVENT_PARTS.get(event, "")),
        **USER_TYPES,
    }[row["type"]]
    assert expected == tuple(data)
    for name, part in data.items():
        PARTS[name].validate_python(part, strict=True)


def check_page(answer: Mapping[str, Any]) -> None:
    """Check an answer of the list against the document, but for what is in `data` of its rows."""
    _PAGE.validate_python(answer, strict=True)
