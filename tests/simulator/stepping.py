"""Threads that are none: what a thread would do is done by the event loop, some of its turns later, as drawn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from random import Random
from typing import Any, Final, TypeVar
from unittest.mock import patch

from ledger_projectors import read_ahead
from ledger_projectors.store import writer_thread

TURNS: Final = (0, 0, 1, 5, 30)
"""How long work waits for its thread: meanwhile the event loop does everything else that there is to do."""

_Result = TypeVar("_Result")


class SteppedThread(Executor):
    """Does one thing after another, as an executor of one thread: who is ahead of whom is the seed's to say.

    Real threads would decide it by the speed of the machine, and a round would not be its seed.
    """

    def __init__(self, rng: Random) -> None:
        """Take what draws the turns."""
        self._rng = rng
        self._waiting: deque[Callable[[], None]] = deque()

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:  # noqa: ANN401 - as Executor
        """Do it some turns of the running event loop later, behind what waits already."""
        future: Future[_Result] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - a thread hands over whatever it is
                future.set_exception(error)

        self._waiting.append(do)
        self._turn(self._rng.choice(TURNS))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as Executor
        """Do what waits."""
        while self._waiting:
            self._waiting.popleft()()

    def _turn(self, left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._turn, left - 1)
        elif self._waiting:
            self._waiting.popleft()()


@contextmanager
def stepped_threads(rng: Random) -> Iterator[None]:
    """Give the writer and the decoder such threads."""

    def thread(**_: Any) -> SteppedThread:  # noqa: ANN401 - as ThreadPoolExecutor
        return SteppedThread(Random(rng.random()))  # noqa: S311 - a simulation, no secret

    with (
        patch.object(writer_thread, "ThreadPoolExecutor", thread),
        patch.object(read_ahead, "ThreadPoolExecutor", thread),
    ):
        yield
