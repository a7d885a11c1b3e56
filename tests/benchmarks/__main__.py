"""The command `python -m tests.benchmarks`: measures on this machine, and prints as text or, with `--json`, as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from ledger_infra.logs import configure_logs
from tests.benchmarks import apply_profile, broadcast, catching_up, codec, dialects, growth, latency, over_http
from tests.benchmarks.measuring import machine

COMMANDS: Final = {
    "codec": (codec, "events to bytes and back, for each kind"),
    "projector": (catching_up, "a whole log to a closed file: the projector, two other loops, and its ceilings"),
    "latency": (latency, "from before an append to the commit that shows it, while the log is written"),
    "http": (over_http, "how soon a whole `up` answers over connections that are kept alive"),
    "dialects": (dialects, "what an answer of each dialect costs beside the native one for the same rows"),
    "growth": (growth, "what an event costs as a file grows, and after many of its notifications were touched late"),
    "broadcast": (broadcast, "what one read of a broadcast costs, by its audience, and what a growing audience does"),
    "profile": (apply_profile, "where the time of apply goes, statement by statement; needs no broker"),
}


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, about) in COMMANDS.items():
        of_command = commands.add_parser(name, help=about)
        module.add_arguments(of_command)
        of_command.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    configure_logs("json", "error")
    command = COMMANDS[options.command][0]
    found = {**command.run(options), "machine": machine()}
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    sys.stdout.write(" · ".join(f"{name} {value}" for name, value in machine().items()) + "\n")
    sys.stdout.write(command.text(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
