"""How many of the last records went to quarantine: a rate over the log itself, the same live and in a replay."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from ledger_projectors.records import Reason, Rejection
from ledger_schemas.errors import TooManyQuarantined


class QuarantineRate:
    """Watches, in each partition, the quarantined records among any `window_records` consecutive offsets.

    No clock and no boundary of a batch has a say in it: a log that passes the limit does so however it is read.
    """

    def __init__(self, topic: str, records_max: int, window_records: int) -> None:
        """Allow `records_max` in each window; as many as `window_records`, or more, are never too many."""
        self._topic = topic
        self._records_max = records_max
        self._window_records = window_records
        self._windows: dict[int, deque[tuple[int, Reason]]] = {}

    def resume(self, kept: Iterable[tuple[int, int, Reason]]) -> None:
        """Begin with what an earlier run kept: partition, offset and reason, each partition's in offset order.

        When that is too many by itself, the earlier run stopped at it, and whoever started this one has seen it: the
        windows begin empty.
        """
        passed = False
        for partition, offset, reason in kept:
            passed = self._passes(partition, offset, reason) or passed
        if passed:
            self._windows.clear()

    def add(self, rejections: Iterable[Rejection]) -> None:
        """Take what a batch put into quarantine. Raises TooManyQuarantined, with the facts, at the first excess."""
        for one in sorted(rejections, key=lambda rejection: (rejection.record.partition, rejection.record.offset)):
            if self._passes(one.record.partition, one.record.offset, one.reason):
                raise self._too_many(one.record.partition)

    def _passes(self, partition: int, offset: int, reason: Reason) -> bool:
        window = self._windows.setdefault(partition, deque())
        window.append((offset, reason))
        while window[0][0] <= offset - self._window_records:
            window.popleft()
        return len(window) > self._records_max

    def _too_many(self, partition: int) -> TooManyQuarantined:
        window = self._windows[partition]
        counted = Counter(reason.value for _, reason in window).most_common()
        reasons = ", ".join(f"{count} {reason}" for reason, count in counted)
        return TooManyQuarantined(
            f"{len(window)} records went to quarantine between the offsets {window[0][0]} and {window[-1][0]} of "
            f"{self._topic} partition {partition} ({reasons}); the limit is {self._records_max} of "
            f"{self._window_records} consecutive ones.",
            hint="They are kept whole: `notification-ledger quarantine list`. Find what writes them; then start the "
            "projector again, which counts from there (NOTIFICATION_LEDGER_QUARANTINE_MAX and "
            "NOTIFICATION_LEDGER_QUARANTINE_WINDOW_RECORDS are the limit).",
        )
