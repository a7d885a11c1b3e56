"""A retry puts quarantined records to the test again: applied as if they had come in time, or refused as before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from ledger_projectors.log.records import Reason
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.store import read_model as read_model_module
from ledger_projectors.store.quarantine import Result, Retried, RetryOutcome, Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import TopicSpec
from ledger_schemas.errors import ProjectorFailed, ReadModelBehind, TooManyQuarantined
from ledger_schemas.kinds import Kind
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import append_raw, at, content, open_model, projecting, raw, reading, rows
from tests.projectors.decode.foreign_writer import named, next_version, record_at, written_with
from tests.projectors.decode.late_schemas import created, knowing, read

AHEAD: Final = next_version(Kind.CREATED)
KNOWN: Final = knowing(AHEAD.fingerprint, AHEAD.text)
FIRST, SECOND = created("first"), created("second")
POISON: Final = replace(raw(FIRST), value=b"poison")
LOG: Final = [
    record_at(one, offset)
    for offset, one in enumerate(
        [
            written_with(AHEAD, FIRST),
            raw(read(FIRST)),
            written_with(AHEAD, FIRST),
            POISON,
            written_with(AHEAD, SECOND),
            raw(SECOND),
        ]
    )
]
"""Without their schema, 0, 2 and 4 go to quarantine; 4 is the first copy of 5; 3 is poison for everyone."""

NOT_A_FRAME: Final = "The record begins neither with single-object magic C3 01 nor with a Confluent frame (6 bytes)."
RETRIED: Final = (
    Retried(0, 0, Result.APPLIED),
    Retried(0, 2, Result.DUPLICATE),
    Retried(0, 3, Result.REFUSED, Reason.UNDECODABLE, NOT_A_FRAME),
    Retried(0, 4, Result.APPLIED),
)
KEPT: Final = "SELECT log_offset FROM quarantine ORDER BY ALL"
WAIT_SECONDS: Final = 30.0


class Died(Exception):
    """The step after which nothing more happens."""


def digest(model: ReadModel) -> Digest:
    """Return the digest of an open read model."""
    with reading(model) as reader:
        return digest_read_model(reader)


@pytest.fixture
def in_time(tmp_path: Path) -> Digest:
    """Give what the log is for a reader who knew its schemas from the first record on."""
    with open_model(tmp_path / "in_time") as model:
        model.apply(LOG, known=KNOWN)
        return digest(model)


def test_what_is_retried_after_a_fix_is_as_if_in_time(tmp_path: Path, in_time: Digest) -> None:
    """Each record is told of: applied, a further copy, or refused with its reason; the position stays."""
    with open_model(tmp_path) as model:
        model.apply(LOG)
        before = model.position()
        outcome = model.retry(Selection(), KNOWN)
        assert outcome.retried == RETRIED
        assert (outcome.applied, outcome.reasons) == (2, {"undecodable": 1})
        assert digest(model) == in_time
        assert model.position() == before


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(reason=Reason.SCHEMA_UNKNOWN), [3]),
        (Selection(reason=Reason.CONFLICT), [0, 2, 3, 4]),
        (Selection(places=((0, 4), (0, 3), (1, 0), (0, 1))), [0, 2, 3]),
        (Selection(places=((0, 4), (0, 3)), reason=Reason.UNDECODABLE), [0, 2, 3, 4]),
        (Selection(places=()), [0, 2, 3, 4]),
        (Selection(after=(0, 2)), [0, 2, 3]),
    ],
)
def test_a_selection_names_what_is_retried(tmp_path: Path, selection: Selection, kept: list[int]) -> None:
    """By reason, by places, behind a place, or several of these at once; the others stay as they are."""
    with open_model(tmp_path) as model:
        model.apply(LOG)
        model.retry(selection, KNOWN)
        assert [offset for (offset,) in rows(model, KEPT)] == kept


@pytest.mark.parametrize("limit", ["RETRY_RECORDS_MAX", "RELEASE_BYTES"])
def test_a_large_selection_is_retried_part_by_part(
    tmp_path: Path, in_time: Digest, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Each call takes the next, at least one, behind the last place; after the last there is nothing."""
    monkeypatch.setattr(read_model_module, limit, 1)
    with open_model(tmp_path) as model:
        model.apply(LOG)
        retried: list[Retried] = []
        while (outcome := model.retry(Selection(after=_last(retried)), KNOWN)) != RetryOutcome():
            (one,) = outcome.retried
            retried.append(one)
        assert tuple(retried) == RETRIED
        assert digest(model) == in_time


def test_what_is_refused_for_another_reason_has_that_one(tmp_path: Path) -> None:
    """The reason in quarantine is why the record cannot be applied now."""
    stranger = replace(LOG[0], key=b"somebody else's")
    with open_model(tmp_path) as model:
        model.apply([stranger])
        assert rows(model, "SELECT reason FROM quarantine") == [("schema_unknown",)]
        assert model.retry(Selection(), KNOWN).reasons == {"key_mismatch": 1}
        assert rows(model, "SELECT reason, record_key FROM quarantine") == [("key_mismatch", b"somebody else's")]


@pytest.mark.parametrize("step", [Step.BEGUN, Step.HISTORY_WRITTEN, Step.QUARANTINED])
def test_a_retry_that_dies_has_not_happened(tmp_path: Path, in_time: Digest, step: Step) -> None:
    """It is one transaction: no record has left quarantine, and it can be done again."""

    def die(at_step: Step) -> None:
        if at_step is step:
            raise Died

    with open_model(tmp_path) as model:
        model.apply(LOG)
        before = content(model)
        with pytest.raises(Died):
            model.retry(Selection(), KNOWN, die)
        assert content(model) == before
        assert model.retry(Selection(), KNOWN).retried == RETRIED
        assert digest(model) == in_time


def test_a_running_projector_does_it_between_two_batches(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """It answers for each record, goes on with the log, and says in its log how many were retried."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, POISON, raw(FIRST))
        async with projecting(kafka.connection, model) as (projector, _):
            await projector.wait_for(at(topic, 2), WAIT_SECONDS)
            with capture_logs() as logs:
                async with asyncio.timeout(WAIT_SECONDS):
                    outcomes = await asyncio.gather(
                        projector.retry(Selection()), projector.retry(Selection(places=((0, 7),)))
                    )
            assert [outcome.retried for outcome in outcomes] == [(replace(RETRIED[2], offset=0),), ()]
            assert [line["refused"] for line in named(logs, "projector.records_retried")] == [{"undecodable": 1}, {}]
            await append_raw(kafka.connection, topic.name, raw(SECOND))
            await projector.wait_for(at(topic, 3), WAIT_SECONDS)
        with pytest.raises(ReadModelBehind, match="was stopped at"):
            await projector.retry(Selection())

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def test_a_projector_that_stops_on_an_error_tells_those_who_asked(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """Nobody waits for a retry that cannot come."""
    topic = TopicSpec(topic_name, 1)

    async def work(model: ReadModel) -> None:
        await ensure_topic(kafka.connection, topic)
        await append_raw(kafka.connection, topic.name, POISON)
        async with projecting(kafka.connection, model, quarantine_window_records=1) as (projector, running):
            with pytest.raises(TooManyQuarantined):
                await asyncio.wait_for(running, WAIT_SECONDS)
            with pytest.raises(ProjectorFailed, match="cannot be read"):
                await projector.retry(Selection())

    with open_model(tmp_path, topic.name) as model:
        asyncio.run(work(model))


def _last(retried: list[Retried]) -> tuple[int, int] | None:
    return (retried[-1].partition, retried[-1].offset) if retried else None
