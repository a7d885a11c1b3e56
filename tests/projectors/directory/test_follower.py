"""The directory's log followed on a real broker: what is appended acts at once, and the guards hold."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb
import pytest

from ledger_producers.directory_emitter import DirectoryEmitter
from ledger_projectors.directory.follower import DirectoryFollower, directory_source
from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import DirectoryStore
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.projector import Projector
from ledger_projectors.publish.rebuild import Rebuilt, rebuild
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import KafkaConnection, Position, TopicSpec
from ledger_schemas.access import Role
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.errors import BrokerUnavailable, DirectoryUnread, GuardRefused, Unauthenticated
from ledger_schemas.topic import directory_topic_spec, ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, producing, recreate, source_of

from .building import every_kind, issued, revoked

SECONDS_MAX: Final = 30.0
REVOCATION_SECONDS_MAX: Final = 5.0
"""What is promised: how long a revoked key may still be let in."""


class Ledger:
    """Two topics of its own, empty at first, and a read model file."""

    def __init__(self, kafka: Kafka, topic_name: str, folder: Path) -> None:
        """Make the topics."""
        self.connection: KafkaConnection = kafka.connection
        self.topic = TopicSpec(topic_name, partitions=1)
        self.directory = directory_topic_spec(f"{topic_name}.directory")
        self.path = folder / "read_model.duckdb"
        for spec in (self.topic, self.directory):
            asyncio.run(ensure_topic(self.connection, spec))

    def open(self) -> ReadModel:
        """Open its file."""
        return ReadModel.create_or_open(
            self.path, topic=self.topic.name, partitions=1, directory_topic=self.directory.name
        )

    async def put(self, *events: DirectoryEvent) -> Position:
        """Append events to its directory."""
        async with DirectoryEmitter(self.connection, topic=self.directory) as emitter:
            return await emitter.put_directory(events)

    @asynccontextmanager
    async def following(self, model: ReadModel) -> AsyncIterator[tuple[DirectoryMirror, Projector]]:
        """Give the mirror and the projector of a ledger that runs; they stop behind the block."""
        mirror, alarms = DirectoryMirror(), AlarmBoard()
        async with directory_source(self.connection, model) as directory, source_of(self.connection, model) as source:
            follower = DirectoryFollower(model, directory, mirror, alarms)
            projector = Projector(model, source, alarms=alarms, directory=follower)
            running = asyncio.create_task(projector.run())
            try:
                yield mirror, projector
            finally:
                projector.stop()
                await asyncio.wait([running], timeout=SECONDS_MAX)
                running.result()

    async def rebuild(self) -> Rebuilt:
        """Rebuild its file, and compare."""
        return await rebuild(
            self.path,
            self.connection,
            topic=self.topic.name,
            partitions=1,
            directory_topic=self.directory.name,
            swap=False,
        )


@pytest.fixture
def ledger(kafka: Kafka, topic_name: str, tmp_path: Path) -> Ledger:
    """Give a ledger on topics of its own."""
    return Ledger(kafka, topic_name, tmp_path)


def outcome(mirror: DirectoryMirror, credential: str | None) -> str:
    """Return what becomes of a credential."""
    try:
        return mirror.authenticate(credential).role.value
    except (DirectoryUnread, Unauthenticated) as error:
        return error.code


async def becomes(mirror: DirectoryMirror, credential: str | None, wanted: str) -> float:
    """Wait until a credential gets the outcome; return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(SECONDS_MAX):
        while outcome(mirror, credential) != wanted:  # noqa: ASYNC110 - a mirror tells nobody
            await asyncio.sleep(0.01)
    return time.monotonic() - began


def test_a_key_opens_and_a_revocation_closes_within_five_seconds(ledger: Ledger) -> None:
    """While the ledger runs, with no restart; the first key closes the way for those without one."""
    key = new_key()

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, _):
                await becomes(mirror, None, Role.OPERATOR)
                await ledger.put(issued(key, "auditor", tenant_id="acme"))
                assert await becomes(mirror, key.credential, Role.AUDITOR) < REVOCATION_SECONDS_MAX
                assert outcome(mirror, None) == Unauthenticated.code
                await ledger.put(revoked(key))
                assert await becomes(mirror, key.credential, Unauthenticated.code) < REVOCATION_SECONDS_MAX
                assert outcome(mirror, None) == Unauthenticated.code

    asyncio.run(run())


def test_a_read_can_wait_for_an_event_of_the_directory(ledger: Ledger) -> None:
    """Its position is part of the read model's: what waits for it finds it in the tables."""

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (_, projector):
                position = await ledger.put(*every_kind())
                assert position == Position({(ledger.directory.name, 0): len(every_kind())})
                await projector.wait_for(position, SECONDS_MAX)
                assert projector.progress().position.reached(position)
                assert model.position().reached(position)

    asyncio.run(run())


def test_a_ledger_has_not_caught_up_before_its_directory_was_read(ledger: Ledger) -> None:
    """What lies behind an open transaction is waited for: nobody is let in, and the ledger is not ready."""
    key = new_key()

    async def run() -> None:
        async with producing(ledger.connection, transactional_id=ledger.topic.name) as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(ledger.directory.name, b"junk")
            await ledger.put(issued(key))
            with ledger.open() as model:
                async with ledger.following(model) as (mirror, projector):
                    await asyncio.sleep(2.0)
                    assert outcome(mirror, key.credential) == DirectoryUnread.code
                    assert not projector.progress().caught_up
                    await producer.commit_transaction()
                    await becomes(mirror, key.credential, Role.OPERATOR)
                    await projector.wait_caught_up()
                    assert projector.progress().caught_up

    asyncio.run(run())


def test_a_record_that_cannot_be_read_is_an_alarm_and_stops_nothing(ledger: Ledger) -> None:
    """It lies in quarantine with its topic; what comes after it is applied."""
    key = new_key()

    async def run() -> None:
        await append_raw(ledger.connection, ledger.directory.name, Raw(b"junk"))
        await ledger.put(issued(key))
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, projector):
                await becomes(mirror, key.credential, Role.OPERATOR)
                raised = [alarm.code for alarm in projector.progress().alarms]
                assert raised == [AlarmCode.DIRECTORY_UNREADABLE]
            async with ledger.following(model) as (mirror, projector):
                await becomes(mirror, key.credential, Role.OPERATOR)
                assert [alarm.code for alarm in projector.progress().alarms] == raised

    asyncio.run(run())


def test_a_directory_with_nothing_but_junk_is_no_empty_one(ledger: Ledger) -> None:
    """A key may be in what cannot be read, so callers without a credential stay out, also after a restart."""

    async def run() -> None:
        await append_raw(ledger.connection, ledger.directory.name, Raw(b"junk"))
        with ledger.open() as model:
            for _ in range(2):
                async with ledger.following(model) as (mirror, _):
                    await becomes(mirror, None, Unauthenticated.code)

    asyncio.run(run())


def test_a_restart_knows_what_was_read_before(ledger: Ledger) -> None:
    """The mirror is made again off the tables, and still opens only at the end of the log."""
    key, later = new_key(), new_key()

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, _):
                await ledger.put(issued(key))
                await becomes(mirror, key.credential, Role.OPERATOR)
            assert outcome(mirror, key.credential) == DirectoryUnread.code
        await ledger.put(revoked(key), issued(later))
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, _):
                assert await becomes(mirror, later.credential, Role.OPERATOR) < REVOCATION_SECONDS_MAX
                assert outcome(mirror, key.credential) == Unauthenticated.code

    asyncio.run(run())


def test_another_log_is_refused(ledger: Ledger) -> None:
    """A topic that was made again does not have the last applied record: nobody is let in by an empty directory."""

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, projector):
                await projector.wait_for(await ledger.put(*every_kind()), SECONDS_MAX)
        await recreate(ledger.connection, ledger.directory)
        with ledger.open() as model, pytest.raises(GuardRefused):
            async with ledger.following(model):
                raise AssertionError
        with pytest.raises(GuardRefused):
            await ledger.rebuild()
        assert outcome(mirror, None) == DirectoryUnread.code

    asyncio.run(run())


def test_a_broker_that_is_away_leaves_the_directory_closed(ledger: Ledger, tmp_path: Path) -> None:
    """At the start there is no reading of it at all, and never an empty one."""

    async def run() -> None:
        nobody = replace(ledger.connection, bootstrap_servers="127.0.0.1:1")
        with ledger.open() as model:
            mirror = DirectoryMirror()
            with pytest.raises(BrokerUnavailable):
                async with directory_source(nobody, model):
                    raise AssertionError
            assert outcome(mirror, None) == DirectoryUnread.code

    asyncio.run(run())
    assert tmp_path.exists()


def test_a_commit_that_fails_delays_a_key_and_no_revocation(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revocation acts once it was read, whatever the writer is busy with; a key holds when the transaction is in."""
    key, later, failing = new_key(), new_key(), asyncio.Event()
    apply = DirectoryStore.apply

    def fail_at_first(*arguments: object) -> object:
        if failing.is_set():
            raise duckdb.OutOfMemoryException
        return apply(*arguments)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(DirectoryStore, "apply", fail_at_first)

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, projector):
                await ledger.put(issued(key))
                await becomes(mirror, key.credential, Role.OPERATOR)
                failing.set()
                await ledger.put(issued(later))
                async with asyncio.timeout(SECONDS_MAX):
                    while not projector.progress().retrying:  # noqa: ASYNC110 - it tells no one
                        await asyncio.sleep(0.01)
                position = await ledger.put(revoked(key))
                assert await becomes(mirror, key.credential, Unauthenticated.code) < REVOCATION_SECONDS_MAX
                assert projector.progress().retrying
                assert outcome(mirror, later.credential) == Unauthenticated.code
                failing.clear()
                await projector.wait_for(position, SECONDS_MAX)
                await becomes(mirror, later.credential, Role.OPERATOR)
                assert outcome(mirror, key.credential) == Unauthenticated.code

    asyncio.run(run())


def test_the_tables_are_read_whole_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an event costs does not grow with what the directory holds: a commit's changes go to the mirror alone."""
    keys, times = [new_key() for _ in range(3)], Counter[str]()
    state = DirectoryStore.state

    def counted(store: DirectoryStore) -> DirectoryState:
        times["read"] += 1
        return state(store)

    monkeypatch.setattr(DirectoryStore, "state", counted)

    async def run() -> None:
        with ledger.open() as model:
            async with ledger.following(model) as (mirror, _):
                for key in keys:
                    await ledger.put(issued(key))
                    await becomes(mirror, key.credential, Role.OPERATOR)

    asyncio.run(run())
    assert times["read"] == 1


@pytest.mark.parametrize("events", [[], every_kind(), [*every_kind(), b"junk"]], ids=["empty", "whole", "with junk"])
def test_a_rebuild_replays_the_directory_too(ledger: Ledger, events: Sequence[DirectoryEvent | bytes]) -> None:
    """It has the same digest, tables of the directory included; one row less in the old file is a difference."""

    async def run() -> Rebuilt:
        for event in events:
            if isinstance(event, bytes):
                await append_raw(ledger.connection, ledger.directory.name, Raw(event))
            else:
                await ledger.put(event)
        with ledger.open() as model:
            async with ledger.following(model) as (_, projector):
                await projector.wait_caught_up()
        return await ledger.rebuild()

    rebuilt = asyncio.run(run())
    assert rebuilt.old is not None
    assert rebuilt.old == rebuilt.new
    assert rebuilt.position == Position({(ledger.directory.name, 0): len(events)})
    assert bool(rebuilt.new.tables["directory_keys"][0]) == bool(events)
