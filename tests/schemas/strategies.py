"""Any event of the contract, every field of every kind, at the edges of what the models allow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from ledger_schemas import limits
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event

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
).map(json.dumps)

PERSONAL: Final = st.fixed_dictionaries(
    {},
    optional={
        "title": st.none() | TEXTS,
        "body": st.none() | TEXTS,
        "data": st.none() | _JSON,
        "addresses": st.none() | _JSON,
        "detail": st.none() | TEXTS,
    },
)
_MEMBERS: Final = st.fixed_dictionaries(
    {"recipient_id": IDS, "role": IDS, "channels": st.lists(IDS, max_size=3)},
)
_SUBJECTS: Final = st.fixed_dictionaries({"type": IDS, "id": IDS}, optional={"status": MAYBE_IDS})

_ENVELOPE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "event_id": UUIDS,
    "tenant_id": IDS,
    "notification_id": UUIDS,
    "occurred_at": TIMES,
    "recipient_id": MAYBE_IDS,
    "channel": IDS,
    "delivery_ref": MAYBE_IDS,
    "attempt_id": MAYBE_IDS,
    "source": IDS,
    "actor": MAYBE_IDS,
    "correlation_id": MAYBE_IDS,
    "causation_id": MAYBE_IDS,
    "personal": st.none() | PERSONAL,
    "personal_key_id": MAYBE_IDS,
}
_MORE: Final[dict[Kind, dict[str, st.SearchStrategy[Any]]]] = {
    Kind.CREATED: {
        "audience": st.lists(_MEMBERS, max_size=3, unique_by=lambda member: member["recipient_id"]),
        "category": MAYBE_IDS,
        "action": MAYBE_IDS,
        "priority": MAYBE_IDS,
        "subject": st.none() | _SUBJECTS,
        "external_id": MAYBE_IDS,
        "scheduled_at": st.none() | TIMES,
        "tags": st.lists(IDS, max_size=3),
    },
    Kind.DELIVERED: {"provider": MAYBE_IDS},
    Kind.OPENED: {"automated": st.booleans()},
    Kind.FAILED: {"permanent": st.booleans(), "reason": MAYBE_IDS, "provider": MAYBE_IDS},
}


def events(kind: Kind) -> st.SearchStrategy[Event]:
    """Draw any event of one kind."""
    fields = st.fixed_dictionaries({"kind": st.just(kind), **_ENVELOPE, **_MORE.get(kind, {})})
    without_channel = {"channel": None, "delivery_ref": None}
    return st.builds(
        lambda drawn, bare: parse_event({**drawn, **(without_channel if bare else {})}), fields, st.booleans()
    )
