"""Asks the dialect of Novu, holds its answers against the transcribed models, and has the vendor's whole sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from httpx2 import Response

from ledger_infra.demo.transcripts import Sample, transcribe
from ledger_queries.dialects.novu.answer_types import ErrorDto, Event, ValidationErrorDto
from ledger_queries.dialects.novu.object_ids import id_of_entry
from ledger_schemas.events import Event as LedgerEvent
from ledger_schemas.ids import derive_inbox_entry_id
from tests.queries.builder import NOON, numbered

from .serving import NOVU, Served, credential, event

EXTERNAL_ID: Final = "65f0c0ffee65f0c0ffee65f0"

FILTER: Final[Mapping[str, Any]] = {
    "isNegated": True,
    "type": "BOOLEAN",
    "value": "AND",
    "children": [{"field": "string", "value": "string", "operator": "LARGER", "on": "subscriber"}],
}

VARIANT: Final[Mapping[str, Any]] = {
    "_id": "string",
    "active": True,
    "replyCallback": {},
    "controlVariables": {},
    "metadata": {},
    "issues": {},
    "filters": [FILTER],
    "template": {},
    "variants": [],
    "_templateId": "string",
    "name": "string",
    "_parentId": "string",
}

WHOLE: Final[Mapping[str, Any]] = {
    "_id": EXTERNAL_ID,
    "_environmentId": "de3000000000000000000e01",
    "_organizationId": "de3000000000000000000f01",
    "_subscriberId": "65f0c0ffee65f0c0ffee0001",
    "transactionId": "string",
    "_templateId": "string",
    "_digestedNotificationId": "string",
    "createdAt": "2025-12-01T10:00:00.000Z",
    "updatedAt": "2025-12-01T10:00:01.000Z",
    "channels": ["in_app"],
    "subscriber": {
        "firstName": "string",
        "subscriberId": "string",
        "_id": "65f0c0ffee65f0c0ffee0001",
        "lastName": "string",
        "email": "string",
        "phone": "string",
    },
    "template": {
        "_id": "string",
        "name": "string",
        "origin": "novu-cloud",
        "triggers": [
            {
                "type": "event",
                "identifier": "string",
                "variables": [{"name": "string"}],
                "subscriberVariables": [{"name": "string"}],
            }
        ],
    },
    "jobs": [
        {
            "_id": "string",
            "type": "in_app",
            "digest": {
                "digestKey": "string",
                "amount": 0,
                "unit": "seconds",
                "type": "regular",
                "events": [{}],
                "backoff": True,
                "backoffAmount": 0,
                "backoffUnit": "seconds",
                "updateMode": True,
                "timed": {
                    "atTime": "string",
                    "weekDays": ["monday"],
                    "monthDays": [0],
                    "ordinal": "1",
                    "ordinalValue": "day",
                    "monthlyType": "each",
                    "cronExpression": "string",
                    "untilDate": "string",
                },
            },
            "executionDetails": [
                {
                    "_id": "string",
                    "createdAt": "2025-12-01T10:00:01.000Z",
                    "status": "Success",
                    "detail": "string",
                    "isRetry": True,
                    "isTest": True,
                    "providerId": "emailjs",
                    "raw": "string",
                    "source": "Credentials",
                }
            ],
            "step": {**VARIANT, "variants": [VARIANT]},
            "overrides": {"workflowId": "some_wf_id", "stepId": "some_wf_id"},
            "payload": {},
            "providerId": "emailjs",
            "status": "string",
            "updatedAt": "2025-12-01T10:00:01.000Z",
            "scheduleExtensionsCount": 0,
        }
    ],
    "payload": {},
    "tags": ["string"],
    "controls": {},
    "to": {},
    "topics": [{"_topicId": "string", "topicKey": "string"}],
    "severity": "high",
    "critical": True,
    "contextKeys": ["string"],
}
"""The sample of the vendor's document, whole: ids of 24 digits and times in place of the texts `string`."""


def ask(ledger: Served, notification_id: str = EXTERNAL_ID, headers: Mapping[str, str] | None = None) -> Response:
    """Ask for an event, with the application's key unless other headers are given."""
    given = credential("novu") if headers is None else headers
    return ledger.client.get(f"/novu/v1/notifications/{notification_id}", headers=given)


def retrieved(
    ledger: Served, notification_id: str = EXTERNAL_ID, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return an event, which must be one as the vendor documents it, no field more."""
    answer = ask(ledger, notification_id, headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    Event.model_validate(body)
    return body


def refused(answer: Response, status: int) -> dict[str, Any]:
    """Return the body of an error, which must be the vendor's with this status, no field more."""
    body: dict[str, Any] = answer.json()
    (ValidationErrorDto if status == 422 else ErrorDto).model_validate(body)
    assert (answer.status_code, body["statusCode"]) == (status, status), answer.text
    assert answer.request.url.path.startswith("/novu/")
    assert body["message"]
    return body


def put_document(ledger: Served, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Record the whole sample with other fields, as the samples are recorded, and return it."""
    row = {**WHOLE, **changes}
    ledger.put(*transcribe(Sample("novu", "whole", row)))
    return row


def put_jobs(ledger: Served, *changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Record the whole sample with its job once for each of the changes; return the jobs as they are answered."""
    jobs = [{**WHOLE["jobs"][0], "_id": f"job-{place}", **each} for place, each in enumerate(changes)]
    put_document(ledger, jobs=jobs)
    answered = {job["_id"]: job for job in retrieved(ledger)["jobs"]}
    return [answered[job["_id"]] for job in jobs]


def created(recipient: str = "ann", **fields: Any) -> LedgerEvent:  # noqa: ANN401 - each kind has its own
    """Return the `created` of a notification that no Novu made: it is to one person, and has an id of 24 digits."""
    return event(
        "created", NOVU, 1, NOON, **{"audience": [{"recipient_id": recipient}], "external_id": EXTERNAL_ID, **fields}
    )


def derived_ids(*recipients: str) -> list[str]:
    """Return the ids that the inbox entries of the first notification have without one of their emitter's."""
    return [id_of_entry(str(derive_inbox_entry_id(NOVU, numbered(1), recipient))) for recipient in recipients]
