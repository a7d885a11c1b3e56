"""The source reads the log in order from a position to a position, and refuses a log that is not the read model's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from ledger_infra.broker.ports import free_ports
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import KafkaConnection, Position, TopicSpec
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, TopicMisconfigured
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import (
    Raw,
    administering,
    append_raw,
    at,
    open_model,
    producing,
    project,
    recreate,
    source_of,
)

EXPORT: Final = "notification-ledger export-history"
PARTITIONS: Final = 3
RECORDS: Final = 10
"""In each partition but the last, which is empty."""


def numbered(start: int = 0) -> list[Raw]:
    """Return records whose values say where they lie."""
    return [
        Raw(f"{partition}:{offset}".encode(), b"key", partition, [("trace", b"\x00\xff"), ("trace", b"")])
        for offset in range(start, start + RECORDS)
        for partition in range(PARTITIONS - 1)
    ]


async def read_to(source: KafkaSource, until: Position) -> list[LogRecord]:
    """Fetch until the source has come to a position."""
    found: list[LogRecord] = []
    reached = Position()
    async with asyncio.timeout(30):
        while not reached.reached(until):
            fetched = await source.fetch()
            found += fetched.records
            topic = source._topic
            reached = Position({(topic, partition): offset for partition, offset in fetched.next_offsets.items()})
    assert reached == until
    return found


def run(kafka: Kafka, topic: TopicSpec, *records: Raw, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Make the topic, append the records, and go on."""

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *records)
        await then()

    asyncio.run(work())


def test_it_reads_in_order_from_a_position_to_a_position(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Each partition comes in offset order, whole, from the position on and not one record past `until`."""
    topic = TopicSpec(topic_name, PARTITIONS)

    async def work() -> None:
        with open_model(tmp_path, topic.name, PARTITIONS) as model:
            until = at(topic, 9, 4)
            async with source_of(
                kafka.connection, model, position=at(topic, 3), until=until, batch_records_max=2
            ) as source:
                found = await read_to(source, until)
                assert not (await source.fetch()).records
                assert await source.end() == at(topic, RECORDS, RECORDS)
        places = sorted((one.partition, one.offset) for one in found)
        assert places == [*((0, offset) for offset in range(3, 9)), *((1, offset) for offset in range(4))]
        for one, after in pairwise([one for one in found if one.partition == 0]):
            assert one.offset + 1 == after.offset
            assert one.recorded_at_ms <= after.recorded_at_ms
        for one in found:
            assert (topic.name, f"{one.partition}:{one.offset}".encode(), b"key") == (one.topic, one.value, one.key)

    run(kafka, topic, *numbered(), then=work)


def test_a_record_comes_as_it_was_sent(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Headers, repeated or without a value, and keys and values that are null come through to quarantine."""
    topic = TopicSpec(topic_name, 1)
    sent = [
        Raw(b"\x00\xff", None, headers=[("trace", b"\x00\xff"), ("trace", b""), ("Größe", None)]),
        Raw(None, b"\xff"),
        Raw(b"", b""),
    ]

    async def work() -> None:
        with open_model(tmp_path, topic.name) as model:
            async with source_of(kafka.connection, model) as source:
                found = await read_to(source, at(topic, len(sent)))
        assert [(one.value, one.key, tuple(one.headers)) for one in sent] == [
            (one.value, one.key, one.headers) for one in found
        ]

    run(kafka, topic, *sent, then=work)


def test_a_fetch_is_no_larger_than_asked_and_returns_when_there_is_nothing(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """A batch has at most `batch_records_max` records; at the end of the log, a fetch brings none and no error."""
    topic = TopicSpec(topic_name, PARTITIONS)

    async def work() -> None:
        with open_model(tmp_path, topic.name, PARTITIONS) as model:
            async with source_of(kafka.connection, model, batch_records_max=7) as source:
                sizes: list[int] = []
                while sum(sizes) < 2 * RECORDS:
                    sizes.append(len((await source.fetch()).records))
                nothing = await source.fetch()
        assert max(sizes) <= 7
        assert not nothing.records
        assert nothing.next_offsets == {0: RECORDS, 1: RECORDS, 2: 0}

    run(kafka, topic, *numbered(), then=work)


def test_holes_in_the_offsets_are_stepped_over(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Records of an aborted transaction are no records, and a log that ends with them can be caught up with."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        with open_model(tmp_path, topic.name) as model:
            await project(kafka.connection, model)
            before = model.last_records()
            async with producing(kafka.connection, transactional_id=topic.name) as producer:
                await producer.begin_transaction()
                await producer.send_and_wait(topic.name, b"aborted", partition=0)
                await producer.abort_transaction()
            await until_the_log_ends_at(kafka, model, at(topic, 4))
            projector = await project(kafka.connection, model)
            assert projector.progress().quarantined == 0
            assert model.position() == at(topic, 4)
            assert before == model.last_records()
            # The guard looks at the last record, which is not the one before the position.
            await append_raw(kafka.connection, topic.name, Raw(b"c"))
            projector = await project(kafka.connection, model)
            assert projector.progress().quarantined == 1
            assert model.position() == at(topic, 5)

    run(kafka, topic, Raw(b"a"), Raw(b"b"), then=work)


async def until_the_log_ends_at(kafka: Kafka, model: ReadModel, end: Position) -> None:
    """Wait for the broker, which answers an abort before the log has it."""
    async with asyncio.timeout(30), source_of(kafka.connection, model) as source:
        while await source.end() != end:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)


async def refused(kafka: Kafka, model: ReadModel) -> GuardRefused:
    """Return the error that the log is refused with; the read model stays as it is."""
    before = model.position()
    with pytest.raises(GuardRefused) as raised:
        async with source_of(kafka.connection, model):
            pass
    assert before == model.position()
    return raised.value


def test_a_recreated_log_is_refused(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A topic of the same name with other records at our offsets is another log: the error names the place."""
    topic = TopicSpec(topic_name, PARTITIONS)

    async def work() -> None:
        with open_model(tmp_path, topic.name, PARTITIONS) as model:
            await project(kafka.connection, model)
            async with source_of(kafka.connection, model):
                pass
            await recreate(kafka.connection, topic)
            # The very same bytes, and more of them: only the time at which the log took them tells.
            await append_raw(kafka.connection, topic.name, *numbered(), *numbered(RECORDS))
            error = await refused(kafka, model)
        assert f"{topic.name} partition 0 offset {RECORDS - 1} holds another record" in error.message
        assert EXPORT in error.hint

    run(kafka, topic, *numbered(), then=work)


def test_a_log_that_ends_before_the_position_is_refused(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A topic that was made again, or restored from an old copy, is refused with both ranges."""
    topic = TopicSpec(topic_name, PARTITIONS)

    async def work() -> None:
        with open_model(tmp_path, topic.name, PARTITIONS) as model:
            await project(kafka.connection, model)
            await recreate(kafka.connection, topic)
            await append_raw(kafka.connection, topic.name, *(one for one in numbered() if one.partition == 0))
            error = await refused(kafka, model)
        assert "ends before the read model's position" in error.message
        assert f"{topic.name} partition 1 has offsets 0 to 0, the read model is at {RECORDS}." in error.message
        assert EXPORT in error.hint

    run(kafka, topic, *(one for one in numbered() if one.partition == 1), then=work)


def test_an_end_that_the_log_does_not_have_is_refused(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """To read up to a position beyond the log's end would be to wait for ever."""
    topic = TopicSpec(topic_name, 2)

    async def work() -> None:
        with open_model(tmp_path, topic.name, 2) as model:
            async with source_of(kafka.connection, model, until=at(topic, 1, 0)):
                pass
            with pytest.raises(GuardRefused, match=f"ends at 1 in {topic.name} partition 0, before the position 2"):
                async with source_of(kafka.connection, model, until=at(topic, 2, 0)):
                    raise AssertionError

    run(kafka, topic, Raw(b"a"), then=work)


def test_a_truncated_log_is_refused_when_records_are_missing(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Records that were deleted before they were applied are a gap, and it is named; those applied are no loss."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        with open_model(tmp_path / "ahead", topic.name) as model:
            await project(kafka.connection, model, until=at(topic, 5))
            async with administering(kafka.connection) as admin:
                await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=5)})
            async with source_of(kafka.connection, model) as source:
                assert [one.value for one in (await source.fetch()).records] == [b"5", b"6", b"7"]
        with open_model(tmp_path / "behind", topic.name) as model:
            model.apply([], {0: 3})
            error = await refused(kafka, model)
        assert "begins after the read model's position" in error.message
        assert f"{topic.name} partition 0 has offsets 5 to 8, the read model is at 3." in error.message

    run(kafka, topic, *(Raw(str(number).encode()) for number in range(8)), then=work)


def test_added_partitions_are_refused(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """With another partition count, keys go elsewhere: nothing is read, and the error says both counts."""
    topic = TopicSpec(topic_name, 2)

    async def work() -> None:
        with open_model(tmp_path, topic.name, 2) as model:
            async with source_of(kafka.connection, model):
                pass
            async with administering(kafka.connection) as admin:
                await admin.create_partitions({topic.name: NewPartitions(total_count=3)})
            error = await refused(kafka, model)
        assert error.message == f"The topic {topic.name} has 3 partitions; this read model was made for 2."
        assert "fixed for its life" in error.hint

    run(kafka, topic, then=work)


def test_a_topic_that_is_not_there_is_no_empty_log(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A missing topic is named, with the command that makes it; entering makes none."""

    async def work() -> None:
        for _ in range(2):
            with pytest.raises(TopicMisconfigured, match=f"{topic_name} does not exist.*topic --create"):
                async with source_of(kafka.connection, model):
                    raise AssertionError

    with open_model(tmp_path, topic_name) as model:
        asyncio.run(work())


def test_no_broker_is_an_error_at_once(tmp_path: Path) -> None:
    """Where nothing listens, entering says where it looked and that trying again may help."""
    (port,) = free_ports(1)

    async def work() -> None:
        async with source_of(KafkaConnection(f"127.0.0.1:{port}"), model):
            raise AssertionError

    with open_model(tmp_path) as model, pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}") as raised:
        asyncio.run(work())
    assert raised.value.retryable
