"""Runs rounds in one process or in several, and reports them in the order of their seeds either way."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from tests.simulator.faults import Life
from tests.simulator.rounds import Report, Room, a_folder, run_round

Change = Callable[[Life], Life]


@contextmanager
def run_rounds(seeds: Sequence[int], change: Change | None = None, *, jobs: int = 1) -> Iterator[Iterator[Report]]:
    """Give the reports of the rounds of `seeds`, in that order, whoever ran them; `change` is as for `run_round`.

    So the first that failed is the first that is given. Rounds that nobody has begun when the block ends are left.
    With more than one of `jobs`, `change` must be one that can be pickled.
    """
    with a_folder() as folder:
        run = partial(_run, folder, change)
        if jobs == 1:
            yield map(run, seeds)
            return
        # A fresh interpreter each: threads of the one that asks are nothing to fork.
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
        try:
            yield pool.map(run, seeds)
        finally:
            pool.shutdown(cancel_futures=True)


def _run(folder: Path, change: Change | None, seed: int) -> Report:
    return run_round(seed, _room_of_this_process(folder), change)


@cache
def _room_of_this_process(folder: Path) -> Room:
    own = folder / str(os.getpid())
    own.mkdir()
    return Room(own)
