"""Each value of a vendor's document lies where the mapping says, in the events that the document becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any, Final

import pytest

from ledger_infra.demo.samples import VENDORS
from ledger_infra.demo.transcripts import Sample, Vendor, transcribe
from ledger_schemas import Event, Kind

from .documents import DOCUMENTS
from .mapping import ROOT, mapping
from .tracing import Path, trace, walk

GUIDE: Final = ROOT / "infra/guides/samples.md"
TITLES: Final = {
    "suger": "Suger",
    "realtimeregister": "Realtime Register",
    "novu": "Novu",
    "nextinteract": "NextInteract",
    "easir": "EASI'R",
}

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
