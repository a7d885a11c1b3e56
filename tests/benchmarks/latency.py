"""How soon an event is seen: from before its append, in one process, to the commit that lets readers see it, in ours.

The projector runs as `up` has it, on a log that is written meanwhile at a steady rate. Every record counts: its place
is on the receipt, and the first commit whose position lies behind that place is the one that covers it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import KafkaConnection, Position
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.topic import PARTITIONS_DEFAULT, schemas_topic_spec
from tests.benchmarks.broker_log import broker, new_topic
from tests.benchmarks.catching_up import ROOT
from tests.benchmarks.contenders import SCHEMA_WAIT_SECONDS
from tests.benchmarks.emitting import Emission
from tests.benchmarks.late_reads import reads_of_any
from tests.benchmarks.measuring import progress
from tests.benchmarks.prefill import EVENTS_PER_NOTIFICATION, prefill
from tests.benchmarks.workload import SEED_DEFAULT

RATE_DEFAULT: Final = 5_000
SECONDS_DEFAULT: Final = 30.0
WARM_UP_SECONDS_DEFAULT: Final = 30.0
"""How long a broker of Java compiles itself with half of the machine: it runs for months, and is not counted."""

PERCENTILES: Final = (50, 95, 99, 100)
TIMEOUT_SECONDS: Final = 120.0
NS_PER_MS: Final = 1e6

Nanoseconds = npt.NDArray[np.int64]


@dataclass(slots=True)
class Commits:
    """When each batch was fetched and committed, and where the file stood then; told by the projector's own steps."""

    model: ReadModel
    rows: list[tuple[int, int, Position]] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)
    _fetched: int = 0
    _taken: int = 0

    def on_step(self, step: Step) -> None:
        """Note the time; a commit's position is that of the model, which knows it by then."""
        now = time.monotonic_ns()
        if step is Step.FETCHED:
            self._fetched = now
        elif step is Step.DECODED:
            # From here on the next batch may be fetched already: this one's time is kept.
            self._taken = self._fetched
        elif step is Step.COMMITTED:
            self.rows.append((self._taken, now, self.model.position()))
        elif step is Step.CHECKPOINTED:
            self.checkpoints.append(now)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--rate", type=int, default=RATE_DEFAULT, help="records a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS_DEFAULT, help="for how long (default: %(default)s)")
    parser.add_argument(
        "--warm-up-seconds",
        type=float,
        default=WARM_UP_SECONDS_DEFAULT,
        help="at the same rate before, not counted: the broker compiles itself (default: %(default)s)",
    )
    parser.add_argument(
        "--notifications", type=int, default=0, help="that the file holds before it begins (default: %(default)s)"
    )
    parser.add_argument(
        "--old-share",
        type=float,
        default=0.02,
        help="of the records that are about any of those notifications (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=SEED_DEFAULT, help="of the workload (default: %(default)s)")
    parser.add_argument("--bootstrap-servers", help="a broker that answers already (default: one is started)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; return percentiles in milliseconds, where that time goes, and how busy the projector was."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        broker(options.bootstrap_servers, Path(folder, "kafka")) as connection,
    ):
        topic = new_topic(connection, PARTITIONS_DEFAULT)
        path = Path(folder, "read_model.duckdb")
        emission = Emission(
            bootstrap_servers=connection.bootstrap_servers,
            topic=topic,
            rate=options.rate,
            seconds=options.warm_up_seconds + options.seconds,
            seed=options.seed,
            file=str(Path(folder, "receipts.npy")),
            more=str(Path(folder, "more")) if options.notifications else None,
        )
        with ReadModel.create_or_open(path, topic=topic, partitions=PARTITIONS_DEFAULT) as model:
            if emission.more is not None:
                # The position stays where the topic begins: what is in the file came from another log.
                done = prefill(model, options.notifications)
                rng = np.random.default_rng(options.seed)
                more = reads_of_any(done, int(emission.events * options.old_share), rng)
                Path(emission.more).write_bytes(pickle.dumps(more))
                model.checkpoint_if_due(0)
            commits = Commits(model)
            busy = asyncio.run(_live(connection, model, commits, emission))
        receipts: npt.NDArray[np.int64] = np.load(emission.file)
        return {
            "rate": options.rate,
            "seconds": options.seconds,
            "prefilled_notifications": options.notifications,
            "prefilled_events": options.notifications * EVENTS_PER_NOTIFICATION,
            "file_bytes": path.stat().st_size,
            **busy,
            **figures(receipts[int(options.rate * options.warm_up_seconds) :], commits, topic),
        }


def figures(receipts: npt.NDArray[np.int64], commits: Commits, topic: str) -> dict[str, Any]:
    """Return, over the counted records, percentiles of the whole and of its parts, in milliseconds.

    `receipts` are their rows of `emitting.COLUMNS`, in the order of the appends.
    """
    partition, offset, before, receipt = receipts.T
    fetched_at = np.array([fetched for fetched, _, _ in commits.rows])
    committed_at = np.array([committed for _, committed, _ in commits.rows])
    covering = np.empty(len(receipts), np.int64)
    for number in np.unique(partition).tolist():
        ends = np.array([position.get((topic, number), 0) for _, _, position in commits.rows])
        of_partition = partition == number
        covering[of_partition] = np.searchsorted(ends, offset[of_partition], side="right")
    fetched, committed = fetched_at[covering], committed_at[covering]
    whole = committed - before
    # A receipt may come in behind the fetch of its own record: the way to the log ends with the earlier of the two.
    landed = np.minimum(receipt, fetched)
    parts = {
        "append": landed - before,
        "fetch, and wait for the batch before": fetched - landed,
        "decode, apply and commit": committed - fetched,
    }
    return {
        "counted": len(receipts),
        "emitted_a_second": (len(receipts) - 1) * 1e9 / float(before[-1] - before[0])
        if before[-1] > before[0]
        else 0.0,
        "batches": len(commits.rows),
        "records_per_batch": float(np.median(np.bincount(covering)[np.unique(covering)])),
        "unit": "milliseconds",
        "emit_to_visible": _percentiles(whole),
        "parts": {
            name: {**_percentiles(took), "share": float(took.sum() / whole.sum())} for name, took in parts.items()
        },
    }


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    head = f"{'milliseconds':40}" + "".join(f"{f'p{one}' if one < 100 else 'max':>9}" for one in PERCENTILES)
    log = f"{found['rate']:,} records a second ({found['emitted_a_second']:,.0f} achieved) for {found['seconds']:g} s"
    batches = f"{found['batches']:,} batches, {found['records_per_batch']:.0f} records in the median one"
    busy = f"the projector works {found['busy_share']:.0%} of the time, with {found['cpu_share']:.0%} of a core"
    lines = [
        f"{log}, into a file of {found['prefilled_notifications']:,} notifications; {found['counted']:,} counted",
        f"{batches}; {busy}; {found['checkpoints']} checkpoints",
        "",
        f"{head}{'share':>9}",
        _line("emit to visible", found["emit_to_visible"]),
        *(_line(f"  {name}", part) + f"{part['share']:>9.0%}" for name, part in found["parts"].items()),
    ]
    return "\n".join(lines)


async def _live(
    connection: KafkaConnection, model: ReadModel, commits: Commits, emission: Emission
) -> dict[str, float | int]:
    """Run emitter and projector side by side until everything is visible; return how busy the projector was."""
    command = [sys.executable, "-m", "tests.benchmarks.emitting", json.dumps(asdict(emission))]
    progress("starting the emitter")
    emitter = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=str(ROOT)
    )
    assert emitter.stdout is not None
    assert emitter.stdin is not None
    async with (
        SchemaStore(connection, schemas_topic_spec()) as store,
        KafkaSource(
            connection,
            topic=model.topic,
            partitions=model.partitions,
            position=model.position(),
            last_records=model.last_records(),
        ) as source,
    ):
        projector = Projector(
            model, source, schemas=AwaitedSchemas(store, SCHEMA_WAIT_SECONDS), on_step=commits.on_step
        )
        running = asyncio.create_task(projector.run())
        await projector.wait_caught_up()
        assert await emitter.stdout.readline() == b"ready\n", "the emitter did not start"
        progress(f"emitting for {emission.seconds:g} s")
        wall, cpu = time.perf_counter(), time.process_time()
        emitter.stdin.write(b"go\n")
        assert await emitter.wait() == 0, "the emitter failed"
        await projector.wait_for(await source.end(), TIMEOUT_SECONDS)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        projector.stop()
        await running
    worked = sum(committed - fetched for fetched, committed, _ in commits.rows) / 1e9
    return {"busy_share": worked / wall, "cpu_share": cpu / wall, "checkpoints": len(commits.checkpoints)}


def _percentiles(nanoseconds: Nanoseconds) -> dict[str, float]:
    found = np.percentile(nanoseconds, PERCENTILES) / NS_PER_MS
    return {f"p{one}": round(float(value), 2) for one, value in zip(PERCENTILES, found, strict=True)}


def _line(name: str, part: dict[str, float]) -> str:
    return f"{name:40}" + "".join(f"{part[f'p{one}']:>9.1f}" for one in PERCENTILES)
