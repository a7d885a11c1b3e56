"""SIGKILL against a projector process, at every step of a batch and at any instant, while events come in."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_int
from dataclasses import dataclass, field
from multiprocessing import sharedctypes
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random
from typing import Final

from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.publish.rebuild import rebuild
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import Event, KafkaConnection, Kind, TopicSpec, decode_event, parse_event
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import binding_of
from ledger_schemas.topic import ensure_topic
from tests.faults.killable_projector import HALTED, NO_STEP, RUNNING, STEPS, Orders, project, schemas_topic
from tests.faults.the_log import Place, Raw, append_raw, folded_up_to, read_records, with_trouble
from tests.projectors.decode.foreign_writer import next_version, publish, written_with
from tests.properties.comparison import assert_same, read, read_state
from tests.properties.layout import check_layout
from tests.properties.strategies import Placed, Recorded

PARTITIONS: Final = 3
NOTIFICATIONS_PER_ROUND: Final = 20
"""About 170 records with the trouble among them: what a round may apply, and a little more than it does."""

LAST_BATCH_RECORDS: Final = 2_000

FOREIGN_PER_ROUND: Final = 8
"""Events of a round whose schema comes a round later, so that every projector but the first begins with a release."""

INSTANT_SECONDS_MAX: Final = 1.0
"""A round's records take about as long: most instants are within a batch, some before the first and behind the last."""

WAL_BYTES_CHOICE: Final = (1, 1, 500_000, 256 * 1024 * 1024)
"""When a checkpoint is due: after every batch, after some, and never, so that a start has much to replay."""

SET_DOWN_IN: Final = ("events", "duplicates", "quarantine")
"""Every record of the log has one row in one of them."""

HALT_TIMEOUT_SECONDS: Final = 60.0
TO_THE_END_SECONDS: Final = 600.0


@dataclass(slots=True)
class Kills:
    """What was done and seen so far; `during` counts kills at an instant by the last step that had been done."""

    seed: int
    rounds: int = 0
    at_step: dict[str, int] = field(default_factory=dict)
    during: dict[str, int] = field(default_factory=dict)
    records: int = 0
    released: int = 0
    digest: str = ""
    seconds: float = 0.0


class KillRounds:
    """A topic that is appended to and a read model file that is killed over, round after round."""

    def __init__(self, connection: KafkaConnection, topic: TopicSpec, folder: Path, *, rounds: int, seed: int) -> None:
        """Make the topics and what is to be appended; the same seed makes the same."""
        self.kills = Kills(seed)
        self.file = folder / "read_model.duckdb"
        self._connection, self._topic, self._folder, self._rounds = connection, topic, folder, rounds
        self._rng = Random(seed)  # noqa: S311 - what is written and when it dies; no secret
        events = list(generate(StreamPlan(notifications=NOTIFICATIONS_PER_ROUND * rounds, seed=seed)))
        self._records = with_trouble(events, self._rng)
        self._foreign_events: dict[Place, Event] = {}
        self._poison: dict[Place, Raw] = {}
        self._log: list[Placed] = []
        self._ends = dict.fromkeys(range(topic.partitions), 0)
        self._steps = [*Step]
        asyncio.run(self._make_topics())

    def run_round(self) -> None:
        """Append a part of the records, kill a projector meanwhile, and check what it left."""
        number = self.kills.rounds
        if number:
            self._publish_schema_of(number - 1)
        share = -(-len(self._records) // self._rounds)
        part = self._records[number * share : (number + 1) * share]
        with ThreadPoolExecutor(1) as appender:
            appended = appender.submit(self._append, number, part)
            after = self._kill_one(number)
            appended.result()
        self.kills.rounds += 1
        self._read_on()
        copy = _copied(self.file, self._folder / f"after-{number}")
        self._check(copy, f"round {number} of seed {self.kills.seed}, {after}")
        shutil.rmtree(copy.parent)

    def finish(self) -> None:
        """Run to the end of the log, check all of it, and compare with a rebuild."""
        self._publish_schema_of(self.kills.rounds - 1)
        # The pipe is held for as long as somebody may speak into it.
        process, _said, _ = self._start(
            Orders(self.file, self._servers, self._topic, 1, to_the_end=True, batch_records=LAST_BATCH_RECORDS)
        )
        process.join(TO_THE_END_SECONDS)
        assert process.exitcode == 0
        self.kills.records = sum(self._ends.values())
        self.kills.released = len(self._foreign_events)
        waiting = self._check(self.file, f"the whole log of seed {self.kills.seed}")
        assert not waiting
        self.kills.digest = asyncio.run(self._rebuild())

    @property
    def _servers(self) -> str:
        return self._connection.bootstrap_servers

    async def _make_topics(self) -> None:
        await ensure_topic(self._connection, self._topic)
        await ensure_topic(self._connection, schemas_topic(self._topic))

    def _publish_schema_of(self, number: int) -> None:
        schema = next_version(Kind.CREATED, _field_of(number))
        asyncio.run(publish(self._connection, schemas_topic(self._topic), binding_of(schema)))

    def _append(self, number: int, part: Sequence[Raw]) -> None:
        """Append records, and between them events with a schema that nobody was told of."""
        schema = next_version(Kind.CREATED, _field_of(number))
        records, events = [*part], {}
        for _ in range(FOREIGN_PER_ROUND):
            event = parse_event({"kind": "created", "tenant_id": "acme", "source": "ahead"})
            foreign = written_with(schema, event, field=_field_of(number))
            key, value = foreign.key or b"", foreign.value or b""
            events[value] = event
            records.insert(self._rng.randrange(len(records) + 1), Raw(key, value))
        for place, raw in append_raw(self._connection, self._topic, records).items():
            if raw.poison:
                self._poison[place] = raw
            elif raw.value in events:
                self._foreign_events[place] = events[raw.value]

    def _kill_one(self, number: int) -> str:
        """Start a projector and kill it: at each step in turn, and every second time at any instant."""
        rng = Random(f"{self.kills.seed}.{number}")  # noqa: S311 - when it dies; apart from what the other thread draws
        wal_bytes = rng.choice(WAL_BYTES_CHOICE)
        if number % 2 == 0:
            step, occurrence = self._steps[number // 2 % len(self._steps)], rng.choice((1, 2))
            wal_bytes = 1 if step is Step.CHECKPOINTED else wal_bytes
            orders = Orders(self.file, self._servers, self._topic, wal_bytes, step, occurrence)
            process, said, _ = self._start(orders)
            while not (said.poll(HALT_TIMEOUT_SECONDS) and said.recv() == HALTED):
                assert process.is_alive(), f"it ended by itself before {step}, with {process.exitcode}"
            self.kills.at_step[step.value] = self.kills.at_step.get(step.value, 0) + 1
            _kill(process)
            return f"SIGKILL at {step} number {occurrence}"
        process, said, last_step = self._start(Orders(self.file, self._servers, self._topic, wal_bytes))
        # One in four while the file is opened and the log is looked at, the others counted from the first fetch.
        if rng.randrange(4):
            assert said.poll(HALT_TIMEOUT_SECONDS)
            assert said.recv() == RUNNING
        seconds = rng.uniform(0.0, INSTANT_SECONDS_MAX)
        time.sleep(seconds)
        assert process.is_alive(), f"it ended by itself, with {process.exitcode}"
        _kill(process)
        last = last_step.value
        during = "opening" if last == NO_STEP else STEPS[last].value
        self.kills.during[during] = self.kills.during.get(during, 0) + 1
        return f"SIGKILL after {seconds:.3f} s, when the last step was {during}"

    def _start(self, orders: Orders) -> tuple[ForkServerProcess, multiprocessing.connection.Connection, c_int]:
        # A fork server imports the projector once: a fresh interpreter would cost each round two seconds.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([project.__module__])
        said, says = context.Pipe(duplex=False)
        last_step = sharedctypes.RawValue(c_int, NO_STEP)
        process = context.Process(target=project, args=(orders, says, last_step), daemon=True)
        process.start()
        says.close()
        return process, said, last_step

    def _read_on(self) -> None:
        """Take what was appended since, as a plain consumer sees it."""
        for record in read_records(self._connection, self._topic, self._ends):
            place = (record.partition, record.offset)
            self._ends[record.partition] = record.offset + 1
            if place not in self._poison:
                event = self._foreign_events.get(place) or decode_event(record.value or b"")
                self._log.append(Placed(Recorded(event, record.recorded_at_ms), *place))

    def _check(self, file: Path, after: str) -> set[Place]:
        """Compare with the oracle, then count; return the places of those that wait for their schema.

        The poison is whole and once in quarantine, and every record before the position is set down once.
        """
        with ReadModel.create_or_open(file, topic=self._topic.name, partitions=self._topic.partitions) as model:
            position = model.position()
            kept = read(model, "SELECT * FROM quarantine WHERE reason <> 'conflict' ORDER BY log_partition, log_offset")
            # Poison that begins with 00 names a schema too, one that never comes.
            waiting = {_place(row) for row in kept if row["reason"] == "schema_unknown"} - self._poison.keys()
            assert waiting <= self._foreign_events.keys(), after
            log = [one for one in self._log if (one.partition, one.offset) not in waiting]
            expected = folded_up_to(log, self._topic.name, position, self._topic.partitions)
            assert_same(expected, read_state(model, self._poison.keys() | waiting), after=after)
            check_layout(model)
            rows = [read(model, f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in SET_DOWN_IN]  # noqa: S608 - our own names
        ends = {partition: offset for (_, partition), offset in position.items()}
        poison = [(*at, raw.key, raw.value) for at, raw in sorted(self._poison.items()) if at[1] < ends.get(at[0], 0)]
        assert poison == [
            (*_place(row), row["record_key"], row["record_value"]) for row in kept if _place(row) not in waiting
        ], after
        assert sum(position.values()) == sum(rows), after
        return waiting

    async def _rebuild(self) -> str:
        async with SchemaStore(self._connection, schemas_topic(self._topic)) as store:
            rebuilt = await rebuild(
                self.file,
                self._connection,
                topic=self._topic.name,
                partitions=self._topic.partitions,
                schemas=AwaitedSchemas(store, 0.0),
                swap=False,
            )
        assert rebuilt.old is not None
        assert rebuilt.old.text == rebuilt.new.text
        assert sum(rebuilt.position.values()) == self.kills.records
        return rebuilt.new.text


def kill_rounds(
    connection: KafkaConnection,
    topic: TopicSpec,
    folder: Path,
    *,
    rounds: int,
    seed: int,
    tell: Callable[[Kills], None] = lambda _: None,
) -> Kills:
    """Do so many rounds and the end; `tell` hears of each. Raises AssertionError, which says after which round."""
    began = time.monotonic()
    run = KillRounds(connection, topic, folder, rounds=rounds, seed=seed)
    for _ in range(rounds):
        run.run_round()
        run.kills.seconds = round(time.monotonic() - began, 1)
        tell(run.kills)
    run.finish()
    run.kills.seconds = round(time.monotonic() - began, 1)
    return run.kills


def _field_of(number: int) -> str:
    return f"mood_{number}"


def _place(row: dict[str, int]) -> Place:
    return row["log_partition"], row["log_offset"]


def _kill(process: ForkServerProcess) -> None:
    process.kill()
    process.join(HALT_TIMEOUT_SECONDS)
    assert process.exitcode == -signal.SIGKILL


def _copied(path: Path, folder: Path) -> Path:
    """Copy the file as the kill left it, write-ahead log included: looking at it must not mend it."""
    folder.mkdir()
    for file in (path, path.with_name(path.name + ".wal")):
        if file.exists():
            shutil.copy2(file, folder / file.name)
    return folder / path.name
