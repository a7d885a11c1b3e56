"""Fetches whole record batches by aiokafka's wire client: its consumer makes many objects and takes far longer."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError, UnknownError
from aiokafka.structs import TopicPartition

from ledger_projectors.log.record_batches import RecordBatch
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.wire_request import Answer, Part, fetch_from, leader_of, look, part_of

FETCH_WAIT_MS: Final = 500
"""How long a leader holds a request when there is nothing; the first byte ends it."""

GATHER_WAIT_MS: Final = 15
GATHER_BYTES_MIN: Final = 1024 * 1024
"""While records keep coming, a leader gathers them for so long: a request for every few costs more than they do."""

UNSEEN_SECONDS: Final = 0.03
"""Nobody sees what becomes of a log while no request is under way: after so long its last record is read again. To
delete a topic, make it again and fill it takes five times as long on a broker of one node (measured)."""

LOOK_WAIT_MS: Final = 100
BACKOFF_SECONDS: Final = 0.1
"""Rest after a leader that is away, or is none any more."""


@dataclass(slots=True)
class _State:
    """How far one partition is: asked for up to `fetched`, unpacked up to `read`; `end` is that of the log."""

    fetched: int
    read: int
    end: int = 0
    leader: int | None = None
    paused: bool = False


class WireReader:
    """Reads one topic by fetch requests, one in flight for each leader while its last answer is unpacked.

    Each partition comes in order and once. A broker that is away is waited for. An answer that trying again does not
    change is raised as aiokafka's KafkaError, OffsetOutOfRangeError among them.
    """

    def __init__(self, client: AIOKafkaClient, topic: str, start: Mapping[int, int]) -> None:
        """Take a client that is connected and knows the topic; it stays the caller's."""
        self._client = client
        self._topic = topic
        self._states = {partition: _State(offset, offset) for partition, offset in start.items()}
        self._order = list(start)
        self._flights: dict[int, asyncio.Task[list[Answer]]] = {}
        self._answered_at: dict[int, float] = {}
        self._flowing: set[int] = set()
        self._packed: deque[tuple[int, RecordBatch, bool]] = deque()
        # Where something lay between an answer and the request behind it: first nobody has asked again, then a request
        # is in flight, then its answer is there. What the answer before it held must be handed over first.
        self._doubtful: set[int] = set()
        self._asked_behind: dict[int, set[int]] = {}
        self._interrupted: set[int] = set()

    @property
    def goes_on(self) -> bool:
        """Say whether the log is known to hold more than was read."""
        return any(state.end > state.read and not state.paused for state in self._states.values())

    async def read(self, seconds: float, records_max: int, bytes_max: int) -> list[Part]:
        """Return whole record batches, at least one when anything comes within `seconds`, until a limit is reached."""
        if not self._packed:
            await self._answers(seconds)
        parts: list[Part] = []
        records = size = 0
        while self._packed and records < records_max and size < bytes_max:
            partition, batch, wanted = self._packed.popleft()
            state = self._states[partition]
            if state.paused:
                continue
            part = part_of(self._topic, partition, batch, state.read, wanted=wanted)
            state.read = part.next_offset
            parts.append(part)
            records += len(part.records)
            size += part.unpacked_bytes
        return parts

    def pause(self, partition: int) -> None:
        """Read no more of a partition."""
        self._states[partition].paused = True

    def take_interrupted(self) -> set[int]:
        """Return the partitions of which what `read` returned last came behind an interruption.

        Their leader was away, refused or changed, or was not asked for UNSEEN_SECONDS: it may be another log.
        """
        interrupted, self._interrupted = self._interrupted, set()
        return interrupted

    async def record_at(self, partition: int, offset: int, seconds: float) -> LogRecord | None:
        """Return the first record from an offset on, None when none came within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for part in await self._look(partition, offset):
                        if part.records:
                            return part.records[0]
                        offset = part.next_offset
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Stop reading; the connection stays."""
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        self._flights.clear()

    async def _answers(self, seconds: float) -> None:
        """Take the answers that are there, or the next one, and ask for what comes behind."""
        self._ask()
        if not self._flights:
            await asyncio.sleep(min(seconds, BACKOFF_SECONDS))
            return
        await asyncio.wait(self._flights.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for leader in [leader for leader, flight in self._flights.items() if flight.done()]:
            answers = self._flights.pop(leader).result()
            self._interrupted |= self._asked_behind.pop(leader)
            self._flowing.discard(leader)
            if any(answer.data for answer in answers):
                self._flowing.add(leader)
            for answer in answers:
                self._take(answer)
            if not answers:
                self._doubtful.update(one for one, state in self._states.items() if state.leader == leader)
        self._ask()
        # The next requests leave before the processor is busy unpacking.
        await asyncio.sleep(0)

    def _ask(self) -> None:
        """Send a request to each leader that has none in flight, for all that it leads."""
        by_leader: dict[int, list[tuple[int, int]]] = {}
        for partition in self._order:
            state = self._states[partition]
            leader = leader_of(self._client, self._topic, partition)
            if state.paused:
                continue
            if leader is None:
                self._client.force_metadata_update()
                self._doubtful.add(partition)
            elif leader not in self._flights and not self._in_flight(state.leader, leader):
                if state.leader not in {None, leader}:
                    self._doubtful.add(partition)
                state.leader = leader
                by_leader.setdefault(leader, []).append((partition, state.fetched))
        for leader, offsets in by_leader.items():
            asked = {partition for partition, _ in offsets}
            if time.monotonic() - self._answered_at.get(leader, math.inf) > UNSEEN_SECONDS:
                self._doubtful |= asked
            self._asked_behind[leader] = self._doubtful & asked
            self._doubtful -= asked
            self._flights[leader] = asyncio.create_task(self._fly(leader, offsets))

    def _in_flight(self, before: int | None, leader: int) -> bool:
        # Asked of two leaders at once, a partition would come twice.
        return before is not None and before != leader and before in self._flights

    async def _fly(self, leader: int, offsets: list[tuple[int, int]]) -> list[Answer]:
        """Return the answer, nothing when the leader cannot be asked for now."""
        wait_ms, bytes_min = (GATHER_WAIT_MS, GATHER_BYTES_MIN) if leader in self._flowing else (FETCH_WAIT_MS, 1)
        try:
            answers = await fetch_from(
                self._client, leader, self._topic, offsets, wait_ms=wait_ms, bytes_min=bytes_min, apart=True
            )
        except KafkaError as error:
            if not error.retriable:
                raise
            answers = []
            self._client.force_metadata_update()
        self._answered_at[leader] = time.monotonic()
        if not answers or any(answer.error_code for answer in answers):
            # A refusal comes at once, and until metadata is new the next one would, too.
            await asyncio.sleep(BACKOFF_SECONDS)
        return answers

    def _take(self, answer: Answer) -> None:
        state = self._states[answer.partition]
        if answer.error_code == OffsetOutOfRangeError.errno:
            raise OffsetOutOfRangeError({TopicPartition(self._topic, answer.partition): answer.offset})
        if answer.error_code == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(self._topic)
        if answer.error_code:
            # Not the leader, storage in trouble, a topic that is being made or deleted: it passes, or is noticed.
            self._client.force_metadata_update()
            self._doubtful.add(answer.partition)
            return
        state.end = answer.end
        batches = [(answer.partition, batch, wanted) for batch, wanted in answer.batches()]
        if batches:
            state.fetched = batches[-1][1].next_offset
            self._packed += batches
            # A leader fills its answer in the order of the request: who was served stands at the end of the next.
            self._order.remove(answer.partition)
            self._order.append(answer.partition)

    async def _look(self, partition: int, offset: int) -> list[Part]:
        try:
            return await look(self._client, self._topic, partition, offset, wait_ms=LOOK_WAIT_MS)
        except KafkaError as error:
            if not error.retriable and not isinstance(error, UnknownError):
                raise
            self._client.force_metadata_update()
            await asyncio.sleep(BACKOFF_SECONDS)
            return []
