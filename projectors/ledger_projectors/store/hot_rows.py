"""The rows that were written last, kept in memory: most live batches are about them, and read nothing for them.

What is kept mirrors the file. It changes after COMMIT alone; after a failure it is forgotten, and made again as rows
are written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import polars as pl
from polars import DataFrame

HOT_NOTIFICATIONS_MAX: Final = 50_000
HOT_ENTRIES_MAX: Final = 150_000
"""Rows that are kept, at most. Some 2 KiB each: nothing in memory grows with the file."""

_FRAME_ROWS_MAX: Final = 8_192
"""Smaller frames are put together; one this large is kept, and let go, as it is."""


class HotRows:
    """Rows of one table, by two key columns. Rows that replace others have the same keys and a larger version."""

    def __init__(self, keys: tuple[str, str], rows_max: int) -> None:
        """Keep so many rows at most, those that were replaced since among them."""
        self._keys = keys
        self._rows_max = rows_max
        self._versions: defaultdict[Any, dict[Any, int]] = defaultdict(dict)
        self._frames: list[DataFrame] = []

    def __len__(self) -> int:
        """Return how many rows are held, replaced ones among them."""
        return sum(map(len, self._frames))

    def versions(self, first: Any) -> dict[Any, int]:  # noqa: ANN401 - a key is of the type of its column
        """Return the version by second key of the rows with this first key that are kept."""
        return self._versions.get(first, {})

    def rows(self, versions: list[int]) -> list[DataFrame]:
        """Return the rows with these versions, which are kept."""
        starts = [frame["version"][0] for frame in self._frames]
        of_frames: defaultdict[int, list[int]] = defaultdict(list)
        for version in versions:
            of_frames[bisect_right(starts, version) - 1].append(version)
        frames = [(self._frames[at], wanted) for at, wanted in of_frames.items()]
        return [frame[np.searchsorted(frame["version"].to_numpy(), wanted)] for frame, wanted in frames]

    def put(self, rows: DataFrame) -> None:
        """Keep rows that were committed, by rising version, each larger than all before."""
        if rows.is_empty():
            return
        for first, second, version in self._identities(rows):
            self._versions[first][second] = version
        frames = self._frames
        frames.append(rows)
        # As a binary counter: each row is copied a few times, and few frames are asked.
        while len(frames) > 1 and len(frames[-2]) < min(2 * len(frames[-1]), _FRAME_ROWS_MAX):
            last = frames.pop()
            frames[-1] = pl.concat([frames[-1], last], rechunk=True)
        while len(self) > self._rows_max:
            self._let_go(frames.pop(0))

    def drop(self, firsts: Iterable[Any]) -> None:
        """Keep no row with one of these first keys."""
        for first in firsts:
            self._versions.pop(first, None)

    def forget(self) -> None:
        """Keep nothing."""
        self._versions.clear()
        self._frames.clear()

    def _identities(self, rows: DataFrame) -> Iterator[tuple[Any, Any, int]]:
        return rows[[*self._keys, "version"]].iter_rows()

    def _let_go(self, rows: DataFrame) -> None:
        for first, second, version in self._identities(rows):
            seconds = self._versions.get(first, {})
            if seconds.get(second) == version:
                del seconds[second]
                if not seconds:
                    del self._versions[first]
