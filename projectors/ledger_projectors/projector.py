"""The projector: advances a read model batch by batch, and says how far it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.directory.follower import DirectoryFollower
from ledger_projectors.log.again import ReadAgain
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.ends import EndWatch
from ledger_projectors.log.records import BatchOutcome, LogRecord
from ledger_projectors.log.source import Fetched, KafkaSource
from ledger_projectors.progress import Progress
from ledger_projectors.read_ahead import ReadAhead, ReadBatch
from ledger_projectors.store.checkpoints import Checkpoints
from ledger_projectors.store.dead_letters import DeadLetters
from ledger_projectors.store.late_copies import with_copies
from ledger_projectors.store.quarantine import RetryOutcome, Selection
from ledger_projectors.store.quarantine_rate import QUARANTINE_MAX, QUARANTINE_WINDOW_RECORDS, QuarantineRate, facts
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.retries import Retries
from ledger_projectors.store.steps import StepObserver, unobserved
from ledger_projectors.store.writer_thread import WriterThread
from ledger_projectors.watches import Watches
from ledger_schemas.errors import LedgerError, ProjectorFailed, ReadModelBehind, TooManyQuarantined
from ledger_schemas.positions import Position

_Outcome = TypeVar("_Outcome", bound=BatchOutcome)

_log = structlog.get_logger("ledger_projectors.projector")


class Projector:
    """Advances one read model along one source until asked to stop. All DuckDB work runs on one thread of its own."""

    def __init__(
        self,
        read_model: ReadModel,
        source: KafkaSource,
        *,
        schemas: AwaitedSchemas | None = None,
        until: Position | None = None,
        on_step: StepObserver = unobserved,
        quarantine_max: int = QUARANTINE_MAX,
        quarantine_window_records: int | None = QUARANTINE_WINDOW_RECORDS,
        checkpoint_wal_bytes: int | None = None,
        dead_letters: DeadLetters | None = None,
        read_again: ReadAgain | None = None,
        alarms: AlarmBoard | None = None,
        directory: DirectoryFollower | None = None,
    ) -> None:
        """Take an open read model and an entered source; `until` ends the run when that position is reached.

        Without `schemas`, the shipped schemas alone are known, and nothing is waited for. Other watchers may report to
        `alarms`, too. Without `quarantine_window_records`, nothing in quarantine stops it or is an alarm.
        """
        self._read_model = read_model
        self._source = source
        self._schemas = schemas
        self._until = until
        self._on_step = on_step
        self._dead_letters = dead_letters
        self._read_again = read_again
        self._directory = directory
        self._retries = Retries(read_model, on_step)
        self._alarms = alarms or AlarmBoard()
        self._rate = QuarantineRate(read_model.topic, quarantine_max, quarantine_window_records, self._alarms)
        self._checkpoints = Checkpoints(read_model, checkpoint_wal_bytes, on_step, self._alarms)
        self._stopping = asyncio.Event()
        self._writer = WriterThread(read_model.path, self._checkpoints, self._stopping)
        self._moved = asyncio.Condition()
        self._position = read_model.position()
        self._ends = EndWatch(source.ends, self._alarms)
        self._error: BaseException | None = None
        self._finished = self._awaiting = False
        self._released_at = -1
        self._applied = self._duplicates = self._quarantined = 0

    def progress(self) -> Progress:
        """Return how far it is now."""
        end = self._ends.end or self._position
        behind = sum(max(0, offset - self._position.get(partition, 0)) for partition, offset in end.items())
        return Progress(
            position=self._position,
            end=end,
            caught_up=self._ends.first is not None
            and self._position.reached(self._ends.first)
            and (self._directory is None or self._directory.is_read),
            behind=behind,
            applied=self._applied,
            duplicates=self._duplicates,
            quarantined=self._quarantined,
            retrying=self._awaiting or self._writer.retrying,
            alarms=self._alarms.current(),
        )

    def stop(self) -> None:
        """Ask it to finish the batch in hand and return."""
        self._stopping.set()

    async def wait_for(self, position: Position, timeout_seconds: float) -> None:
        """Return when the read model has reached `position`.

        Raises ReadModelBehind after `timeout_seconds`; raises ProjectorFailed at once when the projector has stopped
        on an error, rather than waiting for what cannot come.
        """
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self._finished or self._position.reached(position))
        except TimeoutError:
            held_back = self._ends.held_back(position)
            raise ReadModelBehind(
                f"The read model is at {str(self._position) or 'its beginning'}, not yet at {position}."
                + (f" {held_back.detail}" if held_back else ""),
                hint=held_back.hint if held_back else "Ask again, or with a longer wait.",
            ) from None
        if self._error is not None or not self._position.reached(position):
            raise self._stopped(f"before {position}") from self._error

    async def retry(self, selection: Selection) -> RetryOutcome:
        """Try selected records of the quarantine again, between two batches: see `ReadModel.retry`.

        Schemas that nobody knew are looked for once more, in the registry too. Raises ProjectorFailed and
        ReadModelBehind when the projector has stopped: nothing was tried then.
        """
        if self._finished:
            raise self._stopped("before a retry") from self._error
        return await self._retries.ask(selection)

    def _stopped(self, before: str) -> LedgerError:
        if self._error is not None:
            return ProjectorFailed(
                f"The projector stopped: {self._error}", hint="See its log; restart it when the cause is mended."
            )
        return ReadModelBehind(
            f"The projector was stopped at {self._position}, {before}.", hint="Start it and ask again."
        )

    async def wait_caught_up(self) -> None:
        """Return when the read model has reached what was the end of the log at start, or the run is over."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._finished or self.progress().caught_up)

    async def run(self) -> None:
        """Work until stopped, until `until` is reached, or until an error that trying again cannot mend (raised).

        The next batches are fetched and decoded while the one in hand is written. What lies in quarantine for a schema
        that is known by now is released first, at the start and whenever the schema store has grown.
        """
        with self._writer as writer:
            watches = Watches(self._stopping)
            watches.start(self._checkpoints.watch(writer.executor))
            if self._schemas is not None:
                watches.start(self._schemas.watch())
            if self._dead_letters is not None:
                watches.start(self._dead_letters.run(writer.executor))
            if self._directory is not None:
                watches.start(self._directory.run(writer, self._stopping, self._directory_moved))
            try:
                await self._recount()
                # Only now: without the end of the log it has not caught up, and who waits for that sees the alarms.
                watches.start(self._ends.watch(self._announce))
                async with self._read_ahead() as ahead:
                    await self._advance(None)
                    while not self._done() and (batch := await ahead.next()) is not None:
                        fetched = batch.fetched
                        moved = fetched.records or not self._position.reached(self._after(fetched))
                        await self._advance(batch if moved else None)
                watches.check()
            except BaseException as error:
                self._error = error
                raise
            finally:
                # The ending must be reported whatever it was.
                await watches.end()
                if self._dead_letters is not None:
                    await self._dead_letters.finish(writer.executor)
                await self._announce(finished=True)
                self._retries.refuse(self._stopped("before a retry"))

    def _done(self) -> bool:
        return self._stopping.is_set() or (self._until is not None and self._position.reached(self._until))

    def _read_ahead(self) -> ReadAhead:
        return ReadAhead(
            self._source,
            self._schemas,
            partitions=self._read_model.partitions,
            stopping=self._stopping,
            report_retrying=self._report_retrying,
            on_step=self._on_step,
        )

    async def _advance(self, batch: ReadBatch | None) -> None:
        """Release what waits in quarantine for what is known by now, then apply a batch, if there is one.

        Between the two, do what was asked of the quarantine.
        """
        if self._schemas is None:
            await self._retries.do(self._commit, None, self._read_again, self._stopping)
            if batch is not None and not self._stopping.is_set():
                await self._apply(batch, None)
            return
        await self._retries.look_again(self._schemas, self._writer.tried)
        # Nothing is learnt between a release and the batch after it: of two copies the earlier offset comes first.
        async with self._schemas.steady():
            await self._release(self._schemas)
            await self._retries.do(self._commit, self._schemas.known, self._read_again, self._stopping)
            if batch is not None and not self._stopping.is_set():
                await self._apply(batch, self._schemas)

    async def _apply(self, batch: ReadBatch, schemas: AwaitedSchemas | None) -> None:
        started = time.perf_counter()
        fetched = batch.fetched
        # What was learnt since it was decoded may make events of what were none.
        decoded = batch.decoded if schemas is None or batch.learnt == schemas.learnt else None
        known = schemas.known if schemas is not None else None
        work = partial(
            self._read_model.apply,
            fetched.records,
            fetched.next_offsets,
            self._on_step,
            known,
            decoded,
            fetched.begin_offsets,
        )
        outcome = await self._commit(work)
        if outcome is None:
            return
        position = self._position.merged(self._after(fetched))
        counts = {"applied": outcome.applied, "duplicates": outcome.duplicates, "quarantined": outcome.quarantined}
        _log.debug(
            "projector.batch_committed",
            records=len(fetched.records),
            **counts,
            seconds=round(time.perf_counter() - started, 4),
            position=str(position),
        )
        excess = await self._writer.tried(partial(self._count, outcome, position))
        self._quarantined += outcome.quarantined
        self._position = self._position.merged(position)
        await self._announce()
        if excess is not None:
            raise excess

    async def _release(self, schemas: AwaitedSchemas) -> None:
        if self._released_at == schemas.learnt:
            return
        release = partial(self._read_model.release, schemas.known, self._on_step)

        async def work(copies: Sequence[LogRecord] | None) -> RetryOutcome | None:
            return await self._commit(partial(release, copies))

        while (
            not self._stopping.is_set()
            and (outcome := await with_copies(work, self._read_again, self._stopping)) is not None
        ):
            _log.info("projector.records_released", applied=outcome.applied, refused=outcome.reasons)
        self._released_at = schemas.learnt

    async def _commit(self, work: Callable[[], _Outcome | None]) -> _Outcome | None:
        """Do it on the writer's thread, then checkpoint if due. None: nothing was done."""
        outcome = await self._writer.tried(work)
        if outcome is not None:
            await self._writer.checkpoint()
            if outcome.rejections and self._dead_letters is not None:
                self._dead_letters.notice()
            self._applied += outcome.applied
            self._duplicates += outcome.duplicates
            if isinstance(outcome, RetryOutcome):
                await self._recount()
        return outcome

    def _count(self, outcome: BatchOutcome, position: Position) -> TooManyQuarantined | None:
        """Count what a batch put into quarantine. It takes a second for 200,000 records: not on the event loop."""
        if outcome.quarantined:
            _log.error("projector.records_quarantined", **facts(outcome))
        return self._rate.add(outcome.rejections, position)

    async def _recount(self) -> None:
        """Recount the quarantined records: at the start, and after records left quarantine."""
        await self._writer.tried(
            lambda: self._rate.resume(self._read_model.recently_quarantined(self._rate.window_records), self._position)
        )

    def _after(self, fetched: Fetched) -> Position:
        """Return the position after what was fetched: it moves over holes in the offsets, too."""
        topic = self._read_model.topic
        return Position({(topic, partition): offset for partition, offset in fetched.next_offsets.items()})

    def _report_retrying(self, retrying: bool) -> None:  # noqa: FBT001 - its one argument
        self._awaiting = retrying

    async def _directory_moved(self, position: Position) -> None:
        self._position = self._position.merged(position)
        await self._announce()

    async def _announce(self, *, finished: bool = False) -> None:
        async with self._moved:
            self._finished = self._finished or finished
            self._moved.notify_all()
