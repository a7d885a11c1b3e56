"""The life of one simulated notification: which facts there are of it, when each was true, and who states them."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar
from uuid import UUID

from ledger_infra.demo.characters import CHANNELS, ChannelCharacter, Template, TenantCharacter
from ledger_schemas import (
    AudienceMember,
    Event,
    NotificationAcknowledged,
    NotificationCreated,
    NotificationDelivered,
    NotificationFailed,
    NotificationFired,
    NotificationOpened,
    NotificationRead,
    NotificationUnread,
    Personal,
    Subject,
    derive_notification_id,
)

FEW_SHARE: Final = 0.10
"""Audiences of two to five; all others but broadcasts are of one."""

FEW_RECIPIENTS: Final = (2, 5)
BROADCAST_RECIPIENTS: Final = (50, 200)

TWO_DEVICES_EVERY: Final = 3
"""Every third person has two devices for push: two deliveries, each with a reference."""

NAMELESS_SHARE: Final = 0.1
"""Audiences of one whose providers do not name the recipient: there is only one to mean."""

SCHEDULED_SHARE: Final = 0.04
SCHEDULED_SECONDS: Final = (300.0, 21_600.0)

RETRY_SECONDS: Final = (20.0, 1_800.0)
"""From a failure that passes to the delivery."""

DELIVERED_AFTER_OPENED_SHARE: Final = 0.02
"""Deliveries that were opened before their provider says that they were delivered."""

LATE_BOUNCE_SHARE: Final = 0.005
"""Deliveries that fail for good hours after they had succeeded, over channels that can bounce at all."""

LATE_BOUNCE_SECONDS: Final = (3_600.0, 28_800.0)
PREFETCH_SECONDS: Final = (0.5, 20.0)
"""How soon after its delivery a machine opens a mail."""

READ_SECONDS_MEDIAN: Final = 1_200.0
READ_SECONDS_MAX: Final = 86_400.0
UNREAD_SHARE: Final = 0.05
READ_AGAIN_SHARE: Final = 0.6

SPREAD: Final = 0.8
"""Of latencies: the standard deviation of their logarithm."""

SKEWED_YEARS: Final = (1970, 2200)
"""What clocks say that were never set, or set by mistake."""

E = TypeVar("E", bound=Event)


def live(
    rng: Random,
    tenant: TenantCharacter,
    number: int,
    created_at: datetime,
    *,
    derived_id: bool,
    skewed_share: float,
) -> list[tuple[datetime, Event]]:
    """Return the facts of one notification, each with the time when it was true.

    That is the event's `occurred_at`, except for a share of `skewed_share`, whose emitter's clock was wrong.
    `derived_id`: the id of the notification is derived from an external id, and not ordered by time.
    """
    (template,) = rng.choices(tenant.templates, [each.weight for each in tenant.templates])
    life = _Life(rng, tenant, template, number, created_at, derived_id=derived_id, skewed_share=skewed_share)
    people = _audience(rng, tenant, template)
    scheduled_at = None
    fired_at = _later(created_at, rng.uniform(0.05, 2.0))
    if rng.random() < SCHEDULED_SHARE:
        scheduled_at = fired_at = _later(created_at, rng.uniform(*SCHEDULED_SECONDS))
    life.create(created_at, people, scheduled_at)
    life.state(NotificationFired, fired_at)
    nameless = len(people) == 1 and rng.random() < NAMELESS_SHARE
    for person in people:
        _reach(life, person, None if nameless else f"person-{person}", fired_at)
    return life.facts


class _Life:
    """What all events of one notification share, and the events so far."""

    def __init__(
        self,
        rng: Random,
        tenant: TenantCharacter,
        template: Template,
        number: int,
        created_at: datetime,
        *,
        derived_id: bool,
        skewed_share: float,
    ) -> None:
        self.rng = rng
        self.template = template
        self.tenant = tenant
        self.number = number
        self.external_id = f"{template.subject}-{number}" if derived_id else None
        self.facts: list[tuple[datetime, Event]] = []
        self._skewed_share = skewed_share
        self._envelope = {
            "tenant_id": tenant.tenant_id,
            "source": tenant.source,
            "notification_id": (
                derive_notification_id(tenant.tenant_id, tenant.source, self.external_id)
                if self.external_id
                else _uuid7(rng, created_at)
            ),
        }

    def state(self, kind: type[E], at: datetime, **fields: Any) -> None:  # noqa: ANN401 - each kind has its own
        says = at
        if self.rng.random() < self._skewed_share:
            says = at.replace(year=self.rng.choice(SKEWED_YEARS), day=min(at.day, 28))
        event = kind(event_id=_uuid7(self.rng, says), occurred_at=says, **self._envelope, **fields)
        self.facts.append((at, event))

    def create(self, at: datetime, people: list[int], scheduled_at: datetime | None) -> None:
        template, number = self.template, self.number
        addresses = {f"person-{person}": _addresses(person, template.channels) for person in people}
        self.state(
            NotificationCreated,
            at,
            audience=tuple(
                AudienceMember(recipient_id=f"person-{person}", channels=template.channels) for person in people
            ),
            type=template.type,
            action=template.action,
            priority=template.priority,
            subject=Subject(type=template.subject, id=str(number)),
            external_id=self.external_id,
            scheduled_at=scheduled_at,
            tags=("broadcast",) if template.broadcast else (),
            personal=Personal(
                title=template.title.format(number=number),
                body=template.body.format(number=number),
                data=json.dumps({"path": f"/{template.subject}/{number}"}),
                addresses=json.dumps(addresses) if addresses[f"person-{people[0]}"] else None,
            ),
        )


def _reach(life: _Life, person: int, recipient_id: str | None, fired_at: datetime) -> None:
    """State what becomes of one inbox entry: its deliveries, then what the person does."""
    rng, template = life.rng, life.template
    reads = rng.random() < template.read
    reached_at: datetime | None = None
    for channel in template.channels:
        for delivery_ref in _devices(person) if channel == "push" else (None,):
            delivery = {"recipient_id": recipient_id, "channel": channel, "delivery_ref": delivery_ref}
            delivered_at = _deliver(life, CHANNELS[channel], delivery, fired_at, reads=reads)
            if delivered_at is not None and (reached_at is None or delivered_at < reached_at):
                reached_at = delivered_at
    if reached_at is None or not reads:
        return
    read_at = _later(reached_at, min(_latency(rng, READ_SECONDS_MEDIAN), READ_SECONDS_MAX))
    life.state(NotificationRead, read_at, recipient_id=recipient_id)
    if rng.random() < template.acknowledged / template.read:
        life.state(NotificationAcknowledged, _later(read_at, _latency(rng, 30.0)), recipient_id=recipient_id)
    if rng.random() < UNREAD_SHARE:
        unread_at = _later(read_at, _latency(rng, 60.0))
        life.state(NotificationUnread, unread_at, recipient_id=recipient_id)
        if rng.random() < READ_AGAIN_SHARE:
            life.state(NotificationRead, _later(unread_at, _latency(rng, 3_600.0)), recipient_id=recipient_id)


def _deliver(
    life: _Life, channel: ChannelCharacter, delivery: dict[str, str | None], fired_at: datetime, *, reads: bool
) -> datetime | None:
    """State what becomes of one delivery, and return when it succeeded, if it did."""
    rng, provider = life.rng, channel.provider
    at = _later(fired_at, _latency(rng, channel.latency_seconds))
    fate = rng.random()
    if fate < channel.bounced:
        life.state(NotificationFailed, at, **delivery, provider=provider, permanent=True, reason=channel.bounce_reason)
        return None
    attempt = 1
    if fate < channel.bounced + channel.retried:
        life.state(
            NotificationFailed, at, **delivery, attempt_id="1", provider=provider, reason="temporarily_unavailable"
        )
        at = _later(at, rng.uniform(*RETRY_SECONDS))
        attempt = 2
    says = at
    if rng.random() < channel.automated_opened:
        life.state(NotificationOpened, _later(at, rng.uniform(*PREFETCH_SECONDS)), **delivery, automated=True)
    if reads and rng.random() < channel.opened:
        opened_at = _later(at, min(_latency(rng, READ_SECONDS_MEDIAN / 2), READ_SECONDS_MAX))
        life.state(NotificationOpened, opened_at, **delivery)
        if rng.random() < DELIVERED_AFTER_OPENED_SHARE:
            says = _later(opened_at, rng.uniform(1.0, 60.0))
    life.state(NotificationDelivered, says, **delivery, attempt_id=str(attempt), provider=provider)
    if channel.bounced and rng.random() < LATE_BOUNCE_SHARE:
        bounced_at = _later(says, rng.uniform(*LATE_BOUNCE_SECONDS))
        life.state(
            NotificationFailed, bounced_at, **delivery, provider=provider, permanent=True, reason=channel.bounce_reason
        )
    return at


def _audience(rng: Random, tenant: TenantCharacter, template: Template) -> list[int]:
    """Return the people of one notification: some people get far more than others."""
    if template.broadcast:
        return rng.sample(range(tenant.people), min(rng.randint(*BROADCAST_RECIPIENTS), tenant.people))
    wanted = rng.randint(*FEW_RECIPIENTS) if rng.random() < FEW_SHARE else 1
    return list(dict.fromkeys(int(tenant.people * rng.random() ** 2) for _ in range(wanted)))


def _devices(person: int) -> tuple[str | None, ...]:
    return ("phone", "tablet") if person % TWO_DEVICES_EVERY == 0 else (None,)


def _addresses(person: int, channels: tuple[str, ...]) -> dict[str, str]:
    every = {"email": f"person-{person}@example.com", "sms": f"+1555{person:07}"}
    return {channel: every[channel] for channel in channels if channel in every}


def _latency(rng: Random, median_seconds: float) -> float:
    return rng.lognormvariate(math.log(median_seconds), SPREAD)


def _later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)


def _uuid7(rng: Random, at: datetime) -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7) of a simulated time: the clock is the plan's, the rest the seed's."""
    milliseconds = int(at.timestamp() * 1000)
    bits = rng.getrandbits(74)
    return UUID(int=milliseconds << 80 | 7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1)
