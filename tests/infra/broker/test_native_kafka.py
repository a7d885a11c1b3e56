"""A real Kafka starts without Docker or Java, keeps its data, and never leaves a process behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ledger_infra.broker import NativeCluster, NativeKafka
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerStartFailed, DataDirectoryInUse, PortTaken

GONE_SECONDS = 15.0
"""How long a process may take to be gone after what should end it."""

pytestmark = pytest.mark.kafka


async def create_topic(connection: KafkaConnection, name: str, *, replication: int = 1) -> None:
    """Create a topic of one partition."""
    admin = AIOKafkaAdminClient(**connection.client_options())
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=replication)])
        assert [error[1] for error in answer.topic_errors] == [0]
    finally:
        await admin.close()


async def append(connection: KafkaConnection, topic: str, value: bytes) -> int:
    """Append one record with acks=all and return its offset."""
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **connection.client_options())
    await producer.start()
    try:
        record = await asyncio.wait_for(producer.send_and_wait(topic, value), 60)
        return int(record.offset)
    finally:
        await producer.stop()


async def read_first(connection: KafkaConnection, topic: str) -> bytes:
    """Return the value of a topic's first record."""
    consumer = AIOKafkaConsumer(auto_offset_reset="none", enable_auto_commit=False, **connection.client_options())
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        record: Any = await asyncio.wait_for(consumer.getone(), 30)
        return bytes(record.value)
    finally:
        await consumer.stop()


def is_alive(pid: int) -> bool:
    """Say whether the process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(true: Callable[[], bool]) -> bool:
    """Say whether it became true in time."""
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """Start a broker from a process of its own; give that process, its keeper's id and its JVM's id."""
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from ledger_infra.broker import NativeKafka
        with NativeKafka(Path(sys.argv[1])) as kafka:
            print(kafka.node.keeper_pid, kafka.node.java_pid, flush=True)
            time.sleep(600)
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        keeper, java = map(int, parent.stdout.readline().split())
        assert is_alive(java)
        yield parent, keeper, java
        for pid in (parent.pid, keeper, java):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_records_survive_a_restart_on_the_same_port(tmp_path: Path, topic_name: str) -> None:
    """A stopped and started broker has the same address, topics and records, and stopping leaves no process."""
    kafka = NativeKafka(tmp_path / "data")
    with kafka:
        address = kafka.bootstrap_servers
        asyncio.run(create_topic(kafka.connection, topic_name))
        assert asyncio.run(append(kafka.connection, topic_name, b"kept")) == 0
        first_java = kafka.node.java_pid
    assert first_java
    assert not is_alive(first_java)
    with kafka:
        assert address == kafka.bootstrap_servers
        assert asyncio.run(read_first(kafka.connection, topic_name)) == b"kept"
        kafka.kill()
        assert not kafka.running
        kafka.start()
        assert asyncio.run(append(kafka.connection, topic_name, b"more")) == 1


def test_one_data_directory_and_one_port_serve_one_broker(tmp_path: Path) -> None:
    """A second broker on the directory, or on the port, is refused by name, and the first goes on."""
    with NativeKafka(tmp_path / "data") as kafka:
        port = kafka.node.properties.client_port
        with pytest.raises(DataDirectoryInUse, match="data"):
            NativeKafka(tmp_path / "data").start()
        with pytest.raises(PortTaken, match=str(port)):
            NativeKafka(tmp_path / "other", port=port).start()
        assert kafka.running


def test_a_jvm_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error has the JVM's own words, and nothing is left running."""
    kafka = NativeKafka(tmp_path / "data", heap_mib=1)
    with pytest.raises(BrokerStartFailed, match="Too small maximum heap"):
        kafka.start()
    assert not kafka.running
    assert kafka.bootstrap_servers == ""


def test_killing_the_parent_leaves_no_java(orphan: tuple[subprocess.Popen[str], int, int]) -> None:
    """SIGKILL of the process that started the broker ends keeper and JVM."""
    parent, keeper, java = orphan
    parent.kill()
    assert wait_until(lambda: not is_alive(java))
    assert wait_until(lambda: not is_alive(keeper))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties a child to its parent's death")
def test_killing_the_keeper_leaves_no_java(orphan: tuple[subprocess.Popen[str], int, int]) -> None:
    """SIGKILL of the keeper ends the JVM."""
    _, keeper, java = orphan
    os.kill(keeper, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(java))


def test_three_nodes_lose_one_and_still_take_writes(tmp_path: Path, topic_name: str) -> None:
    """With one of three nodes killed, acks=all with min.insync.replicas 2 succeeds; the node comes back."""
    with NativeCluster(tmp_path) as cluster:
        asyncio.run(create_topic(cluster.connection, topic_name, replication=3))
        assert asyncio.run(append(cluster.connection, topic_name, b"before")) == 0
        cluster.kill(2)
        assert asyncio.run(append(cluster.connection, topic_name, b"without 2")) == 1
        cluster.start_node(2)
        cluster.stop_node(1)
        assert asyncio.run(append(cluster.connection, topic_name, b"without 1")) == 2
        pids = [node.java_pid for node in cluster.nodes.values() if node.java_pid]
    assert not any(map(is_alive, pids))
