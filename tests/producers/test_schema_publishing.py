"""The emitter and writer schemas: the schema topic has each before the first event that is written with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError

from ledger_infra.broker.ports import free_ports
from ledger_producers import Emitter
from ledger_producers.schema_publisher import schema_publisher
from ledger_schemas import Receipt, TopicSpec, new_id
from ledger_schemas.codec import decode_event
from ledger_schemas.errors import (
    BrokerUnavailable,
    LedgerError,
    LimitExceeded,
    OutcomeUnknown,
    RegistryRefused,
    RegistryUnavailable,
    TopicMisconfigured,
)
from ledger_schemas.framing import SchemaReference, split_frame
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.registry import RegistryConnection, SchemaRegistry
from ledger_schemas.schema_topic import binding_of
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.producers.the_log import TENANT, Record, fired, log_of
from tests.schemas.registry_server import Registry, registry_server

FIRED, READ = current_schema(Kind.FIRED), current_schema(Kind.READ)


@pytest.fixture
def server() -> Iterator[Registry]:
    """Give a registry over a socket."""
    with registry_server() as running:
        yield running


async def with_topics(kafka: Kafka, name: str) -> tuple[TopicSpec, TopicSpec]:
    """Make a lifecycle topic and a schema topic that has nothing in it."""
    topic, schemas = TopicSpec(name, 1), schemas_topic_spec(f"{name}.schemas")
    await ensure_topic(kafka.connection, topic)
    await ensure_topic(kafka.connection, schemas)
    return topic, schemas


def emitter(kafka: Kafka, topics: tuple[TopicSpec, TopicSpec], registry: SchemaRegistry | None = None) -> Emitter:
    """Return an emitter for these topics."""
    return Emitter(kafka.connection, source="shop", topic=topics[0], schemas_topic=topics[1], registry=registry)


def bindings(records: list[Record]) -> list[tuple[bytes, bytes]]:
    """Return what the schema topic says."""
    return [(record.key, record.value) for record in records]


def test_each_schema_is_in_the_topic_before_its_first_event(kafka: Kafka, topic_name: str) -> None:
    """Key and value are those of the contract, and the broker took each before the first event of its kind."""

    async def scenario() -> tuple[list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        async with emitter(kafka, topics) as shop:
            notification_id = new_id()
            await shop.fired(TENANT, notification_id)
            await asyncio.sleep(0.05)
            await shop.read(TENANT, notification_id)
            await shop.fired(TENANT, notification_id)
        return await log_of(kafka, topics[1]), await log_of(kafka, topics[0])

    schemas, events = asyncio.run(scenario())
    assert [(binding_of(one).key, binding_of(one).value) for one in (FIRED, READ)] == bindings(schemas)
    first_fired, first_read, _ = events
    assert schemas[0].timestamp_ms <= first_fired.timestamp_ms <= schemas[1].timestamp_ms <= first_read.timestamp_ms
    assert (first_fired.event.kind, first_read.event.kind) == (Kind.FIRED, Kind.READ)


def test_what_the_topic_has_is_not_published_again(kafka: Kafka, topic_name: str) -> None:
    """Neither by the same emitter, nor by the next, nor by many tasks at once."""

    async def scenario() -> list[Record]:
        topics = await with_topics(kafka, topic_name)
        async with emitter(kafka, topics) as shop:
            await asyncio.gather(*(shop.put(fired()) for _ in range(50)))
        async with emitter(kafka, topics) as shop:
            await shop.put(fired())
        return await log_of(kafka, topics[1])

    assert len(asyncio.run(scenario())) == 1


def test_two_emitters_that_race_do_no_harm(kafka: Kafka, topic_name: str) -> None:
    """Both read an empty topic and both publish: the two records say the same."""

    async def scenario() -> list[Record]:
        topics = await with_topics(kafka, topic_name)
        async with emitter(kafka, topics) as one, emitter(kafka, topics) as other:
            await asyncio.gather(one.put(fired()), other.put(fired()))
        return await log_of(kafka, topics[1])

    records = asyncio.run(scenario())
    assert [(binding_of(FIRED).key, binding_of(FIRED).value)] * 2 == bindings(records)


@pytest.mark.parametrize(
    ("cause", "raised"), [(RequestTimedOutError, OutcomeUnknown), (KafkaConnectionError, BrokerUnavailable)]
)
def test_without_its_schema_no_event_is_written(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch, cause: type[Exception], raised: type[LedgerError]
) -> None:
    """A schema that could not be appended is the same error as an event's; later both are written."""

    async def scenario() -> tuple[list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        async with emitter(kafka, topics) as shop:
            producer = shop._appender._producer
            assert producer is not None
            send = producer.send

            async def fails_for_schemas(topic: str, **arguments: object) -> asyncio.Future[object]:
                if topic != topics[1].name:
                    sent: asyncio.Future[object] = await send(topic, **arguments)
                    return sent
                future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
                future.set_exception(cause())
                return future

            monkeypatch.setattr(producer, "send", fails_for_schemas)
            event = fired()
            with pytest.raises(raised) as failed:
                await shop.put(event)
            assert getattr(failed.value, "events", (event,)) == (event,)
            empty = await log_of(kafka, topics[0])
            monkeypatch.setattr(producer, "send", send)
            await shop.put(event)
        return empty, await log_of(kafka, topics[1])

    empty, schemas = asyncio.run(scenario())
    assert (empty, len(schemas)) == ([], 1)


def test_all_who_wait_for_a_schema_share_one_append(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the schema topic hangs, the k-th caller does not wait k times as long: one append fails for all of them.

    A caller that gives up takes the append from nobody, and the next one begins again.
    """
    callers = 5

    async def scenario() -> tuple[list[Receipt | BaseException], int, list[Record]]:
        topics = await with_topics(kafka, topic_name)
        appends = 0
        async with Emitter(
            kafka.connection, source="shop", topic=topics[0], schemas_topic=topics[1], append_timeout_seconds=1.0
        ) as shop:
            producer = shop._appender._producer
            assert producer is not None
            send = producer.send

            async def hangs_for_schemas(topic: str, **arguments: object) -> asyncio.Future[object]:
                nonlocal appends
                assert topic == topics[1].name
                appends += 1
                return asyncio.get_running_loop().create_future()

            monkeypatch.setattr(producer, "send", hangs_for_schemas)
            impatient = asyncio.create_task(shop.put(fired()))
            waiting = [asyncio.create_task(shop.put(fired())) for _ in range(callers)]
            await asyncio.sleep(0.1)
            impatient.cancel()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            monkeypatch.setattr(producer, "send", send)
            await shop.put(fired())
        return outcomes, appends, await log_of(kafka, topics[1])

    outcomes, appends, schemas = asyncio.run(scenario())
    unknown = [outcome for outcome in outcomes if isinstance(outcome, OutcomeUnknown)]
    assert len({event for error in unknown for event in error.events}) == len(unknown) == callers
    assert (appends, len(schemas)) == (1, 1)


def test_a_bad_event_publishes_nothing(kafka: Kafka, topic_name: str) -> None:
    """Everything is checked before the first byte is sent, of the schema too."""

    async def scenario() -> list[Record]:
        topics = await with_topics(kafka, topic_name)
        async with emitter(kafka, topics) as shop:
            with pytest.raises(LimitExceeded):
                await shop.put(fired(personal={"body": "\U0001f4e6" * 200_000, "data": f'"{"x" * 400_000}"'}))
        return await log_of(kafka, topics[1])

    assert asyncio.run(scenario()) == []


def test_an_emitter_does_not_start_without_the_schema_topic(kafka: Kafka, topic_name: str) -> None:
    """It is told at the start, with the command that makes it."""

    async def scenario() -> None:
        topic = TopicSpec(topic_name, 1)
        await ensure_topic(kafka.connection, topic)
        with pytest.raises(TopicMisconfigured, match=rf"{topic_name}\.schemas does not exist.*topic --create"):
            await emitter(kafka, (topic, schemas_topic_spec(f"{topic_name}.schemas"))).__aenter__()

    asyncio.run(scenario())


def test_a_publisher_of_its_own_says_what_was_new(kafka: Kafka, topic_name: str) -> None:
    """What the topic has already, and what is given twice, is appended once."""

    async def scenario() -> tuple[int, int]:
        _, schemas = await with_topics(kafka, topic_name)
        async with schema_publisher(kafka.connection, schemas) as publisher:
            first = await publisher.publish([binding_of(FIRED), binding_of(FIRED), binding_of(READ)])
        async with schema_publisher(kafka.connection, schemas) as publisher:
            again = await publisher.publish([binding_of(FIRED)])
        return len(first), len(again)

    assert asyncio.run(scenario()) == (2, 0)


def test_with_a_registry_frames_are_confluents_and_both_bindings_are_in_the_topic(
    kafka: Kafka, topic_name: str, server: Registry
) -> None:
    """The frame says the registry's id; fingerprint and id are both bound before the first event, to the same text."""

    async def scenario() -> tuple[list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        async with SchemaRegistry(RegistryConnection(server.url)) as registry, emitter(kafka, topics, registry) as shop:
            await shop.put_many([fired(), fired()])
            await shop.put(fired())
        return await log_of(kafka, topics[1]), await log_of(kafka, topics[0])

    schemas, events = asyncio.run(scenario())
    ours, theirs = binding_of(FIRED), binding_of(FIRED, server.first_id)
    assert [(ours.key, ours.value), (theirs.key, theirs.value)] == bindings(schemas)
    assert server.subjects == {"notifications.lifecycle.NotificationFired": [server.first_id]}
    assert len(server.requests) == 1
    known = KnownSchemas()
    assert known.learn(theirs.reference, theirs.text)
    for record in events:
        assert split_frame(record.value)[0] == SchemaReference.to_registry_id(server.first_id)
        assert decode_event(record.value, known).kind is Kind.FIRED
    assert max(one.timestamp_ms for one in schemas) <= min(one.timestamp_ms for one in events)


def test_a_registry_that_is_away_or_refuses_writes_nothing(kafka: Kafka, topic_name: str, server: Registry) -> None:
    """The error is the registry's own; when it answers again, the same event goes through."""

    async def scenario() -> tuple[list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        event = fired()
        nowhere = RegistryConnection(f"http://127.0.0.1:{free_ports(1)[0]}")
        async with SchemaRegistry(nowhere) as registry, emitter(kafka, topics, registry) as shop:
            with pytest.raises(RegistryUnavailable):
                await shop.put(event)
        async with SchemaRegistry(RegistryConnection(server.url)) as registry, emitter(kafka, topics, registry) as shop:
            server.refuse_with = 409
            with pytest.raises(RegistryRefused):
                await shop.put(event)
            nothing = [*await log_of(kafka, topics[0]), *await log_of(kafka, topics[1])]
            server.refuse_with = None
            await shop.put(event)
        return nothing, await log_of(kafka, topics[1])

    nothing, schemas = asyncio.run(scenario())
    assert (nothing, len(schemas)) == ([], 2)


def test_an_id_that_the_topic_binds_to_another_schema_writes_nothing(
    kafka: Kafka, topic_name: str, server: Registry
) -> None:
    """A registry that was made again counts its ids from the start: with a reused one, READ would be read as FIRED.

    The error has the id and both fingerprints, each time that it is tried, and neither topic gets a record.
    """

    async def scenario() -> tuple[list[RegistryRefused], list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        async with schema_publisher(kafka.connection, topics[1]) as publisher:
            await publisher.publish([binding_of(READ, server.first_id)])
        refusals = []
        async with SchemaRegistry(RegistryConnection(server.url)) as registry, emitter(kafka, topics, registry) as shop:
            for _ in range(2):
                with pytest.raises(RegistryRefused) as refused:
                    await shop.put(fired())
                refusals.append(refused.value)
        return refusals, await log_of(kafka, topics[0]), await log_of(kafka, topics[1])

    refusals, events, schemas = asyncio.run(scenario())
    assert (events, [binding_of(READ, server.first_id).key]) == ([], [record.key for record in schemas])
    for error in refusals:
        assert f"registry-id:{server.first_id} " in error.message
        assert f"{FIRED.fingerprint.hex()}, but" in error.message
        assert f"binds it to {READ.fingerprint.hex()}" in error.message
        assert "schemas show" in error.hint


def test_of_two_emitters_with_different_registries_the_first_in_the_topic_wins(
    kafka: Kafka, topic_name: str, server: Registry
) -> None:
    """Both began with an empty topic and were given one id for two schemas: the second writes no event under it."""

    async def scenario() -> tuple[list[Record], list[Record]]:
        topics = await with_topics(kafka, topic_name)
        with registry_server() as second:
            async with (
                SchemaRegistry(RegistryConnection(server.url)) as one_registry,
                SchemaRegistry(RegistryConnection(second.url)) as other_registry,
                emitter(kafka, topics, one_registry) as one,
                emitter(kafka, topics, other_registry) as other,
            ):
                await one.fired(TENANT, new_id())
                for _ in range(2):
                    with pytest.raises(RegistryRefused, match=rf"registry-id:{server.first_id} .*{topics[1].name}"):
                        await other.read(TENANT, new_id())
                await one.fired(TENANT, new_id())
        return await log_of(kafka, topics[0]), await log_of(kafka, topics[1])

    events, schemas = asyncio.run(scenario())
    known = KnownSchemas()
    by_id = next(record for record in schemas if record.key == f"registry-id:{server.first_id}".encode())
    assert known.learn(SchemaReference.to_registry_id(server.first_id), by_id.value.decode())
    assert [decode_event(record.value, known).kind for record in events] == [Kind.FIRED, Kind.FIRED]
