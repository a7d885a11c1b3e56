"""The projector process of a soak: it projects, is read meanwhile, and tells how it is, a line of JSON at a time.

    python -m tests.soak.projecting FILE BOOTSTRAP TOPIC PARTITIONS

SIGTERM stops it after the batch in hand.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Final

import psutil

from ledger_infra.demo.characters import TENANTS
from ledger_infra.logs import configure_logs
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.projector import Projector
from ledger_projectors.store.checkpoints import FileRoom
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_queries import Filter, Grain, count_rows, list_rows, open_reading
from ledger_schemas import KafkaConnection

BATCH_RECORDS_MAX: Final = 2_000
WAL_DUE_BYTES: Final = 4 * 1024 * 1024
"""When a checkpoint is due: small, so that an hour has many."""

TELL_SECONDS: Final = 0.5
READ_SECONDS: Final = 0.1
PAGE_ROWS: Final = 50
FORGOTTEN_SECONDS: Final = 20.0
"""How long a reader that somebody forgot keeps its transaction before it is dropped, unclosed."""

REMEMBERED_SECONDS: Final = 20.0
"""How long nobody forgets one: what checkpoints replaced beside it is freed then."""


class Readers:
    """A reader that polls list and count, and one that is forgotten with a result half fetched."""

    def __init__(self, model: ReadModel) -> None:
        """Read this one."""
        self._model = model
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._poll, self._forget)]
        self._slowest_ms = 0.0
        self.disagreements = 0
        self.reads = 0

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def slowest_ms(self) -> float:
        """Return how long the slowest read took since this was asked last, in milliseconds."""
        slowest, self._slowest_ms = self._slowest_ms, 0.0
        return round(slowest, 1)

    def _poll(self) -> None:
        for tenant in cycle(TENANTS):
            if self._stopped.wait(READ_SECONDS):
                return
            began = time.perf_counter()
            asked = Filter(tenant=tenant.tenant_id)
            with open_reading(self._model.reader) as reading:
                total = count_rows(reading, Grain.INBOX_ENTRY, asked).total
                listed = len(list_rows(reading, Grain.INBOX_ENTRY, asked, limit=PAGE_ROWS).rows)
            self.disagreements += listed != min(total, PAGE_ROWS)
            self.reads += 1
            self._slowest_ms = max(self._slowest_ms, (time.perf_counter() - began) * 1_000)

    def _forget(self) -> None:
        while not self._stopped.is_set():
            reader = self._model.reader()
            reader.execute("BEGIN")
            reader.execute("FROM events").fetchone()
            self._stopped.wait(FORGOTTEN_SECONDS)
            del reader
            self._stopped.wait(REMEMBERED_SECONDS)


async def run(path: Path, bootstrap: str, topic: str, partitions: int) -> None:
    """Be the process."""
    wal_bytes_max = 0

    def observe(step: Step) -> None:
        nonlocal wal_bytes_max
        if step is Step.COMMITTED:
            wal_bytes_max = max(wal_bytes_max, FileRoom.of(path).wal_bytes)

    with ReadModel.create_or_open(path, topic=topic, partitions=partitions) as model:
        async with KafkaSource(
            KafkaConnection(bootstrap),
            topic=topic,
            partitions=partitions,
            position=model.position(),
            last_records=model.last_records(),
            batch_records_max=BATCH_RECORDS_MAX,
        ) as source:
            projector = Projector(
                model, source, on_step=observe, quarantine_window_records=None, checkpoint_wal_bytes=WAL_DUE_BYTES
            )
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, projector.stop)
            readers = Readers(model)
            readers.start()
            running = asyncio.create_task(projector.run())
            try:
                while not running.done():
                    progress, room = projector.progress(), FileRoom.of(path)
                    line = {
                        "applied_to": sum(progress.position.values()),
                        "rss_bytes": psutil.Process().memory_info().rss,
                        "file_bytes": room.file_bytes,
                        "wal_bytes_max": wal_bytes_max,
                        "read_ms": readers.slowest_ms(),
                        "reads": readers.reads,
                        "disagreements": readers.disagreements,
                        "alarms": [alarm.code for alarm in progress.alarms],
                    }
                    sys.stdout.write(json.dumps(line) + "\n")
                    sys.stdout.flush()
                    await asyncio.wait([running], timeout=TELL_SECONDS)
                running.result()
            finally:
                await asyncio.to_thread(readers.stop)


if __name__ == "__main__":
    configure_logs("json", "critical")
    file, servers, name, count = sys.argv[1:]
    asyncio.run(run(Path(file), servers, name, int(count)))
