"""Each benchmark runs on little, says all that it measures, and on what; how fast is nobody's assert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from ledger_projectors.read_model import ReadModel
from ledger_projectors.steps import Step
from ledger_schemas import LIFECYCLE_TOPIC, Kind, decode_event
from tests.benchmarks import apply_profile, catching_up
from tests.benchmarks.outcome import Judge
from tests.benchmarks.workload import make_workload
from tests.conftest import Kafka

SOME: Final = ("obvious", "careful", "ours", "consume_decode", "apply")
"""Contenders: all but one that does what another of these begins with."""


def test_the_profile_accounts_for_every_step() -> None:
    """The steps of a batch and its closing, each the sum of its statements and of Python; as a table too."""
    told = _run("profile", "--events", "600", "--batch", "300")
    assert (told["events"], told["batch"]) == (600, 300)
    assert told["applied"] + told["duplicates"] == 600
    assert {*map(str, Step)} - {Step.FETCHED, Step.CHECKPOINTED} < {*told["steps"]}
    for spent in told["steps"].values():
        assert spent["statements"]
        assert abs(sum(one["wall_ns"] for one in spent["statements"]) - spent["wall_ns"]) < len(spent["statements"])
    committed = [one["statement"] for one in told["steps"][Step.COMMITTED]["statements"]]
    assert any(statement.startswith("COMMIT") for statement in committed)
    assert told["file_bytes"] > 0
    lines = apply_profile.text(told).splitlines()
    assert {"decoded", "folded", "committed", "closed", "all"} <= {line.split()[0] for line in lines if line}
    assert lines[-1].endswith("events a second, file closed")


def test_contenders_are_measured_once_they_are_right(kafka: Kafka) -> None:
    """What each contender took and ratios of ours to the others, for the size of batch that is asked for."""
    told = _run(
        *("projector", "--bootstrap-servers", kafka.bootstrap_servers, "--events", "400", "--obvious-events", "60"),
        *("--rounds", "1", "--batch", "150", "--contenders", *SOME),
    )
    assert {*SOME} == {one["contender"] for one in told["contenders"]}
    for one in told["contenders"]:
        assert (one["contender"] == "obvious") == (one["events"] == 60)
        assert one["wall_s"] > 0
        assert one["rss_bytes"] > 0
        assert (one["file_bytes"] > 0) == (one["contender"] != "consume_decode")
        assert one["events_a_second"] == pytest.approx(one["events"] / one["wall_s"])
    assert {"batch", *SOME} <= {line.split()[0] for line in catching_up.text(told).splitlines() if line}
    assert {f"ours / {name} at 150" for name in SOME if name != "ours"} == {*told["ratios"]}


def test_a_contender_that_is_wrong_has_no_figure(tmp_path: Path) -> None:
    """A read model that lacks one record of the workload is told from the oracle's, row by row."""
    workload = make_workload(120)
    records = workload.records(LIFECYCLE_TOPIC)
    read = next(place for place in reversed(range(120)) if decode_event(workload.values[place]).kind is Kind.READ)
    path = tmp_path / "read_model.duckdb"
    with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=workload.partitions) as model:
        model.apply([record for place, record in enumerate(records) if place != read])
        end = model.position()
    with pytest.raises(AssertionError, match=r"read_count: expected 1, is 0"):
        Judge(workload, end).check(path, LIFECYCLE_TOPIC, "the incomplete one")


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks", *arguments, "--json"]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["machine"]["duckdb"]
    return told
