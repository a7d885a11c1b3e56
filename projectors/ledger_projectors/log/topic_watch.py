"""The settings of the ledger's topics, read again while it runs: each one that is wrong is an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Final

import structlog

from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.errors import LedgerError, TopicMisconfigured
from ledger_schemas.topic import ReadSettings, TopicSpec, WrongSetting

SETTINGS_POLL_SECONDS: Final = 5.0
"""How often the settings are read. A topic that was set to compaction lost half of its records in 54 s (measured)."""

_CONSEQUENCES: Final = MappingProxyType(
    {
        "cleanup.policy": "Compaction keeps only the last record of each key and deletes the others.",
        "retention.ms": "Kafka deletes every record that is older.",
        "retention.bytes": "Kafka deletes the oldest records of a partition that is larger.",
        "message.timestamp.type": "The time at which the log took an event is the time that its emitter states.",
        "max.message.bytes": "Events that the contract allows are refused.",
        "min.insync.replicas": "An event is acknowledged before enough replicas have it.",
    }
)

_log = structlog.get_logger("ledger_projectors.projector")


async def watch_topics(
    connect: Callable[[], AbstractAsyncContextManager[ReadSettings]], specs: Sequence[TopicSpec], alarms: AlarmBoard
) -> None:
    """Report `topic_settings` until cancelled; `connect` gives what reads the settings.

    While the settings of a topic cannot be read, its alarms stay as they are: the broker is away, a TLS file is
    unreadable, or the user lost the right. Each cause is logged once until that topic's settings are read again.
    """
    wrong: dict[str, list[WrongSetting]] = {}
    logged: set[tuple[str, str]] = set()
    while True:
        try:
            async with connect() as read:
                while True:
                    for spec in specs:
                        wrong[spec.name] = await _read(read, spec, wrong.get(spec.name, []), logged)
                    alarms.report("topics", (_alarm(one) for spec in specs for one in wrong.get(spec.name, ())))
                    await asyncio.sleep(SETTINGS_POLL_SECONDS)
        except LedgerError as error:
            for spec in specs:
                _log_once(logged, spec, error)
            await asyncio.sleep(SETTINGS_POLL_SECONDS)


async def _read(
    read: ReadSettings, spec: TopicSpec, last: list[WrongSetting], logged: set[tuple[str, str]]
) -> list[WrongSetting]:
    """Return the wrong settings of a topic; the `last` ones when they cannot be read."""
    try:
        found = await read(spec)
    except TopicMisconfigured as error:
        _log_once(logged, spec, error)
        return last
    logged.difference_update([one for one in logged if one[0] == spec.name])
    return found


def _log_once(logged: set[tuple[str, str]], spec: TopicSpec, error: LedgerError) -> None:
    if (spec.name, error.message) not in logged:
        logged.add((spec.name, error.message))
        _log.warning("projector.topic_not_watched", topic=spec.name, cause=error.message, hint=error.hint)


def _alarm(wrong: WrongSetting) -> Alarm:
    lost = " Facts are being lost." if wrong.loses_facts else ""
    return Alarm(
        AlarmCode.TOPIC_SETTINGS,
        f"The topic {wrong.topic} has {wrong.name}={wrong.found}, the ledger needs {wrong.needed}. "
        f"{_CONSEQUENCES[wrong.name]}{lost}",
        hint="Set it back: `kafka-configs.sh --bootstrap-server ... --alter --entity-type topics "
        f"--entity-name {wrong.topic} --add-config {wrong.name}={wrong.needed}`.",
        subject=f"{wrong.topic} {wrong.name}",
        loses_facts=wrong.loses_facts,
    )
