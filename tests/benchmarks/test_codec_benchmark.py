"""The benchmark of the codec runs, measures every kind in every way, and says on what; how fast is nobody's assert."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

import pytest

from ledger_schemas import Kind, decode_event, encode_event
from tests.benchmarks.codec import RATIOS, WAYS
from tests.benchmarks.measuring import LIBRARIES, events_a_second
from tests.benchmarks.usual_events import usual_event

FEW: Final = "64"


def test_every_kind_is_measured_in_every_way() -> None:
    """As JSON: for each kind bytes, events a second and ratios, and the machine and versions that they hold for."""
    told: dict[str, Any] = json.loads(_run("--json"))
    assert {kind.value for kind in Kind} == {*told["kinds"]}
    for found in told["kinds"].values():
        assert {"bytes", *WAYS, *(f"{name}_ratio" for name in RATIOS)} == {*found}
        assert all(figure > 0 for figure in found.values())
        assert found["batch"] / found["decode_fastavro"] == pytest.approx(found["batch_ratio"])
    assert {"processor", "cores", "system", "allocator", "python", *LIBRARIES} == {*told["machine"]}
    assert (told["events"], told["rounds"]) == (64, 1)


def test_the_table_has_a_line_for_each_kind() -> None:
    """As text: the machine first, then a line for each kind asked for, then what the columns mean."""
    lines = _run("--kinds", "read", "created").splitlines()
    assert lines[0].startswith("processor ")
    assert [line.split()[0] for line in lines if "|" in line][1:] == ["read", "created"]
    assert {*WAYS} == {line.split()[0] for line in lines[-len(WAYS) :]}


@pytest.mark.parametrize("kind", Kind)
def test_usual_events_are_events(kind: Kind) -> None:
    """What is measured is good: it goes there and back, and no two are alike."""
    event = usual_event(kind, 7)
    assert event == decode_event(encode_event(event))
    assert event.event_id != usual_event(kind, 7).event_id


def test_the_median_of_the_rounds_counts() -> None:
    """Each way runs once a round, and what it did is counted in events a second."""
    calls: list[str] = []
    found = events_a_second({name: lambda name=name: calls.append(name) for name in "ab"}, 10, 3)  # type: ignore[misc]  # mypy takes no default for a lambda's type
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert {"a", "b"} == {*found}
    assert all(rate > 0 for rate in found.values())


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.benchmarks", "codec", "--events", FEW, "--rounds", "1", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
