from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor, tenant_of, transcribe
from ledger_schemas import (
    Kind,
    NotificationAttempted,
    NotificationCreated,
    NotificationFailed,
    decode_event,
    derive_notification_id,
    encode_event,
)


def created_of(sample: Sample) -> NotificationCreated:
    """Return the first event of a sample, which is its created."""
    first = transcribe(sample)[0]
    assert isinstance(first, NotificationCreated)
    return first


def test_feeding_twice_gives_the_same_events() -> None:
    """Ids are derived from what the samples say: a second feed is nothing but duplicates."""
    first, second = sample_events(), sample_events()
    assert first == second
    assert len(first) == len({(event.tenant_id, event.notification_id, event.event_id) for event in first})


def test_events_survive_the_wire() -> None:
    """Each sample event is the same after encoding and decoding."""
    for event in sample_events():
        assert event == decode_event(encode_event(event))


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_vendor_is_one_tenant(vendor: Vendor) -> None:
    """The events of one vendor are its part of all, and belong to its tenant alone."""
    assert [event for event in sample_events() if event.source == vendor] == sample_events(vendor)
    assert {tenant_of(vendor)} == {event.tenant_id for event in sample_events(vendor)}


@pytest.mark.parametrize("vendor", VENDORS)
def test_who_knows_the_vendors_id_finds_the_notification(vendor: Vendor) -> None:
    """By tenant, source and external id; EASI'R's ids, which are UUIDs, are the notifications' own."""
    samples = vendor_samples(vendor)
    created = [created_of(sample) for sample in samples]
    for sample, event in zip(samples, created, strict=True):
        if event.external_id is None:
            assert ("easir", sample.row["id"]) == (vendor, str(event.notification_id))
        else:
            assert event.notification_id == derive_notification_id(event.tenant_id, event.source, event.external_id)
    assert len(samples) == len({event.notification_id for event in created})


def test_addresses_are_where_addresses_belong() -> None:
    """No event says an address but as one, and those of invented samples are at example.com."""
    places: Any = {"personal": {"addresses", "creator_address"}}
    for event in sample_events():
        assert "@" not in event.model_dump_json(exclude=places)
        if event.personal:
            by_recipient = json.loads(event.personal.addresses or "{}")
            addresses = [address for channels in by_recipient.values() for address in channels.values()]
            addresses += [event.personal.creator_address] if event.personal.creator_address else []
            assert all(address.endswith("example.com") or address.startswith("+1555") for address in addresses)


def test_easir_has_every_sample_of_its_document() -> None:
    """Four rows of the list, fourteen user types, four of gamification and five of high five."""
    sections = Counter(sample.heading.split("/")[0] for sample in vendor_samples("easir"))
    assert sections == {"Get your notifications": 4, "User notifications": 14, "Gamification": 4, "High Five": 5}


def test_easir_ids_that_repeat_give_different_notifications() -> None:
    """Five ids of the document stand at two samples each: the first has it, the second has an external id."""
    by_id: dict[str, list[NotificationCreated]] = {}
    for sample in vendor_samples("easir"):
        by_id.setdefault(sample.row["id"], []).append(created_of(sample))
    repeated = {vendor_id: twins for vendor_id, twins in by_id.items() if len(twins) > 1}
    assert len(repeated) == 5
    for vendor_id, (first, second) in repeated.items():
        assert vendor_id == str(first.notification_id)
        assert str(second.external_id).endswith(vendor_id)


def test_easir_read_at_is_a_read_in_utc() -> None:
    """The one row that was read gives one read, by the list's user, at its own time."""
    reads = [event for event in sample_events("easir") if event.kind == "read"]
    assert [(datetime(2015, 3, 23, 10, 25, 50, tzinfo=UTC), "54")] == [
        (event.occurred_at, event.recipient_id) for event in reads
    ]


def test_easir_list_belongs_to_one_user() -> None:
    """The list's four rows are one user's, newest first; the samples of each type are not among them."""
    rows = [
        event
        for event in sample_events("easir")
        if isinstance(event, NotificationCreated) and event.audience[0].recipient_id == "54"
    ]
    assert [event.type for event in rows] == ["note", "note", "inbox", "inbox"]
    assert sorted((event.occurred_at for event in rows), reverse=True) == [event.occurred_at for event in rows]


def test_nextinteract_counts_are_recipients() -> None:
    """Where totalNotificationsSent is 45 and 127 there are as many recipients, each with one delivered."""
    events = sample_events("nextinteract")
    created = [event for event in events if isinstance(event, NotificationCreated)]
    assert [len(event.audience) for event in created] == [45, 127]
    for event in created:
        reached = [
            each.recipient_id
            for each in events
            if each.kind == "delivered" and each.notification_id == event.notification_id
        ]
        assert sorted(reached, key=str) == sorted(member.recipient_id for member in event.audience)
        assert datetime(2019, 11, 5, 10, 45, 14, tzinfo=UTC) == event.occurred_at.replace(microsecond=0)


def test_suger_tracks_opens_per_contact() -> None:
    """Two contacts opened the first event, one of them twice; the copy did not."""
    first = transcribe(vendor_samples("suger")[0])
    assert Counter({"contact-ann": 2, "contact-bob": 1}) == Counter(
        event.recipient_id for event in first if event.kind == "opened"
    )


def test_suger_channels_name_no_recipient_until_it_is_delivered() -> None:
    """The event's channels are its own; deliveries say who got it over which, bare addresses by mail alone."""
    created, *facts = transcribe(vendor_samples("suger")[0])
    assert isinstance(created, NotificationCreated)
    assert created.channels == ("EMAIL", "SLACK")
    assert {()} == {member.channels for member in created.audience}
    assert {
        *product(["contact-ann", "contact-bob", "contact-carol"], ["EMAIL", "SLACK"]),
        (f"{created.notification_id}/address-1", "EMAIL"),
        (f"{created.notification_id}/address-2", "EMAIL"),
    } == {(event.recipient_id, event.channel) for event in facts if event.kind == "delivered"}


def test_suger_status_becomes_facts() -> None:
    """SCHEDULED was created only, PENDING fired, DONE delivered, FAILED failed for good."""
    kinds = {
        sample.row["eventStatus"]: {str(event.kind) for event in transcribe(sample)} - {"opened"}
        for sample in vendor_samples("suger")
    }
    assert {
        "SCHEDULED": {"created"},
        "PENDING": {"created", "fired"},
        "DONE": {"created", "fired", "delivered"},
        "FAILED": {"created", "fired", "failed"},
    } == kinds


def test_realtimeregister_dates_are_independent() -> None:
    """A notification may be acknowledged without having been read, and read before it was delivered."""
    stories = [[str(event.kind) for event in transcribe(sample)] for sample in vendor_samples("realtimeregister")]
    assert ["created", "fired", "acknowledged"] in stories
    (early,) = (sample for sample in vendor_samples("realtimeregister") if sample.row["id"] == 1203360)
    times = {event.kind: event.occurred_at for event in transcribe(early)}
    assert times[Kind.READ] < times[Kind.DELIVERED]


def test_novu_jobs_are_deliveries() -> None:
    """A job is a delivery with a reference; a retried one failed, then was delivered; a digest is none."""
    stories = [
        [(str(event.kind), event.channel) for event in transcribe(sample)[1:] if event.kind != "attempted"]
        for sample in vendor_samples("novu")
    ]
    assert stories == [
        [("fired", "in_app"), ("delivered", "in_app"), ("read", "in_app"), ("fired", "email"), ("delivered", "email")],
        [("fired", "sms"), ("failed", "sms"), ("delivered", "sms")],
        [("fired", "push"), ("failed", "push")],
    ]
    assert [event.permanent for event in sample_events("novu") if isinstance(event, NotificationFailed)] == [
        False,
        True,
    ]


def test_novu_details_are_attempts() -> None:
    """Each detail of an execution is one attempt, in its order; what it came to is told beside it."""
    for sample in vendor_samples("novu"):
        details = [detail for job in sample.row["jobs"] for detail in job["executionDetails"]]
        attempts = [event for event in transcribe(sample) if isinstance(event, NotificationAttempted)]
        assert [(each["_id"], each["status"]) for each in details] == [(a.attempt_id, a.status) for a in attempts]


def test_novu_first_event_of_a_delivery_says_what_its_job_is() -> None:
    """The fired where there is one, else the first attempt, has the step; the last attempt has the job's status."""
    for sample in vendor_samples("novu"):
        for job in sample.row["jobs"]:
            events = [event for event in transcribe(sample) if event.delivery_ref == job["_id"]]
            kind = "attempted" if job["type"] == "digest" else "fired"
            first = next(event for event in events if event.kind == kind)
            last = [event for event in events if event.kind == "attempted"][-1]
            assert job["step"] == json.loads((first.personal and first.personal.data) or "{}")["step"]
            assert job["status"] == json.loads(last.attributes or "{}")["jobStatus"]
            assert sum("step" in ((event.personal and event.personal.data) or "") for event in events) == 1


def test_novu_failure_is_permanent_only_at_the_end() -> None:
    """Of a job that failed, the last detail is the failure for good: what failed before it was tried again."""
    sample = vendor_samples("novu")[1]
    (job,) = sample.row["jobs"]
    *before, last = job["executionDetails"]
    failed = job | {"status": "failed", "executionDetails": [*before, last | {"status": "Failed"}]}
    events = transcribe(Sample("novu", "Tried twice", {**sample.row, "jobs": [failed]}))
    assert [event.permanent for event in events if isinstance(event, NotificationFailed)] == [False, True]
