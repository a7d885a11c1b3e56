"""Who reads a read model file, and since when: what a checkpoint replaces is free when nobody can ask for it."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Final

import duckdb

POLL_SECONDS: Final = 0.005


class Readers:
    """Hands out connections for reading, and knows which of them may see less than the last commit.

    Beside a transaction that began before the last commit DuckDB 2.0 keeps every block that a checkpoint replaces, to
    the first one without such a transaction (measured): where readers overlap that never comes, and the file grows for
    ever. Those that began behind the last commit keep none. Open and close readers on any thread.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take the connection of the file's writer."""
        self._connection = connection
        self._lock = threading.Lock()
        self._commits = 0
        self._opened: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, int] = weakref.WeakKeyDictionary()

    def open(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection to the same file, in UTC; it reads until it is closed and dropped."""
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        with self._lock:
            self._opened[cursor] = self._commits
        return cursor

    def committed(self) -> None:
        """Take note of a commit: who was there before it may see an older state."""
        with self._lock:
            self._commits += 1

    def wait_until_current(self, seconds: float) -> bool:
        """Wait for those that were there before the last commit; say whether none is left after `seconds`."""
        deadline = time.monotonic() + seconds
        while self._some_are_old():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _some_are_old(self) -> bool:
        with self._lock:
            return any(opened_at < self._commits for opened_at in self._opened.values())
