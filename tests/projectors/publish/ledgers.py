"""What the tests of rebuilds share: a log with its read model, and the names of the files beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import duckdb

from ledger_projectors.progress import Progress
from ledger_projectors.publish.rebuild import UNFINISHED_SUFFIX, Rebuilt, rebuild
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    Raw,
    append_raw,
    demo_events,
    project,
)

PARTITIONS: Final = 3
NAME: Final = "read_model.duckdb"
KEPT: Final = "read_model.replaced-1.duckdb"
EVENTS: Final = demo_events(15)
UNFINISHED: Final = NAME + UNFINISHED_SUFFIX


class Ledger:
    """A log with duplicates and poison in it, and a read model at its end."""

    def __init__(self, kafka: Kafka, topic: TopicSpec, folder: Path) -> None:
        """Take where the log and the files are, or are to be."""
        self.kafka = kafka
        self.topic = topic
        self.folder = folder
        self.path = folder / NAME

    @classmethod
    def filled(cls, kafka: Kafka, topic: TopicSpec, folder: Path) -> Self:
        """Append the events and project them."""
        ledger = cls(kafka, topic, folder)
        append(kafka.connection, topic, EVENTS)
        asyncio.run(append_raw(kafka.connection, topic.name, Raw(b"poison", b"key", 1)))
        with ledger.open() as model:
            asyncio.run(project(kafka.connection, model, batch_records_max=25))
        return ledger

    def open(self, name: str = NAME) -> ReadModel:
        """Open one of its files."""
        return ReadModel.create_or_open(self.folder / name, topic=self.topic.name, partitions=PARTITIONS)

    def rebuild(self, *, swap: bool = True, on_progress: Callable[[Progress], None] | None = None) -> Rebuilt:
        """Rebuild its read model."""
        return asyncio.run(
            rebuild(
                self.path,
                self.kafka.connection,
                topic=self.topic.name,
                partitions=PARTITIONS,
                swap=swap,
                on_progress=on_progress,
            )
        )

    def change(self, statement: str, name: str = NAME) -> None:
        """Change a file behind the projector's back."""
        with duckdb.connect(self.folder / name) as connection:
            connection.execute(statement)

    def files(self) -> set[str]:
        """Return the names of its files."""
        return {path.name for path in self.folder.iterdir()}
