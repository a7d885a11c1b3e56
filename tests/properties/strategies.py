"""Histories of events for the property tests of the fold, and bridges from them to the oracle and to the projector."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import settings
from hypothesis import strategies as st

from ledger_projectors.log.records import LogRecord
from ledger_schemas import LIFECYCLE_TOPIC, Event, Kind, derive_notification_id, encode_event, parse_event
from ledger_schemas.envelope import Envelope

from .oracle import LogEvent
from .stated_fields import PERSONAL, SCENES, Scene, maybe, stated_by

settings.register_profile("fold", deadline=None, derandomize=False, print_blob=True)
FOLD: Final = settings.get_profile("fold")
"""What every property of the fold is tried with: an example is some transactions of a real file."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS: Final = (NOON - EPOCH) // timedelta(milliseconds=1)

OCCURRED_AT: Final = (
    *(NOON + timedelta(seconds=seconds) for seconds in range(6)),
    *(NOON + timedelta(minutes=minutes, seconds=seconds) for minutes in (1, 14) for seconds in (0, 5)),
    NOON + timedelta(microseconds=1),
    EPOCH - timedelta(microseconds=1),
    EPOCH,
    datetime(2200, 1, 1, tzinfo=UTC),
)
"""Few, so that ties are common; clocks that are ahead by minutes and clocks that are wrong by decades among them."""

RECORDED_AT_MS: Final = tuple(NOON_MS + milliseconds for milliseconds in (-1_000, 0, 1, 1_500, 3_000, 10_000))

TENANTS: Final = ("acme", "Acme")
NOTIFICATION_IDS: Final = (
    UUID("019ca7a1-0000-7000-8000-000000000001"),
    UUID("019ca7a1-0000-7000-8000-000000000002"),
    derive_notification_id("acme", "shop", "order-1"),
)
KINDS: Final = (
    *Kind,
    *(Kind.CREATED, Kind.CREATED, Kind.AMENDED, Kind.AUDIENCE_ADDED, Kind.RETRACTED, Kind.FIRED, Kind.FAILED),
    *(Kind.READ, Kind.UNREAD, Kind.ARCHIVED, Kind.UNARCHIVED, Kind.SNOOZED, Kind.UNSNOOZED),
)
"""What decides most stands in twice."""


def _event_ids(count: int) -> list[UUID]:
    """Return ids of versions 7 (of times that make sense and that do not), 4 and 8; many begin with a set bit."""
    source = random.Random(7)  # noqa: S311 - a fixed choice of ids, nothing secret
    times_ms = (0, 1, NOON_MS, NOON_MS + 1_000, 7_258_118_400_000)
    made = []
    for number in range(count):
        bits, version = source.getrandbits(128), (7, 4, 8)[number % 3]
        if version == 7:
            bits = source.choice(times_ms) << 80 | bits & (1 << 80) - 1
        digits = f"{bits:032x}"
        made.append(UUID(f"{digits[:12]}{version}{digits[13:16]}{source.choice('89ab')}{digits[17:]}"))
    return made


EVENT_IDS: Final = _event_ids(48)
"""Shared by all tenants and notifications: the same event_id under another of either is another event."""

LOW_ID, HIGH_ID = min(EVENT_IDS), max(EVENT_IDS)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event and when the log took it (milliseconds since 1970); all its copies share both."""

    event: Event
    recorded_at_ms: int


@dataclass(frozen=True, slots=True)
class Placed:
    """One copy of an event in its place in the log."""

    recorded: Recorded
    partition: int
    offset: int

    def log_event(self) -> LogEvent:
        """Return it as the oracle takes it."""
        stated = _plain(self.recorded.event.model_dump(mode="python"))
        named = {name: stated.pop(name) for name in tuple(stated) if name in LogEvent.__slots__}
        return LogEvent(
            **named,
            recorded_at=EPOCH + timedelta(milliseconds=self.recorded.recorded_at_ms),
            log_partition=self.partition,
            log_offset=self.offset,
            others=stated,
        )

    def log_record(self) -> LogRecord:
        """Return it as the projector takes it."""
        event = self.recorded.event
        return LogRecord(
            LIFECYCLE_TOPIC,
            self.partition,
            self.offset,
            self.recorded.recorded_at_ms,
            str(event.notification_id).encode(),
            encode_event(event),
        )


def place(log: Sequence[Recorded], partitions: int = 1) -> list[Placed]:
    """Append the events to an empty log of so many partitions, in their order."""
    ends: Counter[int] = Counter()
    placed = []
    partitioner, numbers = DefaultPartitioner(), list(range(partitions))
    for recorded in log:
        partition = partitioner(str(recorded.event.notification_id).encode(), numbers, numbers)
        placed.append(Placed(recorded, partition, ends[partition]))
        ends[partition] += 1
    return placed


def clock(time: str, year: int = NOON.year) -> datetime:
    """Return a time of the day that hand-written histories play on, or what a clock of another year says then."""
    return datetime.fromisoformat(f"{NOON.date()}T{time}+00:00").replace(year=year)


def said(kind: str, occurred_at: str | datetime, recorded_at: str | None = None, **fields: Any) -> Recorded:  # noqa: ANN401 - any field
    """Return a hand-written event of one notification, recorded when it occurred unless told otherwise."""
    occurred_at = clock(occurred_at) if isinstance(occurred_at, str) else occurred_at
    envelope = {"tenant_id": TENANTS[0], "notification_id": NOTIFICATION_IDS[0], "source": "shop"}
    event = parse_event({"kind": kind, **envelope, "occurred_at": occurred_at, **fields})
    recorded = clock(recorded_at) if recorded_at else occurred_at
    return Recorded(event, (recorded - EPOCH) // timedelta(milliseconds=1))


def audience(**channels: Sequence[str]) -> list[dict[str, Any]]:
    """Return an audience from recipient=channels."""
    return [{"recipient_id": name, "channels": list(planned)} for name, planned in channels.items()]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of an event
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Kind) else value


@st.composite
def events(
    draw: st.DrawFn, identity: tuple[str, UUID, UUID], event_ids: Sequence[UUID], scene: Scene, kinds: Sequence[Kind]
) -> Event:
    """Draw an event of one identity, at any grain that the scene has names for; it may retract one of `event_ids`."""
    kind = draw(st.sampled_from(kinds))
    tenant_id, notification_id, event_id = identity
    channel = draw(maybe(scene.channels))
    document: dict[str, Any] = {
        "kind": kind,
        "tenant_id": tenant_id,
        "notification_id": notification_id,
        "event_id": event_id,
        "occurred_at": draw(st.sampled_from(OCCURRED_AT)),
        "recipient_id": draw(maybe(scene.recipients[:3])),
        "channel": channel,
        "delivery_ref": draw(maybe(scene.refs)) if channel else None,
        "source": draw(st.sampled_from(("shop", "billing"))),
        "actor": draw(maybe(("user-1", "user-2"))),
        "personal": draw(st.sampled_from(PERSONAL)),
        "personal_key_id": draw(maybe(("key-1", "key-2"))),
        "attributes": draw(maybe(('{"a":1}', "{}"))),
    }
    return parse_event(document | draw(stated_by(kind, scene, event_ids)))


@st.composite
def histories(
    draw: st.DrawFn, *, notifications_max: int, events_min: int = 1, events_max: int, kinds: Sequence[Kind] = KINDS
) -> list[Recorded]:
    """Draw distinct events of up to so many notifications, with up to so many events each."""
    keys = st.tuples(st.sampled_from(TENANTS), st.sampled_from(NOTIFICATION_IDS))
    history = []
    for tenant_id, notification_id in draw(st.lists(keys, unique=True, min_size=1, max_size=notifications_max)):
        scene = draw(SCENES)
        ids = st.lists(st.sampled_from(EVENT_IDS), unique=True, min_size=events_min, max_size=events_max)
        drawn = draw(ids)
        for event_id in drawn:
            event = draw(events((tenant_id, notification_id, event_id), drawn, scene, kinds))
            history.append(Recorded(event, draw(st.sampled_from(RECORDED_AT_MS))))
    return history


@st.composite
def logs(draw: st.DrawFn, history: Sequence[Recorded]) -> list[Recorded]:
    """Draw an order of the history, with repetition: every event at least once."""
    return draw(st.permutations([*history, *draw(st.lists(st.sampled_from(history), max_size=len(history)))]))


@st.composite
def batches(draw: st.DrawFn, log: Sequence[Placed], *, batches_max: int = 6) -> list[Sequence[Placed]]:
    """Draw a way of cutting the log into batches, none of them empty."""
    cuts = draw(st.sets(st.integers(1, max(len(log) - 1, 1)), max_size=batches_max - 1))
    edges = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    return [log[start:end] for start, end in pairwise(edges)]


@st.composite
def conflicting_copies(draw: st.DrawFn, log: Sequence[Recorded]) -> tuple[list[Placed], list[Placed]]:
    """Put copies of identities of the log that say something else behind their first copies; return all, and those."""
    mixed, others = list(log), []
    for recorded in draw(st.lists(st.sampled_from(log), min_size=1, max_size=3)):
        other = Recorded(contradict(recorded.event, draw(st.integers(0, 3))), draw(st.sampled_from(RECORDED_AT_MS)))
        others.append(other)
        mixed.insert(draw(st.integers(mixed.index(recorded) + 1, len(mixed))), other)
    placed = place(mixed)
    return placed, [one for one in placed if one.recorded in others]


def contradict(event: Event, how: int) -> Event:
    """Return an event of the same identity that states another fact, at another time or grain, or other content."""
    if how == 0:
        return event.model_copy(update={"occurred_at": event.occurred_at + timedelta(days=1)})
    if how == 1:
        return event.model_copy(update={"recipient_id": "ann" if event.recipient_id is None else None})
    if how == 2 and event.kind in {Kind.CREATED, Kind.AMENDED}:
        return event.model_copy(update={"priority": "other"})
    kind = Kind.ACKNOWLEDGED if event.kind == Kind.FIRED else Kind.FIRED
    return parse_event({**event.model_dump(include=set(Envelope.model_fields)), "kind": kind})
