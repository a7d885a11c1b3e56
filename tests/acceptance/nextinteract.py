"""Asks NextInteract's dialect as its clients do, and holds every answer against the vendor's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx2
from pydantic import TypeAdapter

from ledger_queries.dialects.nextinteract.answer_types import SentNotification
from ledger_queries.dialects.nextinteract.failures import ErrorBody
from ledger_schemas import Event
from tests.queries.builder import NOON, numbered

from .serving import NEXTINTERACT, Served, credential, event

PATH: Final = "/nextinteract/rest/notification/sent"
EVENT_UUID: Final = "6d05e1e6-2db8-4b38-af60-b6ed5721ba43"
TEAMS_OF_3: Final = {"broadcastType": "GT", "companyId": 3}
"""What a test asks for where it is told nothing else: the team notifications of company 3."""

_SENT: Final = TypeAdapter(list[SentNotification])


def ask(
    served: Served, params: Mapping[str, object] | None = None, *, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Ask with the token of the samples' tenant, by default for the team notifications of company 3."""
    asked = {"version": 1, **(TEAMS_OF_3 if params is None else params)}
    texts = {name: str(value) for name, value in asked.items() if value is not None}
    return served.client.get(PATH, params=texts, headers=credential("nextinteract") if headers is None else headers)


def sent(
    served: Served, params: Mapping[str, object] | None = None, *, headers: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the array, every field of which is one of the document's, of its type and within its length."""
    answer = ask(served, params, headers=headers)
    assert answer.status_code == 200, answer.text
    _SENT.validate_json(answer.content)
    rows: list[dict[str, Any]] = answer.json()
    return rows


def refused(answer: httpx2.Response, status: int, name: str, code: int) -> str:
    """Return what an error says, which has a name and a code of the document."""
    assert status == answer.status_code, answer.text
    body = ErrorBody.model_validate_json(answer.content)
    assert (body.errorName, body.errorCode) == (name, code)
    return body.errorMessage


def invalid(answer: httpx2.Response) -> str:
    """Return what a WSInvalidParameterException says."""
    return refused(answer, 400, "WSInvalidParameterException", 1002)


def group(group_type: str, group_id: object) -> dict[str, str]:
    """Return a group that an audience is drawn from."""
    return {"type": group_type, "id": str(group_id)}


def made(number: int, at: datetime = NOON, *, fired: bool = True, **fields: Any) -> list[Event]:  # noqa: ANN401 - any
    """Return the `created` and the `fired` of a team notification of company 3; a field of None is not stated."""
    stated = {"type": "GT", "groups": [group("company", 3)], "personal": {"body": f"{number}"}, **fields}
    stated = {name: value for name, value in stated.items() if value is not None}
    return [
        event("created", NEXTINTERACT, numbered(number), at, **stated),
        *([event("fired", NEXTINTERACT, numbered(number), at)] if fired else []),
    ]


def put(served: Served, *notifications: list[Event]) -> None:
    """Record notifications."""
    served.put(*(each for notification in notifications for each in notification))


def messages(rows: list[dict[str, Any]]) -> list[str]:
    """Return the message of each row, by which tests tell them apart."""
    return [row["message"] for row in rows]
