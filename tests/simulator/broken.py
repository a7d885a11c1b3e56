"""Engines that are broken on purpose: a simulator that does not find them proves nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, Final
from unittest.mock import patch

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from polars import DataFrame

from ledger_projectors.decode import batch as decode
from ledger_projectors.decode.staging import Staged
from ledger_projectors.fold import folding
from ledger_projectors.fold.copies import Copies
from ledger_projectors.fold.folding import New
from ledger_projectors.fold.frames import Events
from ledger_projectors.log import ends as log_ends
from ledger_projectors.log import topic_watch
from ledger_projectors.log.alarm_board import AlarmBoard
from ledger_projectors.log.ends import LogEnds
from ledger_projectors.log.records import LogRecord, Rejection
from ledger_projectors.store import batch_writer, log_positions, quarantine, read_model
from ledger_projectors.store.folded_rows import FoldedRows
from ledger_projectors.store.history import History
from ledger_projectors.store.steps import Step, StepObserver
from ledger_schemas import envelope
from ledger_schemas.topic import WrongSetting
from tests.properties.strategies import NOON
from tests.simulator.faults import Fault, Life

_transaction = read_model.ReadModel.transaction

Broken = Callable[[], AbstractContextManager[Any]]


def position_not_written() -> AbstractContextManager[Any]:
    """Commit rows without the position after them."""
    return patch.object(read_model, "advance", lambda *_: None)


def position_written_apart() -> AbstractContextManager[Any]:
    """Commit the position by itself, before the rows: offsets kept apart from the view."""

    def advance(connection: duckdb.DuckDBPyConnection, *where: Any) -> None:  # noqa: ANN401 - as `advance`
        apart = connection.cursor()
        log_positions.advance(apart, *where)
        apart.close()

    return patch.object(read_model, "advance", advance)


def commit_before_position() -> AbstractContextManager[Any]:
    """Commit rows, and checkpoint, before the position is written."""

    def advance(connection: duckdb.DuckDBPyConnection, *where: Any) -> None:  # noqa: ANN401 - as `advance`
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")
        connection.execute("BEGIN")
        log_positions.advance(connection, *where)

    return patch.object(read_model, "advance", advance)


def copies_not_recognised() -> AbstractContextManager[Any]:
    """Count further copies of an event again."""

    def all_first(new: Events, stored: Events) -> Copies:
        none, no_stored = new.events.clear(), stored.events.clear()
        return Copies(new.events, none, none, no_stored, no_stored)

    return patch.object(batch_writer, "compare_copies", all_first)


def spilled_copies_missed() -> AbstractContextManager[Any]:
    """Recognise only those copies whose hash stands on the row of their notification."""
    asked = History.seen_elsewhere
    return patch.object(History, "seen_elsewhere", lambda stored, events: asked(stored, events).clear())


def first_entry_left_as_it_was() -> AbstractContextManager[Any]:
    """Leave the entry of an audience of one as it was when the audience grows."""

    def reach(events: DataFrame, notifications: DataFrame) -> New:
        names = events.filter(pl.col("recipient_id").is_not_null() | (pl.col("audience").list.len() > 0))
        grows = pl.col("n").is_in(names["n"].implode())
        several = pl.when(grows).then(pl.lit(2, pl.Int32)).otherwise("recipients")
        return folding.reach(events, notifications.with_columns(recipients=several))

    return patch.object(batch_writer, "reach", reach)


@contextmanager
def memory_changed_before_the_commit() -> Iterator[None]:
    """Keep rows in memory as soon as they are written, also when their transaction then fails."""
    replace_rows = FoldedRows.replace_rows

    def replace_and_keep(stored: FoldedRows, *rows: Any) -> None:  # noqa: ANN401 - as `replace_rows`
        replace_rows(stored, *rows)
        stored.committed()

    with (
        patch.object(FoldedRows, "replace_rows", replace_and_keep),
        patch.object(FoldedRows, "forget", lambda _: None),
    ):
        yield


def kind_left_out() -> AbstractContextManager[Any]:
    """Drop events of one kind without a word."""
    return _decoded(lambda table: table.filter(pc.not_equal(table["kind"], "amended")))


def last_one_wins() -> AbstractContextManager[Any]:
    """Take what comes last for what happened last."""

    def by_arrival(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index("occurred_at")
        return table.set_column(place, table.schema.field(place), table["recorded_at"])

    return _decoded(by_arrival)


def failed_attempt_kept() -> AbstractContextManager[Any]:
    """Commit what a failed attempt did, and try the batch again all the same."""

    def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("COMMIT")

    return patch.object(read_model, "_roll_back", roll_back)


def asked_after_the_commit() -> AbstractContextManager[Any]:
    """Ask for the position when the batch is in: where that fails for now, the batch is tried again."""

    @contextmanager
    def transaction(model: read_model.ReadModel, on_step: StepObserver) -> Iterator[None]:
        with _transaction(model, on_step):
            stood_at = model._position
            yield
        model._position = stood_at
        model._position = log_positions.read_position(model._connection)

    return patch.object(read_model.ReadModel, "transaction", transaction)


def put_together_without_the_last() -> AbstractContextManager[Any]:
    """Lose the rows of the last of the pieces that are put together, while the position moves on behind it."""
    joined = Staged.joined

    def some(parts: Sequence[Staged]) -> Staged:
        return joined(parts[:-1])

    return patch.object(Staged, "joined", some)


def quarantine_forgotten() -> AbstractContextManager[Any]:
    """Pass over records that cannot be applied."""
    return patch.object(quarantine, "keep", lambda *_: None)


def lag_to_what_is_readable() -> AbstractContextManager[Any]:
    """Take the last stable offset for the end of the log."""
    made = log_ends.EndWatch.__init__

    def init(watch: log_ends.EndWatch, ask: Callable[[], Awaitable[LogEnds]], alarms: AlarmBoard) -> None:
        async def readable() -> LogEnds:
            ends = await ask()
            return LogEnds(ends.readable, ends.readable)

        made(watch, readable, alarms)

    return patch.object(log_ends.EndWatch, "__init__", init)


def transactions_not_told() -> AbstractContextManager[Any]:
    """Raise no alarm about what an open transaction holds back."""
    return patch.object(log_ends._HeldBack, "look", lambda *_: [])


def settings_not_compared() -> AbstractContextManager[Any]:
    """Take every setting of a topic for the right one."""
    read = topic_watch._read

    async def compared(*arguments: Any) -> list[WrongSetting]:  # noqa: ANN401 - as `_read`
        await read(*arguments)
        return []

    return patch.object(topic_watch, "_read", compared)


def left_out_times_differ() -> AbstractContextManager[Any]:
    """Fill in the time of the request, instead of the time inside its event_id."""
    requests = count()
    return patch.object(envelope, "time_of", lambda _: NOON + timedelta(seconds=next(requests)))


def _meets(fault: Fault, step: Step = Step.FETCHED) -> Callable[[Life], Life]:
    return lambda life: replace(life, fault=fault, step=step, occurrence=1)


BROKEN: Final[Mapping[str, tuple[Broken, Callable[[Life], Life]]]] = {
    "position not written": (position_not_written, _meets(Fault.NONE)),
    "position written apart": (position_written_apart, _meets(Fault.DIES, Step.POSITIONED)),
    "commit and checkpoint before the position": (commit_before_position, _meets(Fault.DIES, Step.POSITIONED)),
    "copies not recognised": (copies_not_recognised, _meets(Fault.NONE)),
    "spilled copies missed": (spilled_copies_missed, _meets(Fault.NONE)),
    "the first entry left as it was": (first_entry_left_as_it_was, _meets(Fault.NONE)),
    "memory changed before the commit": (memory_changed_before_the_commit, _meets(Fault.FAILS_FOR_NOW)),
    "a kind left out": (kind_left_out, _meets(Fault.NONE)),
    "the last one wins": (last_one_wins, _meets(Fault.NONE)),
    "a failed attempt kept": (failed_attempt_kept, _meets(Fault.FAILS_FOR_NOW)),
    "the position asked for after the commit": (asked_after_the_commit, _meets(Fault.FAILS_AT_EACH_STATEMENT)),
    "quarantine forgotten": (quarantine_forgotten, _meets(Fault.NONE)),
    "lag to what is readable": (lag_to_what_is_readable, lambda life: replace(life, open_transaction=True)),
    "transactions not told": (transactions_not_told, lambda life: replace(life, open_transaction=True)),
    "settings not compared": (settings_not_compared, lambda life: replace(life, setting_changed=True)),
    "left-out times differ": (left_out_times_differ, _meets(Fault.NONE)),
    "put together without the last": (
        put_together_without_the_last,
        lambda life: replace(life, fault=Fault.NONE, pieces=12, decoded_ahead_records=1),
    ),
}
"""Each with what is to be met for it to show."""


def _decoded(change: Callable[[pa.Table], pa.Table]) -> AbstractContextManager[Any]:
    unchanged = decode.decode_records

    def decoded(records: Sequence[LogRecord], *known: Any) -> tuple[pa.Table, list[Rejection]]:  # noqa: ANN401 - as `decode_records`
        table, rejections = unchanged(records, *known)
        return change(table), rejections

    return patch.object(decode, "decode_records", decoded)
