"""Where in the events of a vendor's document each of its values lies, by the rows of the mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ledger_infra.demo.transcripts import Sample
from ledger_schemas import AudienceMember, Event, Kind, NotificationCreated, NotificationFailed, NotificationOpened

from .mapping import Field, mapping, row_of

NOWHERE: Final = object()
Path = tuple[str | int, ...]
"""Where a value stands in a document: names of fields and places in lists."""

ROLES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("suger", "contactIds[]"): ("to", "to_cc"),
    ("suger", "ccContactIds[]"): ("cc", "to_cc"),
}
"""What the notes of the mapping say besides: of members in which roles a row speaks."""

ONLY: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("suger", "contactEmails[]"): {"channel": "EMAIL"},
    ("realtimeregister", "deliveryDate"): {"channel": "webhook"},
    ("novu", "subscriber.email"): {"channel": "email"},
    ("novu", "subscriber.phone"): {"channel": "sms"},
    ("novu", "topics[]._topicId"): {"type": "topic"},
    ("novu", "topics[].topicKey"): {"type": "topic"},
    ("nextinteract", "companyId"): {"type": "company"},
    ("nextinteract", "eventUUID"): {"type": "event"},
    ("nextinteract", "brochureId"): {"type": "brochure"},
    ("nextinteract", "teamIds[]"): {"type": "team"},
}
"""Likewise: of which groups and channels a row speaks."""

INSIDE: Final[Mapping[tuple[str, str], Path]] = {("novu", "_subscriberId"): ("_id",)}
"""Where in a key of free-form data a field lies that has another name there."""


def created(events: list[Event]) -> NotificationCreated:
    """Return the first event, which is a created."""
    assert isinstance(events[0], NotificationCreated)
    return events[0]


def opened(event: Event) -> NotificationOpened:
    """Return an event that is an opened."""
    assert isinstance(event, NotificationOpened)
    return event


def suger_status(events: list[Event]) -> str:
    """Return Suger's status of the facts, as the mapping's note derives it."""
    kinds = {event.kind for event in events}
    if Kind.DELIVERED in kinds:
        return "DONE"
    if any(isinstance(event, NotificationFailed) and event.permanent for event in events):
        return "FAILED"
    if Kind.FIRED in kinds:
        return "PENDING"
    return "SCHEDULED" if created(events).scheduled_at else ""


DERIVED: Final[Mapping[tuple[str, str], Callable[[list[Event]], Any]]] = {
    ("suger", "eventStatus"): suger_status,
    # Openings stand in trackEvents, with times of their own.
    ("suger", "lastUpdateTime"): lambda events: max(e.occurred_at for e in events if e.kind != Kind.OPENED),
    ("suger", "trackEvents[].action"): lambda events: {
        "OPEN_EMAIL" for e in events if e.channel == "EMAIL" and not opened(e).automated
    },
    ("novu", "updatedAt"): lambda events: max(e.occurred_at for e in events),
    ("novu", "jobs[].updatedAt"): lambda events: max(e.occurred_at for e in events),
    ("nextinteract", "successful"): lambda events: (
        any(e.kind == Kind.DELIVERED for e in events) or all(e.kind != Kind.FAILED for e in events)
    ),
    ("nextinteract", "totalNotificationsSent"): lambda events: (
        len(created(events).audience) if any(e.kind == Kind.FIRED and not e.recipient_id for e in events) else 0
    ),
    ("easir", "read"): lambda events: any(e.kind == Kind.READ for e in events),
}
"""The rows that are not recorded but follow from the facts of the events in question: the rule of the row's note."""


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - any JSON
    """Yield what is neither an object nor a list, or is an empty one, with its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if value in ({}, []) or not isinstance(value, dict | list):
        yield path, value
    for name, each in inner:
        yield from walk(each, (*path, name))


def field_of(path: Path, value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a path as the mapping writes it: [] is each item of a list."""
    text = "".join("[]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")
    return f"{text}[]" if value == [] else text


def spoken_of(sample: Sample, path: Path, events: list[Event]) -> list[Event]:
    """Return the events that may hold what stands at a path: of a job its delivery's, of a detail its attempt."""
    match path:
        case ("jobs", int(job), *rest):
            row = sample.row["jobs"][job]
            events = [event for event in events if event.delivery_ref == row["_id"]]
            match rest:
                case ("executionDetails", int(detail), *_):
                    attempt_id = row["executionDetails"][detail]["_id"]
                    return [event for event in events if event.attempt_id == attempt_id]
        case ("trackEvents", int(opening), *_):
            at = as_time(sample.row["trackEvents"][opening]["timestamp"])
            return [event for event in events if event.kind == Kind.OPENED and event.occurred_at == at]
    return events


def listed(audience: Iterable[AudienceMember], name: str) -> list[str]:
    """Return one of Suger's lists of contacts, as the mapping's notes make it of an audience."""
    return [member.recipient_id for member in audience if member.role in ROLES["suger", name]]


def held(event: Event, place: str, only: Mapping[str, str], roles: tuple[str, ...] = ()) -> Iterator[Any]:
    """Yield what an event holds at a place of its schema; of lists and addresses, what `only` and `roles` speak of."""
    if event.kind != Kind.CREATED and only.get("channel", event.channel) != event.channel:
        return
    nodes: list[Any] = [event.model_dump()]
    for name in place.split("."):
        values = [node.get(name) for node in nodes if node]
        flat = [each for value in values for each in (value if isinstance(value, list | tuple) else [value])]
        nodes = [
            each
            for each in flat
            if not isinstance(each, dict)
            or (
                all(each.get(key, wanted) == wanted for key, wanted in only.items())
                and (not roles or each.get("role", roles[0]) in roles)
            )
        ]
    if place == "personal.addresses":
        nodes = [by.get(only["channel"]) for node in nodes if node for by in json.loads(node).values()]
    yield from (node for node in nodes if node is not None)


def held_under(event: Event, place: str, key: str, tails: list[Path]) -> Iterator[Any]:
    """Yield what lies under a key of an event's free-form data, at the end of each tail; of a list its items."""
    for text in held(event, place, {}):
        for tail in tails:
            node = json.loads(text).get(key, NOWHERE)
            for name in tail:
                inner = dict(enumerate(node)) if isinstance(node, list) else node
                node = inner.get(name, NOWHERE) if isinstance(inner, dict) else NOWHERE
            yield from node if isinstance(node, list) and node else [node]


def as_time(value: Any) -> datetime | None:  # noqa: ANN401 - a leaf of any JSON
    """Return a vendor's time, which is a text or milliseconds since 1970; without a zone it is UTC."""
    if isinstance(value, int):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def same(said: Any, holds: Any) -> bool:  # noqa: ANN401 - a leaf of any JSON, and what an event holds
    """Say whether an event holds what a vendor says: times as instants, ids and numbers as the text of an id."""
    if isinstance(holds, datetime):
        return as_time(said) == holds
    if isinstance(holds, set):
        return holds == {said}
    if isinstance(holds, UUID) or (isinstance(said, int) and isinstance(holds, str) and not isinstance(said, bool)):
        return str(holds) == str(said)
    return type(said) is type(holds) and bool(said == holds)


def places_of(sample: Sample, path: Path, said: Any, row: Field, events: list[Event]) -> list[str]:  # noqa: ANN401
    """Return those places of a row that hold what stands at a path of the sample."""
    named = (sample.vendor, row.vendor)
    about = spoken_of(sample, path, events)
    length = len(re.findall(r"\[\]|[^.\[\]]+", row.vendor))
    # A key holds the field itself, or what the field is a part of.
    tails = [INSIDE[named]] if named in INSIDE else [path[max(0, length - up) :] for up in range(3)]
    only, roles = ONLY.get(named, {}), ROLES.get(named, ())
    found = []
    for place in row.ledger:
        kind, _, rest = place.partition(".")
        where, _, key = rest.partition("#")
        values: list[Any] = []
        for event in about:
            if event.kind == kind:
                values += held_under(event, where, key, tails) if key else held(event, where, only, roles)
        if any(same(said, value) for value in values):
            found.append(place)
    if named in DERIVED and about and same(said, DERIVED[named](about)):
        found.append("derived")
    return found


def trace(sample: Sample, events: list[Event]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield, for each value of a sample: its path, the row that maps it, and the places where the events hold it."""
    of = mapping(sample.vendor)
    whole = {key.ledger for key in of.data_key if key.type in {"object", "array"}}
    for path, value in walk(sample.row):
        name = field_of(path, value)
        row = row_of(of.field, name, whole)
        if row is None or (row.vendor == name and value in (None, "", [])):
            continue  # It says that there is nothing; test_mapping.py holds that every other value has a row.
        yield ".".join(map(str, path)), row.vendor, places_of(sample, path, value, row, events)
