"""Each benchmark runs on little, says all that it measures, and on what; how fast is nobody's assert."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from fastapi import FastAPI

from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import LIFECYCLE_TOPIC, Kind, Position, decode_event
from tests.benchmarks import apply_profile, broadcast, catching_up, dialects, growth, latency, outcome, over_http
from tests.benchmarks.latency import Commits
from tests.benchmarks.outcome import SHARD_DIGITS, SUMMED, Expected, Judge
from tests.benchmarks.workload import make_workload
from tests.conftest import Kafka
from tests.loopback import Servers

SOME: Final = ("obvious", "careful", "ours", "apply")
"""Contenders: all but those that only do what another of these begins with."""


def test_the_profile_accounts_for_every_step() -> None:
    """The steps of a batch and its closing, each the sum of its statements and of Python; as a table too."""
    told = _run("profile", "--events", "600", "--batch", "300")
    assert (told["events"], told["batch"]) == (600, 300)
    assert told["applied"] + told["duplicates"] == 600
    assert {*map(str, Step)} - {Step.FETCHED, Step.CHECKPOINTED} < {*told["steps"]}
    for spent in told["steps"].values():
        assert spent["statements"]
        assert abs(sum(one["wall_ns"] for one in spent["statements"]) - spent["wall_ns"]) < len(spent["statements"])
    named = {step: [one["statement"] for one in spent["statements"]] for step, spent in told["steps"].items()}
    assert any(statement.startswith("COMMIT") for statement in named[Step.COMMITTED])
    assert any(statement.startswith("INSERT INTO") for statement in named[Step.HISTORY_WRITTEN])
    assert any(statement.startswith("INSERT INTO") for statement in named[Step.FOLDED])
    assert told["file_bytes"] > 0
    lines = apply_profile.text(told).splitlines()
    assert {"decoded", "folded", "committed", "closed", "all"} <= {line.split()[0] for line in lines if line}
    assert lines[-1].endswith("events a second, file closed")


def test_a_broadcast_is_measured_at_each_size() -> None:
    """Milliseconds and bytes of log of a read, milliseconds of the last audience_added, and ratios to the smallest."""
    found = _run("broadcast", "--audiences", "10,2000", "--reads", "3")
    assert [row["recipients"] for row in found["sizes"]] == [10, 2000]
    for name in ("read_ms", "read_wal_bytes", "added_ms"):
        assert [found["sizes"][0][f"{name}_ratio"], found["sizes"][0][name] > 0] == [1.0, True]
    assert len(broadcast.text(found).splitlines()) == 2 + 1 + 2


def test_contenders_are_measured_once_they_are_right(kafka: Kafka) -> None:
    """What each contender took and ratios of ours to the others, for the size of batch that is asked for."""
    told = _run(
        *("projector", "--bootstrap-servers", kafka.bootstrap_servers, "--events", "400", "--obvious-events", "40"),
        *("--rounds", "1", "--batch", "200", "--contenders", *SOME),
    )
    assert {*SOME} == {one["contender"] for one in told["contenders"]}
    for one in told["contenders"]:
        assert (one["contender"] == "obvious") == (one["events"] == 40)
        assert one["wall_s"] > 0
        assert one["rss_bytes"] > 0
        assert one["file_bytes"] > 0
        assert one["events_a_second"] == pytest.approx(one["events"] / one["wall_s"])
    assert {"batch", *SOME} <= {line.split()[0] for line in catching_up.text(told).splitlines() if line}
    assert {f"ours / {name} at 200" for name in SOME if name != "ours"} == {*told["ratios"]}
    rates = {one["contender"]: one["events_a_second"] for one in told["contenders"]}
    assert told["ratios"]["ours / obvious at 200"]["wall_s"] == pytest.approx(rates["ours"] / rates["obvious"])


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


def test_a_large_workload_is_compared_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part the file is what the oracle says, numbers over many parts included; what it said is kept."""
    monkeypatch.setattr(outcome, "WHOLE_RECORDS_MAX", 10)
    monkeypatch.setattr(outcome, "CACHE", tmp_path / "kept")
    monkeypatch.setattr(
        Expected, "_answers_side_by_side", lambda self: {shard: self._answer(shard) for shard in SHARD_DIGITS}
    )
    workload = make_workload(150)
    path = tmp_path / "read_model.duckdb"
    with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=workload.partitions) as model:
        model.apply(workload.records())
        end = model.position()
    Judge(workload, end).check(path, LIFECYCLE_TOPIC, "the whole")
    (kept,) = (tmp_path / "kept").iterdir()
    shards, sums = json.loads(kept.read_text(encoding="utf-8"))
    assert {*SHARD_DIGITS} == {*shards}
    assert {*SUMMED} == {*sums}
    kept.write_text(json.dumps([{"0": shards["0"]}, dict.fromkeys(sums, "another")]), encoding="utf-8")
    with pytest.raises(AssertionError, match="recipient_counts"):
        Judge(workload, end).check(path, LIFECYCLE_TOPIC, "the whole")


def test_latency_is_counted_for_every_record_behind_the_warm_up(kafka: Kafka) -> None:
    """Percentiles of the whole rise, the shares of its parts are all of it; the file held notifications before."""
    told = _run(
        *("latency", "--bootstrap-servers", kafka.bootstrap_servers, "--rate", "300", "--seconds", "1"),
        *("--warm-up-seconds", "0.5", "--notifications", "20"),
    )
    assert told["counted"] == 300
    assert 0 < told["emitted_a_second"] < 400
    whole = told["emit_to_visible"]
    assert 0 < whole["p50"] <= whole["p95"] <= whole["p99"] <= whole["p100"]
    assert sum(part["share"] for part in told["parts"].values()) == pytest.approx(1)
    assert all(part["p50"] >= 0 for part in told["parts"].values())
    assert told["prefilled_events"] == 40
    assert "emit to visible" in latency.text(told)


def test_a_record_is_visible_with_the_first_commit_behind_its_offset(tmp_path: Path) -> None:
    """From before its append to that commit: append, then fetch and wait, then decode, apply and commit."""
    millisecond = 1_000_000
    with ReadModel.create_or_open(tmp_path / "read_model.duckdb", topic="t", partitions=2) as model:
        commits = Commits(model)
    commits.rows = [
        (30 * millisecond, 40 * millisecond, Position({("t", 0): 1})),
        (50 * millisecond, 70 * millisecond, Position({("t", 0): 2, ("t", 1): 1})),
    ]
    receipts = np.array([[0, 0, 10, 20], [0, 1, 10, 20], [1, 0, 10, 20]]) * [1, 1, millisecond, millisecond]
    told = latency.figures(receipts, commits, "t")
    assert told["emit_to_visible"] == {"p50": 60.0, "p95": 60.0, "p99": 60.0, "p100": 60.0}
    parts = {name: (part["p50"], part["share"]) for name, part in told["parts"].items()}
    assert parts == {
        "append": (10.0, 30 / 150),
        "fetch, and wait for the batch before": (30.0, 70 / 150),
        "decode, apply and commit": (20.0, 50 / 150),
    }


def test_growth_is_measured_at_every_size_and_after_late_touches() -> None:
    """Cost, ratio to the smallest, and the file: for each size, and for the largest once more."""
    told = _run("growth", "--notifications", "0.0001", "--events", "200", "--batch", "200", "--live-batches", "1")
    assert [(one["millions"], one["touched"]) for one in told["sizes"]] == [(0.0001, 0.0), (0.0001, 0.2)]
    first, touched = told["sizes"]
    assert touched["file_bytes"] >= first["file_bytes"]
    for way in ("catching_up", "live"):
        assert first[f"{way}_ratio"] == 1.0
        assert touched[f"{way}_ratio"] == pytest.approx(touched[way]["wall_ns"] / first[way]["wall_ns"])
        assert touched[way]["batches"] == 1
    assert touched["catching_up"]["events"] == 200
    assert "0.0001, 20% touched late" in growth.text(told)


def test_each_dialect_is_measured_beside_the_native_answer_for_the_same_rows() -> None:
    """Median and 99 % of both, and the overhead of the dialect, once both were seen to have the same rows."""
    told = _run("dialects", "--notifications", "1500", "--seconds", "0.1")
    assert {one["answer"]: one["rows"] for one in told["answers"]} == {
        "suger, 50": 50,
        "suger, 1,000": 1_000,
        "nextinteract, 500": 500,
        "easir, 15": 15,
        "realtimeregister, one": 1,
        "novu, one": 1,
    }
    for one in told["answers"]:
        for side in ("dialect", "native"):
            assert one[side]["answers"] > 0
            assert 0 < one[side]["p50_ms"] <= one[side]["p99_ms"]
        assert one["overhead"] == pytest.approx(one["dialect"]["p50_ms"] / one["native"]["p50_ms"] - 1)
    table = dialects.text(told).splitlines()
    assert [line[:24].strip() for line in table[-len(told["answers"]) :]] == [one["answer"] for one in told["answers"]]


def test_answers_with_other_rows_have_no_figure() -> None:
    """A benchmark of two different questions is refused."""
    name = {"name": "x"}
    with Servers() as servers:
        app = FastAPI()
        app.get("/{rows}")(lambda rows: {"rows": [name] * int(rows)})
        port = servers.serve(app).base_url.port
        assert port is not None
        sides = [dialects.Side([f"/{rows}"], {}, lambda answer: answer["rows"]) for rows in (1, 2)]
        with pytest.raises(AssertionError, match="beside"):
            dialects.check_same_rows(port, "it", *sides)


@pytest.mark.kafka
def test_the_api_is_measured_request_by_request() -> None:
    """Median, 99 % and answers a second of each request, with each number of clients, of an `up` of its own."""
    told = _run("http", "--notifications", "60", "--seconds", "0.2", "--clients", "1", "3")
    names = ["health", "badge", "get", "page of 50", "POST of 1 event", "POST of 100 events"]
    assert [(one["request"], one["clients"]) for one in told["requests"]] == [
        (name, clients) for name in names for clients in (1, 3)
    ]
    for one in told["requests"]:
        assert one["answers"] >= one["clients"]
        assert 0 < one["p50_ms"] <= one["p99_ms"] <= one["max_ms"]
        assert one["answers_a_second"] > 0
    table = over_http.text(told).splitlines()
    assert [line[:24].strip() for line in table[-len(told["requests"]) :]] == [name for name in names for _ in (1, 3)]


@pytest.mark.skipif(sys.platform != "linux", reason="a process's libraries are asked of Linux")
def test_figures_name_the_allocator_that_was_preloaded(tmp_path: Path) -> None:
    """What small batches cost depends on it. Any library under its name will do here."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    some = next(path for path in maps if "/libm.so" in path or "/libm-" in path)
    shutil.copyfile(some, tmp_path / "libjemalloc.so.2")
    ask = [sys.executable, "-c", "from tests.benchmarks.measuring import machine; print(machine()['allocator'])"]
    for preloaded, told in (("", "the C library's"), (str(tmp_path / "libjemalloc.so.2"), "jemalloc")):
        environment = {**os.environ, "LD_PRELOAD": preloaded}
        asked = subprocess.run(ask, check=True, capture_output=True, text=True, env=environment)
        assert asked.stdout.strip() == told


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks", *arguments, "--json"]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["machine"]["duckdb"]
    return told
