"""Write the `server.properties` of one loopback node: broker and controller in one, nothing created by accident."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_infra.broker.ports import HOST
from ledger_infra.broker.security import ListenerSecurity

REPLICATION_MAX: Final = 3
"""Copies of every record, where there are nodes enough."""

INTERNAL_TOPIC_PARTITIONS: Final = 4
"""Partitions of Kafka's own topics: its default, 50, is slow to create and buys one machine nothing."""

CLEANER_BUFFER_BYTES: Final = 16 << 20
"""Memory of the thread that compacts topics, taken at start: Kafka's default is 128 MiB."""

SESSION_TIMEOUT_MS: Final = 3_000
CLUSTER_SESSION_TIMEOUT_MS: Final = 6_000
"""How soon a dead node is missed. A node that was killed may register again only after it: Kafka's default, 9 s, would
be the time that a restart takes. A lone node has nobody who could take over by mistake, so it waits less."""

HEARTBEAT_INTERVAL_MS: Final = 500

_CLIENT: Final = "CLIENT"
_INTERNAL: Final = "INTERNAL"
_CONTROLLER: Final = "CONTROLLER"
_LOGIN_PACKAGE: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Voter:
    """One controller of the cluster: its node id and the loopback port that the others reach it on."""

    node_id: int
    port: int


@dataclass(frozen=True, slots=True)
class ServerProperties:
    """One node of a cluster whose nodes are all of this machine.

    `voters` are all nodes, this one included; the replication factors follow from their number. With `security`, the
    client listener has it, and a plaintext listener on `internal_port` serves the other nodes and the readiness
    question. `keystore_file` is the PEM file of `ListenerSecurity.write_keystore`.
    """

    node_id: int
    voters: tuple[Voter, ...]
    client_port: int
    log_dir: Path
    security: ListenerSecurity | None = None
    internal_port: int | None = None
    keystore_file: Path | None = None

    @property
    def plaintext_port(self) -> int:
        """Return the port that answers without credentials, on loopback."""
        return self.client_port if self.internal_port is None else self.internal_port

    @property
    def controller_port(self) -> int:
        """Return the port of this node's controller."""
        return next(voter.port for voter in self.voters if voter.node_id == self.node_id)

    def ports(self) -> tuple[int, ...]:
        """Return every port that the node listens on."""
        internal = () if self.internal_port is None else (self.internal_port,)
        return (self.client_port, *internal, self.controller_port)

    def text(self) -> str:
        """Return the file's text, in Java's properties format."""
        return "".join(f"{name}={_escaped(value)}\n" for name, value in self._values().items())

    def _values(self) -> dict[str, str]:
        listeners = {_CLIENT: self.client_port}
        protocols = {_CLIENT: self.security.protocol if self.security else "PLAINTEXT", _CONTROLLER: "PLAINTEXT"}
        if self.internal_port is not None:
            listeners[_INTERNAL] = self.internal_port
            protocols[_INTERNAL] = "PLAINTEXT"
        advertised = _joined(f"{name}://{HOST}:{port}" for name, port in listeners.items())
        replication = str(min(len(self.voters), REPLICATION_MAX))
        in_sync = str(max(min(len(self.voters), REPLICATION_MAX) - 1, 1))
        values = {
            "process.roles": "broker,controller",
            "node.id": str(self.node_id),
            "controller.quorum.voters": _joined(f"{voter.node_id}@{HOST}:{voter.port}" for voter in self.voters),
            "listeners": f"{advertised},{_CONTROLLER}://{HOST}:{self.controller_port}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": _joined(f"{name}:{value}" for name, value in protocols.items()),
            "inter.broker.listener.name": _CLIENT if self.internal_port is None else _INTERNAL,
            "controller.listener.names": _CONTROLLER,
            "log.dirs": str(self.log_dir),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replication,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replication,
            "offsets.topic.num.partitions": str(INTERNAL_TOPIC_PARTITIONS),
            "transaction.state.log.replication.factor": replication,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": str(INTERNAL_TOPIC_PARTITIONS),
            "share.coordinator.state.topic.replication.factor": replication,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": str(INTERNAL_TOPIC_PARTITIONS),
            "group.initial.rebalance.delay.ms": "0",
            "broker.heartbeat.interval.ms": str(HEARTBEAT_INTERVAL_MS),
            "broker.session.timeout.ms": str(
                CLUSTER_SESSION_TIMEOUT_MS if len(self.voters) > 1 else SESSION_TIMEOUT_MS
            ),
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": str(CLEANER_BUFFER_BYTES),
        }
        if self.security:
            values |= _security_values(self.security, self.keystore_file)
        return values


def _security_values(security: ListenerSecurity, keystore_file: Path | None) -> dict[str, str]:
    prefix = f"listener.name.{_CLIENT.lower()}"
    values: dict[str, str] = {}
    if security.tls:
        values |= {
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.location": str(keystore_file),
            f"{prefix}.ssl.truststore.type": "PEM",
            f"{prefix}.ssl.truststore.location": str(security.ca_file),
            f"{prefix}.ssl.client.auth": "required" if security.client_certificates else "none",
        }
    if security.sasl and security.sasl_mechanism:
        mechanism = security.sasl_mechanism
        values[f"{prefix}.sasl.enabled.mechanisms"] = mechanism
        if mechanism == "PLAIN":
            users = {name: password.reveal() for name, password in security.users.items()}
            login = f"{_LOGIN_PACKAGE}.plain.PlainLoginModule required{_plain_users(users)};"
        else:
            login = f"{_LOGIN_PACKAGE}.scram.ScramLoginModule required;"
        values[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = login
    return values


def _plain_users(users: Mapping[str, str]) -> str:
    quoted = {name: password.replace("\\", "\\\\").replace('"', '\\"') for name, password in users.items()}
    return "".join(f' user_{name}="{password}"' for name, password in quoted.items())


def _joined(parts: Iterable[str]) -> str:
    return ",".join(parts)


def _escaped(value: str) -> str:
    """Return `value` as a properties file means it: ASCII, with backslashes, line ends and a leading blank escaped."""
    ascii_text = "".join(
        character if " " <= character <= "~" else "".join(f"\\u{unit:04x}" for unit in _utf16(character))
        for character in value.replace("\\", "\\\\")
    )
    return f"\\{ascii_text}" if ascii_text.startswith(" ") else ascii_text


def _utf16(character: str) -> tuple[int, ...]:
    encoded = character.encode("utf-16-be")
    return tuple(int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2))
