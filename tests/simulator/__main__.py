"""The command `python -m tests.simulator`: rounds of a simulated hostile day against the real projector.

Each round is drawn from one integer: the log, how it is cut, and every fault. Progress goes to standard error; the
outcome is printed as text or, with `--json`, as JSON. Exit code 1: a round failed; the output has its decisions and the
command that repeats it. With `--jobs` so many processes share the rounds; what is printed is the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Final

from tests.simulator.faults import Fault
from tests.simulator.rounds import Report
from tests.simulator.sharing import run_rounds

ROUNDS_DEFAULT: Final = 1_000
PROGRESS_SECONDS: Final = 5.0


@dataclass
class Outcome:
    """What all rounds did together; `failed` are the reports of those that found something."""

    first_seed: int
    rounds: int = 0
    records: int = 0
    commits: int = 0
    checks: int = 0
    alarms: int = 0
    """How many alarms about the log were seen, each while its condition lasted."""
    faults: dict[str, int] = field(default_factory=dict)
    """How many lives met which."""
    seconds: float = 0.0
    failed: list[Report] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Count one round."""
        self.rounds += 1
        self.records += report.records
        self.commits += report.commits
        self.checks += report.checks
        self.alarms += report.alarms
        for fault in report.faults:
            self.faults[fault] = self.faults.get(fault, 0) + 1
        if report.finding is not None:
            self.failed.append(report)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS_DEFAULT, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first; each has the next one's (default: 0)")
    parser.add_argument("--jobs", type=_jobs, default=1, help="processes that share the rounds (default: %(default)s)")
    parser.add_argument("--fault", choices=[str(fault) for fault in Fault], help="meet no other fault than this")
    parser.add_argument("--go-on", action="store_true", help="do not stop at the first round that fails")
    parser.add_argument(
        "--trace", action="store_true", help="print the decisions of every round, not of failed ones alone"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    outcome = _run(options)
    sys.stdout.write((json.dumps(_document(outcome), indent=2) if options.json else _text(outcome)) + "\n")
    return 1 if outcome.failed else 0


def _run(options: argparse.Namespace) -> Outcome:
    outcome = Outcome(options.seed)
    began = told = time.monotonic()
    change = partial(replace, fault=Fault(options.fault)) if options.fault else None
    seeds = range(options.seed, options.seed + options.rounds)
    with run_rounds(seeds, change, jobs=options.jobs) as reports:
        for report in reports:
            outcome.add(report)
            if options.trace:
                sys.stderr.write("\n".join([f"round {report.seed}", *report.trace]) + "\n")
            now = time.monotonic()
            outcome.seconds = now - began
            if now - told >= PROGRESS_SECONDS:
                told = now
                rate = outcome.rounds / outcome.seconds
                sys.stderr.write(f"{outcome.rounds:,} of {options.rounds:,} rounds, {rate:.1f} a second\n")
            if outcome.failed and not options.go_on:
                break
    return outcome


def _jobs(text: str) -> int:
    jobs = int(text)
    if jobs < 1:
        raise argparse.ArgumentTypeError("at least one process")
    return jobs


def _document(outcome: Outcome) -> dict[str, Any]:
    return {**asdict(outcome), "rounds_per_second": round(outcome.rounds / max(outcome.seconds, 1e-9), 2)}


def _text(outcome: Outcome) -> str:
    last = outcome.first_seed + outcome.rounds - 1
    faults = ", ".join(f"{count:,} {fault}" for fault, count in sorted(outcome.faults.items()))
    lines = [
        f"{outcome.rounds:,} rounds, seeds {outcome.first_seed} to {last}, {outcome.seconds:.0f} s",
        f"{outcome.records:,} records, {outcome.commits:,} commits, {outcome.checks:,} comparisons with the oracle",
        f"{outcome.alarms:,} alarms about the log, each while its condition lasted",
        f"lives: {faults}",
    ]
    for report in outcome.failed:
        assert report.finding is not None
        lines += [f"FAILED, seed {report.seed}:", *report.trace, report.finding.what, report.finding.command]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
