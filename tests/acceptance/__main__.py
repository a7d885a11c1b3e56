"""The command `python -m tests.acceptance`: runs the acceptance tests and prints the table with what works."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .mapping import VENDORS
from .rows import Row
from .running_rows import RAN, Rows, State, rows_of, run_rows


def main() -> int:
    """Run the command. It exits with 0 when every row that must work does, 1 when one does not, 2 without a verdict."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--dialect", choices=VENDORS, action="append", help="rows of this dialect alone; repeatable")
    parser.add_argument("--collect", action="store_true", help="only say which rows have a test; run none")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("paths", nargs="*", type=Path, help="tests of elsewhere (default: those of this folder)")
    options = parser.parse_args()
    dialects = options.dialect or list(VENDORS)
    code, found = run_rows(dialects, collect_only=options.collect, paths=options.paths)
    if code not in RAN:
        return 2
    states = [(row, found.state_of(row, ran=not options.collect)) for row in rows_of(dialects)]
    write = _write_json if options.json else _write_table
    write(states, found)
    return 0 if all(state in {State.WORKS, State.HAS_TEST} for row, state in states if row.required) else 1


def _write_json(states: Sequence[tuple[Row, State]], found: Rows) -> None:
    document = [
        {
            "id": row.id,
            "dialect": row.dialect,
            "observable": row.observable,
            "required": row.required,
            "state": state,
            "tests": [{"id": test, "failed": test in found.failed} for test in found.tests_of(row)],
        }
        for row, state in states
    ]
    sys.stdout.write(json.dumps({"rows": document}, indent=2) + "\n")


def _write_table(states: Sequence[tuple[Row, State]], found: Rows) -> None:
    """Print a line for each row, the tests that fail below it; then how many of those that must work do."""
    for row, state in states:
        shown = state if row.required or state != State.NO_TEST else "not yet wanted"
        sys.stdout.write(f"{row.id}  {shown:<14}  {len(found.tests_of(row)):>3}  {row.dialect}: {row.observable}\n")
        for test in found.tests_of(row):
            if test in found.failed:
                sys.stdout.write(f"{'':>25}{test}\n")
    counts = Counter(state for row, state in states if row.required)
    said = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    sys.stdout.write(f"\nOf {counts.total()} rows that must work: {said}.\n")


if __name__ == "__main__":
    sys.exit(main())
