"""Each benchmark runs on little, says all that it measures, and on what; how fast is nobody's assert."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ledger_projectors.steps import Step


def test_the_profile_accounts_for_every_step() -> None:
    """As JSON: the steps of a batch and the closing of the file, each the sum of its statements and of Python."""
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


def test_the_profile_has_a_table() -> None:
    """As text: a line for each step, and what the whole comes to."""
    lines = _text("profile", "--events", "300", "--batch", "300").splitlines()
    assert {"decoded", "folded", "committed", "closed", "all"} <= {line.split()[0] for line in lines if line}
    assert lines[-1].endswith("events a second, file closed")


def _run(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_text(*arguments, "--json"))
    assert told["machine"]["duckdb"]
    return told


def _text(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
