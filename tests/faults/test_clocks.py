"""Fault 12: clocks jump, those of emitters and our own. No decision of the projector depends on one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest

import ledger_projectors
from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.publish.digest import digest_read_model
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import assert_folded, open_model, project, reading

PARTITIONS: Final = 3
SKEWED: Final = [*generate(StreamPlan(notifications=25, seed=4, skewed_share=0.3))]
CLOCK_SQL: Final = re.compile(
    r"\b(?:now|today|get_current_time\w*)\s*\(|\bcurrent_(?:timestamp|date|time)\b", re.IGNORECASE
)
CLOCK_PYTHON: Final = re.compile(r"\btime\.time\b|\btime_ns\b|\bdatetime\.now\b|\butcnow\b|\bdate\.today\b")
JUMPS_SECONDS: Final = (0.0, 7_258_118_400.0, 1_772_366_400.0, -1.0)
"""1970, 2200, 2026, and the second before 1970."""


def test_a_clock_that_jumps_by_centuries_changes_no_row(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of 1970 and 2200, folded on a machine whose clock jumps between the two, make the same file."""
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, SKEWED)
    digests = []
    jumps: Iterator[float] = cycle(JUMPS_SECONDS)
    for folder in ("right", "jumping"):
        if folder == "jumping":
            monkeypatch.setattr(time, "time", lambda: next(jumps))
        with open_model(tmp_path / folder, topic.name, PARTITIONS) as model:
            asyncio.run(project(kafka.connection, model, batch_records_max=40))
            with reading(model) as reader:
                digests.append(digest_read_model(reader).text)
        monkeypatch.undo()
    assert digests[0] == digests[1]
    with open_model(tmp_path / "jumping", topic.name, PARTITIONS) as model:
        assert_folded(kafka, topic, model)


@pytest.mark.parametrize(("suffix", "clock"), [("sql", CLOCK_SQL), ("py", CLOCK_PYTHON)], ids=["sql", "python"])
def test_nothing_that_writes_rows_asks_the_clock(suffix: str, clock: re.Pattern[str]) -> None:
    """Neither the SQL nor the Python of the projector names the time of the day; waits are monotonic.

    Two files may, since they write nothing: the views, and the mirror, which is asked whether a key has expired.
    """
    package = Path(ledger_projectors.__file__).parent
    answering = {package / "projections/lifecycle/views.sql", package / "directory/mirror.py"}
    files = [path for path in package.rglob(f"*.{suffix}") if path not in answering]
    assert len(files) > 5
    asking = {path.name: found for path in files if (found := clock.findall(_code(path)))}
    assert asking == {}


def _code(path: Path) -> str:
    """Return a file without its comments: they may speak of the present."""
    return "\n".join(line.split("--" if path.suffix == ".sql" else "#")[0] for line in path.read_text().splitlines())
