"""What the samples of a soak say: whether memory, file and write-ahead log are bounded, and nothing was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.soak.projecting import WAL_DUE_BYTES

BATCH_WAL_BYTES_MAX: Final = 16 * 1024 * 1024
"""What the largest batch of a soak, 2,000 records, may write at once: 8 KiB for each."""

RSS_GROWTH_BYTES_MAX: Final = 96 * 1024 * 1024
"""How much more the last quarter's process may hold than the second quarter's, in the median: DuckDB keeps what it has
read, up to its own limit, and the file grows meanwhile."""

RSS_BYTES_PER_EVENT_MAX: Final = 200.0
"""How much memory may grow with each event between the two: a leak of one Python object an event is more."""

FILE_GROWTH_MAX: Final = 3.0
"""How many times as many bytes an event the file may take as one made in one go: checkpoints beside a reader that holds
an old state leave blocks that are used again later."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a soak. Bytes, milliseconds; `lag` in records; `life` counts the projector's processes."""

    at_seconds: float
    life: int
    appended: int
    applied_to: int
    rss_bytes: int
    file_bytes: int
    wal_bytes_max: int
    read_ms: float

    @property
    def lag(self) -> int:
        """Records that were appended and not yet applied."""
        return max(0, self.appended - self.applied_to)


@dataclass(frozen=True, slots=True)
class Ending:
    """What was found behind the day: both files after their last checkpoint, and what had gone wrong."""

    records: int
    acknowledged: int
    position: int
    file_bytes: int
    rebuilt_bytes: int
    digests_equal: bool
    disagreements: int
    exit_codes: tuple[int, ...]


def judge(samples: Sequence[Sample], ending: Ending) -> dict[str, str]:
    """Return what does not hold, by name, with the figures; nothing: the soak is passed."""
    found: dict[str, str] = {}
    if not ending.digests_equal:
        found["digest"] = "the file and its rebuild from the log differ"
    if ending.position != ending.records:
        found["position"] = f"the log has {ending.records} records, {ending.position} are set down"
    if ending.acknowledged > ending.records:
        found["log"] = f"{ending.acknowledged} records were acknowledged, the log has {ending.records}"
    if ending.disagreements:
        found["reads"] = f"list and count disagreed {ending.disagreements} times in one reading"
    if any(ending.exit_codes):
        found["exit codes"] = f"after SIGTERM: {ending.exit_codes}"
    wal = max((sample.wal_bytes_max for sample in samples), default=0)
    if wal > WAL_DUE_BYTES + BATCH_WAL_BYTES_MAX:
        found["write-ahead log"] = f"{wal} bytes; due at {WAL_DUE_BYTES}, and one batch is {BATCH_WAL_BYTES_MAX}"
    if ending.file_bytes > FILE_GROWTH_MAX * ending.rebuilt_bytes:
        found["file"] = f"{ending.file_bytes} bytes, {ending.rebuilt_bytes} when it is made in one go"
    growth, events = memory_growth(samples)
    if growth > RSS_GROWTH_BYTES_MAX + RSS_BYTES_PER_EVENT_MAX * events:
        found["memory"] = f"it grew by {growth} bytes over {events} records, from the second quarter to the last"
    return found


def memory_growth(samples: Sequence[Sample]) -> tuple[int, int]:
    """Return the bytes and the records between the medians of the second and of the last quarter of the samples."""
    quarter = len(samples) // 4
    if not quarter:
        return 0, 0
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    growth = median(one.rss_bytes for one in late) - median(one.rss_bytes for one in early)
    return int(growth), max(0, late[-1].applied_to - early[0].applied_to)


def chart(samples: Sequence[Sample], rows: int = 20) -> str:
    """Return a table of about so many samples, with a bar for the lag."""
    step = max(1, len(samples) // rows)
    worst = max((sample.lag for sample in samples), default=0) or 1
    lines = ["   at s  life  appended       lag  RSS MiB  file MiB  WAL KiB  read ms  lag"]
    for at in range(0, len(samples), step):
        sample = samples[at]
        bar = "#" * round(20 * sample.lag / worst)
        lines.append(
            f"{sample.at_seconds:7.0f} {sample.life:5d} {sample.appended:9,d} {sample.lag:9,d} "
            f"{sample.rss_bytes / 2**20:8.0f} {sample.file_bytes / 2**20:9.1f} {sample.wal_bytes_max / 2**10:8.0f} "
            f"{sample.read_ms:8.0f}  {bar}"
        )
    return "\n".join(lines)
