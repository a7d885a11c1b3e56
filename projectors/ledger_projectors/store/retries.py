"""Retries of quarantined records that were asked for: they wait, in their order, for the projector's writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.log.again import ReadAgain
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.late_copies import with_copies
from ledger_projectors.store.quarantine import RetryOutcome, Selection
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import StepObserver
from ledger_schemas.errors import LedgerError
from ledger_schemas.framing import SchemaReference
from ledger_schemas.known_schemas import KnownSchemas

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


async def _committed(
    commit: Commit, work: Callable[[Sequence[LogRecord] | None], RetryOutcome], copies: Sequence[LogRecord] | None
) -> RetryOutcome | None:
    return await commit(partial(work, copies))
