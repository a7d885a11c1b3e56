from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from ledger_infra.demo import stream
from ledger_infra.demo.characters import CHANNELS, TENANTS
from ledger_infra.demo.lifecycles import BROADCAST_RECIPIENTS, SKEWED_YEARS
from ledger_infra.demo.stream import StreamPlan, StreamTally, generate
from ledger_schemas import (
    Event,
    NotificationCreated,
    NotificationDelivered,
    NotificationFailed,
    NotificationOpened,
    decode_event,
    derive_notification_id,
    encode_event,
    new_id,
)
from ledger_schemas.errors import SettingInvalid
from ledger_schemas.ids import CANONICAL_UUID

PLAN: Final = StreamPlan(notifications=5_000)
UNDISTURBED: Final = StreamPlan(notifications=500, duplicate_share=0, late_share=0, skewed_share=0)

DIGEST_OF_A_PLAN: Final = """
import hashlib
from ledger_infra.demo.stream import StreamPlan, generate
from ledger_schemas import encode_event
print(hashlib.sha256(b"".join(map(encode_event, generate(StreamPlan(notifications=200))))).hexdigest())
"""

Deliveries = Mapping[tuple[UUID, str | None, str | None, str | None], Sequence[Event]]


@pytest.fixture(scope="module")
def fed() -> list[Event]:
    """Give the events of PLAN, in the order in which a log gets them."""
    return list(generate(PLAN))


@pytest.fixture(scope="module")
def tally(fed: list[Event]) -> StreamTally:
    """Give what a tally says of them."""
    counts = StreamTally()
    assert fed == list(counts.counting(fed))
    return counts


@pytest.fixture(scope="module")
def deliveries(fed: list[Event]) -> Deliveries:
    """Give the distinct events of each delivery that an event names."""
    found: dict[tuple[UUID, str | None, str | None, str | None], list[Event]] = defaultdict(list)
    for event in distinct(fed):
        if event.channel is not None:
            found[event.notification_id, event.recipient_id, event.channel, event.delivery_ref].append(event)
    return found


def distinct(events: Iterable[Event]) -> list[Event]:
    """Return the first copy of each event."""
    return list({(event.notification_id, event.event_id): event for event in events}.values())


def follows(deliveries: Deliveries, first: tuple[type, dict[str, Any]], then: tuple[type, dict[str, Any]]) -> int:
    """Count deliveries with a fact of `first`, and one of `then` that occurred after it."""

    def times(events: Sequence[Event], wanted: tuple[type, dict[str, Any]]) -> list[datetime]:
        kind, fields = wanted
        return [
            event.occurred_at
            for event in events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]

    pairs = ((times(events, first), times(events, then)) for events in deliveries.values())
    return sum(1 for before, after in pairs if before and after and min(before) < max(after))


def test_one_seed_gives_one_stream() -> None:
    """The same plan gives the same events in the same order, ids included."""
    plan = StreamPlan(notifications=300)
    assert list(generate(plan)) == list(generate(plan))


def test_a_stream_is_the_same_in_another_process() -> None:
    """Nothing of a process, its hash seed included, goes into the events."""
    here = hashlib.sha256(b"".join(map(encode_event, generate(StreamPlan(notifications=200))))).hexdigest()
    for hash_seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", DIGEST_OF_A_PLAN],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert here == answer.stdout.strip()


def test_another_seed_gives_other_events() -> None:
    """No event of one seed is an event of another."""
    one, other = ({event.event_id for event in generate(StreamPlan(notifications=100, seed=seed))} for seed in (1, 2))
    assert not one & other


def test_events_survive_the_wire(fed: list[Event]) -> None:
    """Each event is the same after encoding and decoding."""
    for event in itertools.islice(distinct(fed), 5_000):
        assert event == decode_event(encode_event(event))


def test_every_id_is_canonical(fed: list[Event]) -> None:
    """Event ids and notification ids are spelled as the contract asks, and event ids are UUIDv7 throughout."""
    for event in fed:
        assert event.event_id.version == 7
        assert CANONICAL_UUID.fullmatch(str(event.event_id))
        assert CANONICAL_UUID.fullmatch(str(event.notification_id))


def test_the_plan_is_kept(fed: list[Event], tally: StreamTally) -> None:
    """As many notifications as asked for, each created once; five to seven and a half events for each of them."""
    created = Counter(event.notification_id for event in distinct(fed) if event.kind == "created")
    assert len(created) == PLAN.notifications == tally.notifications
    assert set(created.values()) == {1}
    assert {event.notification_id for event in fed} == set(created)
    assert 5.0 <= tally.distinct / PLAN.notifications <= 7.5


def test_shares_are_within_bounds(fed: list[Event], tally: StreamTally) -> None:
    """About 3 % duplicates, 5 % late, a few skewed, a fifth of all notification ids derived."""
    assert 0.025 <= tally.duplicates / tally.events <= 0.035
    assert 0.03 <= tally.late / tally.distinct <= 0.07
    assert 0 < tally.before_created < 0.1 * tally.distinct
    assert 0 < tally.skewed < 0.002 * tally.distinct
    created = [event for event in distinct(fed) if isinstance(event, NotificationCreated)]
    derived = [event for event in created if event.notification_id.version == 8]
    assert 0.17 <= len(derived) / len(created) <= 0.23
    for event in derived:
        assert event.external_id is not None
        assert event.notification_id == derive_notification_id(event.tenant_id, event.source, event.external_id)
    assert {event.notification_id.version for event in created} == {7, 8}


def test_tenants_differ_in_size(fed: list[Event]) -> None:
    """Each tenant has about its share of the notifications, and no notification is two tenants'."""
    created = Counter(event.tenant_id for event in distinct(fed) if event.kind == "created")
    for tenant in TENANTS:
        assert abs(created[tenant.tenant_id] / PLAN.notifications - tenant.share) < 0.03
    owners = {(event.tenant_id, event.notification_id) for event in fed}
    assert len(owners) == PLAN.notifications


def test_audiences_are_one_few_or_many(fed: list[Event]) -> None:
    """Most audiences are of one, some of two to five, few of fifty to two hundred."""
    sizes = [len(event.audience) for event in distinct(fed) if isinstance(event, NotificationCreated)]
    assert sum(size == 1 for size in sizes) > 0.85 * len(sizes)
    assert sum(2 <= size <= 5 for size in sizes) > 0.05 * len(sizes)
    broadcasts = [size for size in sizes if size > 5]
    assert 0 < len(broadcasts) < 0.01 * len(sizes)
    assert min(BROADCAST_RECIPIENTS) <= min(broadcasts) <= max(broadcasts) <= max(BROADCAST_RECIPIENTS)


def test_all_channels_and_kinds_occur(fed: list[Event], tally: StreamTally) -> None:
    """Six channels; all eight kinds; references only where a person has two devices."""
    assert {event.channel for event in fed if event.channel} == set(CHANNELS)
    assert set(tally.kinds) == {
        "created", "fired", "delivered", "opened", "read", "unread", "acknowledged", "failed",
    }  # fmt: skip
    assert {event.delivery_ref for event in fed} == {None, "phone", "tablet"}


def test_a_bank_is_acknowledged_and_a_shop_is_not(fed: list[Event]) -> None:
    """Tenants have characters: acknowledgements come where they are asked for."""
    acknowledged = Counter(event.tenant_id for event in fed if event.kind == "acknowledged")
    assert acknowledged["meridian-bank"] > 100
    assert acknowledged["harbour-shop"] == 0


def test_deliveries_go_wrong_in_every_way(deliveries: Deliveries) -> None:
    """Failed then delivered, delivered then failed for good, opened then delivered, failed for good alone."""
    delivered: tuple[type, dict[str, Any]] = (NotificationDelivered, {})
    opened: tuple[type, dict[str, Any]] = (NotificationOpened, {"automated": False})
    assert follows(deliveries, (NotificationFailed, {"permanent": False}), delivered) > 50
    assert follows(deliveries, delivered, (NotificationFailed, {"permanent": True})) > 5
    assert follows(deliveries, opened, delivered) > 5
    assert any(
        all(isinstance(event, NotificationFailed) and event.permanent for event in events)
        for events in deliveries.values()
    )


def test_machines_open_right_after_delivery(deliveries: Deliveries) -> None:
    """Automated opens are of mails alone, and within twenty seconds of nearly every delivery."""
    waits = []
    for events in deliveries.values():
        machine = [event for event in events if isinstance(event, NotificationOpened) and event.automated]
        reached = [event for event in events if isinstance(event, NotificationDelivered)]
        assert all(event.channel == "email" for event in machine)
        waits += [(event.occurred_at - each.occurred_at).total_seconds() for event in machine for each in reached]
    assert len(waits) > 500
    assert sum(0 < wait <= 20 for wait in waits) > 0.95 * len(waits)


def test_some_facts_name_no_recipient(fed: list[Event]) -> None:
    """Some audiences of one have facts without a recipient, as providers state them; larger audiences never."""
    created = [event for event in fed if isinstance(event, NotificationCreated)]
    sizes = {event.notification_id: len(event.audience) for event in created}
    nameless = [event for event in fed if event.channel and event.recipient_id is None]
    assert len(nameless) > 100
    assert {sizes[event.notification_id] for event in nameless} == {1}


def test_facts_speak_of_the_audience(fed: list[Event]) -> None:
    """Every recipient and channel that a fact names was in the audience."""
    planned = {
        (event.notification_id, member.recipient_id, channel)
        for event in fed
        if isinstance(event, NotificationCreated)
        for member in event.audience
        for channel in member.channels
    }
    named = {(event.notification_id, event.recipient_id, event.channel) for event in fed if event.recipient_id}
    assert {each for each in named if each[2] is not None} <= planned


def test_duplicates_are_word_for_word(fed: list[Event]) -> None:
    """A further copy of an event is equal to the first: the stream has no conflicts."""
    first: dict[tuple[UUID, UUID], Event] = {}
    for event in fed:
        assert event == first.setdefault((event.notification_id, event.event_id), event)
    assert len(first) < len(fed)


def test_clocks_that_were_never_set(fed: list[Event]) -> None:
    """Skewed events say 1970 or 2200, in their ids too; all others lie within the plan and a few days after it."""
    years = Counter(event.occurred_at.year for event in fed)
    assert set(years) == {*SKEWED_YEARS, PLAN.start.year}
    end = PLAN.start + timedelta(days=PLAN.days + 5)
    for event in fed:
        assert event.occurred_at.year in SKEWED_YEARS or PLAN.start <= event.occurred_at < end
        said = datetime.fromtimestamp((event.event_id.int >> 80) / 1000, tz=UTC)
        assert abs(event.occurred_at - said) < timedelta(milliseconds=2)


def test_days_have_busy_hours(fed: list[Event]) -> None:
    """There is far more to say at ten in the morning than at three in the night."""
    hours = Counter(event.occurred_at.hour for event in fed if event.kind == "created")
    assert hours[9] > 5 * hours[3]


def test_without_faults_the_order_is_that_of_the_facts() -> None:
    """No share of duplicates, late or skewed events: each event once, in the order in which they occurred."""
    events = list(generate(UNDISTURBED))
    times = [event.occurred_at for event in events]
    assert times == sorted(times)
    assert len(events) == len({event.event_id for event in events})


def test_a_small_buffer_changes_the_order_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The buffer is bounded: a tiny one lets events go early and loses none."""
    plan = StreamPlan(notifications=300)
    roomy = Counter(event.event_id for event in generate(plan))
    monkeypatch.setattr(stream, "BUFFER_EVENTS_MAX", 20)
    tight = list(generate(plan))
    assert roomy == Counter(event.event_id for event in tight)


def test_time_begins_where_the_plan_says() -> None:
    """A plan with another start has its facts there, whatever the present time."""
    start = datetime(2031, 7, 1, tzinfo=UTC)
    plan = StreamPlan(notifications=50, start=start, days=1, skewed_share=0)
    created = [event.occurred_at for event in generate(plan) if event.kind == "created"]
    assert start <= min(created) <= max(created) < start + timedelta(days=1)


def test_addresses_are_nowhere_but_in_addresses(fed: list[Event]) -> None:
    """No event says an address outside of personal.addresses, and all of them are plainly invented."""
    for event in itertools.islice(distinct(fed), 5_000):
        assert "@" not in event.model_dump_json(exclude={"personal": {"addresses"}})
        for channels in json.loads((event.personal and event.personal.addresses) or "{}").values():
            assert all(each.endswith("@example.com") or each.startswith("+1555") for each in channels.values())


def test_a_tally_counts_each_sort_once() -> None:
    """Five distinct events and a copy: one late, one before its created, one from a clock that was not set."""
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    first, second = new_id(), new_id()

    def opening(notification_id: UUID, at: datetime) -> Event:
        return decode_event(
            encode_event(NotificationOpened(tenant_id="t", notification_id=notification_id, source="s", occurred_at=at))
        )

    created = NotificationCreated(tenant_id="t", notification_id=first, source="s", occurred_at=moment)
    opened = opening(first, moment + timedelta(seconds=2))
    events = [
        created,
        opened,
        opening(first, moment + timedelta(seconds=1)),
        opened,
        opening(first, moment.replace(year=2200)),
        opening(second, moment),
    ]
    tally = StreamTally()
    assert events == list(tally.counting(events))
    assert (tally.events, tally.distinct, tally.duplicates) == (6, 5, 1)
    assert (tally.late, tally.before_created, tally.skewed, tally.notifications) == (1, 1, 1, 1)
    assert tally.kinds == {"created": 1, "opened": 4}
    assert tally.tenants == {"t": 5}
    assert tally.describe() == (
        "6 events of 1 notifications and 1 tenants: 5 distinct, 1 duplicates, 1 late, 1 before their created, "
        "1 from a clock that was not set"
    )


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("duplicate_share", {"duplicate_share": 1.5}),
        ("late_share", {"late_share": -0.1}),
        ("notifications", {"notifications": 0}),
        ("days", {"days": 0}),
        ("start", {"start": datetime(2026, 1, 5)}),  # noqa: DTZ001 - what is refused is the missing zone
        ("tenants", {"tenants": ()}),
    ],
)
def test_a_plan_refuses_what_it_cannot_do(field: str, values: dict[str, Any]) -> None:
    """A plan with an impossible value is refused, and the error names the field."""
    with pytest.raises(SettingInvalid) as refused:
        StreamPlan(**values)
    assert field == refused.value.field
