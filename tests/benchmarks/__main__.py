"""The command `python -m tests.benchmarks`: measures on this machine, and prints as text or, with `--json`, as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from ledger_schemas import Kind
from tests.benchmarks import codec
from tests.benchmarks.measuring import machine

EVENTS_DEFAULT: Final = 20_000
ROUNDS_DEFAULT: Final = 3


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    of_codec = commands.add_parser("codec", help="events to bytes and back, for each kind")
    of_codec.add_argument("--events", type=int, default=EVENTS_DEFAULT, help="of each kind (default: %(default)s)")
    of_codec.add_argument(
        "--rounds", type=int, default=ROUNDS_DEFAULT, help="whose median counts (default: %(default)s)"
    )
    of_codec.add_argument("--kinds", nargs="*", type=Kind, default=[*Kind], help="which kinds (default: all)")
    of_codec.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    measured = codec.measure(options.kinds, options.events, options.rounds)
    about = {"events": options.events, "rounds": options.rounds, "machine": machine(), "unit": "events a second"}
    if options.json:
        sys.stdout.write(json.dumps({**about, "ways": codec.WAYS, "kinds": measured}, indent=2) + "\n")
        return 0
    sys.stdout.write(" · ".join(f"{name} {value}" for name, value in machine().items()) + "\n")
    sys.stdout.write(
        f"thousands of events a second, medians of {options.rounds} rounds of {options.events:,} events\n\n"
    )
    sys.stdout.write(codec.table(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
