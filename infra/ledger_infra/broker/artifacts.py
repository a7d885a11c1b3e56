"""Fetch the pinned jars of Apache Kafka once, verify every one by sha256, and keep them in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ledger_schemas.errors import ArtifactDamaged, ArtifactUnavailable, BrokerStartFailed, ExtraMissing

KAFKA_VERSION: Final = "4.3.1"

DOWNLOADS_AT_ONCE: Final = 8
"""Jars that are fetched in parallel."""

DOWNLOAD_ATTEMPTS: Final = 2
"""How often a jar is fetched before a failed or damaged download is an error."""

DOWNLOAD_TIMEOUT_SECONDS: Final = 20
"""How long the registry may stay silent."""

SCRATCH_AGE_SECONDS_MAX: Final = 3600
"""Scratch folders older than this were left by a process that was killed; they are removed."""

LOCK_FILE: Final = Path(__file__).with_name("kafka_jars.lock")

_SCRATCH_PREFIX: Final = "fetch-"

Progress = Callable[[int, int, str], None]
"""Called with (jars done, jars to fetch, file name) after each jar that had to be fetched; not at all when none had."""


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """One jar: its Maven coordinate and the only content that is accepted for it."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """Return `group:artifact:version[:classifier]`."""
        return ":".join(filter(None, (self.group, self.artifact, self.version, self.classifier)))

    @property
    def file_name(self) -> str:
        """Return the name of the jar's file."""
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + ".jar"


class Fetcher(Protocol):
    """A way to get one jar. What it returns is not trusted: the caller verifies it."""

    def __call__(self, jar: PinnedJar, scratch: Path) -> Path:
        """Return a file with `jar`'s content, new files below `scratch` only. Raises ArtifactUnavailable."""


def parse_lock(text: str) -> tuple[PinnedJar, ...]:
    """Return the jars of a lock: one `group:artifact:version[:classifier] sha256` a line.

    Raises ValueError with the number of the line that is of another form.
    """
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        coordinate, _, sha256 = line.partition(" ")
        parts = coordinate.split(":")
        hexadecimal = len(sha256) == hashlib.sha256().digest_size * 2 and not set(sha256) - set("0123456789abcdef")
        if len(parts) not in {3, 4} or not all(parts) or not hexadecimal:
            raise ValueError(f"line {number} is not `group:artifact:version[:classifier] sha256`")
        group, artifact, version, classifier = (*parts, "")[:4]
        jars.append(PinnedJar(group, artifact, version, classifier, sha256))
    return tuple(jars)


def kafka_jars() -> tuple[PinnedJar, ...]:
    """Return the pinned jars of the Kafka that this version of the ledger starts."""
    return parse_lock(LOCK_FILE.read_text(encoding="utf-8"))


def default_cache_dir() -> Path:
    """Return the platform's folder for what this user can download again."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else Path.home() / ".cache"
    return base / "notification-ledger"


def ensure_jars(
    cache_dir: Path | None = None,
    *,
    progress: Progress | None = None,
    fetch: Fetcher | None = None,
    jars: Sequence[PinnedJar] | None = None,
) -> tuple[Path, ...]:
    """Return the paths of all jars, every one verified by sha256 on this very call.

    What is missing or damaged below `cache_dir` (None: `default_cache_dir()`) is fetched, by `fetch` or from the public
    Maven repository, and renamed into place, so that two processes may do this at once. Raises ArtifactUnavailable
    (no answer), ArtifactDamaged (other content than pinned, twice), ExtraMissing, and BrokerStartFailed when the cache
    cannot be used.
    """
    pinned = kafka_jars() if jars is None else tuple(jars)
    folder = (cache_dir or default_cache_dir()) / f"kafka-{KAFKA_VERSION}"
    try:
        missing = _missing(pinned, folder)
        if missing:
            _fetch_all(missing, folder, fetch or JgoFetcher(), progress)
    except OSError as error:
        raise BrokerStartFailed(
            f"The cache {folder} cannot be used: {error.strerror}.",
            hint="Free some disk space, or name a cache directory that this user can write.",
            field="cache_dir",
        ) from error
    return tuple(folder / jar.file_name for jar in pinned)


def sha256_of(path: Path) -> str | None:
    """Return the sha256 of a file in hexadecimal, or None when there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _missing(jars: Sequence[PinnedJar], folder: Path) -> list[PinnedJar]:
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE, thread_name_prefix="jars") as pool:
        good = pool.map(lambda jar: sha256_of(folder / jar.file_name) == jar.sha256, jars)
        return [jar for jar, is_good in zip(jars, good, strict=True) if not is_good]


def _fetch_all(missing: Sequence[PinnedJar], folder: Path, fetch: Fetcher, progress: Progress | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _remove_old_scratch(folder)
    with (
        tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, dir=folder, ignore_cleanup_errors=True) as scratch,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE, thread_name_prefix="jars") as pool,
    ):
        futures = {
            pool.submit(_fetch_one, jar, folder / jar.file_name, fetch, Path(scratch) / str(index)): jar
            for index, jar in enumerate(missing)
        }
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done, len(missing), futures[future].file_name)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch_one(jar: PinnedJar, target: Path, fetch: Fetcher, scratch: Path) -> None:
    found: str | None = None
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        own = scratch / str(attempt)
        own.mkdir(parents=True)
        try:
            fetched = fetch(jar, own)
        except ArtifactUnavailable:
            if attempt == DOWNLOAD_ATTEMPTS:
                raise
            continue
        found = sha256_of(fetched)
        if found == jar.sha256:
            fetched.replace(target)
            return
    raise ArtifactDamaged(
        f"{jar.file_name} ({jar.coordinate}) has sha256 {found}, expected {jar.sha256}.",
        hint=f"Delete {target} if it is there and start again; if it is damaged again, a proxy or mirror changes it.",
    )


def _remove_old_scratch(folder: Path) -> None:
    for path in folder.glob(f"{_SCRATCH_PREFIX}*"):
        try:
            old = time.time() - path.stat().st_mtime > SCRATCH_AGE_SECONDS_MAX
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)


class JgoFetcher:
    """Fetch from the public Maven repository with jgo.

    The user's jgo settings hold: a repository named `central` there replaces the public one (a mirror), others are
    asked after it, and a jar that the user's local Maven repository already has is copied from it. That repository is
    only read, and a damaged file in it is passed over.
    """

    def __init__(
        self, *, remote_repositories: Mapping[str, str] | None = None, local_repository: Path | None = None
    ) -> None:
        """Take the repositories from the arguments where they are given, else from the user's settings.

        Raises ExtraMissing when jgo is not installed.
        """
        try:
            from jgo.config import GlobalSettings  # noqa: PLC0415 - an extra, and slow to import: only when needed.
            from jgo.maven import MavenContext  # noqa: PLC0415 - as above.
        except ImportError as error:
            raise ExtraMissing(
                "The native Kafka needs jgo to fetch its jars.", hint="pip install 'notification-ledger[broker]'"
            ) from error
        settings = GlobalSettings.load()
        self._local_repository = local_repository or settings.repo_cache
        defaults = MavenContext().remote_repos
        self._remote_repositories = dict(remote_repositories or (defaults | settings.repositories))

    def __call__(self, jar: PinnedJar, scratch: Path) -> Path:
        """Return a copy of `jar` below `scratch`. Raises ArtifactUnavailable."""
        import requests  # noqa: PLC0415 - an extra: what jgo downloads with, for its errors.
        from jgo.maven import MavenContext  # noqa: PLC0415 - see __init__.

        context = MavenContext(
            repo_cache=scratch, remote_repos=self._remote_repositories, timeout=DOWNLOAD_TIMEOUT_SECONDS
        )
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        artifact = component.artifact(jar.classifier)
        have = self._local_repository / component.path_prefix / jar.file_name
        if sha256_of(have) == jar.sha256:
            return Path(shutil.copyfile(have, scratch / jar.file_name))
        try:
            return artifact.resolve()
        except (requests.RequestException, RuntimeError) as error:
            raise ArtifactUnavailable(
                f"{jar.coordinate} could not be downloaded ({type(error).__name__}).",
                hint="The first start needs a network that reaches the public Maven repository, once. Behind a proxy "
                "set HTTPS_PROXY; for a mirror name it `central` under [repositories] in jgo's settings file.",
            ) from error
