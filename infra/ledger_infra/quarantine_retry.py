"""Retries quarantined records of a stopped ledger: opens its file as its writer, with the schemas that Kafka has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import duckdb

from ledger_infra.broker import Progress
from ledger_infra.clients import check_topics, schemas_of
from ledger_infra.kafka_access import kafka_of
from ledger_infra.paths import read_model_path
from ledger_infra.quarantine_routes import Retry
from ledger_infra.settings import Settings
from ledger_projectors.log.again import read_again
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.store.late_copies import with_copies
from ledger_projectors.store.quarantine import RetryOutcome, Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import unobserved
from ledger_schemas.errors import ProjectorFailed, SettingInvalid


@asynccontextmanager
async def retrying_stopped(settings: Settings, download: Progress | None = None) -> AsyncIterator[Retry]:
    """Give what does a retry on the file itself; the native broker runs meanwhile, unless another is configured.

    Raises SettingInvalid when there is no file, DataDirectoryInUse when a projector has it, GuardRefused when the log
    is another than the one that it was made from, BrokerUnavailable and TopicMisconfigured: without the schema topic,
    what waits for a schema would be refused for no reason. A retry raises ProjectorFailed when DuckDB does.
    """
    path = read_model_path(settings.data_dir)
    if not path.is_file():
        raise SettingInvalid(
            f"data_dir: there is no read model at {path}.",
            hint="Name the ledger's data directory with --data-dir.",
            field="data_dir",
        )
    async with AsyncExitStack() as stack:
        model = await asyncio.to_thread(
            ReadModel.create_or_open,
            path,
            topic=settings.topic,
            partitions=settings.partitions,
            directory_topic=settings.directory_topic,
        )
        stack.push_async_callback(asyncio.to_thread, model.close)
        connection = await stack.enter_async_context(kafka_of(settings, download))
        await check_topics(settings, connection)
        # Copies may be read again from the log: it must be the one that the file was made from.
        log = KafkaSource(
            connection,
            topic=model.topic,
            partitions=model.partitions,
            position=model.position(),
            last_records=model.last_records(),
        )
        await stack.enter_async_context(log)
        schemas = await stack.enter_async_context(schemas_of(settings, connection))

        async def retry(selection: Selection) -> RetryOutcome:
            await schemas.look_again(await asyncio.to_thread(model.references, selection))
            work = partial(asyncio.to_thread, model.retry, selection, schemas.known, unobserved)
            return await with_copies(work, partial(read_again, connection, settings.topic)) or RetryOutcome()

        try:
            yield retry
        except duckdb.Error as error:
            raise ProjectorFailed(
                f"DuckDB failed on {path}: {type(error).__name__}.",
                hint="What was told as retried is; nothing of the rest was changed. Mend it and retry.",
            ) from error
