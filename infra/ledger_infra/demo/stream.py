"""A realistic stream of lifecycle events: several tenants, channels, failures, duplicates and disorder, from one seed.

Time is simulated: the same plan gives the same events, ids included, on every machine and at every time. Events come in
the order in which a log would have got them, which is not quite the order in which they happened.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from ledger_infra.demo.characters import TENANTS, TenantCharacter
from ledger_infra.demo.lifecycles import SKEWED_YEARS, live
from ledger_schemas import Event, NotificationCreated
from ledger_schemas.errors import SettingInvalid

NOTIFICATIONS_DEFAULT: Final = 20_000
BUFFER_EVENTS_MAX: Final = 50_000
"""Events that happened and wait for their turn; more are let go early, so that memory is bounded."""

HOUR_WEIGHTS: Final = (2, 1, 1, 1, 1, 2, 5, 10, 18, 22, 21, 18, 15, 17, 19, 18, 16, 14, 11, 9, 8, 7, 5, 3)
"""How busy each hour of a day is (UTC), relative to the others."""

WEEKEND_WEIGHT: Final = 0.35
"""A Saturday or Sunday against another day."""

LATE_SECONDS_MAX: Final = 3_600.0
DUPLICATE_MEAN_SECONDS: Final = 300.0
SATURDAY: Final = 5
"""As `datetime.weekday` counts."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What to generate: `notifications` of `tenants` over `days` of simulated time from `start`. Shares are 0 to 1.

    `duplicate_share` of all events are repeated word for word, `late_share` come after everything else about their
    notification, `skewed_share` say 1970 or 2200; `derived_id_share` of all notification ids are derived from an
    external id and so not ordered by time. Raises SettingInvalid.
    """

    notifications: int = NOTIFICATIONS_DEFAULT
    seed: int = 2026
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    days: int = 14
    tenants: tuple[TenantCharacter, ...] = TENANTS
    duplicate_share: float = 0.03
    late_share: float = 0.06
    skewed_share: float = 0.0005
    derived_id_share: float = 0.2

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("duplicate_share", "late_share", "skewed_share", "derived_id_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SettingInvalid(f"{name} is not a share.", hint="Give a number from 0 to 1.", field=name)
        for name in ("notifications", "days"):
            if getattr(self, name) < 1:
                raise SettingInvalid(f"{name} is less than 1.", hint="Give a whole number from 1.", field=name)
        if self.start.tzinfo is None:
            raise SettingInvalid("start has no time zone.", hint="Give an aware datetime.", field="start")
        if not self.tenants:
            raise SettingInvalid("There is no tenant.", hint="Give at least one.", field="tenants")


def generate(plan: StreamPlan) -> Iterator[Event]:
    """Yield the events of the plan, in the order in which a log would get them."""
    rng = Random(plan.seed)  # noqa: S311 - a simulation that must repeat itself, no secret
    shares = [tenant.share for tenant in plan.tenants]
    waiting: list[tuple[datetime, int, Event]] = []
    happened = 0
    for number, created_at in enumerate(_creation_times(rng, plan), 1):
        while waiting and (waiting[0][0] <= created_at or len(waiting) > BUFFER_EVENTS_MAX):
            yield heapq.heappop(waiting)[2]
        (tenant,) = rng.choices(plan.tenants, shares)
        derived_id = rng.random() < plan.derived_id_share
        facts = live(rng, tenant, number, created_at, derived_id=derived_id, skewed_share=plan.skewed_share)
        for at, event in _with_faults(rng, plan, facts):
            happened += 1
            heapq.heappush(waiting, (at, happened, event))
    while waiting:
        yield heapq.heappop(waiting)[2]


@dataclass(slots=True)
class StreamTally:
    """What was fed: counted while the events pass through `counting`."""

    events: int = 0
    duplicates: int = 0
    late: int = 0
    """Distinct events that came after one of the same notification that had happened later."""
    before_created: int = 0
    """Distinct events that came before the `created` of their notification."""
    skewed: int = 0
    """Distinct events of a clock that was not set; they do not count as late, nor make others late."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Distinct events by kind."""
    tenants: Counter[str] = field(default_factory=Counter)
    """Distinct events by tenant."""
    _identities: set[tuple[str, UUID, UUID]] = field(default_factory=set)
    _latest: dict[tuple[str, UUID], datetime] = field(default_factory=dict)
    _created: set[tuple[str, UUID]] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """Events without their further copies: what history must hold."""
        return len(self._identities)

    @property
    def notifications(self) -> int:
        """Notifications whose `created` has been fed."""
        return len(self._created)

    def counting(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events unchanged and count each."""
        for event in events:
            self.count(event)
            yield event

    def count(self, event: Event) -> None:
        """Count one event."""
        notification = (event.tenant_id, event.notification_id)
        identity = (*notification, event.event_id)
        self.events += 1
        if identity in self._identities:
            self.duplicates += 1
            return
        self._identities.add(identity)
        self.kinds[event.kind] += 1
        self.tenants[event.tenant_id] += 1
        if isinstance(event, NotificationCreated):
            self._created.add(notification)
        elif notification not in self._created:
            self.before_created += 1
        if event.occurred_at.year in SKEWED_YEARS:
            self.skewed += 1
            return
        latest = self._latest.get(notification)
        if latest is None or event.occurred_at >= latest:
            self._latest[notification] = event.occurred_at
        else:
            self.late += 1

    def describe(self) -> str:
        """Return the counts as one sentence."""
        return (
            f"{self.events:,} events of {self.notifications:,} notifications and {len(self.tenants)} tenants: "
            f"{self.distinct:,} distinct, {self.duplicates:,} duplicates, {self.late:,} late, "
            f"{self.before_created:,} before their created, {self.skewed:,} from a clock that was not set"
        )


def _creation_times(rng: Random, plan: StreamPlan) -> list[datetime]:
    hours = [plan.start + timedelta(hours=each) for each in range(plan.days * 24)]
    weights = [HOUR_WEIGHTS[each.hour] * (WEEKEND_WEIGHT if each.weekday() >= SATURDAY else 1.0) for each in hours]
    return sorted(hour + timedelta(hours=rng.random()) for hour in rng.choices(hours, weights, k=plan.notifications))


def _with_faults(
    rng: Random, plan: StreamPlan, facts: list[tuple[datetime, Event]]
) -> Iterator[tuple[datetime, Event]]:
    """Yield each event with the time at which the log gets it: some late, some again."""
    last = max(at for at, _ in facts)
    for happened_at, event in facts:
        late = rng.random() < plan.late_share
        at = last + timedelta(seconds=rng.uniform(1.0, LATE_SECONDS_MAX)) if late else happened_at
        yield at, event
        if rng.random() < plan.duplicate_share:
            yield at + timedelta(seconds=rng.expovariate(1 / DUPLICATE_MEAN_SECONDS)), event
