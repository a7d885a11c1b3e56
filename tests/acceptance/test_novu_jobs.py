"""The jobs of a Novu event: deliveries and steps, their statuses, and each attempt as a detail of their execution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from ledger_queries.dialects.novu import vocabulary
from ledger_queries.dialects.novu.recorded_shapes import VARIANTS_DEPTH_MAX
from ledger_schemas.events import Event
from tests.queries.builder import NOON

from .novu import FILTER, VARIANT, WHOLE, created, derived_ids, put_jobs, retrieved
from .serving import NOVU, Served, event

DETAIL = WHOLE["jobs"][0]["executionDetails"][0]
DIGEST = WHOLE["jobs"][0]["digest"]


def told(kind: str, seconds: int = 0, channel: str | None = "email", **fields: Any) -> Event:  # noqa: ANN401 - as below
    """Return a fact of ann's delivery over a channel, some seconds after noon."""
    return event(
        kind, NOVU, 1, NOON + timedelta(seconds=seconds), **{"recipient_id": "ann", "channel": channel, **fields}
    )


def jobs_after(ledger: Served, *events: Event) -> list[dict[str, Any]]:
    """Return the jobs of a notification to ann after these events."""
    ledger.put(created(), *events)
    return list(retrieved(ledger)["jobs"])


@pytest.mark.acceptance("S3-10")
def test_a_delivery_of_another_emitter_is_a_job_with_every_required_field(empty_ledger: Served) -> None:
    """Where no step is recorded it is one without conditions; its id and the job's are derived."""
    (job,) = jobs_after(empty_ledger, told("fired"))
    assert job == {
        "_id": job["_id"],
        "type": "email",
        "executionDetails": [],
        "step": {"_id": job["_id"], "active": True, "filters": [], "_templateId": ""},
        "providerId": "novu",
        "status": "completed",
        "updatedAt": "2026-01-02T12:00:00.000Z",
    }
    assert len(bytes.fromhex(job["_id"])) == 12


@pytest.mark.acceptance("S3-10")
def test_a_channel_that_was_only_planned_is_no_job(empty_ledger: Served) -> None:
    """Nothing is recorded of one."""
    empty_ledger.put(created(audience=[{"recipient_id": "ann", "channels": ["email", "sms"]}]), told("fired"))
    assert [job["type"] for job in retrieved(empty_ledger)["jobs"]] == ["email"]


@pytest.mark.acceptance("S3-10")
def test_the_type_of_a_job_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each of the vendor's, and one that its document does not have."""
    types = [*(each for each in vocabulary.STEP_TYPES if each != "trigger"), "http_request"]
    assert [job["type"] for job in put_jobs(empty_ledger, *({"type": each} for each in types))] == types


@pytest.mark.acceptance("S3-11")
def test_jobs_come_out_by_when_they_began(empty_ledger: Served) -> None:
    """Also where the log has them in another order."""
    jobs = jobs_after(empty_ledger, told("fired", 3, "sms"), told("fired", 1, "push"), told("fired", 2, "email"))
    assert [job["type"] for job in jobs] == ["push", "email", "sms"]


@pytest.mark.acceptance("S3-11")
def test_jobs_of_type_trigger_are_left_out(empty_ledger: Served) -> None:
    """The vendor does not list them."""
    jobs = jobs_after(empty_ledger, told("attempted", 0, "trigger", status="Success"), told("fired", 1))
    assert [job["type"] for job in jobs] == ["email"]


@pytest.mark.acceptance("S3-11")
def test_details_come_out_by_when_they_were_true(empty_ledger: Served) -> None:
    """Also where the log has them in another order; of two at one time first the one that it has first."""
    details = [(5, "a3"), (1, "a1"), (3, "a2"), (5, "a4")]
    (job,) = jobs_after(
        empty_ledger, *(told("attempted", at, attempt_id=name, status="Pending") for at, name in details)
    )
    assert [detail["_id"] for detail in job["executionDetails"]] == ["a1", "a2", "a3", "a4"]


@pytest.mark.acceptance("S3-12")
def test_a_status_that_the_emitter_states_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each that the vendor has, and one that it does not know."""
    statuses = [*vocabulary.JOB_STATUSES, "blocked"]
    assert [job["status"] for job in put_jobs(empty_ledger, *({"status": each} for each in statuses))] == statuses


@pytest.mark.acceptance("S3-12")
def test_of_two_stated_statuses_the_last_counts(empty_ledger: Served) -> None:
    """Of the last attempt, whatever fact came after it."""
    (job,) = jobs_after(
        empty_ledger,
        told("attempted", 2, attributes={"jobStatus": "running"}, status="Pending"),
        told("attempted", 1, attributes={"jobStatus": "queued"}, status="Queued"),
        told("failed", 3),
    )
    assert job["status"] == "running"


@pytest.mark.acceptance("S3-12")
@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (["fired"], "completed"),
        (["fired", "delivered"], "completed"),
        (["fired", "failed"], "failed"),
        (["failed", "delivered"], "completed"),
        (["fired", "deferred"], "delayed"),
        (["deferred", "fired"], "completed"),
        (["cancelled"], "canceled"),
        (["fired", "expired"], "canceled"),
        (["fired", "read"], "completed"),
        (["read"], "completed"),
    ],
    ids=" then ".join,
)
def test_a_status_follows_from_the_latest_fact_where_none_is_stated(
    empty_ledger: Served, facts: Sequence[str] | str, status: str
) -> None:
    """What a person did with it presumes that it came."""
    (job,) = jobs_after(empty_ledger, *(told(fact, place) for place, fact in enumerate(facts)))
    assert job["status"] == status


@pytest.mark.acceptance("S3-12")
@pytest.mark.parametrize(
    ("reason", "status"),
    [("canceled", "canceled"), ("merged", "merged"), ("skipped", "skipped"), ("quiet hours", "canceled")],
)
def test_the_reason_of_a_cancelled_is_the_status_where_the_vendor_has_it(
    empty_ledger: Served, reason: str, status: str
) -> None:
    """Any other reason is `canceled`."""
    (job,) = jobs_after(empty_ledger, told("cancelled", reason=reason))
    assert job["status"] == status


@pytest.mark.acceptance("S3-12")
@pytest.mark.parametrize(
    ("attempt", "status"),
    [
        ("Pending", "pending"),
        ("Queued", "queued"),
        ("Success", "completed"),
        ("Warning", "completed"),
        ("Failed", "failed"),
        ("ReadConfirmation", "completed"),
        ("Unheard-of", "pending"),
    ],
)
def test_the_status_of_a_step_that_delivers_nothing_follows_from_its_last_attempt(
    empty_ledger: Served, attempt: str, status: str
) -> None:
    """Where none is stated."""
    first = told("attempted", 0, "delay", attempt_id="a1", status="Pending")
    (job,) = jobs_after(empty_ledger, first, told("attempted", 1, "delay", attempt_id="a2", status=attempt))
    assert job["status"] == status


@pytest.mark.acceptance("S3-12")
def test_a_fact_of_the_whole_notification_reaches_its_jobs(empty_ledger: Served) -> None:
    """One cancelled of nobody and no channel is of every delivery, and its reason too."""
    jobs = jobs_after(
        empty_ledger,
        told("fired", 0, "email"),
        told("fired", 0, "sms"),
        event("cancelled", NOVU, 1, NOON + timedelta(seconds=9), reason="merged"),
    )
    assert [(job["status"], job["updatedAt"]) for job in jobs] == [("merged", "2026-01-02T12:00:09.000Z")] * 2


@pytest.mark.acceptance("S3-12")
def test_another_recipients_attempts_are_not_shown(empty_ledger: Served) -> None:
    """Nor what they came to."""
    empty_ledger.put(created(), told("attempted", 0, attempt_id="a1", status="Success"))
    empty_ledger.put(told("attempted", 1, recipient_id="bob", attempt_id="b1", status="Failed"))
    bodies = [retrieved(empty_ledger, id_) for id_ in derived_ids("ann", "bob")]
    shown = [[detail["_id"] for job in body["jobs"] for detail in job["executionDetails"]] for body in bodies]
    assert shown == [["a1"], ["b1"]]


DIGESTS = [
    *({"type": type_} for type_ in vocabulary.DIGEST_TYPES),
    *({**DIGEST, "unit": unit, "backoffUnit": unit} for unit in vocabulary.DIGEST_UNITS),
    *({"type": "timed", "timed": {"ordinal": each}} for each in vocabulary.ORDINALS),
    *({"type": "timed", "timed": {"ordinalValue": each}} for each in vocabulary.ORDINAL_VALUES),
    *({"type": "timed", "timed": {"monthlyType": each}} for each in vocabulary.MONTHLY_TYPES),
    {"type": "timed", "timed": {"weekDays": [*vocabulary.WEEK_DAYS], "monthDays": [1, 31]}},
    {"type": "regular", "amount": 0.5, "events": [{"a": [1, {"b": None}]}, {}]},
    {"type": "sliding", "unit": "years"},
]


@pytest.mark.acceptance("S3-13")
def test_a_digest_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each value of each vocabulary, and one that the vendor does not know."""
    assert [job["digest"] for job in put_jobs(empty_ledger, *({"digest": each} for each in DIGESTS))] == DIGESTS


@pytest.mark.acceptance("S3-13")
def test_a_digest_has_a_type(empty_ledger: Served) -> None:
    """Regular where none is recorded; what has another form than the document says is left out."""
    digest = {"amount": "1", "backoff": "no", "timed": {"monthDays": ["x", 3]}, "more": 1}
    (job,) = put_jobs(empty_ledger, {"digest": digest})
    assert job["digest"] == {"type": "regular", "timed": {"monthDays": [3]}}


@pytest.mark.acceptance("S3-13")
def test_a_job_that_merged_nothing_has_no_digest(empty_ledger: Served) -> None:
    """An absent one stays absent."""
    (job,) = put_jobs(empty_ledger, {"digest": None})
    assert "digest" not in job


@pytest.mark.acceptance("S3-14")
def test_a_detail_has_every_required_field(empty_ledger: Served) -> None:
    """Of an attempt that says nothing but its status; `raw` is null where no answer of a provider is recorded."""
    (job,) = jobs_after(empty_ledger, told("attempted", status="Pending"))
    (detail,) = job["executionDetails"]
    assert detail == {
        "_id": detail["_id"],
        "createdAt": "2026-01-02T12:00:00.000Z",
        "status": "Pending",
        "detail": "",
        "isRetry": False,
        "isTest": False,
        "raw": None,
        "source": "Internal",
    }
    assert len(bytes.fromhex(detail["_id"])) == 12


@pytest.mark.acceptance("S3-14")
def test_an_attempt_of_another_emitter_is_a_detail(empty_ledger: Served) -> None:
    """One that has an id and nothing else, too."""
    (job,) = jobs_after(empty_ledger, told("attempted", attempt_id="a1", provider="ses"))
    (detail,) = job["executionDetails"]
    assert (detail["_id"], detail["status"], detail["providerId"]) == ("a1", "Pending", "ses")


@pytest.mark.acceptance("S3-14")
def test_a_detail_says_whether_it_is_a_retry_and_a_test(empty_ledger: Served) -> None:
    """Each by itself."""
    details = [{**DETAIL, "isRetry": retry, "isTest": test} for retry in (True, False) for test in (True, False)]
    jobs = put_jobs(empty_ledger, *({"executionDetails": [detail]} for detail in details))
    assert [job["executionDetails"] for job in jobs] == [[detail] for detail in details]


@pytest.mark.acceptance("S3-15")
def test_the_status_of_a_detail_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each of the vendor's, and one that it does not know."""
    details = [{**DETAIL, "status": each} for each in (*vocabulary.DETAIL_STATUSES, "Delivered")]
    jobs = put_jobs(empty_ledger, *({"executionDetails": [detail]} for detail in details))
    assert [job["executionDetails"] for job in jobs] == [[detail] for detail in details]


@pytest.mark.acceptance("S3-16")
def test_the_source_of_a_detail_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each of the vendor's, and one that it does not know."""
    details = [{**DETAIL, "source": each} for each in (*vocabulary.DETAIL_SOURCES, "Bridge")]
    jobs = put_jobs(empty_ledger, *({"executionDetails": [detail]} for detail in details))
    assert [job["executionDetails"] for job in jobs] == [[detail] for detail in details]


@pytest.mark.acceptance("S3-17")
def test_every_provider_comes_out_as_recorded_in_job_and_detail(empty_ledger: Served) -> None:
    """All 78 that the vendor documents, and one that it does not."""
    providers = [*vocabulary.PROVIDERS, "carrier-pigeon"]
    assert len({*providers}) == 79
    changes = [{"providerId": each, "executionDetails": [{**DETAIL, "providerId": each}]} for each in providers]
    jobs = put_jobs(empty_ledger, *changes)
    assert [job["providerId"] for job in jobs] == providers
    assert [job["executionDetails"][0]["providerId"] for job in jobs] == providers


@pytest.mark.acceptance("S3-18")
def test_a_step_has_its_required_fields_and_what_has_the_documented_form(empty_ledger: Served) -> None:
    """A step as another emitter may record it: `_parentId` is null where it is recorded so."""
    step = {"filters": "none", "active": 1, "name": 7, "template": [], "_parentId": None, "more": True}
    (job,) = put_jobs(empty_ledger, {"step": step})
    assert job["step"] == {
        "_id": "",
        "active": True,
        "filters": [],
        "_templateId": "",
        "_parentId": None,
    }


@pytest.mark.acceptance("S3-18")
def test_a_step_keeps_what_is_free_form(empty_ledger: Served) -> None:
    """Settings, variables, metadata, issues and template are objects of anything."""
    free = {"a": {"b": [1, None, "c"]}}
    names = ("replyCallback", "controlVariables", "metadata", "issues", "template")
    step = {**VARIANT, "active": False, **dict.fromkeys(names, free)}
    (job,) = put_jobs(empty_ledger, {"step": step})
    assert job["step"] == step


@pytest.mark.acceptance("S3-18")
def test_variants_inside_one_another_are_shown_to_a_limit(empty_ledger: Served) -> None:
    """At the limit they come out whole; those that lie deeper are left out."""
    whole, cut = put_jobs(empty_ledger, *({"step": nested(VARIANTS_DEPTH_MAX + more)} for more in (0, 1)))
    assert whole["step"] == nested(VARIANTS_DEPTH_MAX)
    assert cut["step"] == nested(VARIANTS_DEPTH_MAX + 1, shown=VARIANTS_DEPTH_MAX)


FILTERS = [
    *({**FILTER, "type": type_} for type_ in (*vocabulary.FILTER_TYPES, "REGEX")),
    *({**FILTER, "value": value} for value in (*vocabulary.FILTER_VALUES, "XOR")),
    *({**FILTER, "isNegated": negated} for negated in (True, False)),
    *(
        {**FILTER, "children": [{**FILTER["children"][0], "operator": operator, "on": side}]}
        for operator in (*vocabulary.FILTER_OPERATORS, "MATCHES")
        for side in vocabulary.FILTER_SIDES
    ),
    {**FILTER, "children": []},
]


@pytest.mark.acceptance("S3-19")
def test_a_filter_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each value of each vocabulary, in the step and in its variants, and one that the vendor does not know."""
    steps = [{**VARIANT, "filters": [each], "variants": [{**VARIANT, "filters": [each]}]} for each in FILTERS]
    assert [job["step"] for job in put_jobs(empty_ledger, *({"step": each} for each in steps))] == steps


@pytest.mark.acceptance("S3-19")
def test_a_value_that_is_no_text_is_compared_as_its_json(empty_ledger: Served) -> None:
    """The document has texts alone; what a filter lacks has a default."""
    children = [{"field": "age", "value": 18, "operator": "LARGER"}, "x"]
    (job,) = put_jobs(empty_ledger, {"step": {**VARIANT, "filters": [{"children": children}, 5]}})
    assert job["step"]["filters"] == [
        {
            "isNegated": False,
            "type": "GROUP",
            "value": "AND",
            "children": [{"field": "age", "value": "18", "operator": "LARGER", "on": "payload"}],
        }
    ]


def nested(depth: int, shown: int = 100) -> dict[str, Any]:
    """Return a step with variants inside one another, as deep as that; only so many of them are shown."""
    variants = [nested(depth - 1, shown - 1)] if depth and shown else []
    return {**VARIANT, "name": f"{depth} below", "variants": variants}
