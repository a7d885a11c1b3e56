"""One life of the real projector on a real file, with what it is to meet: it dies, fails, is stopped, or gets there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import duckdb

from ledger_projectors import read_ahead
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.topic_watch import watch_topics
from ledger_projectors.progress import Progress
from ledger_projectors.projector import Projector
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.store import opening, read_model
from ledger_projectors.store.quarantine import Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import LIFECYCLE_TOPIC, Position, TopicSpec
from ledger_schemas.errors import BrokerUnavailable, GuardRefused, ProjectorFailed
from tests.simulator.checks import Invariants
from tests.simulator.conditions import Conditions
from tests.simulator.fakes import OUTAGE_SHARE, SimulatedSource, SimulatedStore
from tests.simulator.faults import LOG_FAULTS, Died, FailingConnection, Fault, Life, copy_as_left, wal_bytes
from tests.simulator.the_log import Place, SimulatedLog, records_between

LIFE_SECONDS_MAX: Final = 60.0
"""Real seconds: a life that takes longer is stuck."""

WAIT_SECONDS: Final = 5.0
"""Simulated: how long a batch waits for a schema."""

SNAPSHOT: Final = "SELECT (SELECT count(*) FROM history), (SELECT sum(next_offset) FROM positions)"


class Process:
    """Opens a file, lives, and leaves a file behind: its own, or, where it dies, a copy as SIGKILL would leave it."""

    def __init__(self, path: Path, left_at: Path, log: SimulatedLog, life: Life, invariants: Invariants) -> None:
        """Open the file at `path`; where the life ends without closing it, a copy is left at `left_at`."""
        self._path = path
        self._left_at = left_at
        self._log = log
        self._life = life
        self._invariants = invariants
        self._armed = False
        with patch.object(read_model, "open_file", self._open):
            self._model = ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=log.partitions)
        self._seen = dict.fromkeys(Step, 0)
        self._wal_bytes_begun = 0
        self._statements = self._statements_done = self._failures = 0
        self._projector: Projector | None = None
        self._conditions: Conditions | None = None
        self._left = False
        self.position = self._model.position()
        self._check("opening", whole=bool(self.position))
        if life.unoptimized:
            self._connection.execute("PRAGMA disable_optimizer")
        if life.fault is Fault.DIES_INSIDE_CHECKPOINT:
            self._connection.execute(f"SET debug_checkpoint_abort = '{life.abort}'")
        self._armed = True

    @property
    def commits(self) -> int:
        """How many transactions were committed."""
        return self._seen[Step.COMMITTED]

    @property
    def alarms(self) -> int:
        """How many alarms about the log were to be seen, and were."""
        return self._conditions.met if self._conditions is not None else 0

    async def live(self, store: SimulatedStore, until: Position, rng: Random, batches: int | None = None) -> str:
        """Project up to `until`, or as far as it gets; return how it ended. Raises what no fault of it explains."""
        if self._life.fault in LOG_FAULTS:
            await self._meet_another_log(until, rng)
        conditions = self._conditions = self._draw_conditions(self._log, self._life, until, rng)
        source = self._source(self._log, until, rng, conditions, batches)
        alarms = AlarmBoard()
        async with source, asyncio.timeout(LIFE_SECONDS_MAX):
            self._projector = Projector(
                self._model,
                source.as_kafka(),
                schemas=AwaitedSchemas(store.as_store(), WAIT_SECONDS),
                until=until,
                on_step=self._observe,
                read_again=partial(self._read_again, rng=Random(rng.random())),  # noqa: S311 - a simulation, no secret
                quarantine_window_records=None,
                checkpoint_wal_bytes=self._life.checkpoint_wal_bytes,
                alarms=alarms,
            )
            watching = asyncio.create_task(watch_topics(conditions.settings, [TopicSpec()], alarms))
            waiting = asyncio.create_task(self._projector.wait_for(until, LIFE_SECONDS_MAX))
            asked = [asyncio.create_task(self._projector.retry(Selection()))] if self._life.retried else []
            ahead = patch.object(read_ahead, "DECODED_AHEAD_RECORDS_MIN", self._life.decoded_ahead_records)
            try:
                with self._slow_reader(), ahead:
                    ending = await self._run(self._projector)
            finally:
                watching.cancel()
                told, *_ = await asyncio.gather(waiting, *asked, return_exceptions=True)
        reached = self._model.position().reached(until)
        if ending == "done":
            # Of a stop, whoever asked is told instead.
            assert self._life.fault is Fault.STOPPED or not any(one.exception() for one in asked), asked
            assert reached or self._life.fault is Fault.STOPPED, f"it ended before {until}"
            assert reached == (told is None), f"whoever waited was told {told!r}"
            if self._life.left_open:
                self._leave()
        return ending

    def check(self) -> None:
        """Compare every row of every table with the oracle's."""
        self._check("the end", whole=True)

    def digest(self) -> Digest:
        """Return what the file says."""
        with self._model.reader() as reader:
            return digest_read_model(reader)

    def close(self) -> Path:
        """Be gone; return the file that is left."""
        if self._left:
            # Else closing would checkpoint, for nothing: nobody looks at this file any more.
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        self._connection.close()
        return self._left_at if self._left else self._path

    async def _run(self, projector: Projector) -> str:
        """Run it; an ending that its fault does not explain is raised on."""
        fault = self._life.fault
        try:
            await projector.run()
        except Died:
            return "died"
        except ProjectorFailed:
            if fault not in {Fault.FAILS_FOR_GOOD, Fault.DIES_INSIDE_CHECKPOINT}:
                raise
            if not self._left:
                self._leave()
            return "failed"
        except GuardRefused:
            if fault is not Fault.OTHER_WRITER:
                raise
            self._check("another writer came")
            return "gave way"
        return "done"

    @contextlib.contextmanager
    def _slow_reader(self) -> Any:  # noqa: ANN401 - an iterator
        """Hold a snapshot open for the whole life: it hinders nobody and sees nothing of what happens."""
        if not self._life.slow_reader:
            yield
            return
        reader = self._model.reader()
        reader.execute("BEGIN")
        before = reader.execute(SNAPSHOT).fetchall()
        try:
            yield
            # After a fatal error, or a death, there is nobody to read from.
            if not self._left:
                after = reader.execute(SNAPSHOT).fetchall()
                assert before == after, f"an open reader saw {before} become {after}"
        finally:
            with contextlib.suppress(duckdb.Error):
                reader.execute("ROLLBACK")
            reader.close()

    async def _read_again(self, places: Sequence[Place], rng: Random) -> list[LogRecord]:
        """Return single records of the log; at times the broker is away."""
        await asyncio.sleep(0)
        if rng.random() < OUTAGE_SHARE:
            raise BrokerUnavailable("The simulated broker is away.")
        return [record for at in places for record in records_between(self._log, at[0], at[1], at[1] + 1)]

    def _observe(self, step: Step) -> None:
        self._seen[step] += 1
        life, count = self._life, self._seen[step]
        now = count == life.occurrence
        if step is Step.BEGUN:
            self._wal_bytes_begun = wal_bytes(self._path)
        if step is Step.COMMITTED:
            if life.fault is Fault.DIES_INSIDE_COMMIT and now:
                written = wal_bytes(self._path) - self._wal_bytes_begun
                self._leave(self._wal_bytes_begun + round(life.torn * written))
                raise Died
            self._check(f"commit {count}")
            if self._conditions is not None:
                self._conditions.check_not_early(self.position)
        if step is Step.FETCHED and now and life.fault is Fault.STOPPED and self._projector is not None:
            self._projector.stop()
        if step is Step.FETCHED and now and life.fault is Fault.OTHER_WRITER:
            # Between two batches: the writer's thread has nothing to do.
            self._connection.execute("UPDATE read_model SET epoch = epoch + 1")
        if life.fault is Fault.DIES and step is life.step and now:
            self._leave()
            raise Died

    def _open(self, *arguments: Any) -> Any:  # noqa: ANN401 - as `open_file`
        self._connection: duckdb.DuckDBPyConnection = opening.open_file(*arguments)
        return FailingConnection(self._connection, self._fail)

    def _fail(self) -> None:
        if not self._armed:
            return
        self._statements += 1
        life, statement = self._life, self._statements
        if life.fault is Fault.FAILS_FOR_GOOD and statement == life.statement:
            self._leave()
            raise duckdb.FatalException("The simulated instance is invalid.")
        if life.fault is Fault.FAILS_FOR_NOW and life.statement <= statement < life.statement + life.failures:
            raise self._no_room()
        self._statements_done += 1
        if life.fault is Fault.FAILS_AT_EACH_STATEMENT and self._statements_done > self._failures:
            self._statements_done, self._failures = 0, self._failures + 1
            raise self._no_room()

    def _no_room(self) -> duckdb.Error:
        if self._life.no_memory:
            return duckdb.OutOfMemoryException("There is no simulated memory.")
        return duckdb.IOException("No space left on the simulated device")

    def _check(self, after: str, *, whole: bool = False) -> None:
        self.position = self._model.position()
        self._invariants.check(self._model, f"{after} ({self._life})", whole=whole)

    def _leave(self, wal_bytes_kept: int | None = None) -> None:
        copy_as_left(self._path, self._left_at, wal_bytes_kept)
        self._left = True

    async def _meet_another_log(self, until: Position, rng: Random) -> None:
        """Meet a log that is not ours in one partition: it is refused, and nothing has changed."""
        log, position = self._log, self._model.position()
        for partition, (offset, _, _) in self._model.last_records().items():
            ours = position[LIFECYCLE_TOPIC, partition]
            other = {
                Fault.LOG_TRUNCATED: replace(log, begins={partition: ours + 1}, ends={**log.ends, partition: ours + 2}),
                Fault.LOG_SHORTENED: replace(log, ends={**log.ends, partition: ours - 1}),
                Fault.LOG_RECREATED: log.with_another_record(partition, offset, rng),
            }[self._life.fault]
            try:
                still = replace(self._life, open_transaction=False, setting_changed=False)
                async with self._source(other, until, rng, self._draw_conditions(other, still, until, rng)):
                    raise AssertionError(f"partition {partition} of another log was not refused")
            except GuardRefused:
                assert self._model.position() == position
        self._check(self._life.fault)

    def _draw_conditions(self, log: SimulatedLog, life: Life, until: Position, rng: Random) -> Conditions:
        def progress() -> Progress:
            assert self._projector is not None
            return self._projector.progress()

        return Conditions(log, life, rng, position=self._model.position(), until=until, progress=progress)

    def _source(
        self, log: SimulatedLog, until: Position, rng: Random, conditions: Conditions, batches: int | None = None
    ) -> SimulatedSource:
        return SimulatedSource(
            log,
            rng,
            position=self._model.position(),
            last_records=self._model.last_records(),
            until=until,
            conditions=conditions,
            batches=batches,
            pieces=0 if batches else self._life.pieces,
        )
