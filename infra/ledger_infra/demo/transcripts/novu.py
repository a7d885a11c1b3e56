"""Novu: a notification to one subscriber; its jobs are deliveries, and each detail of their execution an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ledger_infra.demo.transcripts.sample import Sample, tenant_of
from ledger_infra.demo.transcripts.transcript import Transcript, read_time, said
from ledger_schemas import Event, Kind, derive_notification_id

SOURCE: Final = "novu"
CHANNELS: Final = frozenset({"in_app", "email", "sms", "chat", "push"})
"""Job types that are a delivery; the others (digest, delay, ...) are steps on the way, which attempts alone tell of."""

FACTS: Final = {
    "Queued": Kind.FIRED,
    "Success": Kind.DELIVERED,
    "Failed": Kind.FAILED,
    "ReadConfirmation": Kind.READ,
}
"""The fact that a detail of a delivery states beside its attempt, by the detail's status."""

ENDS: Final = {
    "canceled": Kind.CANCELLED,
    "merged": Kind.CANCELLED,
    "skipped": Kind.CANCELLED,
    "delayed": Kind.DEFERRED,
}
"""The fact that the status of a delivery's job states, where no detail does."""


def transcribe_novu(sample: Sample) -> list[Event]:
    """Return a `created`, then for each job its attempts and what they came to."""
    row = sample.row
    tenant_id = tenant_of("novu")
    notification_id = derive_notification_id(tenant_id, SOURCE, row["_id"])
    transcript = Transcript(tenant_id, SOURCE, notification_id, correlation_id=row["transactionId"])
    _create(transcript, row)
    for job in row["jobs"]:
        _work(transcript, job, row["subscriber"]["subscriberId"], read_time(job.get("updatedAt") or row["createdAt"]))
    return transcript.events


def _create(transcript: Transcript, row: Mapping[str, Any]) -> None:
    subscriber, template = dict(row["subscriber"]), row["template"]
    recipient_id = subscriber["subscriberId"]
    addresses = said(email=subscriber.pop("email", None), sms=subscriber.pop("phone", None))
    transcript.state(
        Kind.CREATED,
        read_time(row["createdAt"]),
        external_id=row["_id"],
        audience=[{"recipient_id": recipient_id, "channels": [name for name in row["channels"] if name in CHANNELS]}],
        groups=[
            {"type": "topic", "id": each["topicKey"], "reference": each["_topicId"]} for each in row.get("topics", ())
        ],
        template=said(id=row["_templateId"], name=template["name"]),
        digest=said(merged_into=row.get("_digestedNotificationId")),
        severity=row.get("severity"),
        tags=row.get("tags"),
        contexts=row.get("contextKeys"),
        attributes=said(
            channels=row["channels"],
            template=said(origin=template.get("origin"), triggers=template["triggers"]),
            critical=row.get("critical"),
        ),
        data=said(subscriber=subscriber, payload=row.get("payload"), controls=row.get("controls"), to=row.get("to")),
        addresses=said(**{recipient_id: addresses}),
    )


def _work(transcript: Transcript, job: Mapping[str, Any], recipient_id: str, updated_at: datetime) -> None:
    """State the attempts of one job and what they came to; the first event of the delivery says what the job is."""
    delivery = {"recipient_id": recipient_id, "channel": job["type"], "delivery_ref": job["_id"]}
    delivers = job["type"] in CHANNELS
    # A job without details still says what it is and where it stands.
    details = job["executionDetails"] or [{}]
    queued = [detail for detail in details if delivers and detail.get("status") == "Queued"]
    content = _content(job)
    at = updated_at
    for detail in details:
        at = read_time(detail["createdAt"]) if "createdAt" in detail else updated_at
        told = content if detail is (queued or details)[0] else {}
        attempt = delivery | {"attempt_id": detail.get("_id")}
        ends = detail is details[-1]
        _attempt(transcript, at, attempt, detail, told={} if queued else told, status=job["status"] if ends else None)
        if delivers and detail.get("status") in FACTS:
            kind = FACTS[detail["status"]]
            more = told if kind == Kind.FIRED else _outcome(kind, job, detail)
            transcript.state(kind, at, **attempt, **more)
    if delivers and job["status"] in ENDS:
        transcript.state(ENDS[job["status"]], at, **delivery, reason=job["status"])


def _attempt(
    transcript: Transcript,
    at: datetime,
    attempt: Mapping[str, Any],
    detail: Mapping[str, Any],
    *,
    told: Mapping[str, Any],
    status: str | None,
) -> None:
    """State one detail; `told` is what it says of its job besides, `status` the job's, which the last one says."""
    more = {
        "provider": detail.get("providerId", told.get("provider")),
        "attributes": said(**(told.get("attributes") or {}), jobStatus=status),
        "data": told.get("data"),
    }
    transcript.state(
        Kind.ATTEMPTED,
        at,
        **attempt,
        **more,
        status=detail.get("status"),
        reason=detail.get("detail"),
        origin=detail.get("source"),
        retry=detail.get("isRetry", False),
        test=detail.get("isTest", False),
        personal={"detail": detail.get("raw")},
    )


def _outcome(kind: Kind, job: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
    if kind == Kind.READ:
        return {}
    provider = {"provider": detail.get("providerId")}
    if kind == Kind.FAILED:
        # What failed and was tried again passed.
        ended = job["status"] == "failed" and detail is job["executionDetails"][-1]
        return provider | {"reason": detail["detail"], "permanent": ended}
    return provider


def _content(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job is: all but its details and its status. What a digest merged is personal, its rules are not."""
    digest = dict(job.get("digest") or {})
    events = digest.pop("events", None)
    return {
        "provider": job["providerId"],
        "attributes": said(scheduleExtensionsCount=job.get("scheduleExtensionsCount"), digest=digest or None),
        "data": said(step=job["step"], overrides=job.get("overrides"), payload=job.get("payload"), digestEvents=events),
    }
