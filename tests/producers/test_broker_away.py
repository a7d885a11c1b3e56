import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from ledger_infra.broker import NativeKafka
from ledger_producers import Emitter, history_import
from ledger_producers.appender import Appender
from ledger_producers.history_import import import_history
from ledger_schemas import Position, Receipt, encode_event, new_id
from ledger_schemas.errors import LedgerError, OutcomeUnknown
from ledger_schemas.events import Event
from ledger_schemas.history_lines import HistoryLine
from ledger_schemas.topic import schemas_topic_spec
from tests.conftest import prepare_schemas

from .the_log import Record, fired, log_of, with_topic

pytestmark = pytest.mark.kafka

APPEND_TIMEOUT_SECONDS = 1.0
SLACK_SECONDS = 8.0
"""What a busy machine may add to a bound."""

TASKS = 4
EVENTS_PER_TASK = 200
EMIT_BEFORE_SECONDS = 0.5
"""Before the broker is killed; far less than all the events need."""

Acknowledged = tuple[Event, Receipt, int]
"""An event, its receipt, and how often it was tried in vain before."""


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeKafka]:
    """Give a broker of this module's own, to be frozen and killed."""
    with NativeKafka(tmp_path_factory.mktemp("own")) as broker:
        asyncio.run(prepare_schemas(broker.connection))
        yield broker


@contextmanager
def frozen(broker: NativeKafka) -> Iterator[None]:
    """Keep the JVM from doing anything: connections stay open, nothing is answered."""
    pid = broker.node.java_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_broker_that_freezes_makes_the_outcome_unknown(own_broker: NativeKafka, topic_name: str) -> None:
    """The append is answered in its time with OutcomeUnknown; when the broker wakes, putting it again is safe."""

    async def scenario() -> tuple[Event, float, Receipt, list[Record]]:
        spec = await with_topic(own_broker, topic_name)
        event = fired()
        timeout = APPEND_TIMEOUT_SECONDS
        async with Emitter(own_broker.connection, source="test", topic=spec, append_timeout_seconds=timeout) as emitter:
            await emitter.put(fired(event.notification_id))
            with frozen(own_broker):
                begun = time.monotonic()
                with pytest.raises(OutcomeUnknown):
                    await emitter.put(event)
                took = time.monotonic() - begun
            emitter._appender._timeout_seconds = 30
            receipt = await emitter.put(event)
        return event, took, receipt, await log_of(own_broker, spec)

    event, took, receipt, log = asyncio.run(scenario())
    assert APPEND_TIMEOUT_SECONDS <= took < APPEND_TIMEOUT_SECONDS + SLACK_SECONDS
    copies = [record for record in log if record.event.event_id == event.event_id]
    assert 1 <= len(copies) <= 2
    assert receipt.position[topic_name, copies[-1].partition] == copies[-1].offset + 1
    assert len(log) == 1 + len(copies)


def test_leaving_an_emitter_is_bounded_when_the_broker_is_away(own_broker: NativeKafka, topic_name: str) -> None:
    """A record that nobody can take is given up after the append's time, so that a service can stop."""

    async def scenario() -> float:
        spec = await with_topic(own_broker, topic_name)
        timeout = APPEND_TIMEOUT_SECONDS
        with ExitStack() as stack:
            async with Emitter(
                own_broker.connection, source="test", topic=spec, append_timeout_seconds=timeout
            ) as emitter:
                await emitter.put(fired())
                stack.enter_context(frozen(own_broker))
                with pytest.raises(OutcomeUnknown):
                    await emitter.put(fired())
                begun = time.monotonic()
            return time.monotonic() - begun

    assert asyncio.run(scenario()) < APPEND_TIMEOUT_SECONDS + SLACK_SECONDS


def test_an_import_whose_broker_freezes_names_resume(
    own_broker: NativeKafka, topic_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint of the appender is for callers that hold the events; an import is resumed, and copies count once."""
    monkeypatch.setattr(history_import, "BATCH_EVENTS", 1)
    monkeypatch.setattr(history_import, "Appender", partial(Appender, timeout_seconds=APPEND_TIMEOUT_SECONDS))
    file = tmp_path / "history.jsonl"
    events = [fired() for _ in range(2)]
    file.write_bytes(b"".join(_line(topic_name, offset, event) for offset, event in enumerate(events)))

    async def scenario() -> list[Record]:
        spec = await with_topic(own_broker, topic_name)
        importing = partial(import_history, own_broker.connection, file, topic=spec, schemas_topic=schemas_topic_spec())
        with ExitStack() as stack:
            with pytest.raises(OutcomeUnknown) as unknown:
                await importing(on_progress=lambda _, __: stack.enter_context(frozen(own_broker)))
            assert "--resume" in unknown.value.hint
        monkeypatch.setattr(history_import, "Appender", Appender)
        assert (await importing(resume=True)).events == len(events)
        return await log_of(own_broker, spec)

    assert {record.event.event_id for record in asyncio.run(scenario())} == {event.event_id for event in events}


def _line(topic: str, offset: int, event: Event) -> bytes:
    recorded_at = datetime(2026, 3, 1, tzinfo=UTC)
    return HistoryLine(topic, 0, offset, recorded_at, str(event.notification_id).encode(), encode_event(event)).dumps()


@pytest.mark.timeout(180)
def test_a_broker_restart_while_emitting_loses_nothing(own_broker: NativeKafka, topic_name: str) -> None:
    """SIGKILL and start again under load: every acknowledged event is in the log where its receipt says, in order."""

    async def scenario() -> tuple[list[Acknowledged], list[Record]]:
        spec = await with_topic(own_broker, topic_name)
        acknowledged: list[Acknowledged] = []
        async with Emitter(own_broker.connection, source="test", topic=spec, append_timeout_seconds=2.0) as emitter:
            tasks = [asyncio.create_task(emit(emitter, acknowledged)) for _ in range(TASKS)]
            await asyncio.sleep(EMIT_BEFORE_SECONDS)
            await asyncio.to_thread(own_broker.kill)
            before = len(acknowledged)
            await asyncio.to_thread(own_broker.start)
            async with asyncio.timeout(60):
                await asyncio.gather(*tasks)
        assert 0 < before < len(acknowledged) == TASKS * EVENTS_PER_TASK
        return acknowledged, await log_of(own_broker, spec)

    acknowledged, log = asyncio.run(scenario())
    places: dict[UUID, list[Position]] = {}
    for record in log:
        after = Position({(topic_name, record.partition): record.offset + 1})
        places.setdefault(record.event.event_id, []).append(after)
    assert {event.event_id for event, _, _ in acknowledged} == set(places)
    for event, receipt, tries in acknowledged:
        assert len(places[event.event_id]) <= 1 + tries
        assert any(receipt.position.reached(after) for after in places[event.event_id])
    numbers: dict[UUID, list[int]] = {}
    for record in log:
        numbers.setdefault(record.event.notification_id, []).append(int(record.event.actor or ""))
    for seen in numbers.values():
        assert list(dict.fromkeys(seen)) == list(range(EVENTS_PER_TASK))


async def emit(emitter: Emitter, acknowledged: list[Acknowledged]) -> None:
    """Put events of one notification, one after the other, each again and again until it is acknowledged."""
    notification_id = new_id()
    for number in range(EVENTS_PER_TASK):
        event = fired(notification_id, actor=str(number))
        receipt, tries = None, 0
        while receipt is None:
            try:
                receipt = await emitter.put(event)
            except LedgerError as error:
                if not error.retryable:
                    raise
                tries += 1
                await asyncio.sleep(0.05)
        acknowledged.append((event, receipt, tries))
