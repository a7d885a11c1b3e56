"""Apache Kafka on this machine without Docker or a Java installation: one node, or three for fault tests."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ledger_infra.broker import ports
from ledger_infra.broker.artifacts import Progress, ensure_jars
from ledger_infra.broker.java_runtime import java_executable
from ledger_infra.broker.memory import available_mib
from ledger_infra.broker.node import BrokerNode, Runtime
from ledger_infra.broker.security import ListenerSecurity
from ledger_infra.broker.server_properties import ServerProperties, Voter
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import MemoryInsufficient, PortTaken, SettingInvalid

NODE_HEAP_MIB: Final = 512
"""Java heap of a single node."""

CLUSTER_NODE_HEAP_MIB: Final = 320
"""Java heap of one of three nodes."""

OVERHEAD_MIB: Final = 256
"""What a JVM takes beside its heap: code, threads, buffers."""

CLUSTER_NODES: Final = 3

START_ATTEMPTS: Final = 3
"""How often free ports are chosen again when another process takes one between the choice and the start."""


class _NativeBrokers:
    """What one node and three have in common: they are started and stopped together, and used as a context."""

    def __init__(
        self,
        data_dir: Path,
        *,
        nodes: int,
        port: int | None,
        cache_dir: Path | None,
        security: ListenerSecurity | None,
        heap_mib: int,
        progress: Progress | None,
        memory_mib: Callable[[], int | None],
    ) -> None:
        self.data_dir = data_dir.resolve()
        self._node_count = nodes
        self._port = port
        self._cache_dir = cache_dir
        self._security = security
        self._heap_mib = heap_mib
        self._progress = progress
        self._memory_mib = memory_mib
        self._nodes: tuple[BrokerNode, ...] = ()

    def __enter__(self) -> Self:
        """Start, and return self."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """Return `host:port` of every node, separated by commas; empty before the start."""
        return ",".join(f"{ports.HOST}:{node.properties.client_port}" for node in self._nodes)

    @property
    def connection(self) -> KafkaConnection:
        """Return how a client reaches the brokers, with the first user's credentials where there are any."""
        if self._security:
            return self._security.connection(self.bootstrap_servers)
        return KafkaConnection(self.bootstrap_servers)

    def start(self) -> None:
        """Start and return when every node serves; does nothing when they run already.

        Raises ArtifactUnavailable, ArtifactDamaged, ExtraMissing, PlatformUnsupported, MemoryInsufficient, PortTaken,
        DataDirectoryInUse, SettingInvalid or BrokerStartFailed, and then has left no process behind.
        """
        if any(node.running for node in self._nodes):
            return
        if "," in str(self.data_dir):
            raise SettingInvalid(
                f"Kafka cannot keep data below {self.data_dir}.", hint="Choose one without a comma.", field="data_dir"
            )
        java = java_executable()
        self._refuse_too_little_memory()
        runtime = Runtime(java, ensure_jars(self._cache_dir, progress=self._progress), self._heap_mib)
        if self._nodes:  # A restart: clients know the ports.
            _start_all(self._nodes)
            return
        for attempt in range(1, START_ATTEMPTS + 1):
            nodes = self._described(runtime)
            try:
                _start_all(nodes)
            except PortTaken:
                if self._port is not None or attempt == START_ATTEMPTS:
                    raise
            else:
                self._nodes = nodes
                return

    def stop(self) -> None:
        """Stop every node cleanly, within a bounded time; no process is left. Does nothing when none runs."""
        _stop_all(self._nodes)

    def _described(self, runtime: Runtime) -> tuple[BrokerNode, ...]:
        per_node = 3 if self._security else 2
        free = iter(ports.free_ports(self._node_count * per_node))
        voters = tuple(Voter(node_id, next(free)) for node_id in range(1, self._node_count + 1))
        folders = [self.data_dir if self._node_count == 1 else self.data_dir / f"node-{v.node_id}" for v in voters]
        cluster_id = _cluster_id(folders)
        return tuple(
            BrokerNode(
                folder,
                ServerProperties(
                    node_id=voter.node_id,
                    voters=voters,
                    client_port=self._port or next(free),
                    internal_port=next(free) if self._security else None,
                    log_dir=folder / "kafka-logs",
                    security=self._security,
                    keystore_file=folder / "keystore.pem" if self._security and self._security.tls else None,
                ),
                cluster_id=cluster_id,
                runtime=runtime,
            )
            for voter, folder in zip(voters, folders, strict=True)
        )

    def _refuse_too_little_memory(self) -> None:
        needed = self._node_count * (self._heap_mib + OVERHEAD_MIB)
        free = self._memory_mib()
        if free is not None and free < needed:
            raise MemoryInsufficient(
                f"The native Kafka needs {needed} MiB of memory, and {free} MiB are free.",
                hint="Free some memory, or use a Kafka elsewhere: set NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS.",
            )


class NativeKafka(_NativeBrokers):
    """One node of Apache Kafka: broker and controller in one JVM, on loopback only.

        with NativeKafka(Path("data/kafka")) as kafka:
            connect(kafka.bootstrap_servers)

    `data_dir` is made when it is missing and used again when it is not. `port` None picks a free one. The first start
    on a machine downloads 44 MB into `cache_dir` (None: the user's cache), telling `progress`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        cache_dir: Path | None = None,
        security: ListenerSecurity | None = None,
        heap_mib: int = NODE_HEAP_MIB,
        progress: Progress | None = None,
        memory_mib: Callable[[], int | None] = available_mib,
    ) -> None:
        super().__init__(
            data_dir,
            nodes=1,
            port=port,
            cache_dir=cache_dir,
            security=security,
            heap_mib=heap_mib,
            progress=progress,
            memory_mib=memory_mib,
        )

    @property
    def node(self) -> BrokerNode:
        """Return the node, for its process ids and log. Raises LookupError before the start."""
        if not self._nodes:
            raise LookupError("The broker was not started.")
        return self._nodes[0]

    @property
    def running(self) -> bool:
        """Say whether the JVM is there."""
        return any(node.running for node in self._nodes)

    def kill(self) -> None:
        """Kill the JVM as a power cut would (SIGKILL); `start` brings it back on the same data."""
        for node in self._nodes:
            node.kill()


class NativeCluster(_NativeBrokers):
    """Three nodes of Apache Kafka on loopback, numbered 1 to 3, that can be killed, stopped and started one by one."""

    def __init__(
        self,
        data_dir: Path,
        *,
        cache_dir: Path | None = None,
        security: ListenerSecurity | None = None,
        heap_mib: int = CLUSTER_NODE_HEAP_MIB,
        progress: Progress | None = None,
        memory_mib: Callable[[], int | None] = available_mib,
    ) -> None:
        super().__init__(
            data_dir,
            nodes=CLUSTER_NODES,
            port=None,
            cache_dir=cache_dir,
            security=security,
            heap_mib=heap_mib,
            progress=progress,
            memory_mib=memory_mib,
        )

    @property
    def nodes(self) -> dict[int, BrokerNode]:
        """Return the nodes by node id; empty before the start."""
        return {node.properties.node_id: node for node in self._nodes}

    def kill(self, node_id: int) -> None:
        """Kill one node's JVM as a power cut would (SIGKILL)."""
        self.nodes[node_id].kill()

    def stop_node(self, node_id: int) -> None:
        """Stop one node cleanly: it hands its partitions over first."""
        self.nodes[node_id].stop()

    def start_node(self, node_id: int) -> None:
        """Start a node that was killed or stopped, on its old port and data; return when it serves.

        Raises what `start` raises.
        """
        node = self.nodes[node_id]
        if not node.running:
            node.launch()
            node.wait_ready(frozenset({node_id}))


def _start_all(nodes: tuple[BrokerNode, ...]) -> None:
    everyone = frozenset(node.properties.node_id for node in nodes)
    try:
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(BrokerNode.launch, nodes))
        for node in nodes:
            node.wait_ready(everyone)
    except BaseException:
        _stop_all(nodes)
        raise


def _stop_all(nodes: tuple[BrokerNode, ...]) -> None:
    """Stop all at once: one that is alone waits in vain for somebody to take its partitions over."""
    with ThreadPoolExecutor(max(len(nodes), 1)) as pool:
        list(pool.map(BrokerNode.stop, nodes))


def _cluster_id(folders: list[Path]) -> str:
    """Return the id that the data directories have, or a new one: 16 bytes, base64url, not beginning with a dash."""
    for folder in folders:
        meta = folder / "kafka-logs" / "meta.properties"
        if meta.exists():
            lines = meta.read_text(encoding="utf-8").splitlines()
            return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not made.startswith("-"):
            return made
