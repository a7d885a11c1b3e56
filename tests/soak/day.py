"""A day shortened: bursts and nights, duplicates, late events, poison, broker restarts, SIGTERMs, forgotten readers."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from ledger_infra.broker import NativeKafka
from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.publish.rebuild import rebuild
from ledger_schemas import KafkaConnection, TopicSpec, encode_event
from ledger_schemas.topic import ensure_topic
from tests.conftest import prepare_schemas
from tests.faults.the_log import read_records
from tests.soak.verdict import Ending, Sample, judge

PARTITIONS: Final = 3
EVENTS_PER_NOTIFICATION: Final = 7
EVENTS_PER_SECOND: Final = 150
"""On average; a burst has four times as many, a night none."""

POISON_SHARE: Final = 0.002
SLICE_SECONDS: Final = 0.5
RATES: Final = (1, 1, 4, 0, 1, 0)
"""How many times the average each sixth of a day brings; a soak has DAYS of them."""

DAYS: Final = 4
BROKER_RESTARTS_AT: Final = (0.35, 0.7)
SIGTERMS_AT: Final = (0.2, 0.5, 0.85)
"""When they happen, as shares of the time."""

SHORT_SECONDS: Final = 120.0
"""In less time than this each of them happens once."""

SEND_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 60.0
CATCH_UP_SECONDS_MAX: Final = 300.0


@dataclass(slots=True)
class Soak:
    """What was seen; `found` is what does not hold."""

    seed: int
    minutes: float
    samples: list[Sample] = field(default_factory=list)
    broker_restarts: int = 0
    poison: int = 0
    reads: int = 0
    ending: Ending | None = None
    found: dict[str, str] = field(default_factory=dict)


class Day:
    """One soak under way, over a broker of its own."""

    def __init__(self, folder: Path, kafka: NativeKafka, minutes: float, seed: int) -> None:
        """Take where the files and the log are."""
        self.soak = Soak(seed, minutes)
        self.file = folder / "read_model.duckdb"
        self._folder, self._kafka = folder, kafka
        self._topic = TopicSpec("soak", PARTITIONS)
        self._seconds = minutes * 60
        self._rng = Random(seed)  # noqa: S311 - which records are poison; no secret
        self._appended = 0
        self._told: dict[str, Any] = {}
        self._disagreements = 0
        self._process: subprocess.Popen[str] | None = None
        self._hearing = threading.Thread()
        self._exit_codes: list[int] = []
        self._life = 0

    def run(self, tell: Callable[[Sample], None]) -> Soak:
        """Go through it, compare, and judge."""
        asyncio.run(ensure_topic(self._kafka.connection, self._topic))
        began = time.monotonic()
        self._start_projector()
        with ThreadPoolExecutor(1) as producer:
            producing = producer.submit(asyncio.run, self._produce())
            self._watch(producing, began, tell)
            producing.result()
        self._wait_caught_up()
        self._sample(began, tell)
        self._stop_projector()
        self.soak.ending = self._end()
        self.soak.found = judge(self.soak.samples, self.soak.ending)
        return self.soak

    def kill(self) -> None:
        """Leave no process behind, whatever went wrong."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
            self._hearing.join()

    def _watch(self, producing: Future[None], began: float, tell: Callable[[Sample], None]) -> None:
        """Take samples and make trouble for as long as events come in."""
        times = None if self._seconds > SHORT_SECONDS else 1
        troubles = [(at, self._restart_broker) for at in BROKER_RESTARTS_AT[:times]]
        troubles += [(at, self._restart_projector) for at in SIGTERMS_AT[:times]]
        troubles.sort(key=lambda trouble: trouble[0])
        while troubles or not producing.done():
            time.sleep(max(1.0, self._seconds / 200))
            share = (time.monotonic() - began) / self._seconds
            # A projector that has only just started would end by SIGTERM's own code, or for want of a broker.
            self._assert_alive()
            if troubles and troubles[0][0] <= share and self._told:
                troubles.pop(0)[1]()
            self._sample(began, tell)

    async def _produce(self) -> None:
        events = generate(
            StreamPlan(
                notifications=max(100, int(self._seconds * EVENTS_PER_SECOND / EVENTS_PER_NOTIFICATION)),
                seed=self.soak.seed,
            )
        )
        partitioner, numbers = DefaultPartitioner(), list(range(PARTITIONS))
        options = self._kafka.connection.client_options()
        began = time.monotonic()
        async with AIOKafkaProducer(**options, acks="all", enable_idempotence=True) as producer:
            while (passed := time.monotonic() - began) < self._seconds:
                part = int(passed / self._seconds * DAYS * len(RATES)) % len(RATES)
                count = int(RATES[part] * EVENTS_PER_SECOND * SLICE_SECONDS)
                batch = [
                    (str(event.notification_id).encode(), encode_event(event))
                    for _, event in zip(range(count), events, strict=False)
                ]
                for place, (key, _) in enumerate(batch):
                    if self._rng.random() < POISON_SHARE:
                        batch[place] = (key, b"poison " + self._rng.randbytes(20))
                        self.soak.poison += 1
                await self._send(producer, partitioner, numbers, batch)
                await asyncio.sleep(SLICE_SECONDS)

    async def _send(
        self,
        producer: AIOKafkaProducer,
        partitioner: DefaultPartitioner,
        numbers: list[int],
        batch: list[tuple[bytes, bytes]],
    ) -> None:
        """Append all of them, however long the broker is away; what is unclear is sent again, and is a duplicate."""
        left = batch
        while left:
            again = []
            sent = []
            for key, value in left:
                partition = partitioner(key, numbers, numbers)
                try:
                    future = await producer.send(self._topic.name, value, key=key, partition=partition)
                    sent.append(((key, value), asyncio.wait_for(future, SEND_SECONDS_MAX)))
                except KafkaError:
                    # No room in the producer's own buffer, for as long as the broker is away.
                    again.append((key, value))
            results = await asyncio.gather(*(waiting for _, waiting in sent), return_exceptions=True)
            for (one, _), result in zip(sent, results, strict=True):
                if isinstance(result, KafkaError | TimeoutError):
                    again.append(one)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    self._appended += 1
            left = again

    def _start_projector(self) -> None:
        command = [sys.executable, "-m", "tests.soak.projecting", str(self.file), self._kafka.bootstrap_servers]
        command += [self._topic.name, str(PARTITIONS)]
        self._life += 1
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._hearing = threading.Thread(target=self._hear, args=(self._process,), daemon=True)
        self._hearing.start()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        told: dict[str, Any] = {}
        with process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                if process is self._process:
                    self._told = told
        self.soak.reads += told.get("reads", 0)
        self._disagreements += told.get("disagreements", 0)

    def _assert_alive(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, "the projector ended by itself"

    def _stop_projector(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        self._exit_codes.append(process.wait(STOP_SECONDS_MAX))
        self._hearing.join()
        # What it said last is not said of the next one.
        self._told = {}

    def _restart_projector(self) -> None:
        self._stop_projector()
        self._start_projector()

    def _restart_broker(self) -> None:
        self._kafka.kill()
        self._kafka.start()
        self.soak.broker_restarts += 1

    def _sample(self, began: float, tell: Callable[[Sample], None]) -> None:
        told = self._told
        if not told:
            return
        keys = ("applied_to", "rss_bytes", "file_bytes", "wal_bytes_max", "read_ms")
        seconds = round(time.monotonic() - began, 1)
        sample = Sample(seconds, self._life, self._appended, **{key: told[key] for key in keys})
        self.soak.samples.append(sample)
        tell(sample)

    def _wait_caught_up(self) -> None:
        ends = len(read_records(self._kafka.connection, self._topic))
        deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
        while self._told.get("applied_to", 0) < ends and time.monotonic() < deadline:
            self._assert_alive()
            time.sleep(0.2)

    def _end(self) -> Ending:
        records = len(read_records(self._kafka.connection, self._topic))
        file_bytes = self.file.stat().st_size
        rebuilt = asyncio.run(
            rebuild(self.file, self._kafka.connection, topic=self._topic.name, partitions=PARTITIONS, swap=True)
        )
        return Ending(
            records=records,
            acknowledged=self._appended,
            position=sum(rebuilt.position.values()),
            file_bytes=file_bytes,
            rebuilt_bytes=self.file.stat().st_size,
            digests_equal=rebuilt.old is not None and rebuilt.old.text == rebuilt.new.text,
            disagreements=self._disagreements,
            exit_codes=tuple(self._exit_codes),
        )


def soak(folder: Path, minutes: float, seed: int, tell: Callable[[Sample], None] = lambda _: None) -> Soak:
    """Start a broker under `folder` and go through a day of so many minutes.

    Raises ReadModelsDiffer when a rebuild makes another file, AssertionError when the projector ended by itself.
    """
    with NativeKafka(folder / "kafka") as kafka:
        asyncio.run(prepare_schemas(KafkaConnection(kafka.bootstrap_servers)))
        day = Day(folder, kafka, minutes, seed)
        try:
            return day.run(tell)
        finally:
            day.kill()
