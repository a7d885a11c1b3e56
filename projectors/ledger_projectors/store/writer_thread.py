"""The one thread that DuckDB works on: what is done there is tried again while it fails for a reason that may pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import duckdb
import structlog

from ledger_projectors.decode.awaited_schemas import pause
from ledger_projectors.store.checkpoints import Checkpoints
from ledger_projectors.store.duckdb_errors import log_fields, may_pass
from ledger_schemas.errors import ProjectorFailed

RETRY_SECONDS_FIRST: Final = 0.5
RETRY_SECONDS_MAX: Final = 30.0
"""Back-off after work that failed whole for a reason that may pass (a full disk)."""

_Result = TypeVar("_Result")

_log = structlog.get_logger("ledger_projectors.projector")


class WriterThread:
    """Does the work of one read model's writer, one thing after another, off the event loop's thread.

    Use it as a context manager: leaving it waits for what is being done. `retrying`: something is tried again.
    """

    def __init__(self, path: Path, checkpoints: Checkpoints, stopping: asyncio.Event) -> None:
        """Take the path of the file, for messages; `stopping` ends the wait before another try."""
        self._path = path
        self._checkpoints = checkpoints
        self._stopping = stopping
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="projector-writer")
        self.retrying = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for what is being done, and end the thread."""
        self.executor.shutdown()

    async def tried(self, work: Callable[[], _Result]) -> _Result | None:
        """Do it, again and again while it fails for a reason that may pass. None: a stop was asked for meanwhile.

        Raises ProjectorFailed for what trying again cannot mend.
        """
        delay = RETRY_SECONDS_FIRST
        while True:
            try:
                result = await asyncio.get_running_loop().run_in_executor(self.executor, work)
            except duckdb.Error as error:
                if not may_pass(error):
                    raise ProjectorFailed(
                        f"DuckDB failed on {self._path}: {type(error).__name__}.",
                        hint="Nothing of the batch was applied. Start the projector again; if it fails again, rebuild.",
                    ) from error
                self.retrying = True
                _log.warning("projector.batch_failed", **log_fields(error, self._path), retry_seconds=delay)
            else:
                self.retrying = False
                return result
            await pause(self._stopping, delay)
            if self._stopping.is_set():
                return None
            delay = min(delay * 2, RETRY_SECONDS_MAX)

    async def checkpoint(self) -> None:
        """Checkpoint if that is due after a batch. Raises ProjectorFailed: the batch was committed."""
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, self._checkpoints.after_batch)
        except duckdb.Error as error:
            raise ProjectorFailed(
                f"DuckDB failed on {self._path} at a checkpoint: {type(error).__name__}.",
                hint="The batch before it was committed. Start the projector again; if it fails again, rebuild.",
            ) from error
