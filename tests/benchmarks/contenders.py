"""One contender in a process of its own: reads a topic from its beginning to a position, and says what it took.

    python -m tests.benchmarks.contenders '{"contender": "ours", ...}'

The clock runs from before the file is made and the broker is connected to until the file is closed, and so
checkpointed; of the ceiling `apply`, only while decoded records are applied, checkpointed and closed.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from aiokafka import AIOKafkaConsumer, TopicPartition
from fastavro import schemaless_reader

from ledger_infra.logs import configure_logs
from ledger_projectors.decode import batch as decode
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import KafkaConnection, Position
from ledger_schemas.codec import WireEvent
from ledger_schemas.framing import split_frame
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.topic import schemas_topic_spec
from tests.benchmarks import obvious_loop

SCHEMA_WAIT_SECONDS: Final = 30.0
MAX_PARTITION_FETCH_BYTES: Final = 4 * 1024 * 1024
"""As our source has it."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a contender is to do: up to where it reads which topic, in batches of how many records, into which file."""

    bootstrap_servers: str
    topic: str
    end: str
    partitions: int
    batch: int
    path: str

    @property
    def connection(self) -> KafkaConnection:
        """How to reach the broker."""
        return KafkaConnection(self.bootstrap_servers)

    @property
    def until(self) -> Position:
        """Where the log ends."""
        return Position.parse(self.end)

    @property
    def events(self) -> int:
        """How many records there are."""
        return sum(self.until.values())


@dataclass(slots=True)
class Watch:
    """Wall and processor seconds while it runs, and the largest write-ahead log that was seen."""

    path: Path
    wall_s: float = 0.0
    cpu_s: float = 0.0
    wal_bytes_max: int = 0
    _since: list[tuple[float, float]] = field(default_factory=list)

    def start(self) -> None:
        """Go on."""
        self._since.append((time.perf_counter(), _cpu_seconds()))

    def stop(self) -> None:
        """Pause."""
        wall, cpu = self._since.pop()
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += _cpu_seconds() - cpu

    def on_step(self, step: Step) -> None:
        """Look at the write-ahead log when it is largest: behind a commit."""
        if step is Step.COMMITTED:
            wal = self.path.with_name(self.path.name + ".wal")
            self.wal_bytes_max = max(self.wal_bytes_max, wal.stat().st_size if wal.exists() else 0)


async def ours(task: Task, watch: Watch) -> None:
    """Run the projector as `up` has it, with its source, overlapping, until the end of the log."""
    watch.start()
    with _model(task) as model:
        async with SchemaStore(task.connection, schemas_topic_spec()) as store, _source(task, model) as source:
            schemas = AwaitedSchemas(store, SCHEMA_WAIT_SECONDS)
            await Projector(model, source, schemas=schemas, until=task.until, on_step=watch.on_step).run()
    watch.stop()


async def careful(task: Task, watch: Watch) -> None:
    """Apply what aiokafka and fastavro bring by the same fold, one batch after the other.

    What `decode_records` does for records that its batch decoder cannot be given, but without the checks that ours
    makes of every event: a careful author need not have thought of them.
    """
    with ExitStack() as patched:
        patched.enter_context(patch.object(decode, "plan_of", lambda _: None))
        patched.enter_context(patch.object(decode, "decode_one", _unchecked))
        watch.start()
        with _model(task) as model:
            async for records in _getmany(task, task.batch):
                model.apply(records, None, watch.on_step)
                model.checkpoint_if_due()
        watch.stop()


async def obvious(task: Task, watch: Watch) -> None:
    """Upsert event by event into tables with primary keys."""
    watch.start()
    with obvious_loop.ObviousLoop(Path(task.path)) as loop:
        async for records in _getmany(task, task.batch):
            loop.apply(records)
            watch.on_step(Step.COMMITTED)
    watch.stop()


async def consume(task: Task, watch: Watch) -> None:
    """Fetch by our source, and do nothing with it."""
    watch.start()
    async for _ in _fetched(task, None):
        pass
    watch.stop()


async def consume_decode(task: Task, watch: Watch) -> None:
    """Fetch by our source and decode, one batch after the other."""
    watch.start()
    async for fetched in _fetched(task, None):
        decode.decode_records(fetched.records, task.partitions)
    watch.stop()


async def apply(task: Task, watch: Watch) -> None:
    """Apply records that are decoded already: the clock runs from behind their decoding on."""

    def on_step(step: Step) -> None:
        if step is Step.DECODED:
            watch.start()
        watch.on_step(step)

    with _model(task) as model:
        async for fetched in _fetched(task, model):
            model.apply(fetched.records, fetched.next_offsets, on_step)
            model.checkpoint_if_due()
            watch.stop()
        watch.start()
    watch.stop()


CONTENDERS: Final[Mapping[str, Callable[[Task, Watch], Awaitable[None]]]] = {
    "obvious": obvious,
    "careful": careful,
    "ours": ours,
    "consume": consume,
    "consume_decode": consume_decode,
    "apply": apply,
}
ABOUT: Final = {
    "obvious": "aiokafka, fastavro one by one, an upsert per event and grain into tables with primary keys",
    "careful": "aiokafka, fastavro one by one, the same fold in one transaction a batch, no overlap",
    "ours": "the projector with its source, from zero, default settings",
    "consume": "ceiling: our source alone",
    "consume_decode": "ceiling: our source and decoding, no overlap",
    "apply": "ceiling: the fold and its commit alone, records decoded already",
}
WITH_READ_MODEL: Final = ("careful", "ours", "apply")
"""Those whose outcome is a read model file."""


def _model(task: Task) -> ReadModel:
    return ReadModel.create_or_open(Path(task.path), topic=task.topic, partitions=task.partitions)


def _source(task: Task, model: ReadModel | None) -> KafkaSource:
    return KafkaSource(
        task.connection,
        topic=task.topic,
        partitions=task.partitions,
        position=model.position() if model else Position(),
        last_records=model.last_records() if model else None,
        until=task.until,
        batch_records_max=task.batch,
    )


async def _fetched(task: Task, model: ReadModel | None) -> AsyncIterator[Any]:
    """Yield what our source fetches, to the end of the log."""
    left = task.events
    async with _source(task, model) as source:
        while left:
            fetched = await source.fetch()
            left -= len(fetched.records)
            if fetched.records:
                yield fetched


async def _getmany(task: Task, batch: int) -> AsyncIterator[list[LogRecord]]:
    """Yield batches as plain aiokafka brings them."""
    consumer = AIOKafkaConsumer(
        **task.connection.client_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
    )
    await consumer.start()
    try:
        places = [TopicPartition(task.topic, partition) for partition in range(task.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        left = task.events
        while left:
            records: list[LogRecord] = []
            while len(records) < min(batch, left):
                found = await consumer.getmany(timeout_ms=1_000, max_records=batch - len(records))
                records += [
                    LogRecord(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
                    for several in found.values()
                    for one in several
                ]
            left -= len(records)
            yield records
    finally:
        await consumer.stop()


def _unchecked(record: LogRecord, _: int, known: KnownSchemas) -> WireEvent:
    frame = record.value or b""
    reference, start = split_frame(frame)
    schema = known.find(reference)
    values: Any = schemaless_reader(io.BytesIO(frame[start:]), schema.parsed, None)
    return WireEvent(schema.kind, values)


def _cpu_seconds() -> float:
    """Return processor time of this process and of those that it started and that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> int:
    """Run one contender; print its figures as JSON."""
    configure_logs("json", "error")
    told = json.loads(sys.argv[1])
    name = told.pop("contender")
    task = Task(**told)
    watch = Watch(Path(task.path))
    asyncio.run(CONTENDERS[name](task, watch))  # type: ignore[arg-type]  # all of them are coroutines
    figures = {
        "events": task.events,
        "wall_s": watch.wall_s,
        "cpu_s": watch.cpu_s,
        "rss_bytes": _rss_bytes_max(),
        "file_bytes": watch.path.stat().st_size if watch.path.exists() else 0,
        "wal_bytes_max": watch.wal_bytes_max,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _rss_bytes_max() -> int:
    """Return how much memory this program has held at most; ru_maxrss begins with what its parent held at the fork."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    return int(kibibytes) * 1_024


if __name__ == "__main__":
    sys.exit(main())
