"""The command `python -m tests.http_fuzz`: schemathesis, all its checks, over each published OpenAPI document.

Each API is served with the vendors' samples from a file of its own. Exit code 1: something was found; the output has
the request that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ledger_infra.demo.samples import sample_events
from ledger_infra.logs import configure_logs
from tests.acceptance.answers import Answers
from tests.acceptance.serving import serving
from tests.http_fuzz.apis import NAMES, Name, api_of
from tests.http_fuzz.fuzzing import Extent, Report, fuzz

SECONDS_DEFAULT: Final = 60


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.http_fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS_DEFAULT, help="for each document (default: %(default)s)")
    parser.add_argument("--examples", type=int, help="random requests an operation, instead of a time")
    parser.add_argument("--dialect", choices=("all", *NAMES), default="all", help="which document (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="documents at a time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="which requests; how many there are is up to the time")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    configure_logs("json", "error")
    names = [name for name in NAMES if options.dialect in {"all", name}]
    extent = Extent(options.seconds, options.examples, options.seed)
    with ThreadPoolExecutor(options.jobs) as pool:
        reports = list(pool.map(lambda name: fuzz_served(name, extent), names))
    told = json.dumps([asdict(each) for each in reports], indent=2) if options.json else "\n".join(map(text, reports))
    sys.stdout.write(told + "\n")
    return 1 if any(report.failures for report in reports) else 0


def fuzz_served(name: Name, extent: Extent) -> Report:
    """Serve the samples from a new file, and ask one API of them."""
    with (
        tempfile.TemporaryDirectory(prefix="http-fuzz-") as folder,
        serving(Path(folder) / "read_model.duckdb", Answers()) as served,
    ):
        served.put(*sample_events())
        return fuzz(str(served.client.base_url), api_of(name), extent)


def text(report: Report) -> str:
    """Return a report as lines; with what schemathesis printed, if it found something."""
    lines = [
        f"{report.api}: {report.requests:,} requests in {report.seconds:.0f} s to {report.operations} operations; "
        + (f"FOUND {len(report.failures)}" if report.failures else "nothing found")
    ]
    lines += [f"  {count:,} valid and answered with success: {name}" for name, count in report.accepted.items()]
    lines += [f"  FOUND {each}" for each in report.failures]
    return "\n".join([*lines, report.output] if report.failures else lines)


if __name__ == "__main__":
    sys.exit(main())
