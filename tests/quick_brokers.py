"""Lets the tests' brokers start in a third of the time: with a cache of Java's own, which a broker before them made.

The tests start some fifty brokers, most of them for seconds, and what each takes is Java that loads Kafka's classes and
compiles what it will not run for long.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger_infra.broker import NativeKafka
from ledger_infra.broker.artifacts import KAFKA_VERSION, default_cache_dir, ensure_jars, kafka_jars
from ledger_infra.broker.java_runtime import java_executable

OPTIONS_VARIABLE: Final = "JAVA_TOOL_OPTIONS"
"""Every Java reads it, so that brokers of the tests' child processes have the options too."""

GIVEN: Final = os.environ.get(OPTIONS_VARIABLE, "")
"""What it was before; it stays in force."""

COMPILE_QUICKLY: Final = "-XX:TieredStopAtLevel=1"
"""The second compiler pays for a broker that runs for minutes."""

UNUSED_SECONDS_MAX: Final = 86_400
"""A cache that no tests have used for a day is removed: it is of another Java, or of other jars."""


def start_brokers_quickly(*, make_cache: bool) -> None:
    """Set the options of every Java that this process and its children start.

    A cache is of one Java and one set of jars (JEP 483, 515). Where there is none, one is made if `make_cache`, with
    jars that are downloaded for it if need be; it is kept beside them, for the next tests. A cache that does not fit is
    passed over by Java. Raises what NativeKafka raises, and OSError when the cache's folder cannot be used.
    """
    import fcntl  # noqa: PLC0415 - not on Windows, where no native broker starts.

    java, folder = java_executable(), default_cache_dir()
    _set_options(COMPILE_QUICKLY)
    if make_cache:
        jars = ensure_jars()
        cache = folder / _name_of_cache(java, jars)
        with (folder / "tests-aot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Of two processes that begin together one makes it, and one waits.
            if not cache.exists():
                _make(cache)
    else:
        jars = tuple(folder / f"kafka-{KAFKA_VERSION}" / jar.file_name for jar in kafka_jars())
        if not all(jar.exists() for jar in jars):
            return
        cache = folder / _name_of_cache(java, jars)
    if cache.exists():
        os.utime(cache)
        _set_options(COMPILE_QUICKLY, f"-XX:AOTCache={cache}")


def environment_of_other_javas() -> dict[str, str]:
    """Return this process's environment for a Java that need not know the options of ours."""
    return {**os.environ, OPTIONS_VARIABLE: GIVEN}


def _set_options(*options: str) -> None:
    os.environ[OPTIONS_VARIABLE] = " ".join([GIVEN, *options]).strip()


def _name_of_cache(java: Path, jars: Sequence[Path]) -> str:
    """Return a name with a digest of what Java compares: itself and the jars, with their places, lengths and times."""
    files = [java, java.parent.parent / "lib" / "modules", *jars]
    told = "\n".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)
    return f"tests-{hashlib.sha256(told.encode()).hexdigest()[:16]}.aot"


def _make(cache: Path) -> None:
    """Have Java write down what a broker does from its start to its end, and rename that: it is whole or not there."""
    from tests.conftest import prepare_schemas  # noqa: PLC0415 - it imports this module.

    for old in cache.parent.glob("tests-*.aot"):
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS_MAX:
            old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix="tests-aot-") as folder:
        made = Path(folder, "made.aot")
        # What makes the data directory does so too, before; the broker writes over it.
        _set_options(f"-XX:AOTCacheOutput={made}")
        try:
            with NativeKafka(Path(folder, "kafka")) as kafka:
                asyncio.run(prepare_schemas(kafka.connection))
        finally:
            _set_options(COMPILE_QUICKLY)
        if made.exists():
            made.rename(cache)
