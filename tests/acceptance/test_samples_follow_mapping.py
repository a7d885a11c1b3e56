"""Each value of a vendor's document lies where the mapping says, in the events that the document becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from typing import Any, Final

import pytest

from ledger_infra.demo.samples import VENDORS, vendor_samples
from ledger_infra.demo.transcripts import Sample, Vendor, transcribe
from ledger_schemas import Event, Kind, limits
from tests.schemas.published import document, fields, present

from .mapping import ROOT, mapping
from .tracing import Path, created, field_of, listed, trace, walk

GUIDE: Final = ROOT / "infra/guides/samples.md"
TITLES: Final = {
    "suger": "Suger",
    "realtimeregister": "Realtime Register",
    "novu": "Novu",
    "nextinteract": "NextInteract",
    "easir": "EASI'R",
}


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
each_document = pytest.mark.parametrize(
    "sample", [pytest.param(sample, id=f"{sample.vendor}-{sample.heading}") for sample in DOCUMENTS]
)

IN_DIRECTORY: Final = {("novu", "_environmentId"), ("novu", "_organizationId")}
"""Rows of the tenant, which no event repeats."""

NOT_TAKEN: Final = {
    ("suger", "eventStatus", "created.attributes#eventStatus"): "The facts say it.",
    ("suger", "contactEmails[]", "created.audience.recipient_id"): "A made id; the address is beside it.",
    ("suger", "contactIds[]", "audience_added.audience.recipient_id"): "A sample is one state, with its audience.",
    ("suger", "ccContactIds[]", "audience_added.audience.recipient_id"): "A sample is one state, with its audience.",
    ("suger", "entityStatus", "amended.subject.status"): "A sample is one state.",
    ("suger", "title", "amended.personal.title"): "A sample is one state.",
    ("suger", "message", "amended.personal.body"): "A sample is one state.",
    ("novu", "jobs[].status", "fired.attributes#jobStatus"): "When it was fired it was not yet what it is.",
    ("novu", "jobs[].status", "derived"): "The last attempt states it.",
    ("easir", "read", "read.occurred_at"): "It says whether, not when.",
}
"""Places that the mapping offers and these documents do not need: (vendor, field, place), and why."""

BESIDE: Final = {
    "created.audience.recipient_id",
    "created.audience.role",
    "created.audience.channels",
    "created.groups.type",
    "delivered.provider",
    "failed.provider",
    "failed.reason",
    "failed.permanent",
    "deferred.reason",
}
"""What events say that no row names: the audience and its channels where the vendor shows none, which list a member
stood in, which sort a group is, and how an outcome came about."""

ENVELOPE: Final = {
    "event_id",
    "kind",
    "tenant_id",
    "notification_id",
    "occurred_at",
    "source",
    "recipient_id",
    "channel",
    "delivery_ref",
    "attempt_id",
    "correlation_id",
    "external_id",
}
"""What says of which notification and of whom an event speaks, and by which id the vendor finds it again."""


def lost(sample: Sample, events: list[Event]) -> set[str]:
    """Return the paths of those values of a sample that no place of their rows holds."""
    return {
        path
        for path, row, places in trace(sample, events)
        if not places and (sample.vendor, row) not in IN_DIRECTORY and not (row == "id" and sample.id_repeats)
    }


def changed(sample: Sample, path: Path, value: Any) -> Sample:  # noqa: ANN401 - a leaf of any JSON
    """Return the sample with another value at a path."""
    row: Any = json.loads(json.dumps(sample.row))
    parent = reduce(lambda node, name: node[name], path[:-1], row)
    parent[path[-1]] = not value if isinstance(value, bool) else value + ("x" if isinstance(value, str) else 1)
    return Sample(sample.vendor, sample.heading, row, sample.id_repeats)


def followed(vendor: Vendor) -> set[tuple[str, str]]:
    """Return the rows of a vendor that its documents need, each with a place where some value lies."""
    return {
        (row, place)
        for sample in DOCUMENTS
        if sample.vendor == vendor
        for _, row, places in trace(sample, transcribe(sample))
        for place in places
    }


def stated(event: Event) -> Iterator[str]:
    """Yield the places of an event that say something, as the mapping writes them."""
    document = event.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    for place in ("personal", "attributes"):
        inside = document.get(place)
        if isinstance(inside, str):
            document[place] = {f"#{key}": True for key in json.loads(inside)}
        elif inside and "data" in inside:
            inside["data"] = {f"#{key}": True for key in json.loads(inside["data"])}
    for path, value in walk(document):
        if value not in (None, [], False):
            names = ".".join(name for name in path if isinstance(name, str))
            yield f"{event.kind}.{names}".replace(".#", "#")


@each_document
def test_every_value_lies_where_its_row_says(sample: Sample) -> None:
    """At a place of its row, in the events of its delivery or attempt; or as the row derives it from the facts."""
    assert set() == lost(sample, transcribe(sample))


@each_document
def test_any_other_value_would_be_noticed(sample: Sample) -> None:
    """The events of a sample hold none of its values changed: what is said above of each, is said of that value."""
    events = transcribe(sample)
    free = {"id"} if sample.id_repeats else {name for vendor, name in IN_DIRECTORY if vendor == sample.vendor}
    # These say which attempt or opening the values beside them are of; without it there is nothing to look at.
    keys = {"_id", "timestamp"}
    for path, value in walk(sample.row):
        if value in (None, "", [], {}) or path[0] in free:
            continue
        other = changed(sample, path, value)
        missing = lost(other, events)
        assert ".".join(map(str, path)) in missing or path[-1] in keys, path
        assert missing, path


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_place_of_the_mapping_is_followed(vendor: Vendor) -> None:
    """Each row of the vendor's notification, at each of its places in events, but those that are known not to be."""
    taken = followed(vendor)
    rows = [row for row in mapping(vendor).field if "/" not in row.vendor and (vendor, row.vendor) not in IN_DIRECTORY]
    assert {row.vendor for row in rows} == {row for row, _ in taken}
    places = {(row.vendor, place) for row in rows for place in row.ledger if place.split(".")[0] in {*Kind, "derived"}}
    assert places - taken == {(row, place) for of, row, place in NOT_TAKEN if of == vendor}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_guide_says_the_same(vendor: Vendor) -> None:
    """Each line of the guide's table of a vendor names the places where its fields lie, all fields and all places."""
    taken = followed(vendor) | {(row, "directory") for of, row in IN_DIRECTORY if of == vendor}
    section = GUIDE.read_text(encoding="utf-8").split(f"\n## {TITLES[vendor]}\n")[1].split("\n## ")[0]
    named: list[str] = []
    for left, right in re.findall(r"^\| (`.*?) \| (.*) \|$", section, re.MULTILINE):
        fields = re.findall(r"`(.+?)`", left)
        # Behind `derived:` the line says in words what it follows from.
        places = set(re.findall(r"`(\w+\.\S+?)`|^(?:the )?(derived|directory):", right))
        places = {place or word for place, word in places}
        assert {place for row, place in taken if row in fields} == places, left
        named += fields
    assert sorted({row for row, _ in taken}) == sorted(named)


def test_events_say_nothing_that_the_mapping_does_not() -> None:
    """Beside the envelope, each place that says something is the place of a row; the few others are known."""
    unnamed = set()
    for sample in DOCUMENTS:
        rows = {place for row in mapping(sample.vendor).field for place in row.ledger}
        unnamed |= {place for event in transcribe(sample) for place in stated(event)} - rows
    assert {place for place in unnamed if place.partition(".")[2] not in ENVELOPE} == BESIDE


def test_an_address_is_a_member_whose_id_says_nothing() -> None:
    """Suger's bare addresses are members of their own, named by their place in the list; contacts keep their ids."""
    first = created(transcribe(vendor_samples("suger")[0]))
    assert [(member.recipient_id, member.role) for member in first.audience] == [
        ("contact-ann", "to"),
        ("contact-bob", "to"),
        ("contact-carol", "cc"),
        (f"{first.notification_id}/address-1", "to_address"),
        (f"{first.notification_id}/address-2", "to_address"),
    ]


def test_the_order_of_a_workflow_is_kept() -> None:
    """Novu's channels come back in their order, steps that deliver nothing among them; an empty list does too."""
    for channels in (["email", "digest", "in_app", "delay", "sms"], ["digest"], []):
        first = created(transcribe(further("novu", 0, "A workflow", channels=channels)))
        assert channels == json.loads(first.attributes or "{}")["channels"]


def test_what_a_provider_answered_is_kept_whole() -> None:
    """Novu's raw, up to the limit that the mapping names."""
    (note,) = (row.note for row in mapping("novu").field if row.vendor == "jobs[].executionDetails[].raw")
    assert f"{limits.DETAIL_CHARS_MAX:,} characters" in note
    detail = {**job(1)["executionDetails"][0], "raw": "x" * limits.DETAIL_CHARS_MAX}
    tried = transcribe(further("novu", 0, "A long answer", jobs=[job(1, executionDetails=[detail])]))
    (said,) = (event.personal.detail for event in tried if event.kind == Kind.ATTEMPTED and event.personal)
    assert detail["raw"] == said


def test_a_contact_of_both_lists_is_shown_in_both() -> None:
    """It is one member, of a role of its own, delivered once over a channel; both lists come back from the events."""
    (sample,) = (sample for sample in FURTHER if sample.vendor == "suger" and sample.row["eventStatus"] == "DONE")
    events = transcribe(sample)
    audience = created(events).audience
    assert {member.recipient_id: member.role for member in audience if member.role != "to_address"} == {
        "contact-ann": "to_cc",
        "contact-bob": "to",
        "contact-carol": "cc",
    }
    for name in ("contactIds", "ccContactIds"):
        assert sample.row[name] == listed(audience, f"{name}[]")
    delivered = [(event.recipient_id, event.channel) for event in events if event.kind == Kind.DELIVERED]
    assert delivered.count(("contact-ann", "EMAIL")) == 1


def test_addresses_of_two_notifications_are_not_one_person() -> None:
    """The id of a bare address is another one in each notification, so no inbox is shared; the address is not in it."""
    made = [
        (member.recipient_id, json.loads(event.personal.addresses)[member.recipient_id]["EMAIL"])
        for sample in vendor_samples("suger")
        for event in [created(transcribe(sample))]
        for member in event.audience
        if member.role == "to_address" and event.personal and event.personal.addresses
    ]
    assert [address for sample in vendor_samples("suger") for address in sample.row["contactEmails"]] == [
        address for _, address in made
    ]
    assert len(made) == len({recipient_id for recipient_id, _ in made})
    assert not any("@" in recipient_id or address in recipient_id for recipient_id, address in made)


def test_the_longest_ids_of_a_vendor_leave_room_for_an_address() -> None:
    """An eventID as long as an id may be, and the place of the last member that an event can hold."""
    addresses = [f"person-{number}@buyer.example.com" for number in range(limits.RECIPIENTS_PER_EVENT_MAX)]
    sample = further(
        "suger",
        1,
        "Many addresses",
        eventID="e" * limits.ID_CHARS_MAX,
        contactIds=[],
        contactEmails=addresses,
    )
    audience = created(transcribe(sample)).audience
    assert len(addresses) == len(audience)
    assert audience[-1].recipient_id.endswith(f"/address-{len(addresses)}")


def test_a_number_that_becomes_a_text_is_noted() -> None:
    """Where a vendor's number lies in a field of texts, the note of its row says how it is written."""
    schemas = {f"{kind}.{path}": field for kind in Kind for path, field in fields(document(kind))}
    found = set()
    for sample in DOCUMENTS:
        by_name = {row.vendor: row for row in mapping(sample.vendor).field}
        for path, value in walk(sample.row):
            row = by_name.get(field_of(path, value))
            types = {str(present(schemas[place]["type"])) for place in row.ledger if place in schemas} if row else set()
            if row and type(value) is int and "string" in types:
                assert "decimal text" in row.note, row.vendor
                found.add(row.vendor)
    assert found == {"companyId", "brochureId", "notificationScheduleId", "process"}


def test_an_id_that_repeats_is_the_only_exception() -> None:
    """Five samples of EASI'R have the id of an earlier one: their notifications have ids of their own."""
    repeated = [sample for sample in DOCUMENTS if sample.id_repeats]
    assert [sample.vendor for sample in repeated] == ["easir"] * 5
    for sample in repeated:
        assert created(transcribe(sample)).external_id == f"easir {sample.heading} {sample.row['id']}"
