from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor, derive_event_id, tenant_of, transcribe
from ledger_schemas import (
    Event,
    Kind,
    NotificationCreated,
    NotificationFailed,
    decode_event,
    derive_notification_id,
    encode_event,
)
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.limits import ID_CHARS_MAX

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DERIVED: Final = {
    # A status or a flag that follows from the facts; a count that follows from the recipients.
    ("suger", "eventStatus"),
    ("suger", "trackEvents.action"),
    ("nextinteract", "successful"),
    ("nextinteract", "totalNotificationsSent"),
    ("easir", "read"),
}
"""Leaves that no event holds, because the facts say them: (vendor, path)."""

ALL_SAMPLES: Final = [
    pytest.param(sample, id=f"{vendor}-{sample.heading}") for vendor in VENDORS for sample in vendor_samples(vendor)
]


def leaves(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, value) of every value that says something: not null, not an empty text."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from leaves(child, (*path, key))
    elif isinstance(node, list | tuple):
        for number, child in enumerate(node):
            yield from leaves(child, (*path, str(number)))
    elif node is not None and node != "":
        yield path, node


def held(event: Event) -> Iterator[str | datetime]:
    """Yield what the typed fields and the addresses of an event hold."""
    document = event.model_dump(mode="python", exclude={"personal": {"data"}})
    personal = document.get("personal") or {}
    for address in leaves(json.loads(personal.pop("addresses", None) or "{}")):
        yield address[1]
    for _, value in leaves(document):
        yield value
        if isinstance(value, str):
            yield value.removeprefix("user:")


def as_time(value: Any) -> datetime | None:  # noqa: ANN401 - a leaf of any JSON
    """Return a vendor's time, as text or as epoch milliseconds."""
    if isinstance(value, int):
        return EPOCH + timedelta(milliseconds=value)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def lost(sample: Sample, events: list[Event]) -> list[str]:
    """Return the paths of the sample's leaves that the events do not hold."""
    everything = {value for event in events for value in held(event)}
    created = events[0]
    assert created.personal is not None
    in_data = dict(leaves(json.loads(created.personal.data or "{}")))
    missing = []
    for path, value in leaves(sample.row):
        name = ".".join(part for part in path if not part.isdigit())
        typed = not isinstance(value, bool | float) and (str(value) in everything or as_time(value) in everything)
        if in_data.get(path) != value and not typed and (sample.vendor, name) not in DERIVED:
            missing.append(".".join(path))
    return missing


@pytest.mark.parametrize("sample", ALL_SAMPLES)
def test_no_field_of_a_sample_is_lost(sample: Sample) -> None:
    """Every value of every sample is in a typed field or, at the vendor's own path, in the personal data."""
    assert lost(sample, transcribe(sample)) == []


def test_a_lost_field_would_be_noticed() -> None:
    """The check above sees each value that the events do not hold: a text, a number, a flag, a time."""
    (sample, *_) = vendor_samples("easir")
    row = json.loads(json.dumps(sample.row))
    row["data"]["case"]["case_number"] = 66
    row |= {"read_at": "2015-03-22 10:25:51", "type": "node", "pinned": False}
    changed = Sample(sample.vendor, sample.heading, row)
    assert sorted(lost(changed, transcribe(sample))) == ["data.case.case_number", "pinned", "read_at", "type"]


def test_every_exception_is_in_use() -> None:
    """Each value that is called derived is a field of some sample."""
    in_use = {
        (sample.vendor, ".".join(part for part in path if not part.isdigit()))
        for vendor in VENDORS
        for sample in vendor_samples(vendor)
        for path, _ in leaves(sample.row)
    }
    assert set() == DERIVED - in_use


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
def test_notification_ids_are_derived_from_external_ids(vendor: Vendor) -> None:
    """Whoever knows tenant, source and external id finds the notification; each sample is one of its own."""
    created = [event for event in sample_events(vendor) if isinstance(event, NotificationCreated)]
    for event in created:
        assert event.external_id is not None
        assert len(event.external_id) <= ID_CHARS_MAX
        assert event.notification_id == derive_notification_id(event.tenant_id, event.source, event.external_id)
    assert len(vendor_samples(vendor)) == len({event.notification_id for event in created})


def test_addresses_are_nowhere_but_in_addresses() -> None:
    """No event says an address outside of personal.addresses, and those of invented samples are at example.com."""
    for event in sample_events():
        assert "@" not in event.model_dump_json(exclude={"personal": {"addresses"}})
        addresses = json.loads((event.personal and event.personal.addresses) or "{}")
        for _, address in leaves(addresses):
            assert address.endswith("example.com") or address.startswith("+1555")


def test_easir_has_every_sample_of_its_document() -> None:
    """Four rows of the list, fourteen user types, four of gamification and five of high five."""
    sections = Counter(sample.heading.split("/")[0] for sample in vendor_samples("easir"))
    assert sections == {"Get your notifications": 4, "User notifications": 14, "Gamification": 4, "High Five": 5}


def test_easir_ids_that_repeat_give_different_notifications() -> None:
    """Samples with one id below different headings are different notifications."""
    headings: dict[str, list[Sample]] = {}
    for sample in vendor_samples("easir"):
        headings.setdefault(sample.row["id"], []).append(sample)
    repeated = [samples for samples in headings.values() if len(samples) > 1]
    assert len(repeated) == 5
    for samples in repeated:
        assert len(samples) == len({transcribe(sample)[0].notification_id for sample in samples})


def test_easir_read_at_is_a_read_in_utc() -> None:
    """The one row that was read gives one read, by the list's user, at its own time."""
    reads = [event for event in sample_events("easir") if event.kind == "read"]
    assert [(datetime(2015, 3, 23, 10, 25, 50, tzinfo=UTC), "user:54")] == [
        (event.occurred_at, event.recipient_id) for event in reads
    ]


def test_easir_list_belongs_to_one_user() -> None:
    """The list's four rows are one user's, newest first; the samples of each type are not among them."""
    rows = [
        event
        for event in sample_events("easir")
        if isinstance(event, NotificationCreated) and event.audience[0].recipient_id == "user:54"
    ]
    assert [event.category for event in rows] == ["note", "note", "inbox", "inbox"]
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
    assert isinstance(first[0], NotificationCreated)
    assert {member.recipient_id: member.role for member in first[0].audience} == {
        "contact-ann": "to",
        "contact-bob": "to",
        "contact-carol": "cc",
    }


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
        [(str(event.kind), event.channel) for event in transcribe(sample)[1:]] for sample in vendor_samples("novu")
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


def test_derived_event_ids_are_uuids_of_version_8_in_the_order_of_time() -> None:
    """The first 48 bits are the fact's milliseconds; the rest tells apart facts of one moment."""
    moment = datetime(2025, 11, 3, 9, 0, 0, 250_000, tzinfo=UTC)
    made = derive_event_id(moment, "tenant", "source", "id", "opened", None)
    assert CANONICAL_UUID.fullmatch(str(made))
    assert made.version == 8
    assert (moment - EPOCH) // timedelta(milliseconds=1) == made.int >> 80
    assert made == derive_event_id(moment, "tenant", "source", "id", "opened", None)
    assert made != derive_event_id(moment, "tenant", "source", "id", "opened", "")
    assert made != derive_event_id(moment + timedelta(microseconds=1), "tenant", "source", "id", "opened", None)
    assert made < derive_event_id(moment + timedelta(milliseconds=1), "tenant", "source", "id", "opened", None)
    with pytest.raises(OverflowError):
        derive_event_id(datetime(1969, 12, 31, tzinfo=UTC), "tenant")
