"""Events of all kinds for simulated logs, drawn from the vocabulary of the property tests by one random.Random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from ledger_schemas import Event, Kind, derive_notification_id, limits, parse_event
from tests.properties.stated_fields import (
    CHANNELS,
    CLEARABLE,
    CREATED_ALONE,
    CROWD,
    LISTS,
    PARENT,
    PARTS,
    PERSONAL,
    RECIPIENTS,
    REFS,
    TEXTS,
    TIMES,
    Scene,
)
from tests.properties.strategies import KINDS, NOON, NOON_MS, OCCURRED_AT, TENANTS

NOTIFICATIONS_MAX: Final = 4
FIELDS_STATED_MAX: Final = 4
DERIVED_SHARE: Final = 0.3
BROKER_DAYS: Final = (-1, 0, 1)
"""Days from NOON that the broker's clock may be set to."""
LEFT_OUT_SHARE: Final = 0.3
"""How often a request leaves out what an ingest point fills in."""
AHEAD_SHARE: Final = 0.6
AHEAD_SECONDS: Final = (60.0, 65.0, limits.CLOCK_SKEW_SECONDS_MAX - 5, limits.CLOCK_SKEW_SECONDS_MAX)
"""How far a fast clock is ahead of the broker's; the same clock again, 5 s later."""
UNTIL: Final = (*TIMES, datetime(2200, 1, 1, tzinfo=UTC) + timedelta(microseconds=1))

_ACTORS: Final = (None, "user-1", "user-2")
_KEYS: Final = (None, "key-1")
_ATTRIBUTES: Final = (None, None, '{"a":1}')


@dataclass(frozen=True, slots=True)
class Subject:
    """One notification of one tenant, the names that its events use, and the ids that they may have.

    `external_id`: its emitter's own id, where the notification_id is derived from it.
    """

    tenant_id: str
    notification_id: UUID
    scene: Scene
    event_ids: tuple[UUID, ...]
    external_id: str | None = None


def draw_subjects(rng: Random, events_each: int) -> list[Subject]:
    """Draw a few notifications; some ids are derived, some events of different notifications share an event_id."""
    shared = [draw_id(rng) for _ in range(events_each)]
    subjects = []
    for number in range(rng.randint(2, NOTIFICATIONS_MAX)):
        tenant_id = rng.choice(TENANTS)
        notification_id, external_id = draw_id(rng), None
        if rng.random() < DERIVED_SHARE:
            external_id = f"order-{number}-{rng.randrange(1_000)}"
            notification_id = derive_notification_id(tenant_id, "shop", external_id)
        own = [rng.choice((shared[place], draw_id(rng))) for place in range(events_each)]
        subjects.append(Subject(tenant_id, notification_id, _scene(rng), tuple(own), external_id))
    # The other tenant's notification of the same id is another notification.
    twin = rng.choice(subjects)
    if rng.random() < DERIVED_SHARE:
        other = next(name for name in TENANTS if name != twin.tenant_id)
        subjects.append(Subject(other, twin.notification_id, twin.scene, twin.event_ids))
    return subjects


def draw_id(rng: Random) -> UUID:
    """Return an id of version 7 (of any time), 4 or 8."""
    bits, version = rng.getrandbits(128), rng.choice((7, 7, 4, 8))
    if version == 7:
        bits = rng.choice((0, NOON_MS, NOON_MS + 1_000, 7_258_118_400_000)) << 80 | bits & (1 << 80) - 1
    digits = f"{bits:032x}"
    return UUID(f"{digits[:12]}{version}{digits[13:16]}{rng.choice('89ab')}{digits[17:]}")


def draw_event(rng: Random, subject: Subject, event_id: UUID, kind: Kind | None = None) -> Event:
    """Draw an event of one identity, at any grain; of any kind unless told."""
    return parse_event(draw_request(rng, subject, event_id, kind))


def draw_request(rng: Random, subject: Subject, event_id: UUID, kind: Kind | None = None) -> dict[str, Any]:
    """Draw a request that states an event, as `draw_event` does; now and then it leaves out what is filled in."""
    kind = kind or rng.choice(KINDS)
    scene = subject.scene
    channel = rng.choice((None, *scene.channels))
    document: dict[str, Any] = {
        "kind": kind,
        "tenant_id": subject.tenant_id,
        "notification_id": subject.notification_id,
        "event_id": event_id,
        "occurred_at": _occurred_at(rng),
        "recipient_id": rng.choice((None, *scene.recipients[:3])),
        "channel": channel,
        "delivery_ref": rng.choice((None, *scene.refs)) if channel else None,
        "source": rng.choice(("shop", "billing")),
        "actor": rng.choice(_ACTORS),
        "personal": rng.choice(PERSONAL),
        "personal_key_id": rng.choice(_KEYS),
        "attributes": rng.choice(_ATTRIBUTES),
    }
    document |= _stated(rng, kind, subject)
    if event_id.version == 7 and rng.random() < LEFT_OUT_SHARE:
        del document["occurred_at"]
    if kind is Kind.CREATED and subject.external_id is not None and rng.random() < LEFT_OUT_SHARE:
        del document["notification_id"]
        document |= {"source": "shop", "external_id": subject.external_id}
    return document


def _occurred_at(rng: Random) -> datetime:
    if rng.random() < AHEAD_SHARE:
        return NOON + timedelta(days=rng.choice(BROKER_DAYS), seconds=rng.choice(AHEAD_SECONDS))
    return rng.choice(OCCURRED_AT)


def _scene(rng: Random) -> Scene:
    recipients = rng.choice(((RECIPIENTS[0],), RECIPIENTS, RECIPIENTS[:2], CROWD, ()))
    return Scene(recipients, rng.choice((CHANNELS, CHANNELS[:1], CHANNELS[1:], ())), rng.choice((REFS, ())))


def _stated(rng: Random, kind: Kind, subject: Subject) -> dict[str, Any]:
    """Return the fields that the fold reads of the kind, beyond those of the envelope."""
    stated: dict[str, Any] = {}
    match kind:
        case Kind.CREATED:
            alone = {name: rng.choice(values) for name, values in CREATED_ALONE.items()}
            stated = alone | _contents(rng) | {"audience": _audience(rng, subject.scene)}
        case Kind.AMENDED:
            stated = _contents(rng) | {"cleared": _some(rng, CLEARABLE, FIELDS_STATED_MAX)}
        case Kind.AUDIENCE_ADDED:
            stated = {"audience": _audience(rng, subject.scene)}
        case Kind.OPENED | Kind.CLICKED:
            stated = {"automated": rng.random() < 0.5}
        case Kind.FAILED:
            stated = {"permanent": rng.random() < 0.5, "reason": rng.choice((None, "bounced"))}
        case Kind.ACTION_COMPLETED | Kind.ACTION_REVERTED:
            stated = {"action_type": rng.choice((None, "primary"))}
        case Kind.SNOOZED:
            stated = {"snoozed_until": rng.choice(UNTIL)}
        case Kind.RETRACTED:
            # Now and then the event itself, another retracted, or an id that no event has.
            stated = {"retracted_event_id": rng.choice((*subject.event_ids, PARENT))}
    return stated


def _contents(rng: Random) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    for name in _some(rng, [*TEXTS, *PARTS, *LISTS], FIELDS_STATED_MAX):
        if name in LISTS:
            stated[name] = [rng.choice(LISTS[name]) for _ in range(rng.randrange(3))]
        else:
            stated[name] = rng.choice((TEXTS | PARTS)[name])
    return stated


def _audience(rng: Random, scene: Scene) -> list[dict[str, Any]]:
    members = scene.recipients if scene.recipients == CROWD else _some(rng, scene.recipients, len(scene.recipients))
    role = rng.choice(("to", "cc"))
    plans = [_some(rng, scene.channels, len(scene.channels)) for _ in range(3)]
    return [{"recipient_id": name, "role": role, "channels": plans[n % 3]} for n, name in enumerate(members)]


def _some(rng: Random, names: Sequence[str], count_max: int) -> list[str]:
    return rng.sample(list(names), rng.randint(0, min(count_max, len(names))))
