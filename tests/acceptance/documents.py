"""The documents that the mapping is followed in: every sample, and invented ones for what no sample shows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from ledger_infra.demo.samples import VENDORS, vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor


def further(vendor: Vendor, place: int, heading: str, **changes: Any) -> Sample:  # noqa: ANN401 - any JSON
    """Return one of the vendor's samples with other fields: what its document describes and no sample shows."""
    return Sample(vendor, heading, {**vendor_samples(vendor)[place].row, **changes})


def job(number: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a job as Novu's first sample has it, with other fields."""
    return {
        **deepcopy(vendor_samples("novu")[0].row["jobs"][0]),
        "_id": f"de30000000000000000019{number:02}",
        **changes,
    }


FILTER: Final = {
    "isNegated": True,
    "type": "GROUP",
    "value": "OR",
    "children": [{"field": "plan", "value": "pro", "operator": "NOT_EQUAL", "on": "payload"}],
}
STEP: Final = {
    "_id": "de3000000000000000003901",
    "active": True,
    "replyCallback": {"active": True, "url": "https://reply.example.com"},
    "controlVariables": {"subject": "Hello"},
    "metadata": {"timed": {"untilDate": None}},
    "issues": {},
    "filters": [FILTER],
    "_templateId": "de3000000000000000000b01",
    "name": "E-mail",
    "template": {"name": "Hello", "content": []},
    "variants": [],
    "_parentId": "de3000000000000000003101",
}
"""A step that has every field that Novu documents, but variants."""

DIGEST: Final = {
    "digestKey": "commentId",
    "amount": 2,
    "unit": "hours",
    "type": "timed",
    "backoff": True,
    "backoffAmount": 30,
    "backoffUnit": "minutes",
    "updateMode": False,
    "events": [{"commentId": "comment-16"}, {"commentId": "comment-17"}],
    "timed": {
        "atTime": "09:00",
        "weekDays": ["monday", "friday"],
        "monthDays": [1, 15],
        "ordinal": "last",
        "ordinalValue": "weekday",
        "monthlyType": "on",
        "cronExpression": "0 9 * * 1",
        "untilDate": "2026-01-01T00:00:00.000Z",
    },
}
"""A digest that has every field that Novu documents."""

FURTHER: Final = [
    further(
        "nextinteract",
        0,
        "By mail, to those who asked for a brochure; failed",
        type="GA",
        brochureId=17,
        emailTemplate="brochure-news",
        emailSubject="A new edition",
        emailParams=[{"key": "edition", "value": "3"}, {"key": "name", "value": "Example"}],
        successful=False,
        totalNotificationsSent=2,
        notificationModifiedBy="654",
    ),
    further(
        "novu",
        0,
        "Jobs that were held back, and a digest that has everything",
        _id="de3000000000000000000099",
        jobs=[
            job(1, status="skipped", executionDetails=[], scheduleExtensionsCount=2, payload={"n": 1}),
            job(2, status="delayed", executionDetails=[], updatedAt="2025-12-01T10:04:09.000Z"),
            job(
                3,
                type="digest",
                executionDetails=[],
                digest={"type": "timed", "timed": {"weekDays": ["monday"]}, "events": [{"n": 1}]},
                overrides={"workflowId": "w"},
                payload={},
            ),
            job(4, digest={"type": "backoff", "backoff": True, "events": [{"n": 2}]}),
        ],
        channels=["email", "digest", "in_app", "delay", "sms"],
    ),
    further(
        "novu",
        0,
        "A job that has every field, and a variant of its step that does",
        _id="de3000000000000000000098",
        jobs=[
            job(
                5,
                digest=DIGEST,
                step={**STEP, "variants": [{**STEP, "variants": [STEP]}]},
                overrides={"workflowId": "workflow-1", "stepId": "step-1"},
            )
        ],
    ),
    further(
        "realtimeregister",
        0,
        "A transfer of a domain with a host of its own",
        id=1203371,
        hostName="ns1.shop.example.com",
        requestedDate="2025-09-26T08:15:30Z",
        actionDate="2025-10-01T08:15:30Z",
        createdDate="2019-10-01T08:15:30Z",
    ),
    further(
        "realtimeregister",
        3,
        "A certificate, and who issues it",
        id=1203372,
        provider="sectigo",
        providerId=7001,
        product="ssl_basic",
        validationType="DOMAIN_VALIDATION",
    ),
    further(
        "realtimeregister",
        2,
        "A balance below zero",
        id=1203373,
        currency="EUR",
        watermark=100,
        balance=-250.5,
        negativeSinceDate="2025-10-03T11:59:59Z",
        negativeCurrency="EUR",
        negativeLimit=-1000,
        negativeSoftLimit=-500,
    ),
    further(
        "suger",
        0,
        "A contact that is told and gets a copy too",
        eventID="event-further-1",
        contactIds=["contact-ann", "contact-bob"],
        ccContactIds=["contact-ann", "contact-carol"],
    ),
    further(
        "suger",
        3,
        "Stated by nobody what became of it",
        eventID="event-further-2",
        eventStatus="",
        lastUpdateTime="2025-11-07T14:20:00.000Z",
    ),
]
"""Invented: so that every row of a mapping is followed by some document."""

DOCUMENTS: Final = [*(sample for vendor in VENDORS for sample in vendor_samples(vendor)), *FURTHER]
