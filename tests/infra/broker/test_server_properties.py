"""The node's configuration: loopback only, replication by node count, secrets in files of this user alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger_infra.broker import ListenerSecurity
from ledger_infra.broker.server_properties import ServerProperties, Voter
from ledger_schemas.connection import Secret
from ledger_schemas.errors import SettingInvalid

ONE = ServerProperties(node_id=1, voters=(Voter(1, 9093),), client_port=9092, log_dir=Path("/data"))
SCRAM = ListenerSecurity("SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-256", users={"ann": Secret("pw")})
PKCS8 = b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"


def read(text: str) -> dict[str, str]:
    """Return the values of a properties file that escapes nothing."""
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("properties", [ONE, replace(ONE, security=SCRAM, internal_port=9094)])
def test_every_listener_is_on_loopback(properties: ServerProperties) -> None:
    """No listener can be reached from another machine."""
    listeners = read(properties.text())["listeners"].split(",")
    assert len(listeners) == len(properties.ports())
    assert all("://127.0.0.1:" in listener for listener in listeners)


@pytest.mark.parametrize(("nodes", "replication", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_replication_follows_from_the_number_of_nodes(nodes: int, replication: str, in_sync: str) -> None:
    """Kafka's own topics and new ones survive the loss of one node of three."""
    voters = tuple(Voter(node_id, 9000 + node_id) for node_id in range(1, nodes + 1))
    values = read(replace(ONE, voters=voters).text())
    assert values["default.replication.factor"] == replication
    assert values["offsets.topic.replication.factor"] == replication
    assert values["transaction.state.log.replication.factor"] == replication
    assert values["min.insync.replicas"] == in_sync
    assert values["controller.quorum.voters"].count("@127.0.0.1:") == nodes


def test_no_topic_appears_by_itself_and_none_is_cut() -> None:
    """Topics are created on purpose, and what they keep is theirs to say."""
    values = read(ONE.text())
    assert values["auto.create.topics.enable"] == "false"
    assert not [name for name in values if "retention" in name]


def test_values_are_written_as_java_reads_them() -> None:
    """A backslash, a leading blank, a line end and a letter past ASCII arrive as they are, and stay on their line."""
    text = replace(ONE, log_dir=Path(" a\\b\nc\u00fc\U0001f600")).text()
    assert "log.dirs=\\ a\\\\b\\u000ac\\u00fc\\ud83d\\ude00\n" in text
    assert text.isascii()


def test_plain_passwords_are_quoted() -> None:
    """A quote or a backslash in a password does not end it."""
    security = ListenerSecurity("SASL_PLAINTEXT", sasl_mechanism="PLAIN", users={"ann": Secret('a"b\\c')})
    login = read(replace(ONE, security=security, internal_port=9094).text())[
        "listener.name.client.plain.sasl.jaas.config"
    ]
    assert login == r'org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="a\\"b\\\\c";'


def test_a_secured_listener_leaves_the_nodes_their_own() -> None:
    """Clients meet TLS and SASL; the nodes speak over a plaintext listener on loopback."""
    values = read(replace(ONE, security=SCRAM, internal_port=9094).text())
    assert "CLIENT:SASL_PLAINTEXT" in values["listener.security.protocol.map"]
    assert values["inter.broker.listener.name"] == "INTERNAL"
    assert values["listener.name.client.sasl.enabled.mechanisms"] == "SCRAM-SHA-256"
    assert "pw" not in values["listener.name.client.scram-sha-256.sasl.jaas.config"]


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "SASL_PLAINTEXT"])
def test_a_protocol_without_its_credentials_is_refused(protocol: str) -> None:
    """What is missing is named before anything starts."""
    with pytest.raises(SettingInvalid, match=protocol):
        ListenerSecurity(protocol)  # type: ignore[arg-type]  # A parametrized string.


def test_the_keystore_is_for_this_user_alone(tmp_path: Path) -> None:
    """Key and certificates go into one file that nobody else can read."""
    (tmp_path / "key").write_bytes(PKCS8)
    (tmp_path / "certificate").write_bytes(b"certificate\n")
    security = ListenerSecurity("SSL", tmp_path / "certificate", tmp_path / "key", tmp_path / "ca")
    security.write_keystore(tmp_path / "keystore")
    assert (tmp_path / "keystore").read_bytes() == PKCS8 + b"certificate\n"
    assert (tmp_path / "keystore").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("key", [b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN ENCRYPTED PRIVATE KEY-----", None])
def test_a_key_that_kafka_cannot_read_is_refused(tmp_path: Path, key: bytes | None) -> None:
    """Another form of key, or none, is named with the command that converts it."""
    if key:
        (tmp_path / "key").write_bytes(key)
    (tmp_path / "certificate").write_bytes(b"certificate\n")
    security = ListenerSecurity("SSL", tmp_path / "certificate", tmp_path / "key", tmp_path / "ca")
    with pytest.raises(SettingInvalid, match="key"):
        security.write_keystore(tmp_path / "keystore")
    assert not (tmp_path / "keystore").exists()
