import asyncio
import dataclasses
import socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import TopicAuthorizationFailedError

from ledger_infra.broker.ports import free_ports
from ledger_schemas import KafkaConnection, TopicSpec, limits, topic
from ledger_schemas.errors import BrokerUnavailable, TopicMisconfigured
from ledger_schemas.topic import check_topic, ensure_topic
from tests.conftest import Kafka

SLACK_SECONDS = 10.0
"""What a busy machine may add to a bound."""


async def make(
    connection: KafkaConnection, name: str, config: dict[str, str] | None = None, *, partitions: int = 6
) -> None:
    """Make a topic as somebody else would, with the ledger's settings but for `config`."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        settings = {**TopicSpec().config(), **(config or {})}
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        assert [error[1] for error in answer.topic_errors] == [0]
    finally:
        await admin.close()


async def settings_of(connection: KafkaConnection, name: str) -> tuple[int, dict[str, str]]:
    """Return how many partitions a topic has, and its settings, as the broker tells them."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        (described,) = await admin.describe_topics([name])
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return len(described["partitions"]), {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


def test_a_topic_is_made_once(kafka: Kafka, topic_name: str) -> None:
    """The first call makes it, the second finds it there; so does a check that makes nothing."""

    async def scenario() -> list[bool]:
        spec = TopicSpec(topic_name, 3)
        made = [await ensure_topic(kafka.connection, spec), await ensure_topic(kafka.connection, spec)]
        await check_topic(kafka.connection, spec)
        return made

    assert asyncio.run(scenario()) == [True, False]


def test_two_that_make_it_at_once_agree(kafka: Kafka, topic_name: str) -> None:
    """Services that start together both get it; one of them made it."""

    async def scenario() -> list[bool]:
        spec = TopicSpec(topic_name, 2)
        return list(await asyncio.gather(*(ensure_topic(kafka.connection, spec) for _ in range(3))))

    assert sorted(asyncio.run(scenario())) == [False, False, True]


def test_a_broker_that_knows_of_no_broker_yet_is_waited_for(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has just come up answers, and names no broker, itself included: aiokafka passes over such an answer."""
    update = ClusterMetadata.update_metadata
    answers: list[object] = []

    def update_late(cluster: ClusterMetadata, answer: object) -> None:
        answers.append(answer)
        if len(answers) > 2:
            update(cluster, answer)

    monkeypatch.setattr(ClusterMetadata, "update_metadata", update_late)
    assert asyncio.run(ensure_topic(kafka.connection, TopicSpec(topic_name, 1)))
    assert len(answers) > 2


def test_a_broker_that_knows_no_controller_yet_is_waited_for(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two controllers a cluster has none; topics that are there can be checked all the same."""
    told = AIOKafkaAdminClient.describe_cluster
    asked: list[AIOKafkaAdminClient] = []

    async def told_late(admin: AIOKafkaAdminClient) -> dict[str, Any]:
        asked.append(admin)
        return {**await told(admin), "controller_id": -1} if len(asked) < 3 else await told(admin)

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_cluster", told_late)
    assert asyncio.run(ensure_topic(kafka.connection, TopicSpec(topic_name, 1)))
    assert len(asked) == 3
    asyncio.run(check_topic(kafka.connection, TopicSpec(topic_name, 1)))
    assert len(asked) == 3


def test_a_cluster_without_a_controller_is_unavailable(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for one has an end."""

    async def told(admin: AIOKafkaAdminClient) -> dict[str, Any]:
        return {"brokers": [], "controller_id": -1}

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_cluster", told)
    monkeypatch.setattr(topic, "CONNECT_TIMEOUT_SECONDS", 1.0)
    with pytest.raises(BrokerUnavailable, match="TimeoutError"):
        asyncio.run(ensure_topic(kafka.connection, TopicSpec("never.made", 1)))


def test_a_new_topic_keeps_every_fact_with_the_logs_own_time(kafka: Kafka, topic_name: str) -> None:
    """Append time; unlimited by time and by bytes; no compaction; room for EVENT_BYTES_MAX."""

    async def scenario() -> tuple[int, dict[str, str]]:
        await ensure_topic(kafka.connection, TopicSpec(topic_name, 5))
        return await settings_of(kafka.connection, topic_name)

    partitions, settings = asyncio.run(scenario())
    assert partitions == 5
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert (settings["retention.ms"], settings["retention.bytes"]) == ("-1", "-1")
    assert settings["cleanup.policy"] == "delete"
    assert int(settings["max.message.bytes"]) > limits.EVENT_BYTES_MAX


def test_production_settings_are_passed_on() -> None:
    """min_insync_replicas goes into the topic's settings; the default suits one broker."""
    assert TopicSpec(replication_factor=3, min_insync_replicas=2).config()["min.insync.replicas"] == "2"
    assert (TopicSpec().name, TopicSpec().partitions) == ("notifications.lifecycle.v1", 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("message.timestamp.type", "CreateTime"),
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "100000"),
    ],
)
def test_a_topic_that_would_lose_or_change_facts_is_refused(
    kafka: Kafka, topic_name: str, name: str, value: str
) -> None:
    """Found by ensure and by check; the message has the setting and its value, the hint has what it must be."""

    async def scenario() -> list[TopicMisconfigured]:
        await make(kafka.connection, topic_name, {name: value})
        return [
            await refusal(ensure_topic, kafka.connection, TopicSpec(topic_name)),
            await refusal(check_topic, kafka.connection, TopicSpec(topic_name)),
        ]

    for refused in asyncio.run(scenario()):
        assert topic_name in refused.message
        assert f"{{'{name}': '{value}'}}" in refused.message
        assert TopicSpec().config()[name] in refused.hint


def test_more_room_than_needed_is_accepted(kafka: Kafka, topic_name: str) -> None:
    """max.message.bytes and min.insync.replicas are floors: an operator may ask for more."""

    async def scenario() -> bool:
        more = {"max.message.bytes": "9000000", "min.insync.replicas": "2"}
        await make(kafka.connection, topic_name, more)
        return await ensure_topic(kafka.connection, TopicSpec(topic_name))

    assert asyncio.run(scenario()) is False


def test_fewer_replicas_in_sync_than_configured_are_refused(kafka: Kafka, topic_name: str) -> None:
    """A receipt says that an event is safe: a topic that calls it safe sooner than the settings do is refused."""

    async def scenario() -> TopicMisconfigured:
        await make(kafka.connection, topic_name, {"min.insync.replicas": "1"})
        return await refusal(ensure_topic, kafka.connection, TopicSpec(topic_name, min_insync_replicas=2))

    assert "{'min.insync.replicas': '1'}" in asyncio.run(scenario()).message


def test_a_principal_without_the_right_to_make_topics_may_use_one(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused creation is no fault of a topic that is there and right; one that is missing is named as missing."""

    async def refused(_: AIOKafkaAdminClient, topics: list[NewTopic]) -> SimpleNamespace:
        return SimpleNamespace(topic_errors=[(topic.name, TopicAuthorizationFailedError.errno, "") for topic in topics])

    async def scenario() -> tuple[bool, TopicMisconfigured]:
        await ensure_topic(kafka.connection, TopicSpec(topic_name))
        monkeypatch.setattr(AIOKafkaAdminClient, "create_topics", refused)
        there = await ensure_topic(kafka.connection, TopicSpec(topic_name))
        return there, await refusal(ensure_topic, kafka.connection, TopicSpec(f"{topic_name}.missing"))

    made, missing = asyncio.run(scenario())
    assert made is False
    assert "does not exist" in missing.message


def test_settings_that_may_not_be_read_are_not_called_wrong(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right to DescribeConfigs, the refusal names that right and no setting."""

    async def refused(*_: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(resources=[(TopicAuthorizationFailedError.errno, "", 2, topic_name, [])])]

    async def scenario() -> TopicMisconfigured:
        await ensure_topic(kafka.connection, TopicSpec(topic_name))
        monkeypatch.setattr(AIOKafkaAdminClient, "describe_configs", refused)
        return await refusal(check_topic, kafka.connection, TopicSpec(topic_name))

    error = asyncio.run(scenario())
    assert "cannot be read: TopicAuthorizationFailedError" in error.message
    assert "DescribeConfigs" in error.hint


def test_another_number_of_partitions_is_refused(kafka: Kafka, topic_name: str) -> None:
    """Both numbers are told, and that partitions are never added: keys would move."""

    async def scenario() -> TopicMisconfigured:
        await make(kafka.connection, topic_name, partitions=3)
        return await refusal(ensure_topic, kafka.connection, TopicSpec(topic_name, 6))

    refused = asyncio.run(scenario())
    assert f"{topic_name} has 3 partitions, not 6" in refused.message
    assert "never add partitions" in refused.hint


def test_a_missing_topic_is_refused_by_the_check(kafka: Kafka, topic_name: str) -> None:
    """check_topic makes nothing, and says how it is made."""
    refused = asyncio.run(refusal(check_topic, kafka.connection, TopicSpec(topic_name)))
    assert f"{topic_name} does not exist" in refused.message
    assert "topic --create" in refused.hint
    assert asyncio.run(refusal(check_topic, kafka.connection, TopicSpec(topic_name))).message == refused.message


def test_a_topic_that_cannot_be_made_says_why(kafka: Kafka, topic_name: str) -> None:
    """The broker's own reason stands in the message."""
    spec = TopicSpec(topic_name, replication_factor=7)
    refused = asyncio.run(refusal(ensure_topic, kafka.connection, spec))
    assert "InvalidReplicationFactor" in refused.message
    assert "replication_factor" in refused.hint


def test_no_broker_at_the_address(topic_name: str) -> None:
    """A closed port is BrokerUnavailable at once; the message has the address, retrying may help."""
    connection = KafkaConnection(f"127.0.0.1:{free_ports(1)[0]}")
    begun = time.monotonic()
    for ask in (check_topic, ensure_topic):
        with pytest.raises(BrokerUnavailable, match=connection.bootstrap_servers) as refused:
            asyncio.run(ask(connection, TopicSpec(topic_name)))
        assert refused.value.retryable
    assert time.monotonic() - begun < SLACK_SECONDS


def test_a_broker_that_accepts_and_never_answers(topic_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONNECT_TIMEOUT_SECONDS bounds the wait for the first answer."""
    monkeypatch.setattr(topic, "CONNECT_TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="TimeoutError"):
            asyncio.run(ensure_topic(connection, TopicSpec(topic_name)))
        assert 0.5 <= time.monotonic() - begun < SLACK_SECONDS


def test_a_topic_that_gets_no_leaders_in_time(kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """READY_TIMEOUT_SECONDS bounds the wait for leaders; that is BrokerUnavailable too, and no bare TimeoutError."""
    monkeypatch.setattr(topic, "READY_TIMEOUT_SECONDS", 0.0)
    with pytest.raises(BrokerUnavailable):
        asyncio.run(ensure_topic(kafka.connection, TopicSpec(topic_name)))


def test_a_spec_is_a_value() -> None:
    """Frozen, and compared by content."""
    assert TopicSpec("t", 3) == TopicSpec("t", 3) != TopicSpec("t", 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        TopicSpec().partitions = 12  # type: ignore[misc]  # That is what is refused.


async def refusal(
    ask: Callable[[KafkaConnection, TopicSpec], Awaitable[Any]], connection: KafkaConnection, spec: TopicSpec
) -> TopicMisconfigured:
    """Return the error that a topic is refused with."""
    with pytest.raises(TopicMisconfigured) as refused:
        await ask(connection, spec)
    return refused.value
