"""Retries of quarantined records that were asked for: they wait, in their order, for the projector's writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas, pause
from ledger_projectors.log.again import ReadAgain
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.quarantine import RetryOutcome, Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import StepObserver
from ledger_schemas.errors import LedgerError, Unavailable
from ledger_schemas.framing import SchemaReference
from ledger_schemas.known_schemas import KnownSchemas

ROUNDS_MAX: Final = 5
"""How often what was read may show that more must be: copies of copies."""

RETRY_SECONDS: Final = 2.0
"""How long a broker that is away is left alone."""

PLACES_LOGGED_MAX: Final = 20

Commit = Callable[[Callable[[], RetryOutcome]], Awaitable[RetryOutcome | None]]
"""Does it on the writer's thread and returns what came of it; None: a stop was asked for meanwhile."""

Tried = Callable[[Callable[[], set[SchemaReference]]], Awaitable[set[SchemaReference] | None]]
"""Does it on the writer's thread, again while it fails for a reason that may pass; None as above."""

_log = structlog.get_logger("ledger_projectors.projector")


class Retries:
    """Between those who ask for a retry and the projector, which does it between two batches. All on one event loop."""

    def __init__(self, read_model: ReadModel, on_step: StepObserver) -> None:
        """Begin with none."""
        self._read_model = read_model
        self._on_step = on_step
        self._waiting: deque[tuple[Selection, asyncio.Future[RetryOutcome]]] = deque()

    async def ask(self, selection: Selection) -> RetryOutcome:
        """Wait until it was done and return what came of it, or raise why it was not."""
        answer: asyncio.Future[RetryOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((selection, answer))
        return await answer

    async def look_again(self, schemas: AwaitedSchemas, tried: Tried) -> None:
        """Have the store asked once more for the schemas of what will be retried, also for those given up."""
        for selection, _ in list(self._waiting):
            work = partial(self._read_model.references, selection)
            await schemas.look_again(await tried(work) or ())

    async def do(
        self, commit: Commit, known: KnownSchemas | None, read: ReadAgain | None, stopping: asyncio.Event
    ) -> None:
        """Do what was asked, until nothing is or a stop was asked for. `read` gives copies from the log."""
        while self._waiting:
            selection, answer = self._waiting[0]
            if not answer.done():
                retry = partial(self._read_model.retry, selection, known, self._on_step)
                outcome = await with_copies(partial(_committed, commit, retry), read, stopping)
                if outcome is None:
                    return
                _log.info("projector.records_retried", count=len(outcome.retried), refused=outcome.reasons)
                if not answer.done():  # Else whoever asked has gone meanwhile.
                    answer.set_result(outcome)
            self._waiting.popleft()

    def refuse(self, error: LedgerError) -> None:
        """Tell all who wait why nothing will be done."""
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(error)


async def with_copies(
    work: Callable[[Sequence[LogRecord] | None], Awaitable[RetryOutcome | None]],
    read: ReadAgain | None,
    stopping: asyncio.Event | None = None,
) -> RetryOutcome | None:
    """Do a release or a retry; when it wants copies from the log, read them and do it again with them.

    A broker that is away is waited for until `stopping` is set (None is returned then); without `stopping`, its error
    is raised. When the log does not hold the copies any more, or nothing can `read` them, it is done without: the copy
    that was applied stays, against the order of the log, and a line of our own log says where.
    """
    copies: list[LogRecord] = []
    rounds = 0
    while read is not None and rounds < ROUNDS_MAX:
        outcome = await work(copies)
        if outcome is None or not outcome.wanted:
            return outcome
        try:
            copies += await read(outcome.wanted)
            rounds += 1
        except Unavailable as error:
            if stopping is None:
                raise
            _log.warning("projector.copies_unreachable", cause=str(error), retry_seconds=RETRY_SECONDS)
            await pause(stopping, RETRY_SECONDS)
            if stopping.is_set():
                return None
        except LedgerError as error:
            _log.error("projector.copies_gone", cause=str(error))
            break
    outcome = await work(None)
    if outcome is not None and outcome.wanted:
        _log.error(
            "projector.conflict_overtaken",
            count=len(outcome.wanted),
            places=[f"{partition}:{offset}" for partition, offset in outcome.wanted[:PLACES_LOGGED_MAX]],
            hint="These were applied before an earlier copy with other content came out of quarantine, and stay: a "
            "replay differs. `notification-ledger quarantine retry --reason conflict` mends it; else rebuild.",
        )
    return outcome


async def _committed(
    commit: Commit, work: Callable[[Sequence[LogRecord] | None], RetryOutcome], copies: Sequence[LogRecord] | None
) -> RetryOutcome | None:
    return await commit(partial(work, copies))
