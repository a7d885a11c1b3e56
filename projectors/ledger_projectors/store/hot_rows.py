"""The rows that were written last, kept in memory: most live batches are about them, and read nothing for them.

What is kept mirrors the file. It changes after COMMIT alone; after a failure it is forgotten, and made again as rows
are written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from polars import DataFrame

HOT_NOTIFICATIONS_MAX: Final = 50_000
HOT_ENTRIES_MAX: Final = 150_000
"""Rows that are kept, at most. Some 2 KiB each: nothing in memory grows with the file."""

VERSION_MAX: Final = 2**63 - 1

_FRAME_ROWS_MAX: Final = 8_192
"""Smaller frames are put together; one this large is kept, and let go, as it is."""

_IDENTITIES: Final = ["n", "recipient_id", "version"]


class HotRows:
    """Rows of one table by version. Rows that replace others have larger versions."""

    def __init__(self, rows_max: int) -> None:
        """Keep so many rows at most, those that were replaced since among them."""
        self._rows_max = rows_max
        self._frames: list[DataFrame] = []

    def __len__(self) -> int:
        """Return how many rows are held, replaced ones among them."""
        return sum(map(len, self._frames))

    def first_version(self) -> int:
        """Return from which version on all rows are kept that are in the file: beyond all versions where none is."""
        return self._frames[0]["version"][0] if self._frames else VERSION_MAX

    def rows(self, versions: Sequence[int]) -> list[DataFrame]:
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
        frames = self._frames
        frames.append(rows)
        # As a binary counter: each row is copied a few times, and few frames are asked.
        while len(frames) > 1 and len(frames[-2]) < min(2 * len(frames[-1]), _FRAME_ROWS_MAX):
            last = frames.pop()
            frames[-1] = pl.concat([frames[-1], last], rechunk=True)
        while len(self) > self._rows_max:
            self._let_go(frames.pop(0))

    def forget(self) -> None:
        """Keep nothing."""
        self._frames.clear()

    def _let_go(self, rows: DataFrame) -> None:
        """Do what is to be done about rows that are kept no more."""


class HotEntries(HotRows):
    """Rows of inbox entries, found by n and recipient_id too."""

    def __init__(self, rows_max: int) -> None:
        """Keep so many at most."""
        super().__init__(rows_max)
        self._versions: defaultdict[int, dict[str, int]] = defaultdict(dict)

    def versions(self, n: int) -> Mapping[str, int]:
        """Return the version by recipient_id of those entries of a notification that are kept."""
        return self._versions.get(n, {})

    def put(self, rows: DataFrame) -> None:
        """Keep rows, as `HotRows.put`."""
        for n, recipient_id, version in rows[_IDENTITIES].iter_rows():
            self._versions[n][recipient_id] = version
        super().put(rows)

    def drop(self, numbers: Iterable[int]) -> None:
        """Keep no row of these notifications."""
        for n in numbers:
            self._versions.pop(n, None)

    def forget(self) -> None:
        """Keep nothing."""
        self._versions.clear()
        super().forget()

    def _let_go(self, rows: DataFrame) -> None:
        for n, recipient_id, version in rows[_IDENTITIES].iter_rows():
            kept = self._versions.get(n, {})
            if kept.get(recipient_id) == version:
                del kept[recipient_id]
                if not kept:
                    del self._versions[n]
