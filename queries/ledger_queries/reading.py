"""One transaction on the read model: everything that is read in it is of one position."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from ledger_queries.content_filter import SWITCHES
from ledger_queries.sql import statement
from ledger_schemas.errors import GuardRefused, PositionInvalid, QueryTooLong, ReadModelBehind
from ledger_schemas.positions import Position

Reader = Callable[[], duckdb.DuckDBPyConnection]
"""Gives a cursor of its own at each call; the reading closes it."""

Partitions = frozenset[tuple[str, int]]
"""The partitions, as (topic, partition), of a read model: all of its topic, as long as its file lives."""


INTERRUPT_SECONDS: Final = 0.05
"""How often what runs after its deadline is interrupted."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An open read transaction, the position that its rows reflect, and the version of the fold that made them."""

    connection: duckdb.DuckDBPyConnection
    position: Position
    partitions: Partitions
    projection_version: int

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run one statement and return its rows by column name. DuckDB refuses a parameter that it does not use."""
        return _rows(self.connection, sql, _used(parameters))

    def batches(self, sql: str, parameters: Mapping[str, object], rows_max: int) -> Iterator[list[tuple[Any, ...]]]:
        """Run one statement and yield its rows without names, at most so many at once.

        Read them to their end before the next statement, which ends them.
        """
        result = self.connection.execute(sql, _used(parameters))
        while rows := result.fetchmany(rows_max):
            yield rows


@contextmanager
def open_reading(reader: Reader, seconds_max: float | None = None) -> Iterator[Reading]:
    """Open a read transaction and close it after use; with `seconds_max`, stop what runs in it after that time.

    Not for the thread of an event loop: DuckDB blocks it. Raises GuardRefused when another version of the ledger made
    the file, QueryTooLong at the deadline, RuntimeError on the thread of a running event loop.
    """
    _refuse_event_loop()
    connection = reader()
    with _transaction(connection) as reading, _deadline(connection, seconds_max):
        yield reading


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[Reading]:
    try:
        # A cursor does not inherit the session settings of the connection that it came from.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("BEGIN TRANSACTION READ ONLY")
        offsets = {
            (row["log_topic"], row["log_partition"]): row["next_offset"]
            for row in _rows(connection, statement("position", ()), {})
        }
        yield Reading(connection, Position(offsets), frozenset(offsets), _version(connection))
    finally:
        # After an error that invalidates the instance even this fails; the first error is the one to tell.
        with contextlib.suppress(duckdb.Error):
            connection.rollback()
        connection.close()


def _version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return which version of the fold made the rows. Raises GuardRefused when the file does not say so."""
    # What an earlier version of the ledger made states it elsewhere.
    with contextlib.suppress(duckdb.BinderException):
        for row in _rows(connection, statement("projection", ()), {}):
            return int(row["version"])
    raise GuardRefused(
        "The read model was made by another version of the ledger.",
        hint="Make it again from the log with `notification-ledger rebuild`.",
    )


@contextmanager
def _deadline(connection: duckdb.DuckDBPyConnection, seconds_max: float | None) -> Iterator[None]:
    """Interrupt what runs on the connection once the time is over."""
    if seconds_max is None:
        yield
        return
    finished = threading.Event()

    def watch() -> None:
        wait_seconds = seconds_max
        # Again and again: an interrupt between two statements stops neither.
        while not finished.wait(wait_seconds):
            connection.interrupt()
            wait_seconds = INTERRUPT_SECONDS

    watcher = threading.Thread(target=watch, name="query deadline", daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException:
        raise QueryTooLong(
            f"The query took longer than {seconds_max:g} s and was stopped.",
            hint="Ask for less: a shorter time span, one recipient, or no total.",
        ) from None
    finally:
        finished.set()
        # Joined, so that no interrupt can reach what comes after.
        watcher.join()


def parse_at_least(text: str | None) -> Position | None:
    """Return the position that a read asks for. Raises PositionInvalid."""
    if text is None:
        return None
    try:
        return Position.parse(text)
    except PositionInvalid as error:
        raise PositionInvalid(error.message, hint=error.hint, field="at_least") from None


def refuse_unreachable(partitions: Partitions, wanted: Position | None) -> None:
    """Check that a read model of these partitions can ever reach a position. Raises PositionInvalid."""
    for topic, partition in wanted or ():
        if (topic, partition) not in partitions:
            raise PositionInvalid(
                f"at_least: this read model never reads partition {partition} of {topic}; it has {_told(partitions)}.",
                hint="Use a position that a write to this ledger returned.",
                field="at_least",
            )


def require(reading: Reading, wanted: Position | None) -> None:
    """Check that a read stands at least where it was asked to. Raises PositionInvalid and ReadModelBehind."""
    refuse_unreachable(reading.partitions, wanted)
    if wanted is not None and not reading.position.reached(wanted):
        raise ReadModelBehind(
            f"The read model stands at {str(reading.position) or 'its beginning'}, before the position asked for.",
            hint="Ask again, with a larger wait_seconds; or leave at_least out to take what is there.",
            field="at_least",
        )


def _told(partitions: Partitions) -> str:
    topics: dict[str, list[int]] = {}
    for topic, number in sorted(partitions):
        topics.setdefault(topic, []).append(number)
    return ", ".join(f"{_span(numbers)} of {topic}" for topic, numbers in topics.items())


def _span(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"partition {numbers[0]}"
    together = numbers == [*range(numbers[0], numbers[-1] + 1)]
    return f"partitions {numbers[0]} to {numbers[-1]}" if together else f"partitions {', '.join(map(str, numbers))}"


def _used(parameters: Mapping[str, object]) -> dict[str, object]:
    return {name: parameters[name] for name in parameters.keys() - SWITCHES}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    result = connection.execute(sql, dict(parameters))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _refuse_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    message = "a reading blocks its thread; open it in a worker thread, not on the event loop's"
    raise RuntimeError(message)
