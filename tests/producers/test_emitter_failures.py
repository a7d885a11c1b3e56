import asyncio
import contextlib
import gc
import logging
from collections import Counter
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber, ProducerFenced, RequestTimedOutError
from aiokafka.structs import RecordMetadata

from ledger_infra.broker.ports import free_ports
from ledger_producers import Emitter
from ledger_schemas import KafkaConnection, Position, Receipt
from ledger_schemas.errors import BrokerUnavailable, LedgerError, OutcomeUnknown
from ledger_schemas.events import Event
from tests.conftest import Kafka

from .the_log import Record, fired, log_of, with_topic

Append = asyncio.Future[RecordMetadata]


def fails(error: BaseException) -> Append:
    """Return what a producer's send gives when the append has failed."""
    future: Append = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def test_no_answer_in_time_is_an_unknown_outcome_that_may_be_put_again(kafka: Kafka, topic_name: str) -> None:
    """OutcomeUnknown has the events; putting those again leaves copies of one identity and no other event."""

    async def scenario() -> tuple[list[Event], OutcomeUnknown, list[Receipt], list[Record]]:
        spec = await with_topic(kafka, topic_name)
        events = [fired(actor=str(number)) for number in range(3)]
        hasty = Emitter(kafka.connection, source="shop", topic=spec, append_timeout_seconds=0.0005)
        async with hasty:
            with pytest.raises(OutcomeUnknown) as unknown:
                await hasty.put_many(events)
            hasty._appender._timeout_seconds = 30  # What was sent may arrive while it leaves.
        async with Emitter(kafka.connection, source="shop", topic=spec) as patient:
            receipts = await patient.put_many(unknown.value.events)
        return events, unknown.value, receipts, await log_of(kafka, spec)

    events, unknown, receipts, log = asyncio.run(scenario())
    assert "3 event(s) within 0.0005 s" in unknown.message
    assert (unknown.retryable, "same event_id" in unknown.hint) == (True, True)
    assert [event.event_id for event in events] == [receipt.event_id for receipt in receipts]
    copies = Counter(record.event.event_id for record in log)
    assert {event.event_id for event in events} == set(copies)
    assert set(copies.values()) <= {1, 2}
    assert all(record.event in events for record in log)


@pytest.mark.parametrize("fatal", [OutOfOrderSequenceNumber, ProducerFenced])
def test_a_producer_that_failed_for_good_is_replaced(
    kafka: Kafka, topic_name: str, fatal: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """The event is appended once more, with the same event_id: two copies of one identity, one receipt, no error."""

    async def scenario() -> tuple[Event, Receipt, Receipt, list[Record]]:
        spec = await with_topic(kafka, topic_name)
        event = fired()
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            first: Any = emitter._appender._producer
            send = first.send

            async def appends_and_fails(*args: Any, **kwargs: Any) -> Append:  # noqa: ANN401 - passed on
                await (await send(*args, **kwargs))
                return fails(fatal())

            first.send = appends_and_fails
            receipt = await emitter.put(event)
            assert emitter._appender._producer is not first
            assert first._closed
            later = await emitter.put(fired())
        return event, receipt, later, await log_of(kafka, spec)

    event, receipt, later, log = asyncio.run(scenario())
    copies = [record for record in log if record.event.event_id == event.event_id]
    assert [event, event] == [record.event for record in copies]
    assert receipt.position == Position({(topic_name, copies[1].partition): copies[1].offset + 1})
    assert {event.event_id, later.event_id} == {record.event.event_id for record in log}
    assert "Unclosed" not in caplog.text


def test_only_what_failed_is_appended_once_more(kafka: Kafka, topic_name: str) -> None:
    """Of a batch in which one append fails for good, the others are not repeated."""

    async def scenario() -> tuple[list[Event], list[Receipt], list[Record]]:
        spec = await with_topic(kafka, topic_name)
        events = [fired() for _ in range(5)]
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            first: Any = emitter._appender._producer
            send = first.send

            async def fails_for_the_third(*args: Any, **kwargs: Any) -> Append:  # noqa: ANN401 - passed on
                if kwargs["key"] == str(events[2].notification_id).encode():
                    return fails(OutOfOrderSequenceNumber())
                future: Append = await send(*args, **kwargs)
                return future

            first.send = fails_for_the_third
            receipts = await emitter.put_many(events)
        return events, receipts, await log_of(kafka, spec)

    events, receipts, log = asyncio.run(scenario())
    assert sorted(event.event_id for event in events) == sorted(record.event.event_id for record in log)
    assert [event.event_id for event in events] == [receipt.event_id for receipt in receipts]


def test_many_tasks_replace_a_failed_producer_once(kafka: Kafka, topic_name: str) -> None:
    """However many appends fail with it, one new producer takes its place."""

    async def scenario() -> tuple[int, list[Record]]:
        spec = await with_topic(kafka, topic_name)
        events = [fired() for _ in range(20)]
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            seen: set[int] = set()
            first: Any = emitter._appender._producer

            async def fails_always(*_: object, **__: object) -> Append:
                return fails(OutOfOrderSequenceNumber())

            first.send = fails_always
            await asyncio.gather(*(put_and_note(emitter, event, seen) for event in events))
        return len(seen), await log_of(kafka, spec)

    producers, log = asyncio.run(scenario())
    assert (producers, len({record.event.event_id for record in log})) == (1, 20)
    assert len(log) == 20


async def put_and_note(emitter: Emitter, event: Event, seen: set[int]) -> None:
    """Put the event and note which producer the emitter has after it."""
    await emitter.put(event)
    seen.add(id(emitter._appender._producer))


@pytest.mark.parametrize(
    ("cause", "raised"),
    [
        (OutOfOrderSequenceNumber, OutcomeUnknown),
        (RequestTimedOutError, OutcomeUnknown),
        (KafkaConnectionError, BrokerUnavailable),
    ],
)
def test_what_does_not_get_better_is_told(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch, cause: type[Exception], raised: type[LedgerError]
) -> None:
    """A second fatal failure, and one that is not fatal, become an error of the tree that may be retried."""

    async def always_fails(*_: object, **__: object) -> Append:
        return fails(cause())

    async def scenario() -> LedgerError:
        spec = await with_topic(kafka, topic_name, 1)
        monkeypatch.setattr("aiokafka.AIOKafkaProducer.send", always_fails)
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            with pytest.raises(raised) as told:
                await emitter.put(fired())
        return told.value

    assert asyncio.run(scenario()).retryable


def test_a_call_that_is_partly_in_the_log_has_an_unknown_outcome(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that goes away after the first of two events: not unavailable, as if nothing had been written."""

    async def scenario() -> OutcomeUnknown:
        spec = await with_topic(kafka, topic_name, 1)
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            await emitter.put(fired())
            producer: Any = emitter._appender._producer
            send, sent = producer.send, []

            async def fails_after_the_first(*args: Any, **kwargs: Any) -> Append:  # noqa: ANN401 - passed on
                sent.append(args)
                return await send(*args, **kwargs) if len(sent) == 1 else fails(KafkaConnectionError())

            monkeypatch.setattr(producer, "send", fails_after_the_first)
            with pytest.raises(OutcomeUnknown) as told:
                await emitter.put_many([fired(), fired()])
        return told.value

    unknown = asyncio.run(scenario())
    assert len(unknown.events) == 2
    assert "did not confirm 1 event(s)" in unknown.message


def test_an_append_that_was_recognised_as_a_repetition_gets_the_end_as_its_position(
    kafka: Kafka, topic_name: str
) -> None:
    """The broker then tells no offset (-1); the event lies before the end of its partition."""

    async def scenario() -> tuple[Receipt, list[Record]]:
        spec = await with_topic(kafka, topic_name, 1)
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            await emitter.put_many([fired() for _ in range(4)])
            answer_as_repeated(emitter)
            receipt = await emitter.put(fired())
        return receipt, await log_of(kafka, spec)

    receipt, log = asyncio.run(scenario())
    assert len(log) == 5
    assert receipt.position == Position({(topic_name, 0): 5})


def test_a_repetition_whose_end_cannot_be_asked_is_an_unknown_outcome(kafka: Kafka, topic_name: str) -> None:
    """The event is in the log: `broker_unavailable` would say that it is not."""

    async def scenario() -> tuple[Event, OutcomeUnknown, list[Record]]:
        spec = await with_topic(kafka, topic_name, 1)
        event = fired()
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            answer_as_repeated(emitter)
            emitter._appender._connection = KafkaConnection(f"127.0.0.1:{free_ports(1)[0]}")
            with pytest.raises(OutcomeUnknown) as unknown:
                await emitter.put(event)
        return event, unknown.value, await log_of(kafka, spec)

    event, unknown, log = asyncio.run(scenario())
    assert unknown.events == (event,)
    assert [record.event for record in log] == [event]


def answer_as_repeated(emitter: Emitter) -> None:
    """Have the producer of the emitter answer as to a retry that the broker recognises: without an offset."""
    producer: Any = emitter._appender._producer
    send = producer.send

    async def without_offset(*args: Any, **kwargs: Any) -> Append:  # noqa: ANN401 - passed on
        placed = await (await send(*args, **kwargs))
        future = asyncio.get_running_loop().create_future()
        future.set_result(placed._replace(offset=-1))
        return future

    producer.send = without_offset


def test_a_caller_that_gives_up_leaves_the_emitter_usable(
    kafka: Kafka, topic_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Cancelled at any moment: the next append works, the same event may be put again, and nothing is half written."""

    async def scenario() -> tuple[list[Event], list[Record]]:
        cancelled = 0
        spec = await with_topic(kafka, topic_name)
        events = [fired(actor=str(steps)) for steps in range(12)]
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            for steps, event in enumerate(events):
                task = asyncio.create_task(emitter.put(event))
                for _ in range(steps):
                    await asyncio.sleep(0)
                if steps > 8:
                    await asyncio.sleep(0.006)  # Beyond the linger: the record is on its way.
                cancelled += task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                receipt = await emitter.put(event)
                assert receipt.event_id == event.event_id
        assert cancelled > 6
        return events, await log_of(kafka, spec)

    with caplog.at_level(logging.ERROR):
        events, log = asyncio.run(scenario())
    assert {event.event_id for event in events} == {record.event.event_id for record in log}
    assert all(record.event in events for record in log)
    assert caplog.text == ""


def test_a_failure_after_the_caller_gave_up_disturbs_nobody(
    kafka: Kafka, topic_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When the append of a cancelled caller fails later, no exception is left that nobody asks for."""

    async def scenario() -> None:
        spec = await with_topic(kafka, topic_name, 1)
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            producer: Any = emitter._appender._producer
            send, pending = producer.send, asyncio.get_running_loop().create_future()

            async def never_answers(*_: object, **__: object) -> Append:
                return pending

            producer.send = never_answers
            task = asyncio.create_task(emitter.put(fired()))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not pending.cancelled(), "what the broker may have is not taken back"
            pending.set_exception(RequestTimedOutError())
            producer.send = send
            await emitter.put(fired())

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
        gc.collect()  # A forgotten exception would complain now.
    assert caplog.text == ""
