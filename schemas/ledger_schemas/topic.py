"""The topics of the ledger: what they must look like, how they are made, and how they are checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    NodeNotReadyError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from ledger_schemas import limits
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable, TopicMisconfigured

LIFECYCLE_TOPIC: Final = "notifications.lifecycle.v1"
SCHEMAS_TOPIC: Final = "notifications.schemas.v1"
"""The schema topic: the writer schemas of the log travel beside it, so that a replay needs nothing but Kafka."""

DIRECTORY_TOPIC: Final = "notifications.directory.v1"
"""The directory: credentials, settings of tenants, teams and devices, as events of their own."""

DIRECTORY_PARTITIONS: Final = 1
"""One order for all readers: the order of this log decides."""

SCHEMAS_PARTITIONS: Final = 1
"""One order for all readers: of several records that state one schema, the first wins."""

PARTITIONS_DEFAULT: Final = 6
"""Fixed for the life of a topic: a key's partition depends on it."""

_FLOORS: Final = frozenset({"max.message.bytes", "min.insync.replicas"})
"""Settings that may be more than the ledger asks for, and never less: a receipt says that an event is safe."""

_FACT_LOSING: Final = frozenset({"cleanup.policy", "retention.ms", "retention.bytes"})
"""Settings that make Kafka delete records when they have any other value than the one that the ledger asks for."""

_NOT_OURS_TO_MAKE: Final = frozenset({TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno})

CONNECT_TIMEOUT_SECONDS: Final = 30.0
READY_TIMEOUT_SECONDS: Final = 15.0
"""How long a topic that was just made may take to have leaders."""

READY_POLL_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 2.0
"""How long a client that is given up while it starts may take to have its connections."""

RECORD_OVERHEAD_BYTES: Final = 48_576
"""Room beside the event for the key, headers and the batch header; the sum stays at Kafka's own default."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic of the ledger must look like: the lifecycle topic, by default.

    In production: replication 3, min_insync_replicas 2. `holds_facts` is False for a topic whose records are copies.
    """

    name: str = LIFECYCLE_TOPIC
    partitions: int = PARTITIONS_DEFAULT
    replication_factor: int = 1
    min_insync_replicas: int = 1
    holds_facts: bool = True

    def config(self) -> dict[str, str]:
        """Return the topic settings that the ledger depends on.

        Append time, because recorded_at is the log's own statement; unlimited retention, because the log is the
        truth; no compaction, because every fact counts.
        """
        return {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(limits.EVENT_BYTES_MAX + RECORD_OVERHEAD_BYTES),
            "min.insync.replicas": str(self.min_insync_replicas),
        }


@dataclass(frozen=True, slots=True)
class WrongSetting:
    """A setting of a topic that has another value than the ledger needs; with `loses_facts`, Kafka deletes facts."""

    topic: str
    name: str
    found: str | None
    needed: str
    loses_facts: bool


ReadSettings = Callable[[TopicSpec], Awaitable[list[WrongSetting]]]
"""Returns the wrong settings of a topic. Raises BrokerUnavailable, and TopicMisconfigured when they cannot be read."""


def schemas_topic_spec(
    name: str = SCHEMAS_TOPIC, replication_factor: int = 1, min_insync_replicas: int = 1
) -> TopicSpec:
    """Return what the schema topic must look like: as the lifecycle topic, but in one partition."""
    return TopicSpec(name, SCHEMAS_PARTITIONS, replication_factor, min_insync_replicas)


def directory_topic_spec(
    name: str = DIRECTORY_TOPIC, replication_factor: int = 1, min_insync_replicas: int = 1
) -> TopicSpec:
    """Return what the directory's topic must look like: as the lifecycle topic, but in one partition."""
    return TopicSpec(name, DIRECTORY_PARTITIONS, replication_factor, min_insync_replicas)


async def ensure_topic(connection: KafkaConnection, spec: TopicSpec) -> bool:
    """Make the topic if it is not there, then check it. Return whether it was made.

    Raises BrokerUnavailable, and TopicMisconfigured when it exists with settings that lose or change facts.
    """
    async with _admin(connection, to_make=True) as admin:
        answer = await admin.create_topics(
            [
                NewTopic(
                    name=spec.name,
                    num_partitions=spec.partitions,
                    replication_factor=spec.replication_factor,
                    topic_configs=spec.config(),
                )
            ]
        )
        ((_, code, *message),) = answer.topic_errors
        made = bool(code == NoError.errno)
        if code in _NOT_OURS_TO_MAKE:
            # A principal may use a topic without the right to make one: whether it is there, the check says.
            await _check(admin, spec)
            return False
        if code not in {NoError.errno, TopicAlreadyExistsError.errno}:
            raise TopicMisconfigured(
                f"The topic {spec.name} could not be made: {for_code(code).__name__} {' '.join(map(str, message))}",
                hint="Check replication_factor against the number of brokers, and the rights of the user.",
            )
        await _wait_for_leaders(admin, spec)
        await _check(admin, spec)
    return made


async def check_topic(connection: KafkaConnection, spec: TopicSpec) -> None:
    """Check the topic without making it. Raises BrokerUnavailable and TopicMisconfigured."""
    async with _admin(connection) as admin:
        await _check(admin, spec)


@asynccontextmanager
async def settings_reader(connection: KafkaConnection) -> AsyncIterator[ReadSettings]:
    """Give what reads the settings of topics, over one connection. Raises BrokerUnavailable."""
    async with _admin(connection) as admin:

        async def read(spec: TopicSpec) -> list[WrongSetting]:
            return await _read_wrong_settings(admin, spec)

        yield read


@asynccontextmanager
async def _admin(connection: KafkaConnection, *, to_make: bool = False) -> AsyncIterator[AIOKafkaAdminClient]:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            admin = await _started(connection, to_make=to_make)
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    try:
        yield admin
    except (KafkaError, TimeoutError, OSError) as error:
        raise unavailable(connection, error) from error
    finally:
        await admin.close()


async def _started(connection: KafkaConnection, *, to_make: bool) -> AIOKafkaAdminClient:
    """Start a client; one that is `to_make` topics needs a controller, and a new broker answers before it knows one."""
    while True:
        admin = AIOKafkaAdminClient(**connection.client_options())
        starting = asyncio.ensure_future(admin.start())
        try:
            # Shielded: aiokafka forgets a connection whose making is cancelled, and never closes it.
            await asyncio.shield(starting)
            # One that was told of no broker at all has nobody to ask.
            with suppress(NodeNotReadyError):
                if not to_make or (await admin.describe_cluster())["controller_id"] >= 0:
                    return admin
        except BaseException:
            await asyncio.wait([starting], timeout=SETTLE_SECONDS)
            starting.cancel()
            await admin.close()
            raise
        await admin.close()
        await asyncio.sleep(READY_POLL_SECONDS)


def unavailable(connection: KafkaConnection, error: BaseException) -> BrokerUnavailable:
    """Return the error that says where no broker answered, and what to do."""
    return BrokerUnavailable(
        f"No Kafka broker answers at {connection.bootstrap_servers} ({type(error).__name__}).",
        hint="Check NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS, or start one with `notification-ledger broker`.",
    )


async def _wait_for_leaders(admin: AIOKafkaAdminClient, spec: TopicSpec) -> None:
    async with asyncio.timeout(READY_TIMEOUT_SECONDS):
        while True:
            (described,) = await admin.describe_topics([spec.name])
            partitions = described["partitions"]
            if partitions and all(partition["leader"] >= 0 for partition in partitions):
                return
            await asyncio.sleep(READY_POLL_SECONDS)


async def _check(admin: AIOKafkaAdminClient, spec: TopicSpec) -> None:
    (described,) = await admin.describe_topics([spec.name])
    partitions = len(described["partitions"])
    if not partitions:
        raise TopicMisconfigured(
            f"The topic {spec.name} does not exist.", hint="Make it with `notification-ledger topic --create`."
        )
    if partitions != spec.partitions:
        raise TopicMisconfigured(
            f"The topic {spec.name} has {partitions} partitions, not {spec.partitions}.",
            hint=f"If it is the lifecycle topic and was made so, set NOTIFICATION_LEDGER_PARTITIONS={partitions}; the "
            "schema topic and the directory's have one; never add partitions to a ledger's topic.",
        )
    if wrong := await _read_wrong_settings(admin, spec):
        found = {one.name: one.found for one in wrong}
        raise TopicMisconfigured(
            f"The topic {spec.name} has settings that the ledger cannot live with: {found}.",
            hint=f"Set them to {spec.config()} (kafka-configs --alter), or use another topic.",
        )


async def _read_wrong_settings(admin: AIOKafkaAdminClient, spec: TopicSpec) -> list[WrongSetting]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name)])
    ((code, _, _, _, entries),) = answer.resources
    if code != NoError.errno:
        raise TopicMisconfigured(
            f"The settings of the topic {spec.name} cannot be read: {for_code(code).__name__}.",
            hint="Give the user of the ledger the right to DescribeConfigs of its topics.",
        )
    return wrong_settings(spec, {name: value for name, value, *_ in entries})


def wrong_settings(spec: TopicSpec, actual: Mapping[str, str]) -> list[WrongSetting]:
    """Return which of the settings that a topic has are not as the ledger needs them."""
    return [
        WrongSetting(spec.name, name, actual.get(name), needed, spec.holds_facts and name in _FACT_LOSING)
        for name, needed in spec.config().items()
        if (int(actual.get(name, 0)) < int(needed) if name in _FLOORS else actual.get(name) != needed)
    ]
