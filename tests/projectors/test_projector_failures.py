"""What may pass is tried again, what cannot is said and stops the projector, and neither costs a record."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

import duckdb
import pytest
from structlog.testing import capture_logs

from ledger_projectors.decode.batch import DecodedBatch
from ledger_projectors.log.link import LogLink
from ledger_projectors.log.records import BatchOutcome, LogRecord, Rejection
from ledger_projectors.store import writer_thread
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import StepObserver, unobserved
from ledger_schemas import Personal, Position, TopicSpec
from ledger_schemas.alarms import AlarmCode
from ledger_schemas.errors import ProjectorFailed, TooManyQuarantined
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    Raw,
    append_events,
    append_raw,
    assert_folded,
    at,
    demo_events,
    open_model,
    project,
    projecting,
    raw,
    rows,
)
from tests.properties.strategies import said

CREATED: Final = said("created", "10:00:00").event
WAIT_SECONDS: Final = 30.0
POISON: Final = Raw(b"poison", b"key")


class Failures:
    """Makes a read model's next calls of `apply` fail with the errors of a list; None lets one through."""

    def __init__(self, model: ReadModel, errors: Sequence[duckdb.Error | None]) -> None:
        """Take the place of `apply` until the list is used up."""
        self.left = list(errors)
        self._apply = model.apply
        model.apply = self._fail_or_apply  # type: ignore[method-assign] # the seam that breaks

    def _fail_or_apply(
        self,
        records: Sequence[LogRecord],
        next_offsets: Mapping[int, int] | None = None,
        on_step: StepObserver = unobserved,
        known: KnownSchemas | None = None,
        decoded: DecodedBatch | None = None,
        begin_offsets: Mapping[int, int] | None = None,
    ) -> BatchOutcome:
        if self.left and (error := self.left.pop(0)) is not None:
            raise error
        return self._apply(records, next_offsets, on_step, known, decoded, begin_offsets)


def test_poison_does_not_stop_good_records(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Records that cannot be applied go to quarantine, one by one; all that stand between them are applied."""
    topic = TopicSpec(topic_name, 1)
    events = demo_events(3)
    bad = [POISON, Raw(None, b"key"), Raw(b"\xff" * 100_000), replace(raw(CREATED), key=None)]
    mixed = [one for number, event in enumerate(events) for one in (raw(event), bad[number % len(bad)])]

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *mixed)
        progress = (await project(kafka.connection, model, batch_records_max=5)).progress()
        assert progress.quarantined == len(events)
        assert progress.applied + progress.duplicates == len(events)
        assert model.position() == at(topic, len(mixed))

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))
        offsets = [offset for (offset,) in rows(model, "SELECT log_offset FROM quarantine ORDER BY ALL")]
        assert offsets == list(range(1, len(mixed), 2))


def test_a_watch_that_dies_stops_it(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """What is watched beside the work may fail in a way that nobody foresaw: the run ends with that, not without it."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_events(kafka.connection, topic.name, demo_events(3))
        async with projecting(kafka.connection, model) as (projector, running):
            await projector.wait_caught_up()
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(LogLink, "ranges", _not_foreseen)
                with pytest.raises(ProjectorFailed, match=r"^A watch of the projector failed: ZeroDivisionError\."):
                    await asyncio.wait_for(running, WAIT_SECONDS)

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


async def _not_foreseen(_: LogLink) -> NoReturn:
    raise ZeroDivisionError


def test_a_window_that_is_mostly_unreadable_stops_it(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Half of a window goes on; more end the run with the facts, and what was applied stays."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, raw(CREATED), POISON, POISON)
        async with projecting(kafka.connection, model, quarantine_window_records=4) as (projector, running):
            await projector.wait_for(at(topic, 3), WAIT_SECONDS)
            assert not running.done()
            await append_raw(kafka.connection, topic.name, POISON)
            with pytest.raises(
                TooManyQuarantined, match=r"^3 of 4 consecutive records .* offsets 1 to 3: 3 undecodable"
            ):
                await asyncio.wait_for(running, WAIT_SECONDS)
            with pytest.raises(ProjectorFailed, match="3 of 4 consecutive records"):
                await projector.wait_for(at(topic, 5), WAIT_SECONDS)
        assert model.position() == at(topic, 4)
        assert rows(model, "SELECT kind FROM events") == [("created",)]
        assert rows(model, "SELECT count(*) FROM quarantine") == [(3,)]
        # The next run counts from here, and the alarm says what is still in the window.
        async with projecting(kafka.connection, model, quarantine_max=2, quarantine_window_records=4) as (projector, _):
            await append_raw(kafka.connection, topic.name, POISON)
            await projector.wait_for(at(topic, 5), WAIT_SECONDS)
            assert [alarm.code for alarm in projector.progress().alarms] == [AlarmCode.QUARANTINE_HIGH]

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def test_conflicts_in_any_number_stop_nothing_and_are_told(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A window of conflicts alone is an alarm that names the tenant, also after a restart, until the window is past.

    They are counted on the writer's thread: 200,000 of them would hold up the event loop.
    """
    topic = TopicSpec(topic_name, 1)
    count = 50
    other = CREATED.model_copy(update={"personal": Personal(title="Other")})
    good = [raw(event) for event in demo_events(count)[:count]]
    counted_on: set[str] = set()

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        with capture_logs() as logs:
            async with projecting(kafka.connection, model, quarantine_window_records=count) as (projector, running):
                count_them = projector._rate.add

                def add(rejections: Iterable[Rejection], position: Position) -> TooManyQuarantined | None:
                    counted_on.add(threading.current_thread().name.rpartition("_")[0])
                    return count_them(rejections, position)

                projector._rate.add = add  # type: ignore[method-assign]
                await append_raw(kafka.connection, topic.name, raw(CREATED), *[raw(other)] * count)
                await projector.wait_for(at(topic, count + 1), WAIT_SECONDS)
                assert not running.done()
        assert counted_on == {"projector-writer"}
        told = [line["conflicts_by_tenant"] for line in logs if line["event"] == "projector.records_quarantined"]
        assert sum((Counter(one) for one in told), Counter()) == {CREATED.tenant_id: count}
        async with projecting(kafka.connection, model, quarantine_window_records=count) as (projector, _):
            await projector.wait_caught_up()
            (alarm,) = projector.progress().alarms
            assert alarm.code is AlarmCode.CONFLICTS
            assert f"most are of tenant {CREATED.tenant_id} ({count})" in alarm.detail
            await append_raw(kafka.connection, topic.name, *good)
            await projector.wait_for(at(topic, 2 * count + 1), WAIT_SECONDS)
            assert projector.progress().alarms == ()

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))
        kept = rows(model, "SELECT reason, tenant_id, count(*) FROM quarantine GROUP BY ALL")
        assert kept == [("conflict", CREATED.tenant_id, count)]


def test_garbage_of_another_writer_below_half_stops_no_good_record(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """30 % of every window: all good records are applied, and the alarm says what the others have in common."""
    topic = TopicSpec(topic_name, 1)
    events = demo_events(30)
    events = events[: len(events) - len(events) % 7]
    mixed = [one for start in range(0, len(events), 7) for one in [*map(raw, events[start : start + 7]), *[POISON] * 3]]

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, *mixed)
        async with projecting(kafka.connection, model, quarantine_max=2, quarantine_window_records=10) as (
            projector,
            _,
        ):
            await projector.wait_for(at(topic, len(mixed)), WAIT_SECONDS)
            progress = projector.progress()
            assert progress.applied + progress.duplicates == len(events)
            (alarm,) = progress.alarms
            assert alarm.code is AlarmCode.QUARANTINE_HIGH
            assert "3 undecodable (no frame of ours: 3)" in alarm.detail

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


@pytest.mark.parametrize("error", [duckdb.IOException("No space left on device"), duckdb.OutOfMemoryException("full")])
def test_a_batch_that_fails_for_now_is_tried_again(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: duckdb.Error
) -> None:
    """A full disk or memory: the batch is applied when there is room again, once, and nothing behind it is lost."""
    monkeypatch.setattr(writer_thread, "RETRY_SECONDS_FIRST", 0.01)
    topic = TopicSpec(topic_name, 3)
    append(kafka.connection, topic, demo_events(10))
    with open_model(tmp_path, topic.name, 3) as model:
        failures = Failures(model, [None, error, error, None, error])
        projector = asyncio.run(project(kafka.connection, model, batch_records_max=20))
        assert failures.left == []
        assert not projector.progress().retrying
        assert_folded(kafka, topic, model)


def test_a_stop_ends_a_batch_that_keeps_failing(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """While it waits to try again it says so, and can be stopped; the position says that nothing has happened."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_events(kafka.connection, topic.name, [CREATED])
        failures = Failures(model, [duckdb.IOException("No space left on device")] * 1_000)
        async with projecting(kafka.connection, model) as (projector, running):
            async with asyncio.timeout(WAIT_SECONDS):
                while len(failures.left) == 1_000:  # noqa: ASYNC110 - what fails tells nobody
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert projector.progress().retrying
            projector.stop()
            await asyncio.wait_for(running, WAIT_SECONDS)
        assert model.position() == projector.progress().position == Position()

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def test_a_checkpoint_that_fails_for_now_is_no_failed_batch(
    kafka: Kafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for a checkpoint: the batch counts once, and the projector goes on; a fatal error there stops it."""
    topic = TopicSpec(topic_name, 3)
    append(kafka.connection, topic, demo_events(5))

    def fail(error: duckdb.Error) -> None:
        def checkpoint(*_: object) -> None:
            raise error

        monkeypatch.setattr(model, "checkpoint_if_due", checkpoint)

    with open_model(tmp_path, topic.name, 3) as model:
        fail(duckdb.IOException("No space left on device"))
        asyncio.run(project(kafka.connection, model, batch_records_max=20))
        assert_folded(kafka, topic, model)
    with open_model(tmp_path / "other", topic.name, 3) as model:
        fail(duckdb.FatalException("gone"))
        with pytest.raises(ProjectorFailed, match="at a checkpoint: FatalException"):
            asyncio.run(project(kafka.connection, model))


@pytest.mark.parametrize("error", [duckdb.FatalException("invalidated"), duckdb.InternalException("a defect")])
def test_what_trying_again_cannot_mend_stops_it(
    kafka: Kafka, topic_name: str, tmp_path: Path, error: duckdb.Error
) -> None:
    """After a fatal error the run ends with the file's name, who waits is told so at once, and nothing was applied."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        Failures(model, [error])
        async with projecting(kafka.connection, model) as (projector, running):
            waiting = asyncio.create_task(projector.wait_for(at(topic, 1), 1_000))
            await append_events(kafka.connection, topic.name, [CREATED])
            with pytest.raises(ProjectorFailed, match=type(error).__name__) as raised:
                await asyncio.wait_for(running, WAIT_SECONDS)
            assert str(model.path) in raised.value.message
            with pytest.raises(ProjectorFailed, match="The projector stopped: DuckDB failed") as told:
                await asyncio.wait_for(waiting, WAIT_SECONDS)
            assert told.value.__cause__ is raised.value
            with pytest.raises(ProjectorFailed, match="The projector stopped"):
                await projector.wait_for(at(topic, 1), 0.0)
        assert model.position() == Position()
        await project(kafka.connection, model)
        assert model.position() == at(topic, 1)

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))
