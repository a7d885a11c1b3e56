"""A projector process that halts when a named step is done, and says so, for the kernel to kill it right there.

    python killable_projector.py FILE BOOTSTRAP TOPIC PARTITIONS STEP OCCURRENCE

It prints one line when it halts; with the step `none` it runs to the end of the log and exits with 0.
"""

import asyncio
import sys
import time
from pathlib import Path

from ledger_infra.logs import configure_logs
from ledger_projectors.projector import Projector
from ledger_projectors.read_model import ReadModel
from ledger_projectors.source import KafkaSource
from ledger_projectors.steps import Step
from ledger_schemas import KafkaConnection

BATCH_RECORDS = 100
"""Small, so that a short log has many batches to die in."""

CHECKPOINT_WAL_BYTES = 1
"""Checkpoint after every batch, so that there is one to die in."""


async def project(path: Path, bootstrap: str, topic: str, partitions: int, step: str, occurrence: int) -> None:
    """Project until caught up, or until the step was done so many times."""
    seen = 0

    def observe(done: Step) -> None:
        nonlocal seen
        if done != step:
            return
        seen += 1
        if seen == occurrence:
            sys.stdout.write(f"halted at {done}\n")
            sys.stdout.flush()
            time.sleep(3_600)

    with ReadModel.create_or_open(path, topic=topic, partitions=partitions) as model:
        async with KafkaSource(
            KafkaConnection(bootstrap),
            topic=topic,
            partitions=partitions,
            position=model.position(),
            last_records=model.last_records(),
            batch_records_max=BATCH_RECORDS,
        ) as source:
            projector = Projector(model, source, on_step=observe, checkpoint_wal_bytes=CHECKPOINT_WAL_BYTES)
            running = asyncio.create_task(projector.run())
            caught_up = asyncio.create_task(projector.wait_caught_up())
            await asyncio.wait([running, caught_up], return_when=asyncio.FIRST_COMPLETED)
            projector.stop()
            await running


if __name__ == "__main__":
    configure_logs("json", "error")
    file, servers, name, count, where, which = sys.argv[1:]
    asyncio.run(project(Path(file), servers, name, int(count), where, int(which)))
