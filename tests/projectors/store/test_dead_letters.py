"""Every record in quarantine is put on the dead-letter topic too: at least once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest.mock import patch

import duckdb
import pytest
from aiokafka import AIOKafkaConsumer

from ledger_infra.clients import dead_letters_of, ensure_topics
from ledger_infra.settings import Settings
from ledger_projectors.log.records import LogRecord, Reason, Rejection
from ledger_projectors.projector import Projector
from ledger_projectors.publish.rebuild import rebuild
from ledger_projectors.store import dead_letters as dead_letters_module
from ledger_projectors.store import read_model as read_model_module
from ledger_projectors.store.dead_letters import LETTER_BYTES_MAX, DeadLetter, DeadLetters, LetterStep, letter_of
from ledger_projectors.store.quarantine import Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, LimitExceeded
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, at, content, open_model, project, raw, rows, source_of
from tests.projectors.decode.foreign_writer import record_at, written_with
from tests.projectors.store.test_retry import AHEAD, FIRST, KNOWN

POISON: Final = [LogRecord("t", 0, offset, 1_500, b"key", b"poison", (("trace", b"\x01"),)) for offset in range(3)]
WAIT_SECONDS: Final = 30.0


class Died(Exception):
    """The step after which nothing more happens."""


class Topic:
    """A dead-letter topic in memory, which first fails with the errors of a list."""

    def __init__(self, *failures: Exception) -> None:
        """Begin empty."""
        self.letters: list[DeadLetter] = []
        self.failures = list(failures)

    async def produce(self, letters: Sequence[DeadLetter]) -> None:
        """Take letters, unless it is time to fail."""
        if self.failures:
            raise self.failures.pop(0)
        self.letters += letters

    def told(self) -> list[tuple[int, str]]:
        """Return offset and reason of each letter."""
        headers = [dict(letter.headers) for letter in self.letters]
        return [(int(one["dead-letter-offset"] or b""), (one["dead-letter-reason"] or b"").decode()) for one in headers]


def finish(dead_letters: DeadLetters) -> None:
    """Produce what is due, as the end of a run does."""

    async def work() -> None:
        with ThreadPoolExecutor(max_workers=1) as writer:
            await dead_letters.finish(writer)

    asyncio.run(work())


def test_a_letter_is_the_record_and_where_and_why(tmp_path: Path) -> None:
    """Key, value and headers as they came; behind its own headers those that tell of the quarantine."""
    topic = Topic()
    with open_model(tmp_path, "t") as model:
        model.apply(POISON[:1])
        finish(DeadLetters(model, topic.produce))
    assert topic.letters == [
        DeadLetter(
            b"key",
            b"poison",
            (
                ("trace", b"\x01"),
                ("dead-letter-reason", b"undecodable"),
                (
                    "dead-letter-detail",
                    b"The record begins neither with single-object magic C3 01 nor with a Confluent frame (6 bytes).",
                ),
                ("dead-letter-topic", b"t"),
                ("dead-letter-partition", b"0"),
                ("dead-letter-offset", b"0"),
                ("dead-letter-recorded-at", b"1970-01-01T00:00:01.500Z"),
            ),
        )
    ]


def test_what_was_produced_is_not_due_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither later nor after a restart; what came meanwhile is. However few go at a time, all go."""
    monkeypatch.setattr(read_model_module, "DEAD_LETTERS_MAX", 1)
    topic = Topic()
    with open_model(tmp_path, "t") as model:
        model.apply(POISON[:2])
        finish(DeadLetters(model, topic.produce))
        model.apply(POISON[2:])
    with open_model(tmp_path, "t") as model:
        finish(DeadLetters(model, topic.produce))
        finish(DeadLetters(model, topic.produce))
    assert topic.told() == [(0, "undecodable"), (1, "undecodable"), (2, "undecodable")]


def test_a_death_between_topic_and_mark_repeats_and_loses_nothing(tmp_path: Path) -> None:
    """At least once: what was produced and not marked is produced again, then no more; the read model is as it was."""
    topic = Topic()

    def die(step: LetterStep) -> None:
        if step is LetterStep.PRODUCED:
            raise Died

    with open_model(tmp_path, "t") as model:
        model.apply(POISON[:2])
        before = content(model)
        with pytest.raises(Died):
            finish(DeadLetters(model, topic.produce, die))
    with open_model(tmp_path, "t") as model:
        finish(DeadLetters(model, topic.produce))
        finish(DeadLetters(model, topic.produce))
        assert content(model) == before
    assert topic.told() == [(0, "undecodable"), (1, "undecodable")] * 2


def test_a_failure_of_the_topic_marks_nothing(tmp_path: Path) -> None:
    """What no replica confirmed is due still."""
    topic = Topic(BrokerUnavailable("away"))
    with open_model(tmp_path, "t") as model:
        model.apply(POISON[:1])
        finish(DeadLetters(model, topic.produce))
        assert topic.told() == []
        finish(DeadLetters(model, topic.produce))
    assert topic.told() == [(0, "undecodable")]


@pytest.mark.parametrize(
    "error",
    [duckdb.FatalException("The instance is invalid."), GuardRefused("Another writer opened the file.")],
    ids=["instance lost", "another writer"],
)
def test_what_is_lost_with_the_file_is_raised(tmp_path: Path, error: Exception) -> None:
    """An instance of DuckDB that is invalid, or another writer, is nothing that waiting mends: the projector ends."""

    async def work(model: ReadModel) -> None:
        with ThreadPoolExecutor(max_workers=1) as writer, patch.object(model, "dead_letters_due", side_effect=error):
            async with asyncio.timeout(WAIT_SECONDS):
                await DeadLetters(model, Topic().produce).run(writer)

    with open_model(tmp_path, "t") as model, pytest.raises(type(error), match=str(error)):
        asyncio.run(work(model))


def test_another_reason_is_another_letter(tmp_path: Path) -> None:
    """A retry that refuses a record for what it is now tells of that too; one that refuses it as before does not."""
    topic = Topic()
    with open_model(tmp_path) as model:
        model.apply([replace(record_at(written_with(AHEAD, FIRST), 0), key=b"stranger")])
        finish(DeadLetters(model, topic.produce))
        for _ in range(2):
            model.retry(Selection(), KNOWN)
            finish(DeadLetters(model, topic.produce))
    assert topic.told() == [(0, "schema_unknown"), (0, "key_mismatch")]


def test_a_rebuild_takes_over_what_was_produced(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The log does not say it: without that, the new file would have every letter produced again."""
    topic = TopicSpec(topic_name, 1)
    letters = Topic()

    async def fill() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic_name, Raw(b"poison", b"key"))
        with open_model(tmp_path, topic_name) as model:
            await project(kafka.connection, model)

    asyncio.run(fill())
    with open_model(tmp_path, topic_name) as model:
        finish(DeadLetters(model, letters.produce))
        path = model.path
    rebuilt = asyncio.run(rebuild(path, kafka.connection, topic=topic_name, partitions=1))
    assert rebuilt.kept is not None
    with open_model(tmp_path, topic_name) as model:
        finish(DeadLetters(model, letters.produce))
        assert rows(model, "SELECT log_offset, reason FROM quarantine") == [(0, "undecodable")]
    assert letters.told() == [(0, "undecodable")]


@pytest.mark.parametrize(
    ("record", "key", "value", "omitted"),
    [
        (LogRecord("t", 0, 0, 0, b"k", b"v" * LETTER_BYTES_MAX), b"k", None, b"value"),
        (LogRecord("t", 0, 0, 0, b"k" * 2 * LETTER_BYTES_MAX, b"v"), None, b"", b"key, value and headers"),
        (
            LogRecord("t", 0, 0, 0, b"", None, (("h", b"x" * 2 * LETTER_BYTES_MAX),)),
            None,
            b"",
            b"key, value and headers",
        ),
        (LogRecord("t", 0, 0, 0, None, None), None, b"", None),
        (LogRecord("t", 0, 0, 0, b"k", None), b"k", None, None),
    ],
)
def test_what_fits_on_no_topic_is_told_of_without(
    record: LogRecord, key: bytes | None, value: bytes | None, omitted: bytes | None
) -> None:
    """A stranger's record may be larger than any letter, or have neither key nor value; its place is told."""
    letter = letter_of(Rejection(record, Reason.UNDECODABLE, ""))
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers.get("dead-letter-omitted")) == (key, value, omitted)
    assert headers["dead-letter-offset"] == b"0"


def test_a_topic_that_takes_less_than_it_should_gets_the_places(tmp_path: Path) -> None:
    """One letter that is refused for ever keeps back no other."""
    topic = Topic(LimitExceeded("too large"))
    with open_model(tmp_path, "t") as model:
        model.apply(POISON)
        finish(DeadLetters(model, topic.produce))
    assert [offset for offset, _ in topic.told()] == [0, 1, 2]
    assert {letter.value for letter in topic.letters} == {b""}


def test_a_projector_goes_on_while_the_topic_is_away(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events behind the poison are applied; the letter comes when the topic is back, on the real broker."""
    monkeypatch.setattr(dead_letters_module, "RETRY_SECONDS_FIRST", 0.01)
    settings = Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        topic=topic_name,
        partitions=1,
        schemas_topic=f"{topic_name}.schemas",
        dead_letter_topic=f"{topic_name}.dead",
    )
    poison = Raw(b"poison", None, headers=[("trace", b"\x01"), ("empty", None)])
    away = True

    async def work(model: ReadModel) -> DeadLetter:
        made = await ensure_topics(settings, kafka.connection)
        assert made[f"{topic_name}.dead"]
        spec = settings.topic_spec()
        async with dead_letters_of(settings, kafka.connection) as produce, source_of(kafka.connection, model) as source:
            assert produce is not None

            async def produce_when_back(letters: Sequence[DeadLetter]) -> None:
                if away:
                    raise BrokerUnavailable("away")
                await produce(letters)

            dead_letters = DeadLetters(model, produce_when_back)
            projector = Projector(model, source, dead_letters=dead_letters)
            running = asyncio.create_task(projector.run())
            await append_raw(kafka.connection, topic_name, poison)
            await projector.wait_for(at(spec, 1), WAIT_SECONDS)
            await append_raw(kafka.connection, topic_name, raw(FIRST))
            await projector.wait_for(at(spec, 2), WAIT_SECONDS)
            nonlocal away
            away = False
            letter = await first_letter(kafka, f"{topic_name}.dead")
            projector.stop()
            await asyncio.wait_for(running, WAIT_SECONDS)
        return letter

    with open_model(tmp_path, topic_name) as model:
        letter = asyncio.run(work(model))
        assert rows(model, "FROM dead_letters") == [(0, 0, "undecodable")]
    assert (letter.key, letter.value) == (None, b"poison")
    assert letter.headers[:3] == (("trace", b"\x01"), ("empty", None), ("dead-letter-reason", b"undecodable"))


async def first_letter(kafka: Kafka, topic: str) -> DeadLetter:
    """Wait for the first record of a topic."""
    consumer = AIOKafkaConsumer(
        topic, **kafka.connection.client_options(), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), WAIT_SECONDS)
    finally:
        await consumer.stop()
    return DeadLetter(record.key, record.value, tuple(record.headers))
