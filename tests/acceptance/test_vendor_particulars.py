"""What single vendors' documents ask for, and a table of fields and places does not say."""

from __future__ import annotations

import json

from ledger_infra.demo.samples import vendor_samples
from ledger_infra.demo.transcripts import transcribe
from ledger_schemas import Kind, limits
from tests.schemas.published import document, fields, present

from .documents import DOCUMENTS, FURTHER, further, job
from .mapping import mapping
from .tracing import created, field_of, listed, walk


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
