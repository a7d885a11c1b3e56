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
        "suger",
        0,
        "A contact that is told and gets a copy too",
        contactIds=["contact-ann", "contact-bob"],
        ccContactIds=["contact-ann", "contact-carol"],
    ),
    further(
        "suger", 3, "Stated by nobody what became of it", eventStatus="", lastUpdateTime="2025-11-07T14:20:00.000Z"
    ),
]
"""Invented: so that every row of a mapping is followed by some document."""

DOCUMENTS: Final = [*(sample for vendor in VENDORS for sample in vendor_samples(vendor)), *FURTHER]
