"""Writers ahead of the reader: their schemas travel with the log, are waited for, and release what came before them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ledger_projectors.decode import awaited_schemas
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.quarantine_rate import QUARANTINE_MAX
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.framing import SINGLE_OBJECT_MAGIC, SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of
from ledger_schemas.shipped import current_schema, fingerprint_of_text
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import Raw, administering, append_raw, at, open_model, raw, rows
from tests.projectors.decode.foreign_writer import (
    WAIT_SECONDS,
    eventually,
    named,
    next_version,
    publish,
    reading_schemas,
    record_at,
    written_with,
)
from tests.projectors.decode.late_schemas import (
    AHEAD,
    APPLIED,
    QUARANTINED,
    REACH_SECONDS,
    assert_equal_to_a_replay,
    created,
    read,
    run,
)

LONG_SECONDS = 600.0
"""A wait that no test survives: what is applied under it was not waited for."""


def test_a_schema_that_was_published_before_its_events_needs_no_wait(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """A foreign writer's next version is read from its first event on; the field that we do not know is left out."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await publish(kafka.connection, schemas, binding_of(AHEAD))
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
        async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, _):
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
            assert rows(model, APPLIED) == [(0, "created", "shipping")]

    run(kafka, topic_name, tmp_path, work)


def test_a_release_clears_the_alarm_about_what_waited(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """What is in quarantine is counted again after a release: events whose schema came late are no fault any more."""
    count = QUARANTINE_MAX + 1

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, *(written_with(AHEAD, created()) for _ in range(count)))
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, count), REACH_SECONDS)
            (alarm,) = projector.progress().alarms
            assert alarm.code is AlarmCode.QUARANTINE_HIGH
            assert f"{count} schema_unknown (fingerprint {AHEAD.fingerprint.hex()}: {count})" in alarm.detail
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await eventually(lambda: projector.progress().alarms == ())
            assert rows(model, QUARANTINED) == []

    run(kafka, topic_name, tmp_path, work)


def test_a_schema_that_comes_while_a_batch_waits_is_in_time(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Published after its events, but within the wait: nothing goes to quarantine."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
        async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, _):
            await asyncio.sleep(WAIT_SECONDS)
            assert rows(model, APPLIED) == []
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
            assert projector.progress().quarantined == 0
            assert rows(model, APPLIED) == [(0, "created", "shipping")]

    run(kafka, topic_name, tmp_path, work)


def test_a_schema_that_comes_too_late_releases_its_events(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Without a restart and without a new event, the records leave quarantine as if their schema had come in time.

    The read model is then the one that a replay makes, digest for digest, and stands where it stood.
    """
    first, second = created("first"), created("second")

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(
            kafka.connection,
            topic.name,
            written_with(AHEAD, first),
            raw(read(first)),
            written_with(AHEAD, second),
            written_with(AHEAD, second),
        )
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, 4), REACH_SECONDS)
            assert rows(model, QUARANTINED) == [(0, "schema_unknown"), (2, "schema_unknown"), (3, "schema_unknown")]
            assert rows(model, APPLIED) == [(1, "read", None)]
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await eventually(lambda: rows(model, QUARANTINED) == [])
            assert rows(model, APPLIED) == [(0, "created", "first"), (1, "read", None), (2, "created", "second")]
            assert rows(model, "SELECT log_offset FROM duplicates") == [(3,)]
            assert projector.progress().position == at(topic, 4)

    run(kafka, topic_name, tmp_path, work)
    assert_equal_to_a_replay(kafka, topic_name, tmp_path)


@pytest.mark.parametrize("later_schema", [None, "temper"])
def test_a_copy_that_was_applied_in_the_meantime_gives_way(
    kafka: Kafka, topic_name: str, tmp_path: Path, later_schema: str | None
) -> None:
    """History holds the first copy of an event, also when that one's schema came after the second was applied.

    The later copies were written with a shipped schema, or with another that came earlier; facts of the same
    notification stay as they are.
    """
    event, other = created("first"), created("second")
    later = next_version(Kind.CREATED, later_schema) if later_schema else None
    copy = written_with(later, event, field="temper") if later else raw(event)

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        if later:
            await publish(kafka.connection, schemas, binding_of(later))
        twice = written_with(AHEAD, event)
        await append_raw(kafka.connection, topic.name, raw(read(event)), twice, twice, copy, copy, raw(other))
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, 6), REACH_SECONDS)
            assert rows(model, APPLIED) == [(0, "read", None), (3, "created", "first"), (5, "created", "second")]
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await eventually(lambda: rows(model, QUARANTINED) == [])
            assert rows(model, APPLIED) == [(0, "read", None), (1, "created", "first"), (5, "created", "second")]
            assert rows(model, "SELECT log_offset FROM duplicates ORDER BY ALL") == [(2,), (3,), (4,)]
            await append_raw(kafka.connection, topic.name, raw(read(other)), raw(read(event)))
            await projector.wait_for(at(topic, 8), REACH_SECONDS)

    run(kafka, topic_name, tmp_path, work)
    assert_equal_to_a_replay(kafka, topic_name, tmp_path)


def test_a_schema_that_came_while_the_projector_was_stopped_releases_at_its_start(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """The next run begins with what its schemas release; the log has nothing new for it."""

    async def first(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
        await publish(kafka.connection, schemas, binding_of(AHEAD))

    async def second(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        assert rows(model, QUARANTINED) == [(0, "schema_unknown")]
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await eventually(lambda: rows(model, QUARANTINED) == [])
            assert projector.progress().position == at(topic, 1)
        assert rows(model, APPLIED) == [(0, "created", "shipping")]

    run(kafka, topic_name, tmp_path, first)
    run(kafka, topic_name, tmp_path, second)


def test_a_rebuild_agrees_with_a_file_whose_schema_came_late(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The old file is first given what the schemas release by now; then both say the same, and the new one is taken."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
        await publish(kafka.connection, schemas, binding_of(AHEAD))

    run(kafka, topic_name, tmp_path, work)
    assert_equal_to_a_replay(kafka, topic_name, tmp_path)
    with open_model(tmp_path, topic_name) as model:
        assert rows(model, QUARANTINED) == []
        assert rows(model, APPLIED) == [(0, "created", "shipping")]


def test_a_forged_header_holds_up_nobody_for_long(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """It is waited for once, within the bound, and goes to quarantine; the others are applied, before and after it."""
    forged = Raw(SINGLE_OBJECT_MAGIC + b"forged!!" + b"\0" * 40, b"key")

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, raw(created("before")), forged, raw(created("after")))
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await projector.wait_for(at(topic, 3), REACH_SECONDS)
            await append_raw(kafka.connection, topic.name, forged, raw(created("later")))
            await projector.wait_for(at(topic, 5), REACH_SECONDS)
        assert rows(model, QUARANTINED) == [(1, "schema_unknown"), (3, "schema_unknown")]
        assert [category for _, _, category in rows(model, APPLIED)] == ["before", "after", "later"]

    with capture_logs() as logs:
        run(kafka, topic_name, tmp_path, work)
    (given_up,) = named(logs, "projector.schemas_given_up")
    assert given_up["schemas"] == [f"fingerprint {b'forged!!'.hex()}"]


def test_a_stream_of_forged_headers_is_not_waited_for_one_by_one(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one wait in vain, the next forgery is only looked for; a store that has grown is worth a wait again."""
    monkeypatch.setattr(awaited_schemas, "REST_PER_WAIT", LONG_SECONDS)

    def forged(name: bytes) -> LogRecord:
        return record_at(Raw(SINGLE_OBJECT_MAGIC + name + b"\0" * 40, b"key"), 0)

    async def work(_: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        del topic
        async with SchemaStore(kafka.connection, schemas) as store:
            awaited = AwaitedSchemas(store, WAIT_SECONDS)
            stopping = asyncio.Event()
            await awaited.wait([forged(b"forged-1")], stopping, lambda _: None)
            awaited._wait_seconds = LONG_SECONDS
            async with asyncio.timeout(REACH_SECONDS):
                await awaited.wait([forged(b"forged-2")], stopping, lambda _: None)
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await store.refresh()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2 * WAIT_SECONDS):
                    await awaited.wait([forged(b"forged-3")], stopping, lambda _: None)

    run(kafka, topic_name, tmp_path, work)


def test_a_reference_is_looked_for_again_once_the_store_has_grown(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Who publishes one schema may publish the next: a reference that was given up is waited for again."""
    other = next_version(Kind.CREATED, "temper")

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
            await publish(kafka.connection, schemas, binding_of(other))
            await eventually(lambda: len(named(logs, "schema_publisher.published")) == 1)
            await asyncio.sleep(2 * awaited_schemas.POLL_SECONDS)
            await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
            await projector.wait_for(at(topic, 2), REACH_SECONDS)

    with capture_logs() as logs:
        run(kafka, topic_name, tmp_path, work)
    assert len(named(logs, "projector.schemas_given_up")) == 2


def test_a_schema_of_a_kind_that_nobody_told_us_of_is_not_waited_for(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Its schema is known, its kind is none of ours: quarantined as kind_unknown at once."""
    document = current_schema(Kind.FIRED).document | {"name": "NotificationTeleported"}
    text = json.dumps(document)
    reference = SchemaReference.to_fingerprint(fingerprint_of_text(text))
    teleported = Raw(SINGLE_OBJECT_MAGIC + reference.value + b"\0" * 20, b"key")

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await publish(kafka.connection, schemas, SchemaBinding(reference, text))
        await append_raw(kafka.connection, topic.name, teleported)
        async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, _):
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
        assert rows(model, QUARANTINED) == [(0, "kind_unknown")]

    run(kafka, topic_name, tmp_path, work)


def test_a_store_that_is_away_pauses_the_projector(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the schema topic cannot be read, nothing is quarantined and nothing moves; the projector says so.

    When it can be read again, the projector goes on.
    """
    monkeypatch.setattr(awaited_schemas, "RETRY_SECONDS_MAX", 0.5)

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        async with reading_schemas(kafka, model, schemas) as (projector, running):
            async with administering(kafka.connection) as admin:
                await admin.delete_topics([schemas.name])
            # The unreadable one first: a record that comes alone is a batch of its own, and would be applied.
            await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()), raw(created("known")))
            await eventually(lambda: projector.progress().retrying)
            await asyncio.sleep(3 * WAIT_SECONDS)
            assert not running.done()
            assert projector.progress().retrying
            assert (rows(model, APPLIED), rows(model, QUARANTINED)) == ([], [])
            await made_again(kafka, schemas)
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await projector.wait_for(at(topic, 2), REACH_SECONDS)
            assert not projector.progress().retrying
        assert (len(rows(model, APPLIED)), rows(model, QUARANTINED)) == (2, [])

    run(kafka, topic_name, tmp_path, work)


def test_a_store_that_is_away_hinders_nobody_whose_schemas_are_known(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Without the schema topic, events of shipped schemas are applied as ever."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        async with reading_schemas(kafka, model, schemas) as (projector, _):
            async with administering(kafka.connection) as admin:
                await admin.delete_topics([schemas.name])
            await append_raw(kafka.connection, topic.name, raw(created("known")))
            await projector.wait_for(at(topic, 1), REACH_SECONDS)
            assert not projector.progress().retrying

    run(kafka, topic_name, tmp_path, work)


def test_a_stop_ends_a_wait(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A projector that waits for a schema stops when it is told to; the batch in hand is not applied."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, created()))
        async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, running):
            await asyncio.sleep(WAIT_SECONDS)
            projector.stop()
            async with asyncio.timeout(REACH_SECONDS):
                await running
        assert model.position() == at(topic, 0)

    run(kafka, topic_name, tmp_path, work)


async def made_again(kafka: Kafka, topic: TopicSpec) -> None:
    """Make a topic that was deleted; the broker needs a moment to forget the old one."""
    async with administering(kafka.connection) as admin, asyncio.timeout(REACH_SECONDS):
        while topic.name in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
    assert await ensure_topic(kafka.connection, topic)
