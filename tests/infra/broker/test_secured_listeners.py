"""A listener with TLS and SASL takes the client that its own connection describes, and refuses others."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
import trustme
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger_infra.broker import ListenerSecurity, NativeKafka
from ledger_schemas.connection import KafkaConnection, SaslMechanism, Secret

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make an authority and a certificate for loopback; give the fields of ListenerSecurity."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "certificate.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    names = {"key_file": "key.pem", "certificate_file": "certificate.pem", "ca_file": "ca.pem"}
    return {field: folder / name for field, name in names.items()}


async def create_and_append(connection: KafkaConnection, topic: str) -> int:
    """Create a topic, append a record, return its offset."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(acks="all", **connection.client_options())
    await producer.start()
    try:
        return int((await producer.send_and_wait(topic, b"x")).offset)
    finally:
        await producer.stop()


async def connect(connection: KafkaConnection) -> None:
    """Connect and ask nothing."""
    producer = AIOKafkaProducer(**connection.client_options())
    try:
        await producer.start()
    finally:
        await producer.stop()


def test_tls(tmp_path: Path, topic_name: str, certificates: dict[str, Path]) -> None:
    """A client that trusts the authority is served; one that speaks no TLS, or trusts another, is not."""
    with NativeKafka(tmp_path / "data", security=ListenerSecurity("SSL", **certificates)) as kafka:  # type: ignore[arg-type]  # Paths by field name.
        assert kafka.connection.security_protocol == "SSL"
        assert asyncio.run(create_and_append(kafka.connection, topic_name)) == 0
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
        stranger = dataclasses.replace(kafka.connection, ssl_ca_file=str(tmp_path / "other.pem"))
        with pytest.raises(KafkaConnectionError):
            asyncio.run(connect(stranger))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_sasl_over_tls(
    tmp_path: Path, topic_name: str, certificates: dict[str, Path], mechanism: SaslMechanism
) -> None:
    """A user with the right password is served, one with another is refused, and no file shows it to others."""
    security = ListenerSecurity(
        "SASL_SSL",
        **certificates,  # type: ignore[arg-type]  # Paths by field name.
        sasl_mechanism=mechanism,
        users={"ledger": Secret("right-password")},
    )
    with NativeKafka(tmp_path / "data", security=security) as kafka:
        assert asyncio.run(create_and_append(kafka.connection, topic_name)) == 0
        with pytest.raises(KafkaError):
            asyncio.run(connect(dataclasses.replace(kafka.connection, sasl_password=Secret("wrong-password"))))
    for file in (tmp_path / "data").iterdir():
        if file.is_file() and b"right-password" in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0
