"""While it is read, the log is watched: one that is not ours any more is refused, a reader that stalls is replaced."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from aiokafka.admin import NewPartitions
from aiokafka.client import AIOKafkaClient

from ledger_projectors.log import link as log_link
from ledger_projectors.log import source as source_module
from ledger_projectors.log.link import LogLink
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.log.wire_fetch import WireReader
from ledger_projectors.log.wire_request import Part
from ledger_schemas import TopicSpec
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, LedgerError, SettingInvalid, TopicMisconfigured
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import (
    Raw,
    administering,
    append_raw,
    at,
    open_model,
    projecting,
    recreate,
    rows,
    source_of,
)
from tests.projectors.log.pretended_log import TOPIC, PretendedLog, batches_of, source_on
from tests.projectors.log.test_source import read_to

WAIT_SECONDS: Final = 30.0
RECORDS: Final = 5


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a fetch wait for the broker for a moment only."""
    monkeypatch.setattr(source_module, "POLL_SECONDS", 0.1)


def some(count: int = RECORDS, mark: str = "") -> list[Raw]:
    """Return records whose values say which they are."""
    return [Raw(f"{number}{mark}".encode()) for number in range(count)]


async def refusal(source: KafkaSource, error: type[LedgerError] = GuardRefused) -> LedgerError:
    """Fetch until the log is refused."""
    with pytest.raises(error) as raised:
        async with asyncio.timeout(WAIT_SECONDS):
            await _fetch_for_ever(source)
    return raised.value


async def _fetch_for_ever(source: KafkaSource) -> None:
    while True:
        await source.fetch()


def test_a_log_recreated_under_a_running_source_is_refused(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grown past our position by then, it is recognised by the record before it, which is read again."""
    topic = TopicSpec(topic_name, 1)
    monkeypatch.setattr(source_module, "GUARD_SECONDS", 0.5)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *some())
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model) as source:
                await read_to(source, at(topic, RECORDS))
                await recreate(kafka.connection, topic)
                await append_raw(kafka.connection, topic.name, *some(2 * RECORDS, "'"))
                error = await refusal(source)
        # Seen while it was shorter still, it is refused for the offset that it did not hold.
        assert re.search(
            f"{topic.name} partition 0 offset ({RECORDS - 1} holds another record|{RECORDS};)", error.message
        )
        assert "notification-ledger export-history" in error.hint

    asyncio.run(work())


def test_a_log_that_got_shorter_under_a_running_source_is_refused(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Recreated with fewer records: both ranges are named."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *some())
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model) as source:
                await read_to(source, at(topic, RECORDS))
                await recreate(kafka.connection, topic)
                await append_raw(kafka.connection, topic.name, *some(2))
                error = await refusal(source)
        assert f"{topic.name} partition 0 has offsets 0 to 2, the read model is at" in error.message

    asyncio.run(work())


def test_partitions_added_under_a_running_source_are_refused(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another partition count, keys go elsewhere: both counts are named."""
    topic = TopicSpec(topic_name, 1)
    monkeypatch.setattr(source_module, "GUARD_SECONDS", 0.0)
    monkeypatch.setattr(log_link, "CONFIRM_SECONDS", 0.0)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model) as source:
                await source.fetch()
                async with administering(kafka.connection) as admin:
                    await admin.create_partitions({topic.name: NewPartitions(total_count=2)})
                error = await refusal(source)
        assert error.message == f"The topic {topic.name} has 2 partitions; this read model was made for 1."

    asyncio.run(work())


def test_a_topic_deleted_under_a_running_source_is_missed(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that is there and has no such topic is not waited for as one that is away."""
    topic = TopicSpec(topic_name, 1)
    monkeypatch.setattr(source_module, "GUARD_SECONDS", 0.0)
    monkeypatch.setattr(log_link, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(log_link, "LOOK_TIMEOUT_SECONDS", 0.5)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *some())
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model) as source:
                await read_to(source, at(topic, RECORDS))
                async with administering(kafka.connection) as admin:
                    await admin.delete_topics([topic.name])
                error = await refusal(source, TopicMisconfigured)
        assert error.message == f"The topic {topic.name} does not exist."

    asyncio.run(work())


class StallingReader(WireReader):
    """A reader that brings nothing."""

    hangs = False
    goes_on = False

    async def read(self, seconds: float, *_: object) -> list[Part]:
        """Bring nothing."""
        await asyncio.sleep(1_000 if self.hangs else seconds)
        return []


class HangingReader(StallingReader):
    """A reader that does not return."""

    hangs = True


@pytest.mark.parametrize("stalling", [StallingReader, HangingReader])
def test_a_reader_that_stalls_is_replaced(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalling: type[WireReader]
) -> None:
    """The log's end moves, the position does not: the connection is made again, and every record comes once."""
    topic = TopicSpec(topic_name, 1)
    monkeypatch.setattr(source_module, "STALL_SECONDS", 0.5)
    monkeypatch.setattr("ledger_projectors.log.ends.END_POLL_SECONDS", 0.1)
    made: list[WireReader] = []

    def make(client: AIOKafkaClient, topic: str, start: Mapping[int, int]) -> WireReader:
        made.append((WireReader if made else stalling)(client, topic, start))
        return made[-1]

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *some())
        monkeypatch.setattr(log_link, "WireReader", make)
        async with projecting(kafka.connection, model) as (projector, _):
            await projector.wait_for(at(topic, RECORDS), WAIT_SECONDS)

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work())
        assert rows(model, "SELECT count(DISTINCT log_offset), count(*) FROM quarantine") == [(RECORDS, RECORDS)]
    assert len(made) == 2


@pytest.mark.parametrize("error", [BrokerUnavailable("It is away."), SettingInvalid("The TLS files cannot be used.")])
def test_without_a_new_connection_the_old_one_is_kept(monkeypatch: pytest.MonkeyPatch, error: LedgerError) -> None:
    """A broker that answers one question and not the next is no end, nor is a TLS file that is being replaced."""
    log = PretendedLog({0: batches_of([1])})
    monkeypatch.setattr(source_module, "STALL_SECONDS", 0.2)
    refused = []

    async def connect(*_: object) -> LogLink:
        refused.append(True)
        raise error

    monkeypatch.setattr(LogLink, "connect", connect)

    async def work() -> None:
        source = source_on(log)
        link = source._running()
        reader, link.reader = link.reader, StallingReader(log, TOPIC, {})
        async with asyncio.timeout(WAIT_SECONDS):
            while not refused:
                await source.end()
                assert not (await source.fetch()).records
            link.reader = reader
            assert [record.value for record in (await source.fetch()).records] == [b"0"]
        await reader.close()

    asyncio.run(work())


def test_what_looks_wrong_for_a_moment_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new leader may not know its end yet: only what stays wrong is refused."""
    log = PretendedLog({0: batches_of([3])})
    monkeypatch.setattr(log_link, "CONFIRM_SECONDS", 0.05)

    async def work() -> None:
        link = LogLink(log, log, "any.v1", 1)
        assert not await link.look({0: 4})
        assert await link.look({0: 3})
        assert not await link.look({0: 4})
        await asyncio.sleep(0.06)
        with pytest.raises(GuardRefused, match="has offsets 0 to 3, the read model is at 4"):
            await link.look({0: 4})

    asyncio.run(work())
