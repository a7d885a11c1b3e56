"""The command `python -m tests.invariants`: checks the matrix of invariants and the page's table, or writes that."""

from __future__ import annotations

import argparse
import sys

from tests.invariants.matrix import PAGE, faults_of, load, with_table


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.invariants", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the table into infra/guides/invariants.md")
    what.add_argument("--check", action="store_true", help="exit with 1 when it is not current, or a row has no test")
    options = parser.parse_args()
    invariants = load()
    faults = list(faults_of(invariants))
    text = PAGE.read_text(encoding="utf-8")
    current = with_table(text, invariants)
    if options.write and not faults and current != text:
        PAGE.write_text(current, encoding="utf-8")
    elif current != text:
        faults.append("invariants.md: the table is not current; run `python -m tests.invariants --write`")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or f"{len(invariants)} invariants\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
