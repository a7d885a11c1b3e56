"""Any event of the contract, every field of every kind as its schema has them, at the edges of what models allow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from ledger_schemas import limits
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event

from .published import COMMON, document, present

CONTROL_CHARACTERS: Final = [chr(code) for code in (*range(0x20), 0x7F)]

TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Everything that UTF-8 can carry, control characters and NUL included."""

_ID_CHARACTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters=CONTROL_CHARACTERS)
IDS: Final = st.one_of(
    st.text(_ID_CHARACTERS, min_size=1, max_size=8),
    st.sampled_from(["a" * limits.ID_CHARS_MAX, "é" * limits.ID_CHARS_MAX]),
)
MAYBE_IDS: Final = st.none() | IDS

UUIDS: Final = st.builds(
    lambda number, version: UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | version << 76 | 0x2 << 62),
    st.integers(0, 2**128 - 1),
    st.integers(1, 8),
)
"""Versions 1 to 8, the variant of RFC 9562."""

_OFFSETS: Final = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ANY_AWARE_TIMES: Final = st.datetimes(timezones=_OFFSETS | st.just(UTC))
"""Also those whose offset carries them out of the years 1 to 9999."""

_INSIDE: Final[dict[str, Any]] = {"min_value": datetime(1, 1, 2), "max_value": datetime(9999, 12, 30)}  # noqa: DTZ001 - zones are drawn
TIMES: Final = st.one_of(
    st.datetimes(**_INSIDE, timezones=_OFFSETS | st.just(UTC)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)

_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def _up_to(characters_max: int) -> st.SearchStrategy[str]:
    return TEXTS | st.just("é" * characters_max)


_NAMED: Final[dict[str, st.SearchStrategy[Any]]] = {
    "personal.title": _up_to(limits.TITLE_CHARS_MAX),
    # One of the two bodies at its limit; both, of characters of four bytes, would be more than an event may have.
    "personal.body": TEXTS | st.just("b" * limits.BODY_CHARS_MAX),
    "personal.body_formatted": TEXTS,
    "personal.link": _up_to(limits.LINK_CHARS_MAX),
    "personal.data": _JSON.map(json.dumps),
    "personal.addresses": st.dictionaries(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2).map(json.dumps),
    "personal.detail": _up_to(limits.DETAIL_CHARS_MAX),
    "personal.subject_name": _up_to(limits.NAME_CHARS_MAX),
    "personal.creator_name": _up_to(limits.NAME_CHARS_MAX),
    "personal.creator_address": _up_to(limits.NAME_CHARS_MAX),
    "template.name": _up_to(limits.NAME_CHARS_MAX),
    "schedule.name": _up_to(limits.NAME_CHARS_MAX),
    "schedule.recurrence": _up_to(limits.NAME_CHARS_MAX),
    "attributes": st.dictionaries(TEXTS, _JSON, max_size=3).map(json.dumps),
    "number": st.integers(0, limits.NUMBER_MAX),
    "cleared": st.lists(
        st.sampled_from(
            [
                "personal",
                *(
                    field["name"]
                    for field in document(Kind.AMENDED)["fields"]
                    if field["name"] not in {*COMMON, "cleared"}
                ),
            ]
        ),
        max_size=3,
    ),
}
"""The fields whose rule their type does not tell; every other text is an id."""

_OF_SIMPLE_TYPES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "string": IDS,
    "boolean": st.booleans(),
    "uuid": UUIDS,
    "timestamp-micros": TIMES,
}

_LISTS: Final[dict[str, int]] = {
    "channels": limits.CHANNELS_PER_RECIPIENT_MAX,
    "audience.channels": limits.CHANNELS_PER_RECIPIENT_MAX,
    "groups": limits.GROUPS_PER_EVENT_MAX,
    "tags": limits.TAGS_PER_EVENT_MAX,
    "contexts": limits.CONTEXTS_PER_EVENT_MAX,
}
"""How long a list may be; the audience, whose members are named once, has its edge of its own."""

_LARGEST_AUDIENCE: Final = [{"recipient_id": str(number)} for number in range(limits.RECIPIENTS_PER_EVENT_MAX)]


@cache
def events(kind: Kind) -> st.SearchStrategy[Event]:
    """Draw any event of one kind."""
    fields = st.fixed_dictionaries(
        {"kind": st.just(kind), **{field["name"]: _values(field, "") for field in document(kind)["fields"]}}
    )
    return fields.map(_with_channel).map(parse_event)


def _with_channel(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the document with no delivery_ref where there is no channel to need it."""
    return drawn if drawn["channel"] is not None else {**drawn, "delivery_ref": None}


def _values(field: dict[str, Any], path: str) -> st.SearchStrategy[Any]:
    here = f"{path}{field['name']}"
    values = _NAMED[here] if here in _NAMED else _of_type(present(field["type"]), here)
    return st.none() | values if isinstance(field["type"], list) else values


def _of_type(node: Any, here: str) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a schema is any JSON
    simple = node.get("logicalType") if isinstance(node, dict) else node
    if simple in _OF_SIMPLE_TYPES:
        return _OF_SIMPLE_TYPES[simple]
    match node:
        case {"type": "array", "items": items} if here == "audience":
            once = st.lists(_of_type(items, here), max_size=3, unique_by=lambda member: member["recipient_id"])
            return once | st.just(_LARGEST_AUDIENCE)
        case {"type": "array", "items": items}:
            return st.lists(_of_type(items, here), max_size=3) | _of_type(items, here).map(
                lambda item: [item] * _LISTS[here]
            )
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({field["name"]: _values(field, f"{here}.") for field in fields})
    raise NotImplementedError(here)  # A type that the contract did not have: it needs values here.
