"""What one recipient's `read` of a broadcast costs, by how many it went to; and what its growing audience costs."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from ledger_projectors.decode.partitioning import partition_of
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, encode_event, parse_event
from ledger_schemas.events import Event
from ledger_schemas.ids import new_id
from tests.benchmarks.measuring import progress

AUDIENCES_DEFAULT: Final = "1000,10000,50000"
MEMBERS_PER_EVENT: Final = 1_000
READS_DEFAULT: Final = 60
BEGIN_MS: Final = 1_767_323_045_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--audiences", default=AUDIENCES_DEFAULT, help="recipients of a broadcast, rising (default: %(default)s)"
    )
    parser.add_argument("--reads", type=int, default=READS_DEFAULT, help="each a batch (default: %(default)s)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure at each size in a file of its own; return milliseconds and bytes, and ratios to the smallest."""
    rows = [_measured(int(size), options.reads) for size in options.audiences.split(",")]
    for row in rows:
        for name in ("read_ms", "read_wal_bytes", "added_ms"):
            row[f"{name}_ratio"] = row[name] / rows[0][name]
    return {"members_per_event": MEMBERS_PER_EVENT, "reads": options.reads, "sizes": rows}


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table: a line for each size."""
    head = f"{'recipients':>12}{'a read, ms':>14}{'ratio':>8}{'log of a read, bytes':>24}{'ratio':>8}"
    members = found["members_per_event"]
    lines = [
        f"{found['reads']} reads, each a batch of its own; audience_added of {members:,} members each",
        "",
        head + f"{'the last added, ms':>22}{'ratio':>8}",
    ]
    lines += [
        f"{row['recipients']:>12,}{row['read_ms']:>14.1f}{row['read_ms_ratio']:>8.2f}"
        f"{row['read_wal_bytes']:>24,.0f}{row['read_wal_bytes_ratio']:>8.2f}"
        f"{row['added_ms']:>22.1f}{row['added_ms_ratio']:>8.2f}"
        for row in found["sizes"]
    ]
    return "\n".join(lines)


def _measured(recipients: int, reads: int) -> dict[str, Any]:
    progress(f"a broadcast to {recipients:,}")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder, "read_model.duckdb")
        with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1) as model:
            envelope = {"tenant_id": "acme", "source": "shop", "notification_id": str(new_id())}
            added = [
                _apply(model, parse_event({**envelope, "kind": kind, "audience": members}))
                for kind, members in _audience(recipients)
            ]
            model.checkpoint_if_due(0)
            wal = path.with_name(path.name + ".wal")
            step = max(recipients // reads, 1)
            of_reads = [
                _apply(model, parse_event({**envelope, "kind": "read", "recipient_id": _name(number)}))
                for number in range(0, step * reads, step)
            ]
            return {
                "recipients": recipients,
                "read_ms": median(of_reads),
                "read_wal_bytes": wal.stat().st_size / reads,
                "added_ms": added[-1],
            }


def _audience(recipients: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for first in range(0, recipients, MEMBERS_PER_EVENT):
        names = map(_name, range(first, min(first + MEMBERS_PER_EVENT, recipients)))
        yield "audience_added" if first else "created", [{"recipient_id": one, "channels": ["in_app"]} for one in names]


def _name(number: int) -> str:
    return f"user-{number:06d}"


def _apply(model: ReadModel, event: Event) -> float:
    """Apply one event; return how many milliseconds that took."""
    offset = model.position().get((LIFECYCLE_TOPIC, 0), 0)
    key = str(event.notification_id).encode()
    record = LogRecord(LIFECYCLE_TOPIC, partition_of(key, 1), offset, BEGIN_MS + offset, key, encode_event(event))
    records: Sequence[LogRecord] = [record]
    began = time.perf_counter()
    outcome = model.apply(records)
    assert outcome.applied == 1
    return (time.perf_counter() - began) * 1_000
