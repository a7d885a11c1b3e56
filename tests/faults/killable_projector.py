"""A projector process to be killed: at a named step, where it halts and says so, or at any instant."""

from __future__ import annotations

import asyncio
import time
from ctypes import c_int
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from ledger_infra.logs import configure_logs
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import KafkaConnection, TopicSpec
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.topic import schemas_topic_spec

BATCH_RECORDS: Final = 100
"""Small, so that a short log has many batches to die in."""

SCHEMA_WAIT_SECONDS: Final = 0.0
"""What is written with an unknown schema goes to quarantine at once, to be released when the schema has come."""

RUNNING: Final = "running"
HALTED: Final = "halted"
NO_STEP: Final = -1
STEPS: Final = tuple(Step)


@dataclass(frozen=True, slots=True)
class Orders:
    """What one such process does: where it halts, or that it runs to the end of the log and exits with 0."""

    file: Path
    bootstrap_servers: str
    topic: TopicSpec
    checkpoint_wal_bytes: int
    halt_at: Step | None = None
    occurrence: int = 1
    to_the_end: bool = False
    batch_records: int = BATCH_RECORDS


def schemas_topic(topic: TopicSpec) -> TopicSpec:
    """Return the schema topic that belongs to a topic of the tests."""
    return schemas_topic_spec(f"{topic.name}.schemas")


def project(orders: Orders, said: Connection, last_step: c_int) -> None:
    """Be the process. `last_step`, in shared memory, is the place of the last step done in STEPS."""
    configure_logs("json", "critical")
    asyncio.run(_project(orders, said, last_step))


async def _project(orders: Orders, said: Connection, last_step: c_int) -> None:
    seen = 0

    def observe(done: Step) -> None:
        nonlocal seen
        last_step.value = STEPS.index(done)
        if done != orders.halt_at:
            return
        seen += 1
        if seen == orders.occurrence:
            said.send(HALTED)
            time.sleep(3_600)

    topic, connection = orders.topic, KafkaConnection(orders.bootstrap_servers)
    with ReadModel.create_or_open(orders.file, topic=topic.name, partitions=topic.partitions) as model:
        async with (
            SchemaStore(connection, schemas_topic(topic)) as store,
            KafkaSource(
                connection,
                topic=topic.name,
                partitions=topic.partitions,
                position=model.position(),
                last_records=model.last_records(),
                batch_records_max=orders.batch_records,
            ) as source,
        ):
            projector = Projector(
                model,
                source,
                schemas=AwaitedSchemas(store, SCHEMA_WAIT_SECONDS),
                on_step=observe,
                quarantine_window_records=None,
                checkpoint_wal_bytes=orders.checkpoint_wal_bytes,
            )
            said.send(RUNNING)
            running = asyncio.create_task(projector.run())
            if orders.to_the_end:
                caught_up = asyncio.create_task(projector.wait_caught_up())
                await asyncio.wait([running, caught_up], return_when=asyncio.FIRST_COMPLETED)
                projector.stop()
            await running
