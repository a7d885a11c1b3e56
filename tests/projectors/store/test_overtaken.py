"""Of two copies with other content the first in the log counts, also when it was in quarantine meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest
from structlog.testing import capture_logs

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.again import read_again
from ledger_projectors.log.records import LogRecord, Reason
from ledger_projectors.projector import Projector
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.store.late_copies import with_copies
from ledger_projectors.store.quarantine import Place, RetryOutcome, Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step, unobserved
from ledger_schemas import Event, TopicSpec
from ledger_schemas.errors import GuardRefused
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import binding_of
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import append_raw, at, content, open_model, raw, reading, rows, source_of
from tests.projectors.decode.foreign_writer import (
    EVENTUALLY_SECONDS,
    WAIT_SECONDS,
    eventually,
    named,
    next_version,
    publish,
    record_at,
    written_with,
)
from tests.projectors.decode.late_schemas import QUARANTINED, assert_equal_to_a_replay, created, knowing, read, run
from tests.projectors.store.batch_writing import ODD_NAME, Written, append_batches, batch_of

AHEAD: Final = next_version(Kind.CREATED)
KNOWN: Final = knowing(AHEAD.fingerprint, AHEAD.text)
FIRST: Final = created("first")
SECOND: Final = created("second")


def other(category: str) -> Event:
    """Return a copy of the event with other content."""
    return FIRST.model_copy(update={"category": category})


def log_of(*copies: tuple[bool, str]) -> list[LogRecord]:
    """Return a log of copies of one event, each written ahead of the reader or not, with its content."""
    written = [written_with(AHEAD, other(text)) if ahead else raw(other(text)) for ahead, text in copies]
    return [record_at(one, offset) for offset, one in enumerate([*written, raw(read(FIRST))])]


def digest(model: ReadModel) -> Digest:
    """Return the digest of an open read model."""
    with reading(model) as reader:
        return digest_read_model(reader)


def in_time(folder: Path, log: Sequence[LogRecord]) -> Digest:
    """Return what a reader makes of the log who knew its schemas from the first record on."""
    with open_model(folder) as model:
        model.apply(log, known=KNOWN)
        return digest(model)


def release_all(model: ReadModel, log: Sequence[LogRecord]) -> list[tuple[Place, ...]]:
    """Release with whatever copies are wanted from the log; return which were."""
    by_place = {(record.partition, record.offset): record for record in log}
    copies: list[LogRecord] = []
    wanted = []
    while (outcome := model.release(KNOWN, copies=copies)) is not None:
        wanted += [outcome.wanted] if outcome.wanted else []
        copies = [*copies, *(by_place[place] for place in outcome.wanted)] if outcome.wanted else []
    return wanted


@pytest.mark.parametrize(
    ("copies", "wanted"),
    [
        # The applied one becomes a conflict.
        ([(True, "a"), (False, "b")], [((0, 1),)]),
        # So does its duplicate, and what conflicted with it and is as the first becomes a duplicate.
        ([(True, "a"), (False, "b"), (False, "b"), (False, "a")], [((0, 1), (0, 2))]),
        # Two come out of quarantine at once, one as the first, one as the second.
        ([(True, "a"), (True, "b"), (False, "b"), (False, "c")], [((0, 2),)]),
        # The last one comes out, too, as a duplicate of the applied one: it is at hand, and nowhere to be read again.
        ([(True, "a"), (False, "b"), (True, "b")], [((0, 1),)]),
        # The one that comes out is a conflict, and the applied one the first.
        ([(False, "a"), (True, "b"), (False, "a")], []),
    ],
)
def test_the_first_in_the_log_takes_its_place(
    tmp_path: Path, copies: list[tuple[bool, str]], wanted: list[tuple[Place, ...]]
) -> None:
    """What was taken for the event, and for copies of it, is judged again: the read model is that of a replay."""
    log = log_of(*copies)
    with open_model(tmp_path / "late") as model:
        model.apply(log)
        assert release_all(model, log) == wanted
        assert digest(model) == in_time(tmp_path / "in_time", log)


@pytest.mark.parametrize("seed", range(10))
def test_any_copies_in_any_order_are_as_if_in_time(tmp_path: Path, seed: int) -> None:
    """Copies of few contents, any of them ahead of the reader, between facts that stay."""
    rng = Random(seed)  # noqa: S311 - a test, repeatable
    log = log_of(*((rng.random() < 0.5, rng.choice("abc")) for _ in range(12)))
    with open_model(tmp_path / "late") as model:
        model.apply(log[:5])
        model.apply(log[5:])
        release_all(model, log)
        assert digest(model) == in_time(tmp_path / "in_time", log)


def test_while_copies_are_wanted_nothing_is_done(tmp_path: Path) -> None:
    """The outcome names them, and the file is as it was; a death in the middle of the rest leaves it so too."""
    log = log_of((True, "a"), (False, "b"))

    def die(step: Step) -> None:
        if step is Step.QUARANTINED:
            raise RuntimeError

    with open_model(tmp_path) as model:
        model.apply(log)
        before = content(model)
        assert model.release(KNOWN, copies=[]) == RetryOutcome(wanted=((0, 1),))
        assert content(model) == before
        with pytest.raises(RuntimeError):
            model.release(KNOWN, die, copies=log[1:2])
        assert content(model) == before


def test_without_copies_the_applied_one_stays_and_is_told_of(tmp_path: Path) -> None:
    """When the log cannot be read the release goes on; a retry of the conflict mends it later."""
    log = log_of((True, "a"), (False, "b"))
    with open_model(tmp_path / "late") as model:
        model.apply(log)
        outcome = model.release(KNOWN)
        assert outcome is not None
        assert (outcome.wanted, outcome.reasons) == (((0, 1),), {"conflict": 1})
        assert rows(model, "SELECT log_offset FROM quarantine") == [(0,)]
        conflicts = Selection(reason=Reason.CONFLICT)
        assert model.retry(conflicts, KNOWN, copies=[]).wanted == ((0, 1),)
        model.retry(conflicts, KNOWN, copies=log[1:2])
        assert digest(model) == in_time(tmp_path / "in_time", log)


@pytest.mark.parametrize("what", ["another event", "another time", "no event"])
def test_copies_of_another_log_are_refused(tmp_path: Path, what: str) -> None:
    """What is read again is not what was applied there: nothing is done, and the error says where."""
    log = log_of((True, "a"), (False, "b"))
    ours = log[1]
    theirs = {
        "another event": record_at(raw(created("theirs")), 1),
        "another time": replace(ours, recorded_at_ms=ours.recorded_at_ms + 1),
        "no event": replace(ours, value=b"theirs", recorded_at_ms=ours.recorded_at_ms + 1),
    }[what]
    with open_model(tmp_path) as model:
        model.apply(log)
        before = digest(model)
        with pytest.raises(GuardRefused, match="partition 0 offset 1 holds another record"):
            model.release(KNOWN, copies=[theirs])
        assert digest(model) == before
        assert release_all(model, log) == [((0, 1),)]


def test_events_of_others_are_left_alone(tmp_path: Path) -> None:
    """Other events of the notification, other conflicts and other notifications stay what they are."""
    facts = [record_at(raw(read(FIRST)), 0), record_at(raw(created("elsewhere")), 1)]
    conflict = raw(FIRST.model_copy(update={"event_id": read(FIRST).event_id}))
    moved = [replace(one, offset=one.offset + 3) for one in log_of((True, "a"), (False, "b"))]
    log = [*facts, record_at(conflict, 2), *moved]
    with open_model(tmp_path / "late") as model:
        model.apply(log)
        release_all(model, log)
        assert digest(model) == in_time(tmp_path / "in_time", log)


def test_a_projector_reads_the_copies_from_the_log(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """The schema of the first copy comes when the second was applied long ago: they change places, as in a replay."""

    async def work(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        await append_raw(kafka.connection, topic.name, written_with(AHEAD, FIRST), raw(other("b")), raw(other("b")))
        async with (
            SchemaStore(kafka.connection, schemas) as store,
            source_of(kafka.connection, model) as source,
        ):
            awaited = AwaitedSchemas(store, WAIT_SECONDS)
            reading_again = partial(read_again, kafka.connection, topic.name)
            projector = Projector(model, source, schemas=awaited, read_again=reading_again)
            running = asyncio.create_task(projector.run())
            await projector.wait_for(at(topic, 3), EVENTUALLY_SECONDS)
            assert rows(model, QUARANTINED) == [(0, "schema_unknown")]
            await publish(kafka.connection, schemas, binding_of(AHEAD))
            await eventually(lambda: rows(model, QUARANTINED) == [(1, "conflict"), (2, "conflict")])
            projector.stop()
            await running

    run(kafka, topic_name, tmp_path, work)
    assert_equal_to_a_replay(kafka, topic_name, tmp_path)


def test_what_the_log_does_not_hold_is_not_to_be_had(kafka: Kafka, topic_name: str) -> None:
    """Its place is named; a broker that is away is another error, since it comes back."""
    topic = TopicSpec(topic_name, 1)

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, raw(FIRST), raw(SECOND))
        first, second = await read_again(kafka.connection, topic.name, [(0, 1), (0, 0)])
        assert (first.offset, first.value, second.key) == (1, raw(SECOND).value, raw(FIRST).key)
        with pytest.raises(GuardRefused):
            await read_again(kafka.connection, topic.name, [(0, 7)])

    asyncio.run(work())


def test_a_record_beside_an_odd_header_is_to_be_had(kafka: Kafka, topic_name: str) -> None:
    """A header name in the same record batch that is no UTF-8, which aiokafka reads nothing of, keeps nobody back."""
    topic = TopicSpec(topic_name, 1)
    ours = raw(FIRST)
    batch = batch_of(
        Written(0, b"before"),
        Written(1, ours.value, ours.key, headers=((ODD_NAME, b"\xff"),)),
        Written(2, b"behind"),
        attributes=0,
    )

    async def work() -> None:
        await ensure_topic(kafka.connection, topic)
        await append_batches(kafka.connection, topic.name, [batch])
        behind, found = await read_again(kafka.connection, topic.name, [(0, 2), (0, 1)])
        assert (behind.offset, behind.value) == (2, b"behind")
        assert (found.offset, found.key, found.value) == (1, ours.key, ours.value)
        with pytest.raises(GuardRefused):
            await read_again(kafka.connection, topic.name, [(0, 7)])

    asyncio.run(work())


def test_without_the_log_it_goes_on_and_says_where(tmp_path: Path) -> None:
    """Records that are gone for good cannot stop the projector: a line of its log has their places and what to do."""
    log = log_of((True, "a"), (False, "b"))

    async def gone(places: Sequence[Place]) -> list[LogRecord]:
        raise GuardRefused(f"{places} gone")

    async def work(model: ReadModel) -> RetryOutcome | None:
        async def release(copies: Sequence[LogRecord] | None) -> RetryOutcome | None:
            return await asyncio.to_thread(model.release, KNOWN, unobserved, copies)

        return await with_copies(release, gone)

    with open_model(tmp_path) as model:
        model.apply(log)
        with capture_logs() as logs:
            outcome = asyncio.run(work(model))
        assert outcome is not None
        assert outcome.reasons == {"conflict": 1}
        assert [line["places"] for line in named(logs, "projector.conflict_overtaken")] == [["0:1"]]
