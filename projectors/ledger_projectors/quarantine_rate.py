"""How many of the last records went to quarantine: counted over the log itself, the same live and in a replay."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
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
        error = self._counted(sorted(map(Kept.of, rejections)))
        self._report(position)
        return error

    def _counted(self, kept: Iterable[Kept]) -> TooManyQuarantined | None:
        """Count records; return the error of the first excess, with the facts at that record."""
        error = None
        for one in kept if self._counting else ():
            seen_before = self._seen.get((self._topic, one.partition), 0)
            window = self._windows.setdefault(one.partition, _Window(seen_before))
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
            others = len(window.kept) - window.conflicts
            if window.conflicts > CONFLICTS_MAX:
                found = [one for one in window.kept if one.reason is Reason.CONFLICT]
                tenants = Counter(one.common for one in found).most_common(TENANTS_ALARMED_MAX)
                most = ", ".join(f"{tenant} ({count:,})" for tenant, count in tenants)
                yield Alarm(
                    AlarmCode.CONFLICTS,
                    f"{len(found):,} {last} are conflicts, {_span(found)}; most are of {most}.",
                    hint="Each repeats the event_id of an earlier event with other content; the first one counts. Find "
                    "who sends them: `notification-ledger quarantine list --reason conflict --group-by tenant`.",
                    subject=where,
                )
            if others > self._records_max:
                found = [one for one in window.kept if one.reason is not Reason.CONFLICT]
                yield Alarm(
                    AlarmCode.QUARANTINE_HIGH,
                    f"{len(found):,} {last} cannot be applied, {_span(found)}: {_reasons(found)}.",
                    hint="Find what writes them: `notification-ledger quarantine list --group-by reason`. When more "
                    "than half of so many records cannot be read, the projector stops.",
                    subject=where,
                )

    def _too_many(self, partition: int, window: _Window) -> TooManyQuarantined:
        found = [one for one in window.kept if window.counts(one)]
        return TooManyQuarantined(
            f"{len(found):,} of {self.window_records:,} consecutive records of {self._topic} partition {partition} "
            f"cannot be read, {_span(found)}: {_reasons(found)}.",
            hint="What is written there is mostly not for this ledger, or the schemas that it needs are lost: check "
            "NOTIFICATION_LEDGER_TOPIC, the schema topic and the registry. The records are kept whole: "
            "`notification-ledger quarantine list --group-by reason`. Mend the cause and start the projector again, "
            "which counts from there (NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS is how many are looked at; more "
            "than half of them stop it).",
        )


class _Window:
    """The quarantined records among the last offsets of one partition.

    `unreadable` counts those that count towards a stop: none before `seen_before`.
    """

    def __init__(self, seen_before: int) -> None:
        self.kept: deque[Kept] = deque()
        self.conflicts = 0
        self.unreadable = 0
        self._seen_before = seen_before

    def add(self, one: Kept) -> None:
        self.kept.append(one)
        self._count(one, 1)

    def begin_at(self, offset: int) -> None:
        while self.kept and self.kept[0].offset < offset:
            self._count(self.kept.popleft(), -1)

    def counts(self, one: Kept) -> bool:
        return one.reason in UNREADABLE and one.offset >= self._seen_before

    def _count(self, one: Kept, change: int) -> None:
        self.conflicts += change * (one.reason is Reason.CONFLICT)
        self.unreadable += change * self.counts(one)


def _span(kept: list[Kept]) -> str:
    return f"at offsets {kept[0].offset} to {kept[-1].offset}"


def _reasons(kept: list[Kept]) -> str:
    """Return each reason with its count, and what most of its records have in common."""
    told = []
    for reason, count in Counter(one.reason for one in kept).most_common():
        ((most, of_them),) = Counter(one.common for one in kept if one.reason is reason).most_common(1)
        told.append(f"{count:,} {reason} ({most}: {of_them:,})")
    return ", ".join(told)
