"""What happens in a workload, and in which order the log gets it: columns of numbers, drawn from one seed.

A record is the unit of time: whatever happens is put so many records behind the `created` of its notification, one
record being MICROSECONDS_PER_RECORD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ledger_schemas import Kind

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

BEGIN_MICROSECONDS: Final = 1_772_366_400_000_000
"""2026-03-01T12:00:00Z: when the first notification is created."""

MICROSECONDS_PER_RECORD: Final = 2_000
"""500 records a second: a busy service."""

AUDIENCES: Final = {1: 0.60, 2: 0.14, 3: 0.08, 4: 0.05, 6: 0.06, 12: 0.05, 30: 0.02}
"""Recipients of a notification and how often: 2.9 on average."""

CHANNELS: Final = {"email": 0.45, "push": 0.30, "in_app": 0.20, "sms": 0.05}
TWO_CHANNELS_SHARE: Final = 0.25
TENANT_SHARES: Final = (0.5, *(0.5 / 60 for _ in range(60)))
"""One that is as big as all the others."""

USERS: Final = 50_000
DERIVED_ID_SHARE: Final = 0.20
DUPLICATE_SHARE: Final = 0.053
LATE_SHARE: Final = 0.112
LATE_CREATED_SHARE: Final = 0.02
"""Shares of what is drawn; some of it comes behind the end of the log, so that of the log it is 5 and 10 in 100."""
BACKDATED_SHARE: Final = 0.01
"""Stated by a clock that is behind, or imported: about an hour before anything else that is being recorded."""

RETRACTED_SHARE: Final = 0.0008
EVENTS_PER_NOTIFICATION_MIN: Final = 8
"""Fewer than there are, so that more than enough is drawn; the log is cut where it is long enough."""

LATE_RECORDS: Final = (5_000, 50_000)
"""How late, on average, seven of ten late events are; and a quarter; the rest come anywhere in the log."""

DUPLICATE_RECORDS: Final = (20, 5_000)
"""How far behind the first a copy is: at most, for one half of them (a retry); on average, for the other."""

_OF_NOTIFICATION: Final = {
    Kind.CREATED: (1.0, 0),
    Kind.FIRED: (1.0, 30),
    Kind.CANCELLED: (0.006, 500),
    Kind.EXPIRED: (0.012, 20_000),
    Kind.AMENDED: (0.02, 3_000),
    Kind.AUDIENCE_ADDED: (0.015, 1_000),
}
_OF_ENTRY: Final = {
    Kind.SEEN: (0.35, 2_000),
    Kind.READ: (0.35, 4_000),
    Kind.UNREAD: (0.01, 8_000),
    Kind.ACKNOWLEDGED: (0.08, 6_000),
    Kind.ARCHIVED: (0.05, 9_000),
    Kind.UNARCHIVED: (0.003, 12_000),
    Kind.SNOOZED: (0.006, 5_000),
    Kind.UNSNOOZED: (0.005, 15_000),
    Kind.ACTION_COMPLETED: (0.02, 6_000),
    Kind.ACTION_REVERTED: (0.002, 9_000),
    Kind.DELETED: (0.02, 20_000),
}
_OF_DELIVERY: Final = {
    Kind.ATTEMPTED: (0.60, 100),
    Kind.DEFERRED: (0.02, 300),
    Kind.DELIVERED: (0.93, 400),
    Kind.FAILED: (0.04, 500),
    Kind.OPENED: (0.30, 3_000),
    Kind.CLICKED: (0.07, 4_000),
    Kind.OBSERVED: (0.03, 500),
    Kind.COMPLAINED: (0.0005, 9_000),
    Kind.UNSUBSCRIBED: (0.003, 9_000),
}
"""Per notification, inbox entry, delivery: how often it happens, and how many records after the created on average."""

KINDS: Final = tuple(Kind)
NOBODY: Final = -1


@dataclass(frozen=True, slots=True)
class Plan:
    """Columns of the events, one row each.

    `order` are the rows in the order of the log, copies repeated, and `recorded_at` when it takes them: never before
    they occurred.

    `recipient` and `channel` are NOBODY where the event speaks of a coarser grain; `retracted` is the row of the event
    that a retracted takes back. `members` begin at `first_member[notification]`: a recipient and its channels as bits.
    """

    kind: Numbers
    notification: Numbers
    recipient: Numbers
    channel: Numbers
    occurred_at: Numbers
    retracted: Numbers
    tenant: Numbers
    derived: npt.NDArray[np.bool_]
    first_member: Numbers
    member: Numbers
    member_channels: Numbers
    order: Numbers
    recorded_at: Numbers
    late: npt.NDArray[np.bool_]


def draw(events: int, seed: int) -> Plan:
    """Draw a plan of so many records."""
    rng = np.random.default_rng(seed)
    notifications = events // EVENTS_PER_NOTIFICATION_MIN + 20
    sizes = rng.choice([*AUDIENCES], notifications, p=[*AUDIENCES.values()])
    first_member = np.concatenate([[0], np.cumsum(sizes)])
    of_member = np.repeat(np.arange(notifications), sizes)
    place = np.arange(len(of_member)) - first_member[of_member]
    member = (rng.integers(0, USERS, notifications)[of_member] + place) % USERS
    first_channel = rng.choice(len(CHANNELS), len(member), p=[*CHANNELS.values()])
    second = np.where(rng.random(len(member)) < TWO_CHANNELS_SHARE, (first_channel + 1) % len(CHANNELS), NOBODY)
    two = np.flatnonzero(second != NOBODY)
    delivery_member = np.concatenate([np.arange(len(member)), two])
    delivery_channel = np.concatenate([first_channel, second[two]])

    kind, notification, recipient, channel, delay = [
        np.concatenate(column)
        for column in zip(
            *_happening(rng, _OF_NOTIFICATION, np.arange(notifications), None, None),
            *_happening(rng, _OF_ENTRY, of_member, member, None),
            *_happening(rng, _OF_DELIVERY, of_member[delivery_member], member[delivery_member], delivery_channel),
            strict=True,
        )
    ]
    # Row 0 of each is of the first notification, which has every kind early: no log is too short for all of them.
    one_of_each = notification == 0
    delay[one_of_each] = np.minimum(delay[one_of_each], 3.0 * np.arange(np.count_nonzero(one_of_each)))
    targets = np.flatnonzero((recipient != NOBODY) & (rng.random(len(kind)) < RETRACTED_SHARE))
    targets = np.union1d(targets, np.flatnonzero(one_of_each & (recipient != NOBODY))[:1])
    retracted = np.concatenate([np.full(len(kind), NOBODY), targets])
    kind = np.concatenate([kind, np.full(len(targets), KINDS.index(Kind.RETRACTED))])
    notification = np.concatenate([notification, notification[targets]])
    nobody = np.full(len(targets), NOBODY)
    recipient, channel = np.concatenate([recipient, nobody]), np.concatenate([channel, nobody])
    delay = np.concatenate([delay, delay[targets] + 50 + rng.exponential(10_000, len(targets)) * (targets > 0)])
    first_ones = notification == 0
    delay[first_ones] = np.minimum(delay[first_ones], 90)

    spacing = len(kind) * (1 + DUPLICATE_SHARE) / notifications
    happened = notification * spacing + delay
    arrived, late = _late(rng, kind, happened, events, first_ones)
    backdated = (rng.random(len(kind)) < BACKDATED_SHARE) & ~first_ones
    at = happened * MICROSECONDS_PER_RECORD - rng.integers(0, 50_000, len(kind))
    at[backdated] -= rng.exponential(3_600_000_000, np.count_nonzero(backdated))
    rows = np.arange(len(kind))
    copied = np.flatnonzero(rng.random(len(kind)) < DUPLICATE_SHARE)
    soon = rng.random(len(copied)) < 0.5
    behind = np.where(soon, rng.uniform(1, DUPLICATE_RECORDS[0], len(copied)), 0)
    behind += np.where(soon, 0, 1 + rng.exponential(DUPLICATE_RECORDS[1], len(copied)))
    arrivals = np.concatenate([arrived, arrived[copied] + behind])
    first_come = np.argsort(arrivals, kind="stable")[:events]
    return Plan(
        kind=kind,
        notification=notification,
        recipient=recipient,
        channel=channel,
        occurred_at=BEGIN_MICROSECONDS + at.astype(np.int64),
        retracted=retracted,
        tenant=rng.choice(len(TENANT_SHARES), notifications, p=TENANT_SHARES),
        derived=rng.random(notifications) < DERIVED_ID_SHARE,
        first_member=first_member,
        member=member,
        member_channels=(1 << first_channel) | np.where(second == NOBODY, 0, 1 << np.maximum(second, 0)),
        order=np.concatenate([rows, copied])[first_come],
        recorded_at=BEGIN_MICROSECONDS + (arrivals[first_come] * MICROSECONDS_PER_RECORD).astype(np.int64),
        late=late,
    )


def _happening(
    rng: np.random.Generator,
    steps: dict[Kind, tuple[float, int]],
    notification: Numbers,
    recipient: Numbers | None,
    channel: Numbers | None,
) -> list[tuple[Numbers, Numbers, Numbers, Numbers, Reals]]:
    """Return, per step: kind, notification, recipient, channel and delay of the rows that it happens to."""
    found = []
    for kind, (share, mean_records) in steps.items():
        happens = rng.random(len(notification)) < share
        happens[0] = True
        rows = np.flatnonzero(happens)
        nobody = np.full(len(rows), NOBODY)
        found.append(
            (
                np.full(len(rows), KINDS.index(kind)),
                notification[rows],
                nobody if recipient is None else recipient[rows],
                nobody if channel is None else channel[rows],
                rng.exponential(mean_records, len(rows)),
            )
        )
    return found


def _late(
    rng: np.random.Generator, kind: Numbers, happened: Reals, events: int, never: npt.NDArray[np.bool_]
) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """Return when each event arrives, and which of them late."""
    share = np.where(kind == KINDS.index(Kind.CREATED), LATE_CREATED_SHARE, LATE_SHARE)
    late = (rng.random(len(kind)) < share) & ~never
    how = rng.random(len(kind))
    by = np.select(
        [how < 0.70, how < 0.95],
        [rng.exponential(LATE_RECORDS[0], len(kind)), rng.exponential(LATE_RECORDS[1], len(kind))],
        rng.uniform(0, max(events, 1), len(kind)),
    )
    return happened + np.where(late, by, 0), late
