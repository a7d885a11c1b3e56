"""Writers ahead of the reader: their schemas travel with the log, are waited for, and release what came before them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest
from structlog.testing import capture_logs

from ledger_projectors import awaited_schemas
from ledger_projectors.awaited_schemas import AwaitedSchemas
from ledger_projectors.digest import digest_read_model
from ledger_projectors.read_model import ReadModel
from ledger_projectors.rebuild import rebuild
from ledger_projectors.records import LogRecord
from ledger_projectors.steps import Step
from ledger_schemas import Event, TopicSpec, new_id
from ledger_schemas.framing import SINGLE_OBJECT_MAGIC, SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.parsing import parse_event
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of
from ledger_schemas.shipped import current_schema, fingerprint_of_text
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import (
    Raw,
    administering,
    append_raw,
    at,
    demo_events,
    open_model,
    raw,
    reading,
    rows,
)
from tests.projectors.foreign_writer import (
    WAIT_SECONDS,
    eventually,
    named,
    next_version,
    publish,
    reading_schemas,
    record_at,
    with_topics,
    written_with,
)

REACH_SECONDS = 30.0
LATE_SHARE = 0.5
LONG_SECONDS = 600.0
"""A wait that no test survives: what is applied under it was not waited for."""

AHEAD = next_version(Kind.CREATED)
QUARANTINED = "SELECT log_offset, reason FROM quarantine ORDER BY ALL"
APPLIED = "SELECT log_offset, kind, category FROM events ORDER BY ALL"


def created(category: str = "shipping") -> Event:
    """Return an event."""
    return parse_event({"kind": "created", "tenant_id": "acme", "source": "shop", "category": category})


def read(event: Event) -> Event:
    """Return a fact about the same notification."""
    return parse_event(
        {"kind": "read", "tenant_id": "acme", "source": "shop", "notification_id": event.notification_id}
    )


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
    """Who publishes one schema may publish the next: a reference that was given up is waited for anew."""
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


def test_what_is_no_event_under_its_schema_goes_back_with_the_true_reason(tmp_path: Path) -> None:
    """A release judges as the decoder would have: bytes left over are undecodable, a wrong key is a wrong key."""
    good, broken = written_with(AHEAD, created()), written_with(AHEAD, created())
    assert broken.value is not None
    stranger = str(new_id()).encode()
    records = [good, Raw(broken.value + b"\0", broken.key), Raw(good.value, stranger)]
    with open_model(tmp_path) as model:
        model.apply([record_at(record, offset) for offset, record in enumerate(records)])
        assert [reason for _, reason in rows(model, QUARANTINED)] == ["schema_unknown"] * 3
        outcome = model.release(knowing(AHEAD.fingerprint, AHEAD.text))
        assert outcome is not None
        assert (outcome.applied, outcome.reasons) == (1, {"undecodable": 1, "key_mismatch": 1})
        assert rows(model, QUARANTINED) == [(1, "undecodable"), (2, "key_mismatch")]
        assert model.release(knowing(AHEAD.fingerprint, AHEAD.text)) is None


def test_a_release_is_one_transaction(tmp_path: Path) -> None:
    """When it fails in the middle, the records are in quarantine as before, whole; and it can be done again."""
    with open_model(tmp_path) as model:
        model.apply([record_at(replace(written_with(AHEAD, created()), headers=[("trace", b"\x01")]), 0)])
        before = rows(model, "SELECT q::VARCHAR FROM quarantine AS q")
        for failing in (Step.BEGUN, Step.HISTORY_WRITTEN, Step.QUARANTINED):

            def fail(step: Step, failing: Step = failing) -> None:
                if step is failing:
                    raise duckdb.IOException("disk full")

            with pytest.raises(duckdb.IOException):
                model.release(knowing(AHEAD.fingerprint, AHEAD.text), fail)
            assert rows(model, "SELECT q::VARCHAR FROM quarantine AS q") == before
            assert rows(model, APPLIED) == []
        model.release(knowing(AHEAD.fingerprint, AHEAD.text))
        assert rows(model, "SELECT log_offset, epoch_ms(recorded_at) FROM events") == [(0, 1_000)]
        assert rows(model, QUARANTINED) == []


def test_a_release_takes_no_more_than_its_bytes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction takes the next records in log order, at least one, until none waits."""
    monkeypatch.setattr("ledger_projectors.read_model.RELEASE_BYTES", 1)
    with open_model(tmp_path) as model:
        model.apply([record_at(written_with(AHEAD, created(str(offset))), offset) for offset in range(3)])
        known = knowing(AHEAD.fingerprint, AHEAD.text)
        for offset in range(3):
            assert model.release(known) is not None
            assert [place for place, _, _ in rows(model, APPLIED)] == list(range(offset + 1))
        assert model.release(known) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_released_in_any_order_is_as_if_in_time(tmp_path: Path, seed: int) -> None:
    """Of a history with duplicates and disorder, any share may come under schemas that are told of one by one, later.

    Row for row, the read model is the one whose schemas were known from the first record on.
    """
    rng = Random(seed)  # noqa: S311 - a test, repeatable
    versions = {kind: next_version(kind) for kind in Kind}
    events = demo_events(20, seed)
    # Some once more, much later: by whom, and so under which schema, is chance too.
    events += rng.sample(events, len(events) // 5)
    records = [
        record_at(written_with(versions[event.kind], event) if rng.random() < LATE_SHARE else raw(event), offset)
        for offset, event in enumerate(events)
    ]
    everything = KnownSchemas()
    for version in versions.values():
        everything.learn(SchemaReference.to_fingerprint(version.fingerprint), version.text)
    digests = []
    with open_model(tmp_path / "in_time") as model, reading(model) as reader:
        model.apply(records, known=everything)
        digests.append(digest_read_model(reader))
    with open_model(tmp_path / "late") as model, reading(model) as reader:
        known = KnownSchemas()
        for start in range(0, len(records), len(records) // 3 + 1):
            model.apply(records[start : start + len(records) // 3 + 1], known=known)
        assert len(rows(model, QUARANTINED)) > len(records) // 4
        for version in rng.sample(list(versions.values()), len(versions)):
            known.learn(SchemaReference.to_fingerprint(version.fingerprint), version.text)
            model.release(known)
        digests.append(digest_read_model(reader))
    assert digests[0] == digests[1]
    assert digests[0].tables["quarantine"][0] == 0
    assert digests[0].tables["duplicates"][0] > 0


def test_an_upgrade_that_knows_the_kind_releases_too(tmp_path: Path) -> None:
    """What was kept as kind_unknown is applied by a reader to whom its schema says one of its kinds."""
    with open_model(tmp_path) as model:
        model.apply([record_at(written_with(AHEAD, created()), 0)])
        with model._transaction(lambda _: None):
            model._connection.execute("UPDATE quarantine SET reason = 'kind_unknown'")
        assert model.release(KnownSchemas()) is None
        assert model.release(knowing(AHEAD.fingerprint, AHEAD.text)) is not None
        assert (len(rows(model, APPLIED)), rows(model, QUARANTINED)) == (1, [])


Work = Callable[[ReadModel, TopicSpec, TopicSpec], Awaitable[None]]


def run(kafka: Kafka, topic_name: str, folder: Path, work: Work) -> None:
    """Make both topics if need be, open the read model of the folder, and do the work."""

    async def prepared() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        with open_model(folder, topic.name) as model:
            await work(model, topic, schemas)

    asyncio.run(prepared())


def assert_equal_to_a_replay(kafka: Kafka, topic_name: str, folder: Path) -> None:
    """Check that the read model of the folder is what a replay of the whole log makes, digest for digest."""

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        async with SchemaStore(kafka.connection, schemas) as store:
            rebuilt = await rebuild(
                folder / "read_model.duckdb",
                kafka.connection,
                topic=topic.name,
                partitions=topic.partitions,
                schemas=AwaitedSchemas(store, WAIT_SECONDS),
            )
        assert rebuilt.old == rebuilt.new
        assert rebuilt.new.tables["events"][0] > 0

    asyncio.run(work())


async def made_again(kafka: Kafka, topic: TopicSpec) -> None:
    """Make a topic that was deleted; the broker needs a moment to forget the old one."""
    async with administering(kafka.connection) as admin, asyncio.timeout(REACH_SECONDS):
        while topic.name in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
    assert await ensure_topic(kafka.connection, topic)


def knowing(fingerprint: bytes, text: str) -> KnownSchemas:
    """Return what a reader knows who has learnt one schema."""
    known = KnownSchemas()
    assert known.learn(SchemaReference.to_fingerprint(fingerprint), text)
    return known
