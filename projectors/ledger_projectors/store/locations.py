"""Where the rows of every notification lie, in memory: found without a look into the file, however large it is.

What is kept mirrors the file. It changes after COMMIT alone; after a failure it is forgotten, and read again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

BYTES_EACH: Final = 32
"""What a notification takes: its hash, its number, and two versions. 320 MB for ten million; arrays have some room."""

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class Locations:
    """The numbers of all notifications by the hashes of their ids, and by number the versions of their rows."""

    def __init__(self) -> None:
        """Know nothing."""
        self.last_number = self.last_version = 0
        # Sorted by hash, each less than half as long as the one before: a number is moved a few times, not each time.
        self._sorted: list[tuple[Hashes, Numbers]] = []
        self._versions = np.zeros(1, np.int64)
        self._entry_versions = np.zeros(1, np.int64)

    def find(self, hashes: Hashes) -> Numbers:
        """Return the numbers of notifications with these hashes, in order: those asked for, and maybe others."""
        found = [np.zeros(0, np.int64)]
        for known, numbers in self._sorted:
            first, behind = (np.searchsorted(known, hashes, side) for side in ("left", "right"))
            while (hits := first < behind).any():
                found.append(numbers[first[hits]])
                first = first + 1
        return np.unique(np.concatenate(found))

    def versions(self, numbers: Numbers) -> Numbers:
        """Return the versions of the rows of these notifications."""
        return self._versions[numbers]

    def entry_versions(self, numbers: Numbers) -> Numbers:
        """Return the version of an inbox entry of each of these notifications, which have one: of one of several."""
        return self._entry_versions[numbers]

    def add(self, hashes: Hashes, numbers: Numbers) -> None:
        """Learn of new notifications."""
        if not numbers.size:
            return
        parts = self._sorted
        parts.append(_in_order(hashes, numbers))
        while len(parts) > 1 and 2 * len(parts[-1][0]) >= len(parts[-2][0]):
            parts[-2:] = [_in_order(*map(np.concatenate, zip(*parts[-2:], strict=True)))]
        self.last_number = max(self.last_number, int(numbers.max()))
        self._versions, self._entry_versions = (
            _with_room(versions, self.last_number) for versions in (self._versions, self._entry_versions)
        )

    def put_versions(self, numbers: Numbers, versions: Numbers) -> None:
        """Learn which rows notifications have."""
        self._versions[numbers] = versions
        self.last_version = max(self.last_version, int(versions.max(initial=0)))

    def put_entry_versions(self, numbers: Numbers, versions: Numbers) -> None:
        """Learn which inbox entries notifications have; of several any one counts."""
        self._entry_versions[numbers] = versions
        self.last_version = max(self.last_version, int(versions.max(initial=0)))


def _in_order(hashes: Hashes, numbers: Numbers) -> tuple[Hashes, Numbers]:
    order = np.argsort(hashes, kind="stable")
    return hashes[order], numbers[order]


def _with_room(versions: Numbers, number: int) -> Numbers:
    if number < len(versions):
        return versions
    return np.concatenate([versions, np.zeros(max(number + 1 - len(versions), len(versions) // 4), np.int64)])
