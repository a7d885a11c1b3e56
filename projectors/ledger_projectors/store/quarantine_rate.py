"""How many of the last records went to quarantine: counted over the log itself, the same live and in a replay."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import duckdb

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.records import BatchOutcome, Reason, Rejection
from ledger_projectors.store.projection import engine_sql
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.errors import TooManyQuarantined, Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, split_frame
from ledger_schemas.positions import Position

QUARANTINE_WINDOW_RECORDS: Final = 10_000
"""Consecutive offsets of a partition that are looked at together."""

QUARANTINE_MAX: Final = 100
"""Records in one window that go to quarantine for another reason than a conflict; more are an alarm."""

CONFLICTS_MAX_PERCENT: Final = 1
"""Conflicts in one window, in percent of its records, at least one conflict; more are an alarm."""

TENANTS_LOGGED_MAX: Final = 20
TENANTS_ALARMED_MAX: Final = 5
"""Tenants that are named, those with the most conflicts first."""

UNREADABLE: Final = frozenset({Reason.UNDECODABLE, Reason.SCHEMA_UNKNOWN, Reason.KIND_UNKNOWN})
"""Reasons for which no event was decoded. A window that is mostly these is another topic's, or the schemas are lost.
All other reasons are mistakes of one writer, which may make any number of them."""

_TEXT_BEGINS_WITH: Final = (b"{", b"[", b"<")


class CountedRecord(NamedTuple):
    """A record in quarantine; `likely_origin` says where it may come from, without a byte of its payload."""

    partition: int
    offset: int
    reason: Reason
    likely_origin: str

    @classmethod
    def of(cls, rejection: Rejection) -> CountedRecord:
        """Return what is counted of a rejection."""
        record = rejection.record
        return cls(record.partition, record.offset, rejection.reason, likely_origin(rejection.tenant_id, record.value))


def likely_origin(tenant_id: str | None, value: bytes | None) -> str:
    """Return the tenant of a record's event, else which schema its value names, else the sort of its first bytes."""
    if tenant_id is not None:
        return f"tenant {tenant_id}"
    if value is None:
        return "no value"
    try:
        return str(split_frame(value)[0])
    except Undecodable:
        return "text, no frame of ours" if value.startswith(_TEXT_BEGINS_WITH) else "no frame of ours"


def recently_quarantined(connection: duckdb.DuckDBPyConnection, window_records: int) -> list[CountedRecord]:
    """Return the quarantined records among the last `window_records` offsets of each partition, in log order."""
    parameters = {"window_records": window_records, "header": SINGLE_OBJECT_HEADER_BYTES}
    rows = connection.execute(engine_sql("recently_quarantined"), parameters).fetchall()
    return [
        CountedRecord(partition, offset, Reason(reason), likely_origin(tenant, beginning))
        for partition, offset, reason, tenant, beginning in rows
    ]


def facts(outcome: BatchOutcome) -> dict[str, object]:
    """Return what a log line says of the records that a batch put into quarantine: counts and ids of tenants."""
    tenants = Counter(str(one.tenant_id) for one in outcome.rejections if one.reason is Reason.CONFLICT)
    most = dict(tenants.most_common(TENANTS_LOGGED_MAX))
    return {"count": outcome.quarantined, "reasons": outcome.reasons, "conflicts_by_tenant": most}


class QuarantineRate:
    """Watches, in each partition, the quarantined records among the last `window_records` consecutive offsets.

    The count depends on offsets only. Unreadable records stop the projector when they are more than half of a window.
    The first such record of a log is the same however the log is cut into batches. The batch of that record commits
    whole before the stop, so the position may be after the record by up to a batch. Conflicts never stop it.

    An alarm that was raised above its limit clears below half of the limit: a steady rate at the limit raises it once.
    """

    def __init__(self, topic: str, records_max: int, window_records: int | None, alarms: AlarmBoard) -> None:
        """Report to `alarms` more than CONFLICTS_MAX_PERCENT of a window as conflicts, more than `records_max` others.

        Without `window_records`, nothing is counted.
        """
        self._topic = topic
        self._counting = window_records is not None
        self.window_records = window_records or 0
        self._conflicts_max = max(1, self.window_records * CONFLICTS_MAX_PERCENT // 100)
        self._others_max = records_max
        self._alarms = alarms
        self._windows: dict[int, _Window] = {}
        self._seen = Position()

    def resume(self, quarantined: Sequence[CountedRecord], position: Position) -> None:
        """Recount the quarantined records at `position`, those of each partition in offset order.

        When more than half of a window is unreadable already, an earlier run stopped at it, and the person who started
        this one has seen it: only what comes after `position` counts towards another stop.
        """
        before, self._windows = self._windows, {}
        if self._counted(quarantined) is not None:
            self._seen = position
            self._windows = {}
            self._counted(quarantined)
        for partition in before.keys() & self._windows.keys():
            self._windows[partition].keep_alarms_of(before[partition])
        self._report(position)

    def add(self, rejections: Iterable[Rejection], position: Position) -> TooManyQuarantined | None:
        """Count what a batch that ends at `position` put into quarantine. Return the error to stop with, if any."""
        error = self._counted(sorted(map(CountedRecord.of, rejections), key=attrgetter("offset")))
        self._report(position)
        return error

    def _counted(self, quarantined: Sequence[CountedRecord]) -> TooManyQuarantined | None:
        """Count records; return the error of the first excess, with the facts at that record."""
        error = None
        for one in quarantined if self._counting else ():
            window = self._windows.get(one.partition)
            if window is None:
                seen_before = self._seen.get((self._topic, one.partition), 0)
                window = _Window(self.window_records, self._conflicts_max, self._others_max, seen_before)
                self._windows[one.partition] = window
            window.add(one)
            if error is None and 2 * window.unreadable > self.window_records:
                error = self._too_many(one.partition, window)
        return error

    def _report(self, position: Position) -> None:
        for (_, partition), next_offset in position.items():
            if partition in self._windows:
                self._windows[partition].end_at(next_offset)
        self._alarms.report("quarantine", self._current())

    def _current(self) -> Iterator[Alarm]:
        for partition, window in self._windows.items():
            where = f"{self._topic} partition {partition}"
            last = f"of the last {self.window_records:,} records of {where}"
            conflicts, others = window.conflicts, window.others
            if conflicts.too_many:
                tenants = conflicts.counts.most_common(TENANTS_ALARMED_MAX)
                most = ", ".join(f"{tenant} ({count:,})" for (_, tenant), count in tenants)
                yield Alarm(
                    AlarmCode.CONFLICTS,
                    f"{len(conflicts.records):,} {last} are conflicts, {conflicts.span()}; most are of {most}.",
                    hint="Each repeats the event_id of an earlier event with other content; the first one counts. Find "
                    "who sends them: `notification-ledger quarantine list --reason conflict --group-by tenant`.",
                    subject=where,
                )
            if others.too_many:
                yield Alarm(
                    AlarmCode.QUARANTINE_HIGH,
                    f"{len(others.records):,} {last} cannot be applied, {others.span()}: {others.reasons()}.",
                    hint="Find what writes them: `notification-ledger quarantine list --group-by reason`. When more "
                    "than half of so many records cannot be read, the projector stops.",
                    subject=where,
                )

    def _too_many(self, partition: int, window: _Window) -> TooManyQuarantined:
        found = _Tally(self._others_max)
        for one in window.others.records:
            if window.is_unreadable(one):
                found.add(one)
        return TooManyQuarantined(
            f"{len(found.records):,} of {self.window_records:,} consecutive records of {self._topic} partition "
            f"{partition} cannot be read, {found.span()}: {found.reasons()}.",
            hint="What is written there is mostly not for this ledger, or the schemas that it needs are lost: check "
            "NOTIFICATION_LEDGER_TOPIC, the schema topic and the registry. The records are kept whole: "
            "`notification-ledger quarantine list --group-by reason`. Mend the cause and start the projector again, "
            "which counts from there (NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS is how many are looked at; more "
            "than half of them stop it).",
        )


class _Tally:
    """Quarantined records of a window in offset order, and how many have a reason and a likely origin.

    Counted as they come and go: an alarm that holds is worded after every batch.
    """

    def __init__(self, records_max: int) -> None:
        self.records: deque[CountedRecord] = deque()
        self.counts: Counter[tuple[Reason, str]] = Counter()
        self.too_many = False
        self._records_max = records_max

    def add(self, one: CountedRecord) -> None:
        self.records.append(one)
        self.counts[one.reason, one.likely_origin] += 1

    def begin_at(self, offset: int) -> list[CountedRecord]:
        """Drop the records before an offset, and return them."""
        dropped = []
        while self.records and self.records[0].offset < offset:
            one = self.records.popleft()
            dropped.append(one)
            key = one.reason, one.likely_origin
            self.counts[key] -= 1
            if not self.counts[key]:
                del self.counts[key]
        return dropped

    def look(self) -> None:
        """Say `too_many` above the limit, and no more below half of it or without a record."""
        count = len(self.records)
        if count > self._records_max:
            self.too_many = True
        elif not count or 2 * count < self._records_max:
            self.too_many = False

    def span(self) -> str:
        return f"at offsets {self.records[0].offset} to {self.records[-1].offset}"

    def reasons(self) -> str:
        """Return each reason with its count, and the origin that most of its records have."""
        of_reason: Counter[Reason] = Counter()
        most: dict[Reason, tuple[int, str]] = {}
        for (reason, origin), count in self.counts.items():
            of_reason[reason] += count
            most[reason] = max(most.get(reason, (0, "")), (count, origin))
        shown = [(reason, count, *most[reason]) for reason, count in of_reason.most_common()]
        return ", ".join(f"{count:,} {reason} ({origin}: {of_them:,})" for reason, count, of_them, origin in shown)


class _Window:
    """The quarantined records among the last `window_records` offsets of one partition.

    `unreadable` counts those of them that count towards a stop: none before `seen_before`.
    """

    def __init__(self, window_records: int, conflicts_max: int, others_max: int, seen_before: int) -> None:
        self.conflicts = _Tally(conflicts_max)
        self.others = _Tally(others_max)
        self.unreadable = 0
        self._window_records = window_records
        self._seen_before = seen_before

    def add(self, one: CountedRecord) -> None:
        """Count a record; the alarms look at each offset, so that no boundary of a batch matters."""
        self.end_at(one.offset)
        self._drop_before(one.offset + 1 - self._window_records)
        if one.reason is Reason.CONFLICT:
            self.conflicts.add(one)
        else:
            self.others.add(one)
            self.unreadable += self.is_unreadable(one)
        self._judge()

    def end_at(self, next_offset: int) -> None:
        """Move the window to the offsets before `next_offset`."""
        self._drop_before(next_offset - self._window_records)
        self._judge()

    def keep_alarms_of(self, before: _Window) -> None:
        """Let alarms that held before a recount hold on, until they look again."""
        self.conflicts.too_many |= before.conflicts.too_many
        self.others.too_many |= before.others.too_many

    def is_unreadable(self, one: CountedRecord) -> bool:
        return one.reason in UNREADABLE and one.offset >= self._seen_before

    def _drop_before(self, offset: int) -> None:
        self.conflicts.begin_at(offset)
        self.unreadable -= sum(map(self.is_unreadable, self.others.begin_at(offset)))

    def _judge(self) -> None:
        self.conflicts.look()
        self.others.look()
