"""What the client library raises while the projector runs ends it with the ledger's own error, told to all who wait."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    OffsetOutOfRangeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from cramjam import DecompressionError
from structlog.testing import capture_logs

from ledger_projectors.log import link as log_link
from ledger_projectors.log.link import LogLink
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.log.wire_fetch import WireReader
from ledger_projectors.projector import Projector
from ledger_schemas import LIFECYCLE_TOPIC, KafkaConnection, Position, TopicSpec
from ledger_schemas.errors import GuardRefused, LedgerError, ProjectorFailed
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.projectors.building import open_model
from tests.projectors.decode.foreign_writer import named

PLACE: Final = TopicPartition(LIFECYCLE_TOPIC, 0)
FAILURES: Final = [
    (OffsetOutOfRangeError({PLACE: 7}), GuardRefused),
    (CorruptRecordException("crc"), ProjectorFailed),
    (TopicAuthorizationFailedError(LIFECYCLE_TOPIC), ProjectorFailed),
    (DecompressionError("no frame"), ProjectorFailed),
]


class FailingReader(WireReader):
    """A reader whose next read fails."""

    def __init__(self, failure: Exception) -> None:
        """Fail with this."""
        super().__init__(None, LIFECYCLE_TOPIC, {0: 0})
        self._failure = failure

    async def read(self, *_: object) -> NoReturn:
        """Fail."""
        await asyncio.sleep(0)
        raise self._failure


class StillConsumer:
    """A consumer that knows where the log begins and ends."""

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Say that nothing was deleted."""
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Say that there is more."""
        return dict.fromkeys(places, 100)


@pytest.mark.parametrize(("failure", "error"), FAILURES)
def test_a_failed_fetch_ends_the_run_and_is_told_to_whoever_waits(
    tmp_path: Path, failure: Exception, error: type[LedgerError]
) -> None:
    """The run raises an error of the tree; a wait for a position gets ProjectorFailed at once, and no wait hangs."""
    source = KafkaSource(KafkaConnection("127.0.0.1:1"), topic=LIFECYCLE_TOPIC, partitions=1, position=Position())
    source._link = LogLink(StillConsumer(), StillConsumer(), LIFECYCLE_TOPIC, 1)
    source._link.reader = FailingReader(failure)
    source._guarded_at = math.inf

    async def run_and_wait() -> None:
        projector = Projector(model, source)
        waiting = asyncio.create_task(projector.wait_for(Position({(LIFECYCLE_TOPIC, 0): 50}), 30))
        caught_up = asyncio.create_task(projector.wait_caught_up())
        await asyncio.sleep(0)
        with pytest.raises(error):
            await projector.run()
        with pytest.raises(ProjectorFailed):
            await asyncio.wait_for(waiting, 5)
        await asyncio.wait_for(caught_up, 5)

    with open_model(tmp_path) as model:
        asyncio.run(run_and_wait())


async def _fail() -> None:
    raise RequestTimedOutError


async def _hang() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("stop", [_fail, _hang])
@pytest.mark.parametrize("first", ["consumer", "_uncommitted"])
def test_close_stops_each_consumer_also_when_the_other_does_not_stop(
    kafka: Kafka,
    topic_name: str,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    stop: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """A connection that is left open at each reconnect would add up; what a consumer raises ends nothing."""
    monkeypatch.setattr(log_link, "CLOSE_TIMEOUT_SECONDS", 0.5)
    (second,) = {"consumer", "_uncommitted"} - {first}

    async def work() -> None:
        await ensure_topic(kafka.connection, TopicSpec(topic_name, 1))
        link = await LogLink.connect(kafka.connection, topic_name, {0: 0}, {}, None)
        broken = getattr(link, first)
        stop_it, broken.stop = broken.stop, stop
        await link.close()
        assert getattr(link, second)._closed
        assert not broken._closed
        await stop_it()

    with capture_logs() as logs:
        asyncio.run(work())
    assert len(named(logs, "source.not_closed")) == 1
