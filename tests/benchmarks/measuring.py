"""Events a second of several ways of doing one thing, measured in turns so that a slow minute is shared by all."""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

ALLOCATORS: Final = ("jemalloc", "mimalloc", "tcmalloc")
LIBRARIES: Final = ("fastavro", "pyruhvro", "pyarrow", "numpy", "pydantic", "duckdb", "aiokafka")


def events_a_second(ways: Mapping[str, Callable[[], object]], events: int, rounds: int) -> dict[str, float]:
    """Return for each way the median of its rounds; each way works on `events` events whenever it is called."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = [*ways]
    gc.collect()
    # The collector is not to walk over what the benchmark itself has made, in whichever way happens to call it.
    gc.freeze()
    try:
        for turn in range(rounds):
            # Each begins a round in its turn: none has the warm caches for itself.
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                gc.collect()
                began = time.perf_counter()
                ways[name]()
                seconds[name].append(time.perf_counter() - began)
    finally:
        gc.unfreeze()
    return {name: events / median(measured) for name, measured in seconds.items()}


def progress(line: str) -> None:
    """Tell whoever waits what is being done: on standard error, away from the figures."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, cores that this process may use, its allocator, and versions."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "allocator": _allocator(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _allocator() -> str:
    """Return what was preloaded in the place of the C library's allocator: DuckDB's small statements depend on it."""
    maps = Path("/proc/self/maps")
    loaded = maps.read_text(encoding="utf-8") if maps.exists() else ""
    return next((name for name in ALLOCATORS if f"/lib{name}" in loaded), "the C library's")


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
