"""Settings of topics, changed as an operator changes them with `kafka-configs.sh --alter`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from ledger_schemas import KafkaConnection

_COMMAND = re.compile(
    r"`kafka-configs\.sh --bootstrap-server \.\.\. --alter --entity-type topics --entity-name (\S+) "
    r"--add-config ([a-z.]+)=([^\s`]+)`"
)


def alter(connection: KafkaConnection, topic: str, settings: Mapping[str, str]) -> None:
    """Change these settings of a topic; the others stay as they are."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
    ]
    client = AdminClient({"bootstrap.servers": connection.bootstrap_servers})
    (altered,) = client.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)]
    ).values()
    altered.result()


def follow(connection: KafkaConnection, hint: str) -> None:
    """Do what the command in a hint does."""
    for topic, name, value in _COMMAND.findall(hint):
        alter(connection, topic, {name: value})
