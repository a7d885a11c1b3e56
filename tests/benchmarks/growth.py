"""Whether a large file makes batches dearer: what an event costs as a file grows, and after a fifth of it was touched.

Catching-up batches and live ones are measured, at every size in the same file. They tell of new notifications and, now
and then, of any that the file holds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.source import BATCH_RECORDS_MAX
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, Kind
from ledger_schemas.topic import PARTITIONS_DEFAULT
from tests.benchmarks.late_reads import reads_of_any, with_more
from tests.benchmarks.measuring import progress
from tests.benchmarks.prefill import BLOCK_NOTIFICATIONS, Prefilled, apply_columns, prefill
from tests.benchmarks.workload import SEED_DEFAULT, Workload, make_workload
from tests.benchmarks.workload_plan import BEGIN_MICROSECONDS

EVENTS_DEFAULT: Final = 2 * BATCH_RECORDS_MAX
LIVE_BATCHES_DEFAULT: Final = 60
LIVE_BATCH_RECORDS: Final = (100, 250)
OLD_SHARE: Final = 0.02
"""Of the measured records, those about any notification that the file holds: most batches reach far back."""

TOUCHED_SHARE: Final = 0.20
MILLION: Final = 1_000_000
MIB: Final = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--notifications", type=_sizes, default=[1.0, 5.0, 10.0], help="millions, rising (default: 1,5,10)"
    )
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT, help="caught up at a size (default: %(default)s)")
    parser.add_argument(
        "--batch", type=int, default=BATCH_RECORDS_MAX, help="records of a batch (default: the projector's)"
    )
    parser.add_argument(
        "--live-batches", type=int, default=LIVE_BATCHES_DEFAULT, help="measured at a size (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED_DEFAULT, help="of the workloads (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure at each size, and once more after late touches; return nanoseconds an event, and ratios to the first."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "read_model.duckdb")
        with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=PARTITIONS_DEFAULT) as model:
            done: Prefilled | None = None
            for millions in options.notifications:
                done = prefill(model, int(millions * MILLION), done)
                rows.append(_measure(model, done, options, len(rows)) | {"millions": millions, "touched": 0.0})
            assert done is not None
            _touch(model, done, options.seed)
            rows.append(_measure(model, done, options, len(rows)) | {"millions": millions, "touched": TOUCHED_SHARE})
    for row in rows:
        for way in ("catching_up", "live"):
            row[f"{way}_ratio"] = row[way]["wall_ns"] / rows[0][way]["wall_ns"]
    return {
        "events": options.events,
        "batch": options.batch,
        "live_batches": options.live_batches,
        "old_share": OLD_SHARE,
        "unit": "nanoseconds an event",
        "sizes": rows,
    }


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table: a line for each size, and one for after the late touches."""
    least, most = LIVE_BATCH_RECORDS
    columns = f"{'wall':>12}{'CPU':>12}{'ratio':>7} |" * 2
    lines = [
        f"nanoseconds an event: {found['events']:,} records caught up in batches of {found['batch']:,}, then",
        f"{found['live_batches']} live batches of {least} to {most}; {OLD_SHARE:.0%} about any notification",
        "",
        f"{'':30}|{'catching up':>31} |{'live':>31} |",
        f"{'millions of notifications':30}|{columns}{'file MiB':>10}",
    ]
    for row in found["sizes"]:
        name = f"{row['millions']:g}" + (f", {row['touched']:.0%} touched late" if row["touched"] else "")
        cells = [
            f"{row[way]['wall_ns']:>12,.0f}{row[way]['cpu_ns']:>12,.0f}{row[f'{way}_ratio']:>7.2f} |"
            for way in ("catching_up", "live")
        ]
        lines.append(f"{name:30}|{''.join(cells)}{row['file_bytes'] / MIB:>10,.0f}")
    return "\n".join(lines)


def _measure(model: ReadModel, done: Prefilled, options: argparse.Namespace, number: int) -> dict[str, Any]:
    """Return the file's size as it is, and what an event costs, caught up with and live."""
    model.checkpoint_if_due(0)
    file_bytes = model.path.stat().st_size
    rng = np.random.default_rng([options.seed, number])
    caught_up = _with_old(options.events, options.seed + 100 * number + 1, done, rng)
    progress(f"catching up with {len(caught_up):,} records")
    records = caught_up.records(begin=model.position())
    starts = range(0, len(records), options.batch)
    catching_up = _cost(model, [records[start : start + options.batch] for start in starts])
    sizes = rng.integers(*LIVE_BATCH_RECORDS, options.live_batches, endpoint=True)
    live = _with_old(int(sizes.sum()), options.seed + 100 * number + 2, done, rng)
    progress(f"{options.live_batches} live batches")
    return {
        "file_bytes": file_bytes,
        "catching_up": catching_up,
        "live": _cost(model, [*_cut(live.records(begin=model.position()), sizes.tolist())]),
    }


def _cost(model: ReadModel, batches: Sequence[Sequence[LogRecord]]) -> dict[str, float]:
    events = sum(map(len, batches))
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for batch in batches:
        outcome = model.apply(batch)
        assert not outcome.quarantined
        model.checkpoint_if_due()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return {"events": events, "batches": len(batches), "wall_ns": wall / events, "cpu_ns": cpu / events}


def _with_old(events: int, seed: int, done: Prefilled, rng: np.random.Generator) -> Workload:
    """Return a workload of so many records, OLD_SHARE of them a `read` of any notification that the file holds."""
    old = int(events * OLD_SHARE)
    return with_more(make_workload(events - old, seed=seed), *reads_of_any(done, old, rng), rng)


def _cut(records: Sequence[LogRecord], sizes: Sequence[int]) -> Iterator[Sequence[LogRecord]]:
    start = 0
    for size in sizes:
        yield records[start : start + size]
        start += size


def _touch(model: ReadModel, done: Prefilled, seed: int) -> None:
    """Let a fifth of the notifications be read, in no order."""
    rng = np.random.default_rng([seed, 20])
    touched = rng.permutation(len(done.ids))[: int(len(done.ids) * TOUCHED_SHARE)]
    for start in range(0, len(touched), BLOCK_NOTIFICATIONS):
        progress(f"touching late: {start:,} of {len(touched):,} notifications")
        rows = touched[start : start + BLOCK_NOTIFICATIONS]
        at = np.full(len(rows), BEGIN_MICROSECONDS) + rng.integers(0, 10**9, len(rows))
        more = {"recipient_id": pa.array(done.recipients(rows))}
        apply_columns(model, done, rows, Kind.READ, at, more, rng)
        model.checkpoint_if_due()


def _sizes(told: str) -> list[float]:
    sizes = [float(one) for one in told.split(",")]
    if sizes != sorted(sizes) or sizes[0] <= 0:
        raise argparse.ArgumentTypeError("sizes must be positive and rise")
    return sizes
