"""What the events of the property tests state beyond their envelope: few values, so that they meet and contradict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from ledger_schemas import Kind

RECIPIENTS: Final = ("ann", "bob", "Ann")
CROWD: Final = tuple(f"member {number}" for number in range(12))
CHANNELS: Final = ("email", "in_app", "Übermittlung")
REFS: Final = ("phone", "tablet")
TIMES: Final = (None, datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))
PARENT: Final = UUID("f19ca7a1-0000-7000-8000-00000000000f")

PERSONAL: Final[tuple[dict[str, str] | None, ...]] = (
    None,
    None,
    {},
    {"title": "Hello"},
    {"body": "x", "data": '{"a":1}'},
)
TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "type": ("billing", "promo"),
    "category": ("promo", "alert"),
    "action": ("shipped",),
    "reason": ("overdue",),
    "priority": ("low", "high"),
    "severity": ("minor",),
}
PARTS: Final[dict[str, tuple[Any, ...]]] = {
    "subject": (None, {"type": "order", "id": "1"}, {"type": "order", "id": "2", "status": "open"}, {}),
    "template": (None, {"id": "welcome", "version": "2"}),
    "schedule": (None, {"local_time": "2026-03-01T09:00", "time_zone": "Europe/Berlin"}),
    "digest": (None, {"key": "daily"}, {"merged_into": "n9"}),
    "scheduled_at": TIMES,
    "expires_at": TIMES,
}
LISTS: Final[dict[str, tuple[Any, ...]]] = {
    "tags": ("a", "b"),
    "contexts": ("team:1",),
    "channels": ("chat", "email"),
    "groups": ({"type": "team", "id": "1"}, {"type": "topic", "id": "2", "reference": "r"}),
}
CREATED_ALONE: Final[dict[str, tuple[Any, ...]]] = {
    "external_id": (None, "order-1", "order-2"),
    "creator": (None, {"type": "user", "id": "7"}),
    "parent_notification_id": (None, PARENT),
    "number": (None, 0, 2**40),
}
CLEARABLE: Final = (*TEXTS, *PARTS, *LISTS, "personal")


@dataclass(frozen=True, slots=True)
class Scene:
    """The names that the events of one notification may carry; few, so that they meet."""

    recipients: tuple[str, ...]
    channels: tuple[str, ...]
    refs: tuple[str, ...]


def _some(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), unique=True, max_size=len(names)).map(tuple)


SCENES: Final = st.builds(
    Scene,
    recipients=st.one_of(
        st.sampled_from([(name,) for name in RECIPIENTS]), st.just(RECIPIENTS), _some(RECIPIENTS), st.just(CROWD)
    ),
    channels=st.one_of(st.sampled_from([(name,) for name in CHANNELS]), st.just(CHANNELS), _some(CHANNELS)),
    refs=_some(REFS),
)


def maybe(names: Sequence[str]) -> st.SearchStrategy[str | None]:
    """Draw one of the names, or none."""
    return st.sampled_from((None, *names))


def stated_by(kind: Kind, scene: Scene, event_ids: Sequence[UUID]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the fields that the fold reads of the kind, beyond those of the envelope; `event_ids` may be retracted."""
    until = (*TIMES, datetime(2200, 1, 1, tzinfo=UTC) + timedelta(microseconds=1))
    actions = st.fixed_dictionaries({"action_type": maybe(("primary",))})
    automated = st.fixed_dictionaries({"automated": st.booleans()})
    by_kind: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
        Kind.CREATED: _created(scene),
        Kind.AMENDED: _amended(),
        Kind.AUDIENCE_ADDED: st.fixed_dictionaries({"audience": _audiences(scene)}),
        Kind.OPENED: automated,
        Kind.CLICKED: automated,
        Kind.FAILED: st.fixed_dictionaries({"permanent": st.booleans(), "reason": maybe(("bounced",))}),
        Kind.ACTION_COMPLETED: actions,
        Kind.ACTION_REVERTED: actions,
        Kind.SNOOZED: st.fixed_dictionaries({"snoozed_until": st.sampled_from(until)}),
        # Now and then the event itself, another retracted, or an id that no event has.
        Kind.RETRACTED: st.fixed_dictionaries({"retracted_event_id": st.sampled_from((*event_ids, PARENT))}),
    }
    return by_kind.get(kind, st.just({}))


@st.composite
def _created(draw: st.DrawFn, scene: Scene) -> dict[str, Any]:
    stated = {name: draw(st.sampled_from(values)) for name, values in CREATED_ALONE.items()}
    return stated | draw(_contents()) | {"audience": draw(_audiences(scene))}


@st.composite
def _amended(draw: st.DrawFn) -> dict[str, Any]:
    cleared = draw(st.lists(st.sampled_from(CLEARABLE), unique=True, max_size=len(CLEARABLE)))
    return draw(_contents()) | {"cleared": cleared}


@st.composite
def _contents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what both a created and an amended may state; most of it is absent, most of the time."""
    stated: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(CLEARABLE[:-1]), unique=True, max_size=5)):
        if name in TEXTS:
            stated[name] = draw(st.sampled_from(TEXTS[name]))
        elif name in PARTS:
            stated[name] = draw(st.sampled_from(PARTS[name]))
        else:
            stated[name] = draw(st.lists(st.sampled_from(LISTS[name]), max_size=2))
    return stated


@st.composite
def _audiences(draw: st.DrawFn, scene: Scene) -> list[dict[str, Any]]:
    if not scene.recipients:
        return []
    # A crowd comes as a whole: drawing each member would cost more than it finds.
    members = scene.recipients if scene.recipients == CROWD else draw(_some(scene.recipients))
    channels = st.lists(st.sampled_from(scene.channels), max_size=3) if scene.channels else st.just([])
    plans = [draw(channels) for _ in members[:3]]
    role = draw(st.sampled_from(("to", "cc")))
    return [{"recipient_id": m, "role": role, "channels": plans[n % 3]} for n, m in enumerate(members)]
