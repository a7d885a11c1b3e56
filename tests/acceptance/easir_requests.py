"""Asks EASI'R's list as its client does, and records notifications of its users."""

from __future__ import annotations

from typing import Any

from httpx2 import Response

from .easir_types import check_page
from .serving import EASIR, Served, credential, event


def page_of(ledger: Served, user: str, **params: object) -> dict[str, Any]:
    """Return a page of a user's list, checked against the document's shape."""
    headers = credential("easir", user=user)
    answer = ledger.client.get("/easir/notifications", params=params, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    check_page(page)
    return page


def only_row(ledger: Served, user: str = "54") -> dict[str, Any]:
    """Return the one row that a user's list has."""
    (row,) = page_of(ledger, user)["data"]
    assert isinstance(row, dict)
    return row


def put_created(ledger: Served, number: int = 1, *recipients: str, **fields: Any) -> None:  # noqa: ANN401 - content
    """Record a notification for some users, default 54, created at noon."""
    audience = [{"recipient_id": recipient} for recipient in recipients or ("54",)]
    ledger.put(event("created", EASIR, number, audience=audience, **fields))


def wrong_fields(answer: Response) -> list[str]:
    """Return the fields that an answer refuses, which has status 422."""
    assert answer.status_code == 422, answer.text
    return [*answer.json()["errors"]]
