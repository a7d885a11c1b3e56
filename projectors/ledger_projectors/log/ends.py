"""Where the log ends: the lag is counted to there. An open transaction that holds back records raises an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.positions import Position

END_POLL_SECONDS: Final = 1.0
"""How often the end of the log is asked for, to know the lag."""

HELD_BACK_SECONDS: Final = 10.0
"""How long the readable end of a partition may stand still before its end until there is an alarm."""

_log = structlog.get_logger("ledger_projectors.projector")


@dataclass(frozen=True, slots=True)
class LogEnds:
    """Where each partition ends: `end` is the high watermark, `readable` the last stable offset.

    Between the two lie the first open transaction and everything that was appended after it began.
    """

    readable: Position
    end: Position


class EndWatch:
    """Asks for the end of the log again and again; reports `log_held_back` to the board."""

    def __init__(self, ends: Callable[[], Awaitable[LogEnds]], alarms: AlarmBoard, watcher: str = "log_end") -> None:
        """Take what asks the log, and as whom to report; `end` and `first` are None until it has answered."""
        self._ask = ends
        self._watcher = watcher
        self._alarms = alarms
        self._held = _HeldBack()
        self.first: Position | None = None
        self.end: Position | None = None

    async def watch(self, announce: Callable[[], Awaitable[None]]) -> None:
        """Ask every END_POLL_SECONDS; `announce` is called after the first answer."""
        while True:
            try:
                ends = await self._ask()
            except BrokerUnavailable as error:
                _log.warning("projector.log_end_unknown", cause=str(error))
            else:
                self._alarms.report(self._watcher, self._held.look(ends, asyncio.get_running_loop().time()))
                self.end = ends.end
                if self.first is None:
                    self.first = ends.end
                    await announce()
            await asyncio.sleep(END_POLL_SECONDS)

    def held_back(self, wanted: Position) -> Alarm | None:
        """Return the alarm about a partition in which `wanted` lies behind an open transaction, None without one."""
        alarms = (
            alarm for partition, (offset, alarm) in self._held.alarms.items() if wanted.get(partition, 0) > offset
        )
        return next(alarms, None)


class _HeldBack:
    """Knows how long the readable end of each partition has stood still before the end."""

    def __init__(self) -> None:
        self.alarms: dict[tuple[str, int], tuple[int, Alarm]] = {}
        self._since: dict[tuple[str, int], tuple[int, float]] = {}

    def look(self, ends: LogEnds, now: float) -> list[Alarm]:
        """Return the alarms at a time in seconds."""
        since, alarms = {}, {}
        for partition, end in ends.end.items():
            readable = ends.readable.get(partition, 0)
            if readable >= end:
                continue
            stood_at, began = self._since.get(partition, (readable, now))
            since[partition] = readable, now if stood_at != readable else began
            seconds = now - since[partition][1]
            if seconds >= HELD_BACK_SECONDS:
                alarms[partition] = readable, _alarm(*partition, readable, end, seconds)
        self._since, self.alarms = since, alarms
        return [alarm for _, alarm in alarms.values()]


def _alarm(topic: str, partition: int, readable: int, end: int, seconds: float) -> Alarm:
    tool, flags = "kafka-transactions.sh --bootstrap-server ...", f"--topic {topic} --partition {partition}"
    return Alarm(
        AlarmCode.LOG_HELD_BACK,
        f"An open transaction holds back {topic} partition {partition}: the readable log has ended at offset "
        f"{readable} for {seconds:.0f} s, and {end - readable:,} records wait behind it.",
        hint=f"Have its producer commit or abort. `{tool} describe-producers {flags}` shows who it is. If the producer "
        f"is gone, `{tool} abort {flags} --start-offset {readable}` ends the transaction: its records are lost.",
        subject=f"{topic}@{partition}",
    )
