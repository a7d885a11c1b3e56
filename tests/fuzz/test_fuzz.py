"""The decoder stands hostile records, and the fuzzer would notice if it did not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

from ledger_projectors.log.records import Reason
from tests.fuzz.batches import build
from tests.fuzz.fuzzing import BATCH_RECORDS, fuzz
from tests.fuzz.watching import Watched

SEED: Final = 20260301
RECORDS: Final = 4_000
RECORDS_OF_THE_LONG_RUN: Final = 20_000

FAULTY_WORKER: Final = """
import os, sys, time
import pyarrow.compute as pc
from ledger_projectors.decode import group
from tests.fuzz import worker

sound, fault = group._decoded, sys.argv[1]

def faulty(frames, text):
    # One record of all, told by its bytes, in whatever company it comes.
    if any(b"\\xff\\xff" in frame for frame in frames):
        if fault == "aborts":
            os.abort()
        if fault == "hangs":
            time.sleep(600)
        if fault == "raises":
            raise ZeroDivisionError
    decoded = sound(frames, text)
    if decoded is None or fault != "changes a value" or "tenant_id" not in decoded.schema.names:
        return decoded
    place = decoded.schema.get_field_index("tenant_id")
    return decoded.set_column(place, decoded.schema.field(place), pc.utf8_upper(decoded.column(place)))

group._decoded = faulty
worker.main()
"""
"""The child of the fuzzer with a decoder that has one fault."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Give a child process with the decoder as it is."""
    with Watched() as child:
        yield child


def test_nothing_is_found_in_a_short_run(watched: Watched) -> None:
    """No hostile record hangs, kills or deceives the decoder, nor takes another with it; the reference is no idler."""
    report = fuzz(RECORDS, SEED, watched)
    assert report.finding is None, report.finding
    assert RECORDS == report.records == report.rows + sum(report.reasons.values())
    assert report.vouched > RECORDS // 10


def test_nothing_is_found_in_a_longer_run(watched: Watched) -> None:
    """As above, on other records, until every reason to reject one was met."""
    report = fuzz(RECORDS_OF_THE_LONG_RUN, SEED + 1, watched)
    assert report.finding is None, report.finding
    assert {reason.value for reason in Reason} - {"kind_unknown", "conflict"} <= {*report.reasons}


def test_a_seed_gives_the_same_records() -> None:
    """A batch is made again from its seed, whole or in part."""
    once, again = build("7-1", BATCH_RECORDS), build("7-1", BATCH_RECORDS)
    assert once.records == again.records
    assert [once.records[3], once.records[5]] == build("7-1", BATCH_RECORDS, [3, 5]).records
    assert once.records != build("7-2", BATCH_RECORDS).records


@pytest.mark.parametrize(
    ("fault", "finding"),
    [("aborts", "exit code -6"), ("raises", "ZeroDivisionError"), ("changes a value", "AssertionError")],
)
def test_a_fault_of_the_decoder_is_found_and_named(fault: str, finding: str) -> None:
    """A decoder that aborts, raises or changes a value is found out, with a batch's seed and its bytes."""
    with Watched((sys.executable, "-c", FAULTY_WORKER, fault)) as child:
        report = fuzz(RECORDS, SEED, child)
    assert report.finding is not None
    assert finding in report.finding.what
    assert f"{SEED}-{report.batches}" == report.finding.batch_seed
    assert 0 < len(report.finding.frames) <= report.finding.records < BATCH_RECORDS
    if fault != "changes a value":
        assert any(b"\xff\xff" in bytes.fromhex(frame) for frame in report.finding.frames)


def test_a_decoder_that_hangs_is_found() -> None:
    """A batch that takes too long is a finding, and the child that took it is gone."""
    with Watched((sys.executable, "-c", FAULTY_WORKER, "hangs")) as child:
        outcomes = (child.try_batch(f"{SEED}-{number}", BATCH_RECORDS, seconds_max=10) for number in range(20))
        finding = next(outcome.finding for outcome in outcomes if outcome.finding is not None)
    assert finding == "the decoder hung: no answer in 10 seconds"


@pytest.mark.parametrize("arguments", [["--json"], []], ids=["as JSON", "as text"])
def test_the_command_says_what_it_did(arguments: list[str]) -> None:
    """`python -m tests.fuzz` ends with exit code 0 when nothing was found, and tells seed and counts."""
    command = [sys.executable, "-m", "tests.fuzz", "--records", "500", "--seed", "5", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    if arguments:
        told: dict[str, Any] = json.loads(done.stdout)
        assert (told["seed"], told["records"], told["batches"], told["finding"]) == (5, BATCH_RECORDS, 1, None)
    else:
        assert "seed 5: 500 records in 1 batches" in done.stdout
