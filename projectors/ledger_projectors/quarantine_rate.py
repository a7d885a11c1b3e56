"""How many of the last records went to quarantine: counted over the log itself, the same live and in a replay."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

import duckdb

from ledger_projectors.alarm_board import AlarmBoard
from ledger_projectors.projection import engine_sql
from ledger_projectors.records import BatchOutcome, Reason, Rejection
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.errors import TooManyQuarantined, Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, split_frame
from ledger_schemas.positions import Position

QUARANTINE_WINDOW_RECORDS: Final = 10_000
"""Consecutive offsets of a partition that are looked at together."""

QUARANTINE_MAX: Final = 100
"""Records in one window that go to quarantine for another reason than a conflict; more are an alarm."""

CONFLICTS_MAX: Final = 100
"""Conflicts in one window; more are an alarm."""

TENANTS_LOGGED_MAX: Final = 20
TENANTS_ALARMED_MAX: Final = 5
"""Tenants that are named, those with the most conflicts first."""

UNREADABLE: Final = frozenset({Reason.UNDECODABLE, Reason.SCHEMA_UNKNOWN, Reason.KIND_UNKNOWN})
"""Reasons for which no event was decoded. A window that is mostly these is another topic's, or the schemas are lost.
All other reasons are mistakes of one writer, which may make any number of them."""

_TEXT_BEGINS_WITH: Final = (b"{", b"[", b"<")


class Kept(NamedTuple):
    """One quarantined record; `common` is what it may have in common with others, without a byte of its payload."""

    partition: int
    offset: int
    reason: Reason
    common: str

    @classmethod
    def of(cls, rejection: Rejection) -> Kept:
        """Return what is counted of a rejection."""
        record = rejection.record
        return cls(record.partition, record.offset, rejection.reason, common(rejection.tenant_id, record.value))


def common(tenant_id: str | None, value: bytes | None) -> str:
    """Return the tenant of a record's event, else which schema its value names, else the sort of its first bytes."""
    if tenant_id is not None:
        return f"tenant {tenant_id}"
    if value is None:
        return "no value"
    try:
        return str(split_frame(value)[0])
    except Undecodable:
        return "text, no frame of ours" if value.startswith(_TEXT_BEGINS_WITH) else "no frame of ours"


def recently_kept(connection: duckdb.DuckDBPyConnection, window_records: int) -> list[Kept]:
    """Return what lies in quarantine among the last `window_records` offsets of each partition, in log order."""
    parameters = {"window_records": window_records, "header": SINGLE_OBJECT_HEADER_BYTES}
    rows = connection.execute(engine_sql("recently_kept"), parameters).fetchall()
    return [
        Kept(partition, offset, Reason(reason), common(tenant, beginning))
        for partition, offset, reason, tenant, beginning in rows
    ]


def facts(outcome: BatchOutcome) -> dict[str, object]:
    """Return what a log line says of the records that a batch put into quarantine: counts and ids of tenants."""
    tenants = Counter(str(one.tenant_id) for one in outcome.rejections if one.reason is Reason.CONFLICT)
    most = dict(tenants.most_common(TENANTS_LOGGED_MAX))
    return {"count": outcome.quarantined, "reasons": outcome.reasons, "conflicts_by_tenant": most}


class QuarantineRate:
    """Watches, in each partition, the quarantined records among the last `window_records` consecutive offsets.

    No clock and no boundary of a batch has a say in it. Unreadable records stop the projector when they are more than
    half of a window: a log with such a window stops it at the same record however it is read. Conflicts never do.
    """

    def __init__(self, topic: str, records_max: int, window_records: int | None, alarms: AlarmBoard) -> None:
        """Report to `alarms` more than CONFLICTS_MAX conflicts, and more than `records_max` others, in a window.

        Without `window_records`, nothing is counted.
        """
        self._topic = topic
        self._records_max = records_max
        self._counting = window_records is not None
        self.window_records = window_records or 0
        self._alarms = alarms
        self._windows: dict[int, _Window] = {}
        self._seen = Position()

    def resume(self, kept: Iterable[Kept], position: Position) -> None:
        """Count anew what lies in quarantine at `position`, each partition's in offset order.

        When more than half of a window is unreadable already, an earlier run stopped at it, and the person who started
        this one has seen it: only what comes after `position` counts towards another stop.
        """
        kept = list(kept)
        self._windows = {}
        if self._counted(kept) is not None:
            self._seen = position
            self._windows = {}
            self._counted(kept)
        self._report(position)

    def add(self, rejections: Iterable[Rejection], position: Position) -> TooManyQuarantined | None:
        """Count what a batch that ends at `position` put into quarantine. Return the error to stop with, if any."""
        error = self._counted(sorted(map(Kept.of, rejections), key=attrgetter("offset")))
        self._report(position)
        return error

    def _counted(self, kept: Iterable[Kept]) -> TooManyQuarantined | None:
        """Count records; return the error of the first excess, with the facts at that record."""
        error = None
        for one in kept if self._counting else ():
            window = self._windows.get(one.partition)
            if window is None:
                window = self._windows[one.partition] = _Window(self._seen.get((self._topic, one.partition), 0))
            window.begin_at(one.offset + 1 - self.window_records)
            window.add(one)
            if error is None and 2 * window.unreadable > self.window_records:
                error = self._too_many(one.partition, window)
        return error

    def _report(self, position: Position) -> None:
        for (_, partition), next_offset in position.items():
            if partition in self._windows:
                self._windows[partition].begin_at(next_offset - self.window_records)
        self._alarms.report("quarantine", self._current())

    def _current(self) -> Iterator[Alarm]:
        for partition, window in self._windows.items():
            where = f"{self._topic} partition {partition}"
            last = f"of the last {self.window_records:,} records of {where}"
            conflicts, others = window.conflicts, window.others
            if len(conflicts.kept) > CONFLICTS_MAX:
                tenants = conflicts.counts.most_common(TENANTS_ALARMED_MAX)
                most = ", ".join(f"{tenant} ({count:,})" for (_, tenant), count in tenants)
                yield Alarm(
                    AlarmCode.CONFLICTS,
                    f"{len(conflicts.kept):,} {last} are conflicts, {conflicts.span()}; most are of {most}.",
                    hint="Each repeats the event_id of an earlier event with other content; the first one counts. Find "
                    "who sends them: `notification-ledger quarantine list --reason conflict --group-by tenant`.",
                    subject=where,
                )
            if len(others.kept) > self._records_max:
                yield Alarm(
                    AlarmCode.QUARANTINE_HIGH,
                    f"{len(others.kept):,} {last} cannot be applied, {others.span()}: {others.reasons()}.",
                    hint="Find what writes them: `notification-ledger quarantine list --group-by reason`. When more "
                    "than half of so many records cannot be read, the projector stops.",
                    subject=where,
                )

    def _too_many(self, partition: int, window: _Window) -> TooManyQuarantined:
        found = _Sort()
        for one in window.others.kept:
            if window.is_unreadable(one):
                found.add(one)
        return TooManyQuarantined(
            f"{len(found.kept):,} of {self.window_records:,} consecutive records of {self._topic} partition "
            f"{partition} cannot be read, {found.span()}: {found.reasons()}.",
            hint="What is written there is mostly not for this ledger, or the schemas that it needs are lost: check "
            "NOTIFICATION_LEDGER_TOPIC, the schema topic and the registry. The records are kept whole: "
            "`notification-ledger quarantine list --group-by reason`. Mend the cause and start the projector again, "
            "which counts from there (NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS is how many are looked at; more "
            "than half of them stop it).",
        )


class _Sort:
    """Records of one sort in a window, in offset order, and how many have a reason and something in common.

    Counted as they come and go: an alarm that holds is worded after every batch.
    """

    def __init__(self) -> None:
        self.kept: deque[Kept] = deque()
        self.counts: Counter[tuple[Reason, str]] = Counter()

    def add(self, one: Kept) -> None:
        self.kept.append(one)
        self.counts[one.reason, one.common] += 1

    def begin_at(self, offset: int) -> Iterator[Kept]:
        """Drop the records before an offset, and yield them."""
        while self.kept and self.kept[0].offset < offset:
            one = self.kept.popleft()
            key = one.reason, one.common
            self.counts[key] -= 1
            if not self.counts[key]:
                del self.counts[key]
            yield one

    def span(self) -> str:
        return f"at offsets {self.kept[0].offset} to {self.kept[-1].offset}"

    def reasons(self) -> str:
        """Return each reason with its count, and what most of its records have in common."""
        of_reason: Counter[Reason] = Counter()
        most: dict[Reason, tuple[int, str]] = {}
        for (reason, common_to), count in self.counts.items():
            of_reason[reason] += count
            most[reason] = max(most.get(reason, (0, "")), (count, common_to))
        told = [(reason, count, *most[reason]) for reason, count in of_reason.most_common()]
        return ", ".join(f"{count:,} {reason} ({what}: {of_them:,})" for reason, count, of_them, what in told)


class _Window:
    """The quarantined records among the last offsets of one partition.

    `unreadable` counts those of them that count towards a stop: none before `seen_before`.
    """

    def __init__(self, seen_before: int) -> None:
        self.conflicts = _Sort()
        self.others = _Sort()
        self.unreadable = 0
        self._seen_before = seen_before

    def add(self, one: Kept) -> None:
        if one.reason is Reason.CONFLICT:
            self.conflicts.add(one)
        else:
            self.others.add(one)
            self.unreadable += self.is_unreadable(one)

    def begin_at(self, offset: int) -> None:
        """Forget what lies before an offset."""
        for _ in self.conflicts.begin_at(offset):
            pass
        self.unreadable -= sum(map(self.is_unreadable, self.others.begin_at(offset)))

    def is_unreadable(self, one: Kept) -> bool:
        return one.reason in UNREADABLE and one.offset >= self._seen_before
