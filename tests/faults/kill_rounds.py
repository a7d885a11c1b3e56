"""The command `python -m tests.faults.kill_rounds`: a projector process is killed over and over while events come in.

    python -m tests.faults.kill_rounds --rounds 100 --seed 1

After each kill the file must open and be the oracle's fold of everything before its position, with each record set down
once; in the end the whole log is, and a rebuild has the same digest. Exit code 1: something was lost, doubled or wrong;
standard error names the seed, the round and the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path
from secrets import randbelow
from typing import Final

from ledger_infra.broker import NativeKafka
from ledger_infra.logs import configure_logs
from ledger_schemas import TopicSpec
from tests.conftest import prepare_schemas
from tests.faults.killing import PARTITIONS, Kills, kill_rounds

ROUNDS_DEFAULT: Final = 100


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.kill_rounds", description="Kill a projector over and over, and check what it left."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS_DEFAULT, help="how many kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="what is written and when it dies; default: any")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    seed = randbelow(10**9) if options.seed is None else options.seed
    sys.stderr.write(f"seed {seed}\n")
    configure_logs("auto", "error")

    def tell(kills: Kills) -> None:
        sys.stderr.write(f"round {kills.rounds} of {options.rounds}: consistent, {kills.seconds:.0f} s\n")

    with tempfile.TemporaryDirectory() as folder, NativeKafka(Path(folder, "kafka")) as kafka:
        asyncio.run(prepare_schemas(kafka.connection))
        topic = TopicSpec("kill-rounds", PARTITIONS)
        try:
            kills = kill_rounds(kafka.connection, topic, Path(folder), rounds=options.rounds, seed=seed, tell=tell)
        except AssertionError:
            sys.stderr.write(f"seed {seed}: {traceback.format_exc()}")
            return 1
    sys.stdout.write((json.dumps(asdict(kills), indent=2) if options.json else _text(kills)) + "\n")
    return 0


def _text(kills: Kills) -> str:
    instants = ", ".join(f"{count} after {step}" for step, count in sorted(kills.during.items()))
    return "\n".join(
        [
            f"seed {kills.seed}: {kills.rounds} rounds in {kills.seconds:.0f} s, all consistent",
            f"killed at a named step {sum(kills.at_step.values())} times, at any instant: {instants or 'never'}",
            f"{kills.records:,} records, {kills.released:,} of them released; rebuilt: {kills.digest[:16]}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
