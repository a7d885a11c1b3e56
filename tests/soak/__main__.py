"""The command `python -m tests.soak`: a day in some minutes, against a real broker and a real projector process.

It tells each sample on standard error, then prints a chart and the verdict, or with `--json` one document. Exit code 1:
something is not bounded, or was lost.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from secrets import randbelow

from ledger_infra.logs import configure_logs
from tests.soak.day import Soak, soak
from tests.soak.verdict import Sample, chart, memory_growth


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long the day is (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="what is appended; default: any")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    seed = randbelow(10**9) if options.seed is None else options.seed
    sys.stderr.write(f"seed {seed}\n")
    configure_logs("auto", "critical")

    def tell(sample: Sample) -> None:
        sys.stderr.write(f"{sample.at_seconds:.0f} s: {sample.appended:,} appended, {sample.lag:,} behind\n")

    with tempfile.TemporaryDirectory() as folder:
        done = soak(Path(folder), options.minutes, seed, tell)
    sys.stdout.write((json.dumps(asdict(done), indent=2) if options.json else _text(done)) + "\n")
    return 1 if done.found else 0


def _text(done: Soak) -> str:
    assert done.ending is not None
    growth, records = memory_growth(done.samples)
    ending = done.ending
    made = ending.rebuilt_bytes / ending.records
    worst = max(sample.wal_bytes_max for sample in done.samples)
    lines = [
        chart(done.samples),
        f"seed {done.seed}: {ending.records:,} records, {done.poison} of them poison",
        f"{done.broker_restarts} broker restarts, {len(ending.exit_codes)} SIGTERMs, {done.reads:,} reads",
        f"memory {growth / 2**20:+.0f} MiB over {records:,} records; write-ahead log at most {worst / 2**20:.1f} MiB",
        f"file {ending.file_bytes / ending.records:.0f} bytes a record, made in one go {made:.0f}",
    ]
    lines += [f"NOT BOUNDED, OR LOST: {name}: {what}" for name, what in done.found.items()]
    return "\n".join([*lines, "verdict: failed" if done.found else "verdict: passed; the rebuild has the same digest"])


if __name__ == "__main__":
    sys.exit(main())
