"""Lets the tests' brokers start in a third of the time: with a cache of Java's own, which a broker before them made.

The tests start some fifty brokers, most of them for seconds, and what each takes is Java that loads Kafka's classes and
compiles what it will not run for long.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from ledger_infra.broker import NativeKafka
from ledger_infra.broker.artifacts import default_cache_dir, ensure_jars
from ledger_infra.broker.java_runtime import java_executable

OPTIONS_VARIABLE: Final = "JAVA_TOOL_OPTIONS"
"""Every Java reads it, so that brokers of the tests' child processes have the options too."""

COMPILE_QUICKLY: Final = "-XX:TieredStopAtLevel=1"
"""The second compiler pays for a broker that runs for minutes."""

UNUSED_SECONDS_MAX: Final = 86_400
"""A cache that no tests have used for a day is removed: it is of another Java, or of other jars."""


def start_brokers_quickly(*, make_cache: bool) -> None:
    """Set the options of every Java that this process and its children start.

    A cache is of one Java and one set of jars (JEP 483, 515). Where there is none, one is made if `make_cache`, which
    takes some ten seconds; it is kept beside the jars, for the next tests. A cache that does not fit is passed over by
    Java. Raises what NativeKafka raises.
    """
    folder = default_cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    cache = folder / f"tests-{_what_it_is_of()}.aot"
    if make_cache:
        with (folder / "tests-aot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Of two processes that begin together one makes it, and one waits.
            if not cache.exists():
                _make(cache)
    options = [COMPILE_QUICKLY]
    if cache.exists():
        os.utime(cache)
        options.append(f"-XX:AOTCache={cache}")
    os.environ[OPTIONS_VARIABLE] = " ".join(options)


def _what_it_is_of() -> str:
    """Return a digest of what Java compares: itself and the jars, with their places, lengths and times."""
    java = java_executable()
    files = [java, java.parent.parent / "lib" / "modules", *ensure_jars()]
    told = [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _make(cache: Path) -> None:
    """Have Java write down what a broker does from its start to its end, and rename that: it is whole or not there."""
    from tests.conftest import prepare_schemas  # noqa: PLC0415 - it imports this module.

    for old in cache.parent.glob("tests-*.aot"):
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS_MAX:
            old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix="tests-aot-") as folder:
        made = Path(folder, "made.aot")
        # What makes the data directory does so too, before; the broker writes over it.
        os.environ[OPTIONS_VARIABLE] = f"-XX:AOTCacheOutput={made}"
        with NativeKafka(Path(folder, "kafka")) as kafka:
            asyncio.run(prepare_schemas(kafka.connection))
        if made.exists():
            made.rename(cache)
