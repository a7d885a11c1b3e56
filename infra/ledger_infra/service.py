"""The main job: broker (unless one is configured), topic, projector and API, composed by hand and drained in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from ledger_infra.api import Parts, app_of
from ledger_infra.broker import Progress
from ledger_infra.browser_guard import BrowserGuard
from ledger_infra.clients import dead_letters_of, directory_emitter_of, emitter_of, ensure_topics, schemas_of
from ledger_infra.http_server import ApiServer, listen, url_of
from ledger_infra.kafka_access import StoppedWhileStartingError, kafka_of
from ledger_infra.paths import prepare_data_dir, read_model_path
from ledger_infra.running import RunningLedger, run_note
from ledger_infra.settings import Settings
from ledger_projectors.directory.follower import DirectoryFollower, directory_source
from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.log.again import read_again
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.log.topic_watch import watch_topics
from ledger_projectors.projector import Projector
from ledger_projectors.store.dead_letters import DeadLetters
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.credentials import new_key
from ledger_schemas.errors import SettingInvalid
from ledger_schemas.topic import settings_reader

DIRECTORY_START_SECONDS: Final = 5.0
"""How long the start waits on loopback until the directory was read, to say whether there are keys."""

INGEST_SOURCE: Final = "http-ingest"

_log = structlog.get_logger("ledger_infra.service")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running parts answer; None: not running here."""

    bootstrap_servers: str
    topic: str
    api_url: str | None
    has_keys: bool | None = None
    """Whether a key was ever issued; None: not known yet."""

    def as_ledger(self, operator_secret: str) -> RunningLedger:
        """Return what the note about this process says; the secret goes with the API."""
        secret = operator_secret if self.api_url is not None else None
        return RunningLedger(os.getpid(), self.api_url, self.bootstrap_servers, self.topic, secret)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the service tells its caller: where it answers, and how far the first download is."""

    announce: Callable[[Addresses], None] = lambda _: None
    download: Progress | None = None


async def serve(
    settings: Settings, *, with_api: bool, until_caught_up: bool = False, callbacks: Callbacks | None = None
) -> None:
    """Run until SIGINT or SIGTERM (or, if asked, until the read model has caught up), then drain.

    Raises the LedgerError that stopped a part: PortTaken, DataDirectoryInUse, BrokerUnavailable, GuardRefused, ...
    Drained in this order: the API answers what it has accepted, the projector commits the batch in hand, the emitter
    flushes, the embedded broker stops, DuckDB checkpoints and closes. A stop during start-up ends it where it can; a
    second one ends the process at once, which costs nothing but time at the next start.
    """
    told = callbacks or Callbacks()
    stop = asyncio.Event()
    _raise_file_limit()
    prepare_data_dir(settings.data_dir)
    with _signals(stop), contextlib.suppress(StoppedWhileStartingError):
        async with AsyncExitStack() as stack:
            listener = stack.enter_context(listen(settings)) if with_api else None
            model = await stack.enter_async_context(_read_model(settings))
            connection = await stack.enter_async_context(kafka_of(settings, told.download, stop))
            await ensure_topics(settings, connection)
            source = await stack.enter_async_context(
                KafkaSource(
                    connection,
                    topic=settings.topic,
                    partitions=settings.partitions,
                    position=model.position(),
                    last_records=model.last_records(),
                    batch_records_max=settings.batch_records_max,
                )
            )
            schemas = await stack.enter_async_context(schemas_of(settings, connection))
            produce = await stack.enter_async_context(dead_letters_of(settings, connection))
            alarms = AlarmBoard()
            mirror = DirectoryMirror(operator_secret=(secret := new_key().credential))
            follower = DirectoryFollower(
                model, await stack.enter_async_context(directory_source(connection, model)), mirror, alarms
            )
            projector = Projector(
                model,
                source,
                schemas=schemas,
                dead_letters=DeadLetters(model, produce) if produce is not None else None,
                quarantine_max=settings.quarantine_max,
                quarantine_window_records=settings.quarantine_window_records,
                read_again=partial(read_again, connection, settings.topic),
                alarms=alarms,
                directory=follower,
            )
            watch = watch_topics(partial(settings_reader, connection), settings.topic_specs(), alarms)
            jobs = [
                asyncio.create_task(projector.run(), name="projector"),
                asyncio.create_task(watch, name="topics"),
            ]
            if until_caught_up:
                jobs.append(asyncio.create_task(projector.wait_caught_up(), name="caught-up"))
            addresses = Addresses(connection.bootstrap_servers, settings.topic, url_of(listener) if listener else None)

            def announce(has_keys: bool | None) -> None:  # noqa: FBT001 - the one thing that it is told
                stack.enter_context(run_note(settings.data_dir, addresses.as_ledger(secret)))
                told.announce(replace(addresses, has_keys=has_keys))

            server = None
            if listener is None:
                announce(None)
            else:
                emitter = await stack.enter_async_context(emitter_of(settings, connection, INGEST_SOURCE))
                directory_emitter = await stack.enter_async_context(directory_emitter_of(settings, connection))
                parts = Parts(settings, model, projector, schemas, mirror, emitter, directory_emitter)
                server = ApiServer(BrowserGuard(app_of(parts), mirror))
                opening = _open_api(server, listener, partial(_keys_known, settings, follower, mirror), announce)
                jobs.append(asyncio.create_task(opening, name="api"))
            await _until_stopped(stop, jobs, server, projector)


@asynccontextmanager
async def _read_model(settings: Settings) -> AsyncIterator[ReadModel]:
    model = await asyncio.to_thread(
        ReadModel.create_or_open,
        read_model_path(settings.data_dir),
        topic=settings.topic,
        partitions=settings.partitions,
        directory_topic=settings.directory_topic,
    )
    try:
        yield model
    finally:
        await asyncio.to_thread(model.close)


async def _open_api(
    server: ApiServer,
    listener: socket.socket,
    keys_known: Callable[[], Awaitable[bool | None]],
    announce: Callable[[bool | None], None],
) -> None:
    """Find out whether there are keys, say where the API answers, and answer until it is told to stop."""
    announce(await keys_known())
    await server.run(listener)


async def _keys_known(settings: Settings, follower: DirectoryFollower, mirror: DirectoryMirror) -> bool | None:
    """Return whether there are keys, once the directory was read; on loopback, None after a bounded wait.

    Beyond loopback nothing is accepted before, and without a key nothing is accepted at all: raises SettingInvalid.
    """
    if settings.api_is_loopback:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(follower.wait_read(), DIRECTORY_START_SECONDS)
        return mirror.has_keys() if mirror.is_read else None
    await follower.wait_read()
    if not mirror.has_keys():
        raise SettingInvalid(
            f"api_host: {settings.api_host} is not a loopback address, and no key was ever issued: whoever reaches the "
            "API would read and write for every tenant.",
            hint="Issue a key first: `notification-ledger keys issue --role operator`; or bind 127.0.0.1 "
            "(NOTIFICATION_LEDGER_API_HOST).",
            field="api_host",
        )
    return True


async def _until_stopped(
    stop: asyncio.Event, jobs: list[asyncio.Task[None]], server: ApiServer | None, projector: Projector
) -> None:
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([stopping, *jobs], return_when=asyncio.FIRST_COMPLETED)
    finally:
        _log.info("service.draining")
        api = [job for job in jobs if job.get_name() == "api"]
        if server is not None and server.started:
            server.should_exit = True
            await asyncio.wait(api)
        for job in api:
            job.cancel()
        projector.stop()
        stopping.cancel()
        for job in jobs:
            if job.get_name() in {"caught-up", "topics"}:
                job.cancel()
        results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    _log.info("service.stopped", position=str(projector.progress().position))


def _raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have: each connection of a client is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM)

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in wanted:
        loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
