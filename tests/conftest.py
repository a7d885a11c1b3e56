"""What every test may ask for: a real Kafka, native or in Docker, and a topic name that nobody has used."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from ledger_infra.broker import NativeKafka
from ledger_producers.schema_publisher import schema_publisher
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import LedgerError
from ledger_schemas.kinds import Kind
from ledger_schemas.topic import directory_topic_spec, ensure_topic, schemas_topic_spec
from tests.quick_brokers import start_brokers_quickly

DEFAULT_IMAGE = "apache/kafka:4.3.1"
ROUNDS_DEFAULT = 22
"""Every step of a batch once, and as many instants."""

MANY_TESTS = 1_000
"""So many start enough brokers to be worth some preparation."""

# How fast this machine is at this moment is no property of what is tested.
settings.register_profile("ledger", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ledger")


class Kafka(Protocol):
    """A broker that serves for as long as the test session."""

    @property
    def bootstrap_servers(self) -> str:
        """Return `host:port`."""

    @property
    def connection(self) -> KafkaConnection:
        """Return what the ledger's clients are built from."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line choose the broker."""
    group = parser.getgroup("kafka")
    group.addoption("--kafka", choices=("native", "docker"), default="native", help="where the broker runs")
    group.addoption("--kafka-image", default=DEFAULT_IMAGE, help="image for --kafka=docker")
    group.addoption("--rounds", type=int, default=ROUNDS_DEFAULT, help="rounds of SIGKILL in the fault tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a broker, so that `-m 'not kafka'` leaves it out.

    With `--kafka=docker`, tests that start native brokers of their own are left out: Docker changes nothing for them.
    """
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        uses_fixture = "kafka" in getattr(item, "fixturenames", ())
        if uses_fixture:
            item.add_marker(pytest.mark.kafka)
        native_only = item.get_closest_marker("kafka") is not None and not uses_fixture
        (left_out if native_only and config.getoption("--kafka") == "docker" else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let native brokers start quickly; what that takes is made for many tests only."""
    with contextlib.suppress(LedgerError, OSError):  # No Java, no jars, no room: a test that needs them says so.
        start_brokers_quickly(make_cache=len(session.items) >= MANY_TESTS)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give one broker to the whole session; tests keep apart by topic names."""
    if request.config.getoption("--kafka") == "docker":
        from tests.docker_kafka import DockerKafka  # noqa: PLC0415 - testcontainers looks for Docker when imported

        with DockerKafka(str(request.config.getoption("--kafka-image"))) as broker:
            asyncio.run(prepare_schemas(broker.connection))
            yield broker
    else:
        with NativeKafka(tmp_path_factory.mktemp("kafka")) as broker:
            asyncio.run(prepare_schemas(broker.connection))
            yield broker


async def prepare_schemas(connection: KafkaConnection) -> None:
    """Make the schema topic with all that we ship in it, so that no emitter of a test needs to publish first.

    The directory's topic is made too, and stays empty: tests that write to a directory have topics of their own.
    """
    await ensure_topic(connection, schemas_topic_spec())
    await ensure_topic(connection, directory_topic_spec())
    async with schema_publisher(connection) as publisher:
        await publisher.prepare(list(Kind))


@pytest.fixture
def topic_name() -> str:
    """Give a name that no topic of any broker has."""
    return f"test.{uuid.uuid4().hex}"
