"""Novu's `GET /v1/notifications/{notificationId}`: what is recorded of an event comes out as the vendor shows it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import Sample, transcribe
from ledger_queries.dialects.novu.object_ids import hashed_id
from ledger_queries.dialects.novu.vocabulary import ORIGINS, SEVERITIES, STEP_TYPES
from tests.queries.builder import NOON, numbered

from .documents import DOCUMENTS
from .novu import WHOLE, created, derived_ids, put_document, retrieved
from .serving import NOVU, Served, event

FURTHER = [each for each in DOCUMENTS if each.vendor == "novu" and each not in vendor_samples("novu")]


@pytest.mark.acceptance("S3-05", "S3-06")
@pytest.mark.parametrize("sample", vendor_samples("novu"), ids=lambda sample: sample.heading)
def test_an_event_comes_out_as_the_sample_has_it_key_by_key(ledger: Served, sample: Sample) -> None:
    """The whole document is equal, the order of its keys included."""
    assert json.dumps(retrieved(ledger, sample.row["_id"]), indent=1) == json.dumps(sample.row, indent=1)


@pytest.mark.acceptance("S3-06", "S3-10")
def test_the_whole_sample_of_the_vendors_document_comes_out_key_by_key(empty_ledger: Served) -> None:
    """With a job that has every field, in the order of the document."""
    empty_ledger.put(*transcribe(Sample("novu", "whole", WHOLE)))
    assert json.dumps(retrieved(empty_ledger), indent=1) == json.dumps(WHOLE, indent=1)


@pytest.mark.acceptance("S3-10", "S3-11")
@pytest.mark.parametrize("document", FURTHER, ids=lambda document: document.heading)
def test_further_documents_come_out_with_their_jobs_by_when_they_began(empty_ledger: Served, document: Sample) -> None:
    """Also jobs without details; of two that began at one time first the one that was recorded first."""
    row = document.row
    empty_ledger.put(*transcribe(document))
    began = [(job["executionDetails"] or [{"createdAt": job["updatedAt"]}])[0]["createdAt"] for job in row["jobs"]]
    in_order = sorted(range(len(began)), key=began.__getitem__)
    assert retrieved(empty_ledger, row["_id"]) == {**row, "jobs": [row["jobs"][place] for place in in_order]}


@pytest.mark.acceptance("S3-05")
def test_required_fields_without_a_recorded_fact_have_their_defaults(empty_ledger: Served) -> None:
    """The notification's id as transaction; of the recipient's id the first digits of its SHA-256."""
    empty_ledger.put(created())
    answer = retrieved(empty_ledger)
    assert answer["_subscriberId"] == "49915e0d7d4b402e3017d010"  # Of SHA-256 of `ann`.
    assert answer["transactionId"] == str(numbered(1))


@pytest.mark.acceptance("S3-06")
def test_what_was_never_recorded_is_absent(empty_ledger: Served) -> None:
    """Lists are there, and empty."""
    empty_ledger.put(created())
    assert [*retrieved(empty_ledger)] == [
        *("_id", "_environmentId", "_organizationId", "_subscriberId", "transactionId", "createdAt", "updatedAt"),
        *("channels", "subscriber", "jobs", "tags", "topics", "contextKeys"),
    ]


@pytest.mark.acceptance("S3-06")
def test_the_last_fact_of_the_recipient_is_the_last_update(empty_ledger: Served) -> None:
    """Also an `amended`; what another recipient did is not."""
    both = [{"recipient_id": "ann"}, {"recipient_id": "bob"}]
    amended = event("amended", NOVU, 1, NOON + timedelta(seconds=1), severity="low")
    empty_ledger.put(created(external_id="e1", audience=both), amended)
    empty_ledger.put(event("read", NOVU, 1, NOON + timedelta(seconds=2), recipient_id="bob"))
    ann, bob = (retrieved(empty_ledger, id_) for id_ in derived_ids("ann", "bob"))
    assert (ann["createdAt"], ann["updatedAt"]) == ("2026-01-02T12:00:00.000Z", "2026-01-02T12:00:01.000Z")
    assert bob["updatedAt"] == "2026-01-02T12:00:02.000Z"


@pytest.mark.acceptance("S3-07")
@pytest.mark.parametrize("channels", [[*STEP_TYPES], ["fax"], []], ids=["known", "unknown", "none"])
def test_channels_come_out_as_recorded(empty_ledger: Served, channels: list[str]) -> None:
    """All ten of the vendor in their order, and one that it does not know."""
    empty_ledger.put(created(attributes={"channels": channels}))
    assert retrieved(empty_ledger)["channels"] == channels


@pytest.mark.acceptance("S3-07")
def test_channels_are_the_recipients_where_no_workflow_names_them(empty_ledger: Served) -> None:
    """As the audience has them; else those that it went over."""
    empty_ledger.put(created(audience=[{"recipient_id": "ann", "channels": ["sms", "email"]}]))
    assert retrieved(empty_ledger)["channels"] == ["sms", "email"]


@pytest.mark.acceptance("S3-07")
def test_channels_are_those_that_it_went_over_where_nobody_planned_any(empty_ledger: Served) -> None:
    """As the deliveries have them."""
    empty_ledger.put(created(), event("fired", NOVU, 1, recipient_id="ann", channel="push"))
    assert retrieved(empty_ledger)["channels"] == ["push"]


@pytest.mark.acceptance("S3-08")
def test_a_subscriber_has_at_least_both_ids(empty_ledger: Served) -> None:
    """Where nothing but the recipient is recorded; `_id` is the event's `_subscriberId`."""
    empty_ledger.put(created())
    answer = retrieved(empty_ledger)
    assert answer["subscriber"] == {"subscriberId": "ann", "_id": answer["_subscriberId"]}
    assert answer["_subscriberId"] == hashed_id("ann")


@pytest.mark.acceptance("S3-08")
def test_a_subscriber_shows_nothing_of_another(empty_ledger: Served) -> None:
    """Names that are recorded of ann, and addresses of her, are not bob's."""
    empty_ledger.put(
        created(
            external_id="e1",
            audience=[{"recipient_id": "ann"}, {"recipient_id": "bob"}],
            data={"subscriber": {"subscriberId": "ann", "_id": "a" * 24, "firstName": "Ann"}},
            personal={"addresses": json.dumps({"ann": {"email": "ann@example.com"}})},
        )
    )
    ann, bob = (retrieved(empty_ledger, id_)["subscriber"] for id_ in derived_ids("ann", "bob"))
    assert ann == {"firstName": "Ann", "subscriberId": "ann", "_id": "a" * 24, "email": "ann@example.com"}
    assert bob == {"subscriberId": "bob", "_id": hashed_id("bob")}


@pytest.mark.acceptance("S3-09")
def test_the_origin_of_a_template_comes_out_as_recorded(empty_ledger: Served) -> None:
    """Each of the vendor's, and one that it does not know."""
    for number, origin in enumerate([*ORIGINS, "self-hosted"]):
        template = {**WHOLE["template"], "origin": origin}
        row = put_document(empty_ledger, _id=f"{number:024x}", template=template)
        assert retrieved(empty_ledger, row["_id"])["template"] == template


@pytest.mark.acceptance("S3-09")
@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ({"id": "t1"}, {"_id": "t1", "name": "t1", "triggers": []}),
        ({"name": "Welcome"}, {"name": "Welcome", "triggers": []}),
    ],
)
def test_a_template_has_a_name_and_triggers(
    empty_ledger: Served, template: dict[str, str], shown: dict[str, object]
) -> None:
    """Its id where no name is recorded; no triggers where none are."""
    empty_ledger.put(created(template=template))
    assert retrieved(empty_ledger)["template"] == shown


@pytest.mark.acceptance("S3-09")
def test_subscriber_variables_of_a_trigger_may_be_absent(empty_ledger: Served) -> None:
    """And what is no trigger is left out."""
    trigger = {"type": "event", "identifier": "welcome", "variables": []}
    empty_ledger.put(created(attributes={"template": {"triggers": [trigger, "x", {"identifier": "w", "more": 1}]}}))
    others = {"type": "event", "identifier": "w", "variables": []}
    assert retrieved(empty_ledger)["template"] == {"name": "", "triggers": [trigger, others]}


@pytest.mark.acceptance("S3-20")
def test_topics_are_the_groups_of_that_type(empty_ledger: Served) -> None:
    """In their order; the id of one that has none recorded follows from its key."""
    groups = [
        {"type": "topic", "id": "news", "reference": "65f0c0ffee65f0c0ffee0002"},
        {"type": "team", "id": "7"},
        {"type": "topic", "id": "beta"},
    ]
    empty_ledger.put(created(groups=groups))
    assert retrieved(empty_ledger)["topics"] == [
        {"_topicId": "65f0c0ffee65f0c0ffee0002", "topicKey": "news"},
        {"_topicId": hashed_id("beta"), "topicKey": "beta"},
    ]


@pytest.mark.acceptance("S3-21")
def test_severity_critical_and_contexts_come_out_as_recorded(empty_ledger: Served) -> None:
    """Each of the vendor's severities, and one that it does not know."""
    for number, severity in enumerate([*SEVERITIES, "urgent"]):
        said = {"severity": severity, "critical": number % 2 == 0, "contextKeys": ["tenant:acme", "app:web"]}
        row = put_document(empty_ledger, _id=f"{number:024x}", **said)
        answer = retrieved(empty_ledger, row["_id"])
        assert {name: answer[name] for name in said} == said


@pytest.mark.acceptance("S3-06")
def test_data_of_another_form_than_the_document_says_is_left_out(empty_ledger: Served) -> None:
    """An emitter may record any JSON under the same names."""
    empty_ledger.put(
        created(
            data={"payload": [1], "controls": "x", "to": None, "subscriber": {"_id": 5, "firstName": ["A"]}},
            attributes={"critical": "yes", "channels": "email", "template": {"origin": 1, "triggers": {}}},
        )
    )
    answer = retrieved(empty_ledger)
    assert answer.keys().isdisjoint({"payload", "controls", "to", "critical"})
    assert answer["subscriber"] == {"subscriberId": "ann", "_id": hashed_id("ann")}
    assert answer["template"] == {"name": "", "triggers": []}
    assert answer["channels"] == []
