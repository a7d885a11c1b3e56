"""The command `python -m tests.fuzz`: hostile records against the decoder, for as long as somebody likes to wait.

It prints what was decoded, as text or, with `--json`, as JSON. Exit code 1: something was found; the output names the
seed and the bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from secrets import randbelow
from typing import Final

from tests.fuzz.fuzzing import Report, fuzz
from tests.fuzz.watching import Watched

RECORDS_DEFAULT: Final = 200_000
PROGRESS_SECONDS: Final = 5.0


class _Progress:
    """Says on standard error how far a run is, now and then."""

    def __init__(self, records: int) -> None:
        self._records = records
        self._told_at = self._began_at = time.monotonic()

    def __call__(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            rate = report.records / (now - self._began_at)
            sys.stderr.write(f"{report.records:,} of {self._records:,} records, {rate:,.0f} a second\n")


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS_DEFAULT, help="how many records (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="which records: the same seed gives the same ones")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    seed = randbelow(10**9) if options.seed is None else options.seed
    with Watched() as watched:
        report = fuzz(options.records, seed, watched, _Progress(options.records))
    sys.stdout.write((json.dumps(asdict(report), indent=2) if options.json else _text(report)) + "\n")
    return 0 if report.finding is None else 1


def _text(report: Report) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(report.reasons.items()))
    lines = [
        f"seed {report.seed}: {report.records:,} records in {report.batches:,} batches",
        f"{report.rows:,} events; {reasons}",
        f"{report.vouched:,} events were the batch decoder's alone; every row and rejection was the reference's",
    ]
    if report.finding is not None:
        lines[2:] = [
            f"FOUND in batch {report.finding.batch_seed}: {report.finding.what}",
            f"{report.finding.records} records are enough:",
            *report.finding.frames,
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
