"""The way to Kafka: the cluster that is configured, else a native broker over the data directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ledger_infra.broker import NativeKafka, Progress
from ledger_infra.paths import kafka_dir
from ledger_infra.settings import Settings
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import BrokerUnavailable

WATCH_SECONDS: Final = 1.0
"""How often the embedded broker is looked at."""


@asynccontextmanager
async def kafka_of(
    settings: Settings, download: Progress | None = None, stop: asyncio.Event | None = None
) -> AsyncIterator[KafkaConnection]:
    """Give the way to Kafka: the configured cluster, else a native broker over `data_dir`, for as long as it is used.

    A native broker that dies sets `stop`.
    """
    if settings.bootstrap_servers is not None:
        yield settings.connection()
        return

    def show(done: int, total: int, name: str) -> None:
        _refuse_if(stop)
        if download is not None:
            download(done, total, name)

    broker = NativeKafka(
        kafka_dir(settings.data_dir), port=settings.broker_port, cache_dir=settings.cache_dir, progress=show
    )
    await asyncio.to_thread(broker.start)
    watch = asyncio.create_task(_watch(broker, stop)) if stop is not None else None
    try:
        _refuse_if(stop)
        yield broker.connection
        if watch is not None and watch.done():
            watch.result()
    finally:
        if watch is not None:
            watch.cancel()
        await asyncio.to_thread(broker.stop)


class StoppedWhileStartingError(Exception):
    """A stop was asked for before everything ran: what runs already is drained, the rest is not started."""


def _refuse_if(stop: asyncio.Event | None) -> None:
    if stop is not None and stop.is_set():
        raise StoppedWhileStartingError


async def _watch(broker: NativeKafka, stop: asyncio.Event) -> None:
    while broker.running:  # noqa: ASYNC110 - a process has no event to wait for
        await asyncio.sleep(WATCH_SECONDS)
    stop.set()
    raise BrokerUnavailable(
        "The embedded Kafka broker stopped by itself.", hint=f"Its log: {broker.data_dir / 'kafka.log'}."
    )
