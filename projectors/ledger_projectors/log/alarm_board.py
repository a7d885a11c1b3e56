"""The alarm board: which alarms hold now, by who watches for them; each change is logged once."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from ledger_schemas.alarms import Alarm, AlarmCode

_log = structlog.get_logger("ledger_projectors.projector")


class AlarmBoard:
    """Collects the alarms of several watchers. Safe to report to from any thread."""

    def __init__(self) -> None:
        """Begin with no alarm."""
        self._reported: dict[str, dict[tuple[AlarmCode, str], Alarm]] = {}
        self._lock = threading.Lock()

    def report(self, watcher: str, alarms: Iterable[Alarm], **facts: object) -> None:
        """Replace the alarms of one watcher; `facts` go into the log lines of alarms that are raised or cleared."""
        now = {(alarm.code, alarm.subject): alarm for alarm in alarms}
        with self._lock:
            before = self._reported.get(watcher, {})
            self._reported = {**self._reported, watcher: now}
        for key in sorted(now.keys() - before.keys()):
            alarm = now[key]
            _log.warning(
                "projector.alarm_raised", alarm=alarm.code.value, detail=alarm.detail, hint=alarm.hint, **facts
            )
        for key in sorted(before.keys() - now.keys()):
            _log.info("projector.alarm_cleared", alarm=before[key].code.value, detail=before[key].detail, **facts)

    def current(self) -> tuple[Alarm, ...]:
        """Return the alarms that hold now, ordered by code and subject."""
        alarms = [alarm for reported in self._reported.values() for alarm in reported.values()]
        return tuple(sorted(alarms, key=lambda alarm: (alarm.code, alarm.subject)))
