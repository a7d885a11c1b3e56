"""What is watched beside a projector's work: a watch that dies stops the work, and says why."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ledger_schemas.errors import LedgerError, ProjectorFailed


class Watches:
    """Tasks that run until they are ended; `stopping` is set when one of them fails before that."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Take what stops the work."""
        self._stopping = stopping
        self._tasks: list[asyncio.Task[None]] = []
        self._error: BaseException | None = None

    def start(self, watch: Coroutine[Any, Any, None]) -> None:
        """Run it beside the others."""
        task = asyncio.create_task(watch)
        task.add_done_callback(self._look)
        self._tasks.append(task)

    def check(self) -> None:
        """Raise ProjectorFailed when one has failed; what it said itself where that says what to do."""
        if isinstance(self._error, LedgerError):
            raise self._error
        if self._error is not None:
            raise ProjectorFailed(
                f"A watch of the projector failed: {type(self._error).__name__}.",
                hint="Everything before the position is applied. Start the projector again.",
            ) from self._error

    async def end(self) -> None:
        """End all of them; what they fail with now is of no more interest."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
            self._stopping.set()
