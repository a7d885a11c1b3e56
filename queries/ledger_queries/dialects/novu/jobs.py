"""The jobs of one Novu event: its deliveries, and the steps that deliver nothing; attempts are their details.

| Novu                            | lies in                                                              |
| ------------------------------- | -------------------------------------------------------------------- |
| `_id`, `type`                   | the delivery's `delivery_ref` and `channel`                          |
| `digest`, `digest.events`       | `attributes#digest`, `data#digestEvents` of its first event          |
| `executionDetails[]`            | each `attempted` that says more than what the job is                 |
| `step`, `overrides`, `payload`  | `data#step`, `data#overrides`, `data#payload` of its first event     |
| `providerId`                    | `provider` of its first event that has one                           |
| `status`                        | the last `attributes#jobStatus`, else what its latest fact comes to  |
| `updatedAt`                     | when its latest fact was true                                        |
| `scheduleExtensionsCount`       | `attributes#scheduleExtensionsCount` of its first event              |

The first event of a job is its first `fired`, or its first `attempted` where it was never fired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ledger_queries.dialects.novu.defaults import DEFAULTS
from ledger_queries.dialects.novu.object_ids import hashed_id
from ledger_queries.dialects.novu.recorded_shapes import DIGEST, STEP
from ledger_queries.dialects.novu.shapes import ABSENT, Shape, any_object, number, present
from ledger_queries.dialects.times import utc_milliseconds
from ledger_queries.recorded import RecordedEvent
from ledger_queries.rows import DeliveryRow
from ledger_schemas.kinds import Kind

KINDS: Final = (Kind.FIRED, Kind.ATTEMPTED, Kind.CANCELLED)
"""Kinds of events that say of a job more than the facts of its row."""

LEFT_OUT: Final = "trigger"
"""The type of the jobs that Novu does not list."""

_JOB: Final = DEFAULTS["jobs[]"]
_DETAIL: Final = DEFAULTS["jobs[].executionDetails[]"]

ENDS: Final = frozenset({"canceled", "merged", "skipped"})
"""Statuses that the reason of a `cancelled` may name; any other reason is `canceled`."""

_COMPLETED: Final = "completed"

_OF_FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Kind.FIRED: _COMPLETED,
        Kind.DEFERRED: "delayed",
        Kind.DELIVERED: _COMPLETED,
        Kind.FAILED: "failed",
        Kind.EXPIRED: "canceled",
        Kind.CANCELLED: "canceled",
    }
)
"""What a fact of a delivery comes to, where its emitter states no status. Of two at one time the later row counts."""

_OF_ATTEMPTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Pending": "pending",
        "Queued": "queued",
        "Success": _COMPLETED,
        "Warning": _COMPLETED,
        "ReadConfirmation": _COMPLETED,
        "Failed": "failed",
    }
)
"""What the last attempt comes to, where a job has no other fact: a step that delivers nothing."""

_DOWNWARD: Final = frozenset({Kind.FIRED, Kind.CANCELLED})
"""Kinds of `KINDS` that apply to everything below what they are stated of."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose jobs these are: `alone` says that nobody else is notified, `entry_id` names the inbox entry."""

    recipient_id: str
    alone: bool
    entry_id: str
    template_id: str | None


def jobs_of(
    recipient: Recipient, deliveries: Sequence[DeliveryRow], events: Sequence[RecordedEvent]
) -> list[dict[str, Any]]:
    """Return the jobs, oldest first; of two that began at one time first the one that the log has first."""
    found = []
    for delivery in deliveries:
        # A delivery without a fact is a plan: nothing is recorded of a job.
        if delivery.channel == LEFT_OUT or not delivery.facts:
            continue
        of_job = sorted(
            (event for event in events if _speaks_of(event, delivery, recipient, only=len(deliveries) == 1)),
            key=lambda event: (event.occurred_at, event.log_offset),
        )
        began = min(fact.first_at for fact in delivery.facts.values())
        offsets = (event.log_offset for event in of_job)
        rank = (began, min(offsets, default=-1), delivery.channel, delivery.delivery_ref or "")
        found.append((rank, _job(recipient, delivery, of_job)))
    return [job for _, job in sorted(found, key=lambda each: each[0])]


def _job(recipient: Recipient, delivery: DeliveryRow, events: Sequence[RecordedEvent]) -> dict[str, Any]:
    """Return one job, its keys in the vendor's order; `events` are its own, oldest first."""
    said = sorted(events, key=lambda event: (Kind.FIRED, Kind.ATTEMPTED, Kind.CANCELLED).index(event.kind))
    job_id = delivery.delivery_ref or hashed_id(recipient.entry_id, delivery.channel)
    return present(
        _id=job_id,
        type=delivery.channel,
        digest=_digest(said),
        executionDetails=[_detail(event) for event in events if _is_detail(event)],
        step=_step(said, job_id, recipient.template_id),
        overrides=_first(said, _data("overrides"), any_object),
        payload=_first(said, _data("payload"), any_object),
        providerId=next((event.provider for event in said if event.provider), _JOB["providerId"]),
        status=_status(delivery, events),
        updatedAt=utc_milliseconds(max(fact.last_at for fact in delivery.facts.values())),
        scheduleExtensionsCount=_first(said, _attribute("scheduleExtensionsCount"), number),
    )


def _detail(event: RecordedEvent) -> dict[str, Any]:
    """Return one execution detail. `raw` is null where no answer of a provider was recorded."""
    return {
        **present(
            _id=event.attempt_id or hashed_id(str(event.event_id)),
            createdAt=utc_milliseconds(event.occurred_at),
            status=event.status or _DETAIL["status"],
            detail=event.reason or _DETAIL["detail"],
            isRetry=_DETAIL["isRetry"] if event.retry is None else event.retry,
            isTest=_DETAIL["isTest"] if event.test is None else event.test,
            providerId=event.provider,
        ),
        "raw": event.detail,
        "source": event.origin or _DETAIL["source"],
    }


def _is_detail(event: RecordedEvent) -> bool:
    """Say whether an event is a try; an `attempted` without id, status and reason says only what its job is."""
    return event.kind is Kind.ATTEMPTED and bool(event.attempt_id or event.status or event.reason)


def _digest(said: Sequence[RecordedEvent]) -> Any:  # noqa: ANN401 - recorded JSON, or ABSENT
    rules = _first(said, _attribute("digest"), any_object)
    merged = _first(said, _data("digestEvents"), lambda value: value if isinstance(value, list) else ABSENT)
    if rules is ABSENT and merged is ABSENT:
        return ABSENT
    return DIGEST({**({} if rules is ABSENT else rules), **({} if merged is ABSENT else {"events": merged})})


def _step(said: Sequence[RecordedEvent], job_id: str, template_id: str | None) -> Any:  # noqa: ANN401 - recorded JSON
    """Return the step as recorded; without one a step of no conditions with the job's id."""
    step = _first(said, _data("step"), STEP)
    return STEP({"_id": job_id, "_templateId": template_id or ""}) if step is ABSENT else step


def _status(delivery: DeliveryRow, events: Sequence[RecordedEvent]) -> str:
    """Return what the emitter states last; else what the latest fact comes to."""
    for event in reversed(events):
        stated = _attribute("jobStatus")(event)
        if isinstance(stated, str) and stated:
            return stated
    known = [(fact.last_at, rank, kind) for rank, (kind, fact) in enumerate(_ranked(delivery))]
    if not known:
        attempts = [event for event in events if event.kind is Kind.ATTEMPTED]
        # What a recipient did with it presumes that it came.
        return _OF_ATTEMPTS.get(attempts[-1].status or "", _JOB["status"]) if attempts else _COMPLETED
    _, _, latest = max(known)
    if latest == Kind.CANCELLED:
        reasons = [event.reason for event in events if event.kind is Kind.CANCELLED]
        return reasons[-1] if reasons and reasons[-1] in ENDS else _OF_FACTS[Kind.CANCELLED]
    return _OF_FACTS[latest]


def _ranked(delivery: DeliveryRow) -> Iterator[tuple[str, Any]]:
    """Yield the facts that come to a status, in the order of their table."""
    return ((kind, delivery.facts[kind]) for kind in _OF_FACTS if kind in delivery.facts)


def _speaks_of(event: RecordedEvent, delivery: DeliveryRow, recipient: Recipient, *, only: bool) -> bool:
    """Say whether an event is of the delivery, as the fold attributes facts (`only`: it is the recipient's one)."""
    downward = event.kind in _DOWNWARD
    if event.recipient_id not in {None, recipient.recipient_id}:
        return False
    if event.recipient_id is None and not (downward or recipient.alone):
        return False
    if event.channel is None:
        return downward or only
    below_channel = downward and event.recipient_id is None and not event.delivery_ref
    same_ref = (event.delivery_ref or "") == (delivery.delivery_ref or "")
    return event.channel == delivery.channel and (same_ref or below_channel)


def _first(said: Sequence[RecordedEvent], read: Callable[[RecordedEvent], Any], shape: Shape) -> Any:  # noqa: ANN401
    """Return the first value of its shape that the events state."""
    return next((shaped for event in said if (shaped := shape(read(event))) is not ABSENT), ABSENT)


def _data(name: str) -> Callable[[RecordedEvent], Any]:
    return lambda event: event.data.get(name) if isinstance(event.data, Mapping) else None


def _attribute(name: str) -> Callable[[RecordedEvent], Any]:
    return lambda event: event.attributes.get(name) if isinstance(event.attributes, Mapping) else None
