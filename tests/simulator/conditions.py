"""What an operator is told of the log: an open transaction, a changed setting, each while it lasts and not after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from ledger_projectors.log.ends import LogEnds
from ledger_projectors.progress import Progress
from ledger_schemas import LIFECYCLE_TOPIC, Position, TopicSpec
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.topic import ReadSettings, WrongSetting, wrong_settings
from tests.simulator.faults import Life
from tests.simulator.the_log import SimulatedLog

LOOKS: Final = 2
"""After so many questions about the log, at least one was asked and judged since a condition began or ended."""

SETTINGS: Final = (
    ("cleanup.policy", "compact"),
    ("retention.ms", "1000"),
    ("retention.bytes", "1000"),
    ("max.message.bytes", "1000"),
)
LOSING: Final = frozenset({"cleanup.policy", "retention.ms", "retention.bytes"})


class Conditions:
    """The broker's side of both conditions, and the checks of what the projector says of them.

    A transaction is open from the start of a life until everything before it was fetched; a setting is changed at the
    first fetch and set back at a later one. `met` counts the alarms that were seen.
    """

    def __init__(
        self,
        log: SimulatedLog,
        life: Life,
        rng: Random,
        *,
        position: Position,
        until: Position,
        progress: Callable[[], Progress],
    ) -> None:
        """Draw where transactions begin, between `position` and `until`, and which setting is changed."""
        self._log = log
        self._progress = progress
        self._begins: dict[int, int] = {}
        if life.open_transaction:
            left = [one for one in log.ends if self._at(position, one) < self._at(until, one)]
            for partition in rng.sample(left, rng.randint(1, len(left))) if left else ():
                self._begins[partition] = rng.randrange(self._at(position, partition), self._at(until, partition))
        self._setting = rng.choice(SETTINGS) if life.setting_changed else None
        self._changed = False
        self._fetches = self._ends_asked = self._settings_asked = 0
        self.away = False
        self.met = 0

    def readable(self, partition: int) -> int:
        """Return where the readable records of a partition end now."""
        return self._begins.get(partition, self._log.ends[partition])

    async def ends(self) -> LogEnds:
        """Return where the log ends. Raises BrokerUnavailable while the broker is away."""
        self._refuse_if_away()
        self._ends_asked += 1
        readable = {(LIFECYCLE_TOPIC, partition): self.readable(partition) for partition in self._log.ends}
        end = {(LIFECYCLE_TOPIC, partition): end for partition, end in self._log.ends.items()}
        return LogEnds(Position(readable), Position(end))

    @asynccontextmanager
    async def settings(self) -> AsyncIterator[ReadSettings]:
        """Give what reads the settings of the topic. Raises BrokerUnavailable while the broker is away."""
        self._refuse_if_away()
        yield self._read_settings

    async def meet(self, *, read_through: bool) -> None:
        """Check what is told, in a fetch that finds the broker; `read_through`: it read all that is readable."""
        self._fetches += 1
        if self._setting is not None and self._fetches == 1:
            self._changed = True
        elif self._changed:
            await self._looked()
            self._check_setting()
            self._changed = False
            await self._looked()
            assert not self._alarms(AlarmCode.TOPIC_SETTINGS), "a setting that was set back is still an alarm"
        if self._begins and read_through:
            await self._looked()
            self._check_held_back()
            self._begins = {}
            await self._looked()
            assert not self._alarms(AlarmCode.LOG_HELD_BACK), "a transaction that ended is still an alarm"

    def check_not_early(self, position: Position) -> None:
        """Check that nothing from an open transaction on was applied."""
        for partition, offset in self._begins.items():
            assert self._at(position, partition) <= offset, f"applied behind the transaction at {partition}:{offset}"

    def _check_held_back(self) -> None:
        progress = self._progress()
        lag = sum(end - self._at(progress.position, partition) for partition, end in self._log.ends.items())
        assert progress.behind == lag, f"the lag is {progress.behind} beside an open transaction, not {lag}"
        assert not progress.caught_up, "it calls itself caught up beside an open transaction"
        held = {f"{LIFECYCLE_TOPIC}@{partition}" for partition in self._begins}
        found = {alarm.subject for alarm in self._alarms(AlarmCode.LOG_HELD_BACK)}
        assert held == found, f"open transactions in {held}, alarms about {found}"
        self.met += len(found)

    def _check_setting(self) -> None:
        assert self._setting is not None
        name, value = self._setting
        found = self._alarms(AlarmCode.TOPIC_SETTINGS)
        told = [(alarm.subject, f"{name}={value}" in alarm.detail, alarm.loses_facts) for alarm in found]
        assert told == [(f"{LIFECYCLE_TOPIC} {name}", True, name in LOSING)], f"{name}={value} is told as {found}"
        self.met += 1

    def _alarms(self, code: AlarmCode) -> list[Alarm]:
        return [alarm for alarm in self._progress().alarms if alarm.code == code]

    async def _read_settings(self, spec: TopicSpec) -> list[WrongSetting]:
        await asyncio.sleep(0)
        self._refuse_if_away()
        self._settings_asked += 1
        changed = dict([self._setting]) if self._changed and self._setting is not None else {}
        return wrong_settings(spec, {**spec.config(), **changed})

    async def _looked(self) -> None:
        ends, settings = self._ends_asked + LOOKS, self._settings_asked + LOOKS
        while self._ends_asked < ends or self._settings_asked < settings:  # noqa: ASYNC110 - turns are the only clock
            await asyncio.sleep(0)

    def _refuse_if_away(self) -> None:
        if self.away:
            raise BrokerUnavailable("The simulated broker is away.")

    @staticmethod
    def _at(position: Position, partition: int) -> int:
        return position.get((LIFECYCLE_TOPIC, partition), 0)
