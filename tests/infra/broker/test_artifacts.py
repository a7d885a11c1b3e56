"""The jars are fetched once, verified always, and what goes wrong is said with the file, the hash and the way out."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ledger_infra.broker.artifacts import (
    KAFKA_VERSION,
    JgoFetcher,
    PinnedJar,
    ensure_jars,
    kafka_jars,
    parse_lock,
)
from ledger_infra.broker.ports import free_ports
from ledger_schemas.errors import ArtifactDamaged, ArtifactUnavailable, BrokerStartFailed, ExtraMissing

CONTENT = b"the jar"
JAR = PinnedJar("org.example.deep", "thing", "1.2", "linux", hashlib.sha256(CONTENT).hexdigest())
IN_REPOSITORY = Path("org/example/deep/thing/1.2/thing-1.2-linux.jar")


def in_cache(cache_dir: Path) -> Path:
    """Return where the jar is kept."""
    return cache_dir / f"kafka-{KAFKA_VERSION}" / "thing-1.2-linux.jar"


class FakeFetcher:
    """Gives one content after another, the last for ever, and counts."""

    def __init__(self, *contents: bytes) -> None:
        """Remember what to give."""
        self.contents = contents
        self.calls = 0

    def __call__(self, jar: PinnedJar, scratch: Path) -> Path:
        """Write the next content."""
        content = self.contents[min(self.calls, len(self.contents) - 1)]
        self.calls += 1
        path = scratch / jar.file_name
        path.write_bytes(content)
        return path


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without telling."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it.
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """Serve a Maven repository that has the jar; give its address."""
    path = tmp_path / "served" / IN_REPOSITORY
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "served"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def unreachable() -> str:
    """Return the address of a repository that nobody serves."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def test_the_lock_pins_46_jars_of_one_kafka() -> None:
    """Every jar has a coordinate, a sha256 and a file name of its own, and all of Kafka is of one version."""
    jars = kafka_jars()
    assert len(jars) == 46
    assert len({jar.file_name for jar in jars}) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}


@pytest.mark.parametrize(
    "line",
    [
        "org.example:thing " + "0" * 64,
        "org.example:thing:1:a:b " + "0" * 64,
        "org.example::1 " + "0" * 64,
        "org.example:thing:1 " + "0" * 63,
        "org.example:thing:1 " + "G" * 64,
        "org.example:thing:1",
        "",
    ],
)
def test_a_lock_line_of_another_form_is_refused_by_number(line: str) -> None:
    """A lock that cannot be read wholly is not read at all."""
    with pytest.raises(ValueError, match="line 2"):
        parse_lock(f"org.example:thing:1 {'0' * 64}\n{line}\n")


def test_a_lock_line_may_have_a_classifier() -> None:
    """The fourth part of a coordinate is the classifier, and it is part of the file's name."""
    (jar,) = parse_lock(f"org.example.deep:thing:1.2:linux {JAR.sha256}\n")
    assert jar == JAR
    assert jar.coordinate == "org.example.deep:thing:1.2:linux"


def test_the_second_time_nothing_is_fetched(tmp_path: Path) -> None:
    """A verified file in the cache is used as it is, and progress speaks only of what had to be fetched."""
    fetch = FakeFetcher(CONTENT)
    told: list[tuple[int, int, str]] = []
    for _ in range(2):
        (path,) = ensure_jars(tmp_path, fetch=fetch, jars=[JAR], progress=lambda *now: told.append(now))
        assert path.read_bytes() == CONTENT
    assert fetch.calls == 1
    assert told == [(1, 1, "thing-1.2-linux.jar")]


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    """Whatever happened to the file, its content is what is pinned before it is used."""
    in_cache(tmp_path).parent.mkdir(parents=True)
    in_cache(tmp_path).write_bytes(CONTENT[:-1])
    (path,) = ensure_jars(tmp_path, fetch=FakeFetcher(CONTENT), jars=[JAR])
    assert path.read_bytes() == CONTENT


def test_a_download_that_is_damaged_once_is_tried_again(tmp_path: Path) -> None:
    """One bad transfer does not stop a start."""
    fetch = FakeFetcher(b"cut", CONTENT)
    (path,) = ensure_jars(tmp_path, fetch=fetch, jars=[JAR])
    assert path.read_bytes() == CONTENT
    assert fetch.calls == 2


def test_a_download_that_stays_damaged_names_file_hashes_and_path(tmp_path: Path) -> None:
    """The message has the file, the sha256 found and expected, and the path to delete; nothing bad is kept."""
    with pytest.raises(ArtifactDamaged) as caught:
        ensure_jars(tmp_path, fetch=FakeFetcher(b"bad"), jars=[JAR])
    assert JAR.file_name in caught.value.message
    assert JAR.sha256 in caught.value.message
    assert hashlib.sha256(b"bad").hexdigest() in caught.value.message
    assert str(in_cache(tmp_path)) in caught.value.hint
    assert list(in_cache(tmp_path).parent.iterdir()) == []


def test_without_a_network_the_hint_says_what_is_needed(tmp_path: Path) -> None:
    """A repository that does not answer is `artifact_unavailable`, worth a retry, and leaves nothing behind."""
    fetch = JgoFetcher(remote_repositories={"central": unreachable()}, local_repository=tmp_path / "m2")
    with pytest.raises(ArtifactUnavailable, match=r"org\.example\.deep:thing:1\.2:linux") as caught:
        ensure_jars(tmp_path / "cache", fetch=fetch, jars=[JAR])
    assert "network" in caught.value.hint
    assert caught.value.retryable
    assert list(in_cache(tmp_path / "cache").parent.iterdir()) == []


def test_an_empty_machine_fetches_from_the_repository(tmp_path: Path, repository: str) -> None:
    """Neither a cache nor a local Maven repository is needed, and the latter is not made."""
    fetch = JgoFetcher(remote_repositories={"central": repository}, local_repository=tmp_path / "m2")
    (path,) = ensure_jars(tmp_path / "cache", fetch=fetch, jars=[JAR])
    assert path.read_bytes() == CONTENT
    assert not (tmp_path / "m2").exists()


def test_a_good_file_in_the_local_maven_repository_needs_no_network(tmp_path: Path) -> None:
    """What Maven has fetched before is copied."""
    have = tmp_path / "m2" / IN_REPOSITORY
    have.parent.mkdir(parents=True)
    have.write_bytes(CONTENT)
    fetch = JgoFetcher(remote_repositories={"central": unreachable()}, local_repository=tmp_path / "m2")
    (path,) = ensure_jars(tmp_path / "cache", fetch=fetch, jars=[JAR])
    assert path.read_bytes() == CONTENT
    assert have.exists()


def test_a_damaged_file_in_the_local_maven_repository_is_passed_over(tmp_path: Path, repository: str) -> None:
    """A bad file there is neither used nor touched: it is the user's."""
    have = tmp_path / "m2" / IN_REPOSITORY
    have.parent.mkdir(parents=True)
    have.write_bytes(b"bad")
    fetch = JgoFetcher(remote_repositories={"central": repository}, local_repository=tmp_path / "m2")
    (path,) = ensure_jars(tmp_path / "cache", fetch=fetch, jars=[JAR])
    assert path.read_bytes() == CONTENT
    assert have.read_bytes() == b"bad"


def test_two_starts_at_once_share_a_cache(tmp_path: Path) -> None:
    """Both fetch into folders of their own and rename into place; neither sees half a file."""
    together = threading.Barrier(2, timeout=10)

    def fetch(jar: PinnedJar, scratch: Path) -> Path:
        path = scratch / jar.file_name
        path.write_bytes(CONTENT)
        together.wait()
        return path

    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: ensure_jars(tmp_path, fetch=fetch, jars=[JAR])[0], range(2)))
    assert [path.read_bytes() for path in paths] == [CONTENT, CONTENT]
    assert list(in_cache(tmp_path).parent.iterdir()) == [in_cache(tmp_path)]


def test_a_cache_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A cache directory that is a file is said to be the trouble, not the network."""
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(BrokerStartFailed, match="cache") as caught:
        ensure_jars(tmp_path / "cache", fetch=FakeFetcher(CONTENT), jars=[JAR])
    assert caught.value.field == "cache_dir"


def test_without_jgo_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs what is missing."""
    monkeypatch.setitem(sys.modules, "jgo.config", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'notification-ledger\[broker\]'"):
        ensure_jars(tmp_path, jars=[JAR])
