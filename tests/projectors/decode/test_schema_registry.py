"""Confluent frames: replayed from the schema topic alone; a registry is asked only for what the topic does not say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ledger_producers import Emitter
from ledger_producers.schema_publisher import schema_publisher
from ledger_projectors.decode import awaited_schemas
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, TopicSpec
from ledger_schemas.connection import Secret
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from ledger_schemas.registry import RegistryConnection, SchemaRegistry
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import SchemaBinding, binding_of
from ledger_schemas.shipped import current_schema
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw, at, open_model, raw, rows
from tests.projectors.decode.foreign_writer import (
    WAIT_SECONDS,
    eventually,
    named,
    next_version,
    reading_schemas,
    with_topics,
    written_with,
)
from tests.schemas.registry_server import PASSWORD, USER, Registry, registry_server

REACH_SECONDS = 30.0
LONG_SECONDS = 600.0
AHEAD = next_version(Kind.CREATED)
NUMBER = 4_711
QUARANTINED = "SELECT log_offset, reason FROM quarantine ORDER BY ALL"
APPLIED = "SELECT log_offset, category FROM events ORDER BY ALL"


@pytest.fixture
def server() -> Iterator[Registry]:
    """Give a registry over a socket."""
    with registry_server() as running:
        yield running


def created(category: str) -> Event:
    """Return an event."""
    return parse_event({"kind": "created", "tenant_id": "acme", "source": "shop", "category": category})


def confluent(category: str, number: int = NUMBER) -> Raw:
    """Return an event of the next version in a Confluent frame."""
    return written_with(AHEAD, created(category), SchemaReference.to_registry_id(number))


@asynccontextmanager
async def asking(
    kafka: Kafka, model: ReadModel, schemas: TopicSpec, connection: RegistryConnection, wait_seconds: float
) -> AsyncIterator[tuple[Projector, asyncio.Task[None]]]:
    """Give a projector that asks a registry and passes on what it is told."""
    async with (
        SchemaRegistry(connection) as registry,
        schema_publisher(kafka.connection, schemas) as publisher,
    ):

        async def publish(bindings: Sequence[SchemaBinding]) -> None:
            await publisher.publish(bindings)

        async with reading_schemas(
            kafka, model, schemas, wait_seconds=wait_seconds, registry=registry, publish_found=publish
        ) as running:
            yield running


def test_a_log_of_confluent_frames_is_replayed_without_the_registry(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """The emitter used a registry, which is gone by now: the schema topic has all that the replay needs."""

    async def emit(url: str, topic: TopicSpec, schemas: TopicSpec) -> None:
        async with (
            SchemaRegistry(RegistryConnection(url)) as registry,
            Emitter(kafka.connection, source="shop", topic=topic, schemas_topic=schemas, registry=registry) as emitter,
        ):
            made = await emitter.created("acme", category="first")
            await emitter.read("acme", made.notification_id)

    async def replay(model: ReadModel, topic: TopicSpec, schemas: TopicSpec) -> None:
        async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, _):
            await projector.wait_for(at(topic, 2), REACH_SECONDS)

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        with registry_server() as server:
            await emit(server.url, topic, schemas)
        with open_model(tmp_path, topic.name) as model:
            await replay(model, topic, schemas)
            assert rows(model, APPLIED) == [(0, "first"), (1, None)]
            assert rows(model, QUARANTINED) == []

    asyncio.run(work())


def test_what_the_topic_lacks_the_registry_tells_and_the_topic_keeps(
    kafka: Kafka, topic_name: str, tmp_path: Path, server: Registry
) -> None:
    """A foreign Confluent serializer registers and publishes nothing: asked for once, bound in the topic both ways.

    The next reader has no registry, and reads the same.
    """
    server.add({"schema": AHEAD.text}, NUMBER)

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, confluent("first"), confluent("second"))
        with open_model(tmp_path / "asking", topic.name) as model:
            connection = RegistryConnection(server.url)
            async with asking(kafka, model, schemas, connection, LONG_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 2), REACH_SECONDS)
            assert rows(model, APPLIED) == [(0, "first"), (1, "second")]
        assert server.requests == [f"GET /schemas/ids/{NUMBER}"]
        async with SchemaStore(kafka.connection, schemas) as store:
            by_number = binding_of(AHEAD, NUMBER)
            assert {binding_of(AHEAD).reference: AHEAD.text, by_number.reference: AHEAD.text} == dict(store.bound)
        with open_model(tmp_path / "later", topic.name) as model:
            async with reading_schemas(kafka, model, schemas, wait_seconds=LONG_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 2), REACH_SECONDS)
            assert rows(model, APPLIED) == [(0, "first"), (1, "second")]

    asyncio.run(work())


def test_an_id_that_the_registry_does_not_know_goes_to_quarantine(
    kafka: Kafka, topic_name: str, tmp_path: Path, server: Registry
) -> None:
    """It answers, and has none, or has what is no Avro schema: waited for within the bound, while others go on."""
    server.add({"schema": '{"type": "object"}', "schemaType": "JSON"}, 1)
    server.add({"schema": "no schema at all"}, 2)
    strangers = [confluent("x", number) for number in (1, 2, 3, 2**32 - 1)]

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, *strangers, raw(created("known")))
        with open_model(tmp_path, topic.name) as model:
            connection = RegistryConnection(server.url)
            async with asking(kafka, model, schemas, connection, WAIT_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 5), REACH_SECONDS)
            assert rows(model, APPLIED) == [(4, "known")]
            assert rows(model, QUARANTINED) == [(offset, "schema_unknown") for offset in range(4)]
        async with SchemaStore(kafka.connection, schemas) as store:
            assert dict(store.bound) == {}

    asyncio.run(work())


@pytest.mark.parametrize("status", [403, 404, 422])
def test_an_id_that_the_registry_refuses_goes_to_quarantine(
    kafka: Kafka, topic_name: str, tmp_path: Path, server: Registry, status: int
) -> None:
    """Anybody can forge a header: a refusal about one id stops nobody, and says loudly that it was one."""
    server.refuse_with = status

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, confluent("x"), raw(created("known")), confluent("y"))
        with open_model(tmp_path, topic.name) as model:
            connection = RegistryConnection(server.url)
            async with asking(kafka, model, schemas, connection, WAIT_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 3), REACH_SECONDS)
            assert rows(model, APPLIED) == [(1, "known")]
            assert rows(model, QUARANTINED) == [(0, "schema_unknown"), (2, "schema_unknown")]

    with capture_logs() as logs:
        asyncio.run(work())
    (refused,) = named(logs, "registry.id_refused")
    assert (refused["log_level"], refused["registry_id"]) == ("error", NUMBER)


@pytest.mark.parametrize("status", [503, 401])
def test_a_registry_that_is_away_or_knows_us_not_pauses_the_projector(
    kafka: Kafka,
    topic_name: str,
    tmp_path: Path,
    server: Registry,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows whether it has the schema: nothing is quarantined, and the projector goes on when it answers."""
    monkeypatch.setattr(awaited_schemas, "RETRY_SECONDS_MAX", 0.5)
    server.add({"schema": AHEAD.text}, NUMBER)
    server.refuse_with = status
    connection = RegistryConnection(server.url, USER, Secret(PASSWORD))

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, confluent("first"))
        with open_model(tmp_path, topic.name) as model:
            async with asking(kafka, model, schemas, connection, WAIT_SECONDS) as (projector, running):
                await eventually(lambda: projector.progress().retrying)
                await asyncio.sleep(3 * WAIT_SECONDS)
                assert not running.done()
                assert (rows(model, APPLIED), rows(model, QUARANTINED)) == ([], [])
                server.refuse_with = None
                await projector.wait_for(at(topic, 1), REACH_SECONDS)
                assert not projector.progress().retrying
            assert rows(model, APPLIED) == [(0, "first")]

    with capture_logs() as logs:
        asyncio.run(work())
    assert named(logs, "projector.schemas_unreachable")
    assert PASSWORD not in str(logs)


def test_schemas_of_others_stay_in_the_registry(
    kafka: Kafka, topic_name: str, tmp_path: Path, server: Registry
) -> None:
    """Anybody can forge a frame with any id: our topic keeps what it has for ever, so it takes our namespace alone.

    A kind of ours that this version does not know is taken, and its records are kind_unknown.
    """
    fired = current_schema(Kind.FIRED).document
    teleported = json.dumps(fired | {"name": "NotificationTeleported"})
    server.add({"schema": json.dumps(fired | {"name": "Invoice", "namespace": "billing"})}, NUMBER)
    server.add({"schema": json.dumps(fired | {"namespace": "notifications.lifecycle.billing"})}, NUMBER + 1)
    server.add({"schema": json.dumps({"type": "fixed", "name": "notifications.lifecycle.F", "size": 4})}, NUMBER + 2)
    server.add({"schema": teleported}, NUMBER + 3)

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, *(confluent("x", NUMBER + number) for number in range(4)))
        with open_model(tmp_path, topic.name) as model:
            connection = RegistryConnection(server.url)
            async with asking(kafka, model, schemas, connection, WAIT_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 4), REACH_SECONDS)
            assert rows(model, QUARANTINED) == [
                (0, "schema_unknown"),
                (1, "schema_unknown"),
                (2, "schema_unknown"),
                (3, "kind_unknown"),
            ]
        async with SchemaStore(kafka.connection, schemas) as store:
            assert set(store.bound.values()) == {teleported}

    asyncio.run(work())


def test_the_registry_is_asked_once_for_what_is_waited_for(
    kafka: Kafka, topic_name: str, tmp_path: Path, server: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes Confluent frames registers first: asking again within one wait would only burden the registry."""
    monkeypatch.setattr(awaited_schemas, "LOOK_AGAIN_SECONDS", WAIT_SECONDS / 10)

    async def work() -> None:
        topic, schemas = await with_topics(kafka, topic_name)
        await append_raw(kafka.connection, topic.name, confluent("x"), confluent("y"))
        with open_model(tmp_path, topic.name) as model:
            connection = RegistryConnection(server.url)
            async with asking(kafka, model, schemas, connection, WAIT_SECONDS) as (projector, _):
                await projector.wait_for(at(topic, 2), REACH_SECONDS)
            assert rows(model, QUARANTINED) == [(0, "schema_unknown"), (1, "schema_unknown")]

    asyncio.run(work())
    assert server.requests == [f"GET /schemas/ids/{NUMBER}"]
