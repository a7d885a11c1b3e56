"""The directory's log from the outside: what it says now, and events of the command line into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ledger_infra.broker import Progress
from ledger_infra.clients import directory_emitter_of, ensure_topics
from ledger_infra.kafka_access import kafka_of
from ledger_infra.paths import prepare_data_dir
from ledger_infra.running import running_ledger
from ledger_infra.settings import Settings
from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import decode_directory
from ledger_projectors.log.source import KafkaSource
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.positions import Position


@dataclass(frozen=True, slots=True)
class DirectoryLog:
    """The directory's topic, reached."""

    settings: Settings
    connection: KafkaConnection

    async def read(self) -> DirectoryState:
        """Return what the log says up to its readable end. Raises BrokerUnavailable."""
        state = DirectoryState()
        async with KafkaSource(
            self.connection, topic=self.settings.directory_topic, partitions=1, position=Position()
        ) as source:
            end = (await source.end()).get((self.settings.directory_topic, 0), 0)
            reached = 0
            while reached < end:
                fetched = await source.fetch()
                events, _ = decode_directory(fetched.records)
                state = state.with_changes(state.changed_by(events))
                reached = fetched.next_offsets[0]
        return state

    async def append(self, events: Sequence[DirectoryEvent]) -> Position:
        """Append events; return the position after them. Raises what the emitter raises."""
        async with directory_emitter_of(self.settings, self.connection) as emitter:
            return await emitter.put_directory(events)


@asynccontextmanager
async def directory_log(settings: Settings, download: Progress | None = None) -> AsyncIterator[DirectoryLog]:
    """Reach the directory's log, and make the topics that are missing.

    It is that of the ledger that runs over the data directory; else that of the configured cluster; else that of a
    native broker, which is started for it.

    Raises BrokerUnavailable, TopicMisconfigured, and what the start of a broker raises.
    """
    running = running_ledger(settings.data_dir)
    async with AsyncExitStack() as stack:
        if running is not None:
            connection = settings.connection(running.bootstrap_servers)
        else:
            prepare_data_dir(settings.data_dir)
            connection = await stack.enter_async_context(kafka_of(settings, download))
        await ensure_topics(settings, connection)
        yield DirectoryLog(settings, connection)
