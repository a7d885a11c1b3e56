"""Apache Kafka in a container, for tests that are run with `--kafka=docker`."""

from __future__ import annotations

import time
from typing import Any, Final, Self

from testcontainers.core.container import DockerContainer

from ledger_infra.broker.ports import HOST, free_ports
from ledger_infra.broker.readiness import NotReady, alive_brokers
from ledger_schemas.connection import KafkaConnection

NODE_ID: Final = 1
CONTROLLER_PORT: Final = 9093
START_TIMEOUT_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.1

# Both `apache/kafka` and the image of infra/docker/build_image_from_parts.py have a shell, `java` and these jars. The
# script takes the place of their entry points, so that either image is told the same thing in the same way.
START_SCRIPT: Final = """
set -e
printf '%s\\n' "$SERVER_PROPERTIES" > /tmp/server.properties
kafka="java -XX:+UseSerialGC -Xmx512m -cp /opt/kafka/libs/*"
$kafka kafka.tools.StorageTool format --cluster-id 4L6g3nShT-eMCtK--X86sw --config /tmp/server.properties
exec $kafka kafka.Kafka /tmp/server.properties
"""


class DockerKafka(DockerContainer):  # type: ignore[misc, unused-ignore]  # Untyped in some releases of testcontainers.
    """One node of Apache Kafka, published on the host's loopback under the port that it listens on inside.

    Set TESTCONTAINERS_RYUK_DISABLED=true where testcontainers' own clean-up image cannot be pulled.
    """

    def __init__(self, image: str) -> None:
        """Choose a free port and write the configuration; `image` is `apache/kafka` or built from the same parts."""
        super().__init__(image)
        (self.port,) = free_ports(1)
        self.ports[str(self.port)] = (HOST, self.port)  # type: ignore[assignment]  # docker-py takes (address, port).
        self.with_env("SERVER_PROPERTIES", _server_properties(self.port))
        self.with_kwargs(entrypoint=["/bin/sh", "-fc", START_SCRIPT])

    @property
    def bootstrap_servers(self) -> str:
        """Return `host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def connection(self) -> KafkaConnection:
        """Return what the ledger's clients are built from."""
        return KafkaConnection(self.bootstrap_servers)

    def start(self) -> Self:
        """Start the container and wait until Kafka answers. Raises TimeoutError with the container's last output."""
        super().start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            try:
                if NODE_ID in alive_brokers(HOST, self.port):
                    return self
            except NotReady:
                time.sleep(POLL_SECONDS)
        output: Any = self.get_logs()
        raise TimeoutError(f"Kafka in {self.image} did not answer: {output}")


def _server_properties(port: int) -> str:
    values = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{HOST}:{CONTROLLER_PORT}",
        "listeners": f"CLIENT://0.0.0.0:{port},CONTROLLER://{HOST}:{CONTROLLER_PORT}",
        "advertised.listeners": f"CLIENT://{HOST}:{port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "/tmp/kafka-logs",  # noqa: S108 - the container's own.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
    }
    return "\n".join(f"{name}={value}" for name, value in values.items())
