"""Encoded events of a workload in the order of the log: all kinds in live proportions, made from one seed, fast.

`python -m tests.benchmarks.workload 1000000` says what is in one.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from ledger_projectors.decode.partitioning import partitions_of
from ledger_projectors.log.records import LogRecords
from ledger_schemas import LIFECYCLE_TOPIC, Kind, Position, derive_notification_id
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import PARTITIONS_DEFAULT
from tests.benchmarks import workload_content as content
from tests.benchmarks import workload_plan as planning
from tests.benchmarks.workload_bytes import (
    ABSENT,
    EPOCH_BYTES,
    ID_CHARS,
    ID_LENGTH,
    cut,
    long_bytes,
    present,
    short_text,
    time_ordered_ids,
    uuid_texts,
)
from tests.benchmarks.workload_plan import KINDS, NOBODY, Numbers, Plan

SEED_DEFAULT: Final = 2026
SHOP: Final = "shop"
"""The source of all that no provider states."""

_ADDED_USERS_FROM: Final = planning.USERS
"""Recipients of an audience_added: none that another event names."""

Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Workload:
    """Records in the order in which they are appended: key, framed value, partition; copies share their bytes.

    `recorded_at_ms` is what the log would say had it been written as the events happened; no event lies behind it.
    """

    keys: list[bytes]
    values: list[bytes]
    partition: npt.NDArray[np.int32]
    recorded_at_ms: Numbers
    partitions: int
    facts: dict[str, object]

    def __len__(self) -> int:
        """Return how many records it has."""
        return len(self.keys)

    def records(self, topic: str = LIFECYCLE_TOPIC, begin: Position | None = None) -> LogRecords:
        """Return it as the records of a log that ended at `begin`, by default an empty one."""
        begin = begin or Position()
        offsets = np.empty(len(self), np.int64)
        for partition in range(self.partitions):
            places = np.flatnonzero(self.partition == partition)
            offsets[places] = begin.get((topic, partition), 0) + np.arange(len(places))
        return LogRecords(topic, self.partition, offsets, self.recorded_at_ms, [*self.keys], [*self.values])

    def batches(self, size: int, topic: str = LIFECYCLE_TOPIC) -> Iterator[LogRecords]:
        """Yield the records in batches, the last one maybe shorter."""
        records = self.records(topic)
        for start in range(0, len(records), size):
            yield records[start : start + size]


def make_workload(events: int, *, seed: int = SEED_DEFAULT, partitions: int = PARTITIONS_DEFAULT) -> Workload:
    """Return a log of so many records (27 kinds from a hundred on); the same for the same arguments."""
    plan = planning.draw(events, seed)
    rng = np.random.default_rng([seed, 1])
    keys_of, ids = _notification_ids(plan, rng)
    values_of = _encode(plan, keys_of, rng)
    order = plan.order
    partition_of = partitions_of(ids, partitions).astype(np.int32)
    notifications = plan.notification[order].tolist()
    keys = [keys_of[number] for number in notifications]
    values = [values_of[row] for row in order.tolist()]
    return Workload(
        keys=keys,
        values=values,
        partition=partition_of[plan.notification[order]],
        recorded_at_ms=plan.recorded_at // 1_000 + 1,
        partitions=partitions,
        facts=_facts(plan, values),
    )


def first_records(workload: Workload, count: int) -> Workload:
    """Return the first records of a workload as one of its own; nothing is counted."""
    return Workload(
        keys=workload.keys[:count],
        values=workload.values[:count],
        partition=workload.partition[:count],
        recorded_at_ms=workload.recorded_at_ms[:count],
        partitions=workload.partitions,
        facts={},
    )


def _notification_ids(plan: Plan, rng: Draw) -> tuple[list[bytes], npt.NDArray[np.uint8]]:
    """Return the text of each notification's id, and all of them behind one another."""
    created = plan.kind == KINDS.index(Kind.CREATED)
    at = np.zeros(len(plan.tenant), np.int64)
    at[plan.notification[created]] = plan.occurred_at[created]
    texts = uuid_texts(time_ordered_ids(at, np.full(len(at), 7), rng))
    for number in np.flatnonzero(plan.derived).tolist():
        derived = derive_notification_id(_tenant(int(plan.tenant[number])), SHOP, _external_id(number))
        texts[number] = np.frombuffer(str(derived).encode(), np.uint8)
    flat = texts.reshape(-1)
    return cut(flat.tobytes(), ID_CHARS), flat


def _encode(plan: Plan, keys_of: list[bytes], rng: Draw) -> dict[int, bytes]:
    """Return the framed bytes of each event that is in the log, by its row."""
    rows = np.unique(np.concatenate([plan.order, np.maximum(plan.retracted[plan.order], 0)]))
    kind = plan.kind[rows]
    of_provider = plan.channel[rows] != NOBODY
    raw_ids = time_ordered_ids(plan.occurred_at[rows], np.where(of_provider, 8, 7), rng)
    event_ids = cut(uuid_texts(raw_ids).tobytes(), ID_CHARS)
    times = cut(long_bytes(plan.occurred_at[rows]), EPOCH_BYTES)
    id_of = dict(zip(rows.tolist(), event_ids, strict=True))
    saying = _Saying(plan, id_of)
    heads = [header_of(SchemaReference.to_fingerprint(current_schema(one).fingerprint)) + ID_LENGTH for one in KINDS]
    tails = [content.lean_tails(one) if one not in saying.whole else None for one in KINDS]
    tenants = [short_text(_tenant(number)) for number in range(len(planning.TENANT_SHARES))]
    users = [present(_user(number)) for number in range(planning.USERS)]
    channels = [present(name) for name in planning.CHANNELS]
    devices = [present(f"device-{number}") for number in range(3)]
    push = [*planning.CHANNELS].index("push")
    by_service, by_adapter = short_text(SHOP), short_text("provider-webhooks")
    tenant_of = plan.tenant.tolist()
    encoded: dict[int, bytes] = {}
    columns = zip(
        *(column.tolist() for column in (rows, kind, *(c[rows] for c in (plan.notification, plan.recipient)))),
        plan.channel[rows].tolist(),
        event_ids,
        times,
        strict=True,
    )
    for row, which, notification, recipient, channel, event_id, at in columns:
        variants = tails[which]
        attempt = channel != NOBODY
        user = users[recipient] if recipient != NOBODY else ABSENT
        encoded[row] = b"".join(
            (
                heads[which],
                event_id,
                tenants[tenant_of[notification]],
                ID_LENGTH,
                keys_of[notification],
                at,
                user,
                channels[channel] if attempt else ABSENT,
                devices[recipient % 3] if channel == push else ABSENT,
                present(f"attempt-{notification}-{recipient}") if attempt else ABSENT,
                by_adapter if attempt else by_service,
                # A person's own doing names the person; a service's or a provider's names nobody.
                ABSENT if attempt else user,
                present(f"order-{notification}"),
                ABSENT,
                variants[row % content.VARIANTS] if variants else saying.tail(KINDS[which], row, notification),
            )
        )
    return encoded


class _Saying:
    """What the kinds with content of their own say, event by event."""

    def __init__(self, plan: Plan, id_of: dict[int, bytes]) -> None:
        self._plan = plan
        self._id_of = id_of
        self._first = plan.first_member.tolist()
        self._members = plan.member.tolist()
        self._channels = plan.member_channels.tolist()
        self._names = [
            [name for bit, name in enumerate(planning.CHANNELS) if bits >> bit & 1]
            for bits in range(1 << len(planning.CHANNELS))
        ]
        self.whole: dict[Kind, Callable[[int, int], bytes]] = {
            Kind.CREATED: self._created,
            Kind.AMENDED: lambda _, notification: content.amended(notification + 1),
            Kind.AUDIENCE_ADDED: self._audience_added,
            Kind.RETRACTED: lambda row, _: content.retracted(self._id_of[int(plan.retracted[row])].decode()),
        }

    def tail(self, kind: Kind, row: int, notification: int) -> bytes:
        return self.whole[kind](row, notification)

    def _created(self, _: int, notification: int) -> bytes:
        members = [
            (_user(self._members[place]), self._names[self._channels[place]])
            for place in range(self._first[notification], self._first[notification + 1])
        ]
        external_id = _external_id(notification) if self._plan.derived[notification] else None
        return content.created(notification, members, external_id)

    def _audience_added(self, _: int, notification: int) -> bytes:
        members = [(_user(_ADDED_USERS_FROM + notification % 1_000 + step), ["email"]) for step in range(3)]
        return content.audience_added(members)


def _tenant(number: int) -> str:
    return f"tenant-{number:02d}"


def _user(number: int) -> str:
    return f"user-{number:06d}"


def _external_id(notification: int) -> str:
    return f"order-{notification}-shipped"


def _facts(plan: Plan, values: list[bytes]) -> dict[str, object]:
    order = plan.order
    kinds = Counter(plan.kind[order].tolist())
    return {
        "records": len(order),
        "notifications": len(np.unique(plan.notification[order])),
        "duplicates": len(order) - len(np.unique(order)),
        "late": int(np.count_nonzero(plan.late[order])),
        "derived_ids": int(np.count_nonzero(plan.derived[np.unique(plan.notification[order])])),
        "value_bytes": sum(map(len, values)),
        "kinds": {KINDS[number].value: count for number, count in kinds.most_common()},
    }


def uuid_time_ms(text: bytes) -> int:
    """Return the milliseconds that a time-ordered id begins with."""
    return UUID(text.decode()).int >> 80


if __name__ == "__main__":
    began = time.perf_counter()
    made = make_workload(int(sys.argv[1]))
    sys.stdout.write(f"made in {time.perf_counter() - began:.1f} s\n")
    for name, value in made.facts.items():
        sys.stdout.write(f"{name}: {value}\n")
