"""The settings of the topics are read again while the ledger runs: each wrong one is an alarm until it is set back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError
from structlog.testing import capture_logs

from ledger_projectors.log import topic_watch
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.topic_watch import watch_topics
from ledger_schemas import KafkaConnection, TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import BrokerUnavailable
from ledger_schemas.topic import ReadSettings, WrongSetting, ensure_topic, settings_reader
from tests.conftest import Kafka
from tests.projectors.decode.foreign_writer import eventually, named
from tests.topic_settings import alter, follow

WRONG: Final = {
    "cleanup.policy": ("compact", True),
    "retention.ms": ("604800000", True),
    "retention.bytes": ("1000000000", True),
    "message.timestamp.type": ("CreateTime", False),
    "max.message.bytes": ("100000", False),
    "min.insync.replicas": ("1", False),
}
"""Of each setting a value that somebody may set, and whether facts are lost by it."""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the settings all the time."""
    monkeypatch.setattr(topic_watch, "SETTINGS_POLL_SECONDS", 0.05)


async def beside(watch: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> None:
    """Run the watch for as long as the work takes."""
    watching = asyncio.create_task(watch)
    try:
        await work
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_that_is_changed_is_an_alarm_until_it_is_set_back(
    kafka: Kafka, topic_name: str, setting: str
) -> None:
    """The alarm has topic, setting, both values and the command that mends it; following that command clears it."""
    spec, alarms = TopicSpec(topic_name, 1, min_insync_replicas=2), AlarmBoard()
    value, loses_facts = WRONG[setting]

    async def work() -> None:
        alter(kafka.connection, topic_name, {setting: value})
        await eventually(lambda: bool(alarms.current()))
        (alarm,) = alarms.current()
        assert (alarm.code, alarm.loses_facts) == (AlarmCode.TOPIC_SETTINGS, loses_facts)
        assert f"{topic_name} has {setting}={value}, the ledger needs {spec.config()[setting]}" in alarm.detail
        assert ("Facts are being lost" in alarm.detail) == loses_facts
        follow(kafka.connection, alarm.hint)
        await eventually(lambda: not alarms.current())

    asyncio.run(ensure_topic(kafka.connection, spec))
    asyncio.run(beside(watch_topics(partial(settings_reader, kafka.connection), [spec], alarms), work()))


def test_each_topic_and_setting_has_an_alarm_of_its_own(kafka: Kafka, topic_name: str) -> None:
    """Two settings of one topic and one of another are three; copies that are deleted are no lost facts."""
    spec, copies, alarms = TopicSpec(topic_name, 1), TopicSpec(f"{topic_name}.dead", 1, holds_facts=False), AlarmBoard()

    async def work() -> None:
        await eventually(lambda: len(alarms.current()) == 3)
        assert [(alarm.subject, alarm.loses_facts) for alarm in alarms.current()] == [
            (f"{topic_name} cleanup.policy", True),
            (f"{topic_name} retention.ms", True),
            (f"{topic_name}.dead retention.ms", False),
        ]

    for one in (spec, copies):
        asyncio.run(ensure_topic(kafka.connection, one))
    alter(kafka.connection, spec.name, {"cleanup.policy": "compact,delete", "retention.ms": "1000"})
    alter(kafka.connection, copies.name, {"retention.ms": "1000"})
    asyncio.run(beside(watch_topics(partial(settings_reader, kafka.connection), [spec, copies], alarms), work()))


class Broker:
    """A broker that answers with a wrong setting, or is away."""

    def __init__(self) -> None:
        """Be there, with one wrong setting."""
        self.away = False
        self.answers = self.refusals = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[ReadSettings]:
        """Give what reads the settings."""
        yield self._read

    async def _read(self, spec: TopicSpec) -> list[WrongSetting]:
        if self.away:
            self.refusals += 1
            raise BrokerUnavailable("It is away.")
        self.answers += 1
        return [WrongSetting(spec.name, "retention.ms", "1", "-1", loses_facts=True)]


def test_a_broker_that_is_away_changes_no_alarm() -> None:
    """What was wrong when it went is still an alarm, and nothing new is."""
    broker, alarms = Broker(), AlarmBoard()

    async def work() -> None:
        broker.away = True
        await eventually(lambda: broker.refusals > 1)
        assert alarms.current() == ()
        broker.away = False
        await eventually(lambda: bool(alarms.current()))
        found, broker.away, refused = alarms.current(), True, broker.refusals
        await eventually(lambda: broker.refusals > refused + 1)
        assert found == alarms.current()
        broker.away, answered = False, broker.answers
        await eventually(lambda: broker.answers > answered)

    asyncio.run(beside(watch_topics(broker.connect, [TopicSpec()], alarms), work()))


def test_a_tls_file_that_is_unreadable_does_not_end_the_watch(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """One log line names the cause; the watch connects again, and finds the setting when the file is readable."""
    spec, alarms = TopicSpec(topic_name, 1), AlarmBoard()
    no_file = KafkaConnection(
        kafka.bootstrap_servers, security_protocol="SSL", ssl_ca_file=str(tmp_path / "no-such-file.pem")
    )
    tried: list[KafkaConnection] = []

    def connect() -> AbstractAsyncContextManager[ReadSettings]:
        tried.append(no_file if len(tried) < 3 else kafka.connection)
        return settings_reader(tried[-1])

    async def work() -> None:
        await eventually(lambda: bool(alarms.current()))

    asyncio.run(ensure_topic(kafka.connection, spec))
    alter(kafka.connection, topic_name, {"retention.ms": "1000"})
    with capture_logs() as logs:
        asyncio.run(beside(watch_topics(connect, [spec], alarms), work()))
    assert tried == [no_file] * 3 + [kafka.connection]
    (line,) = named(logs, "projector.topic_not_watched")
    assert "ssl_ca_file" in line["cause"]


def test_settings_that_can_no_longer_be_read_keep_their_alarms(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who loses the right to DescribeConfigs hides no loss of facts; one log line for each topic says so."""
    spec, alarms = TopicSpec(topic_name, 1), AlarmBoard()
    refusals: list[object] = []

    async def refused(_: AIOKafkaAdminClient, resources: list[object]) -> list[SimpleNamespace]:
        refusals.append(resources)
        return [SimpleNamespace(resources=[(TopicAuthorizationFailedError.errno, "", 2, topic_name, [])])]

    async def work() -> None:
        await eventually(lambda: bool(alarms.current()))
        found = alarms.current()
        with monkeypatch.context() as without_right:
            without_right.setattr(AIOKafkaAdminClient, "describe_configs", refused)
            await eventually(lambda: len(refusals) > 2)
        assert found[0].loses_facts
        assert alarms.current() == found
        follow(kafka.connection, found[0].hint)
        await eventually(lambda: not alarms.current())

    asyncio.run(ensure_topic(kafka.connection, spec))
    alter(kafka.connection, topic_name, {"cleanup.policy": "compact"})
    with capture_logs() as logs:
        asyncio.run(beside(watch_topics(partial(settings_reader, kafka.connection), [spec], alarms), work()))
    (line,) = named(logs, "projector.topic_not_watched")
    assert line["cause"] == f"The settings of the topic {topic_name} cannot be read: TopicAuthorizationFailedError."
    assert "DescribeConfigs" in line["hint"]
