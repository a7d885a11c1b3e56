"""Asks Suger's dialect as its clients do, and holds every answer against the vendor's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx2

from ledger_infra.demo.samples import vendor_samples
from ledger_queries.dialects.suger.answer_types import NotificationEvents
from ledger_schemas import Event
from tests.queries.builder import NOON

from .serving import SUGER, Served, credential, event

PATH: Final = f"/suger/org/{SUGER}/notificationEvent"
OF_THE_SAMPLES: Final = {"startDate": "2025-11-03", "endDate": "2025-11-15"}
"""The days of the first and the last sample."""

OF_NOON: Final = {"startDate": "2026-01-02", "endDate": "2026-01-02"}
"""The day of everything that a test states without a time of its own."""


def ask(
    served: Served,
    params: Mapping[str, object] | None = None,
    *,
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    """Ask for the list with the credential of the samples' organization."""
    asked = {name: str(value) for name, value in (params or {}).items()}
    return served.client.get(path, params=asked or None, headers=credential("suger") if headers is None else headers)


def listed(served: Served, params: Mapping[str, object] | None = None, *, tenant: str = SUGER) -> dict[str, Any]:
    """Return a page, every field of which is one of the document's, of its type."""
    path = PATH.replace(SUGER, tenant)
    answer = ask(served, params, path=path, headers=credential("suger", tenant=tenant))
    assert answer.status_code == 200, answer.text
    NotificationEvents.model_validate_json(answer.content)
    document: dict[str, Any] = answer.json()
    return document


def events(served: Served, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
    """Return the notification events of a page; by default, those of the day of NOON."""
    page: list[dict[str, Any]] = listed(served, OF_NOON if params is None else params)["notificationEvents"]
    return page


def ids(page: Mapping[str, Any]) -> list[str]:
    """Return the eventID of each event of a page."""
    return [each["eventID"] for each in page["notificationEvents"]]


def refused(answer: httpx2.Response, status: int) -> str:
    """Return what an error says: its body is a JSON string."""
    assert status == answer.status_code, answer.text
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert isinstance(said, str)
    return said


def created(number: int, at: datetime = NOON, **fields: Any) -> Event:  # noqa: ANN401 - each field has its own type
    """Return the `created` of an event of Suger, `event-<number>` unless it is called otherwise."""
    return event("created", SUGER, number, at, **{"external_id": f"event-{number}", **fields})


def samples() -> list[dict[str, Any]]:
    """Return the vendor's samples, newest first."""
    rows = [dict(sample.row) for sample in vendor_samples("suger")]
    return sorted(rows, key=lambda row: (row["timestamp"], row["eventID"]), reverse=True)
