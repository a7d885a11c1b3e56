"""Writes a decoded batch inside an open transaction: history, folded rows, duplicates and quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl
from polars import DataFrame, col

from ledger_projectors.decode.staging import Staged
from ledger_projectors.fold.contents import CONTENT_SPEAKING, fold_contents
from ledger_projectors.fold.copies import Copies, judge_copies
from ledger_projectors.fold.folding import fold, reach
from ledger_projectors.fold.frames import Events, frame_of
from ledger_projectors.log.guards import other_record
from ledger_projectors.log.records import BatchOutcome, LogRecord, Rejection
from ledger_projectors.store import quarantine
from ledger_projectors.store.folded_rows import FoldedRows
from ledger_projectors.store.frames import Frames
from ledger_projectors.store.history import PLACE, History
from ledger_projectors.store.steps import Step, StepObserver
from ledger_schemas.kinds import Kind


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch came to; `overtaken` says where copies lie that were applied, though an earlier one differs."""

    outcome: BatchOutcome
    overtaken: tuple[quarantine.Place, ...] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch whose copies are compared.

    `names` and `stored` are of its notifications; `again` are the numbers of those whose history has changed: they are
    folded from it, with nothing stored.
    """

    judged: Copies
    contents: DataFrame
    names: DataFrame
    stored: DataFrame
    again: DataFrame


class BatchWriter:
    """Folds batches into the tables of one file, on the writer's connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, partitions: int) -> None:
        """Take the writer's connection; `partitions` are those of the topic."""
        self._connection = connection
        self._partitions = partitions
        self._frames = Frames(connection)
        self._history, self._rows = History(self._frames), FoldedRows(self._frames)

    def write(
        self,
        staged: Staged,
        rejections: Sequence[Rejection],
        records: Sequence[LogRecord],
        on_step: StepObserver,
        *,
        earlier: bool = False,
        again: Sequence[LogRecord] = (),
    ) -> Written:
        """Write what the records say; `earlier`: they lie before the position, and so maybe before their copies.

        Those of them that come `again` were applied before, and are judged together with the others.
        `staged` and `rejections` are what was made of `records`. Raises duckdb.Error; GuardRefused when what comes
        again is not what was applied.
        """
        conflicts: list[Rejection] = []
        applied = duplicates = 0
        overtaken: tuple[quarantine.Place, ...] = ()
        if staged.events.num_rows:
            batch = self._judge(staged, on_step, earlier=earlier, again=again)
            judged = batch.judged
            self._history.add_history(judged.first, batch.contents, frame_of(staged.details))
            on_step(Step.HISTORY_WRITTEN)
            self._fold(batch)
            on_step(Step.FOLDED)
            conflicts = quarantine.conflicts(judged.conflicts, records)
            applied, duplicates = judged.first.height, judged.duplicates.height
            overtaken = self._history.copies_of(judged.overtaken.join(batch.names, on="n"))
        kept = [*rejections, *conflicts]
        quarantine.keep(self._connection, kept)
        on_step(Step.QUARANTINED)
        reasons = Counter(rejection.reason.value for rejection in kept)
        return Written(BatchOutcome(applied, duplicates, len(kept), dict(reasons), tuple(kept)), overtaken)

    def committed(self) -> None:
        """Take note that the transaction is in the file."""
        self._rows.committed()

    def rolled_back(self) -> None:
        """Take note that the transaction failed: what memory mirrors of the file is read again."""
        self._frames.rolled_back()
        self._rows.forget()

    def _judge(self, staged: Staged, on_step: StepObserver, *, earlier: bool, again: Sequence[LogRecord]) -> _Batch:
        """Give notifications numbers, tell first copies of events from further ones, and keep the latter."""
        contents = frame_of(staged.contents)
        events = frame_of(staged.events).sort(PLACE)
        events = events.with_columns(event_hash=_hash_of("event_id"))
        if again:
            self._take_out(again, events)
        stored = self._rows.notifications(events.select("tenant_id", "notification_id").unique())
        events = self._numbered(events, stored)
        on_step(Step.STAGED)
        suspects = events.join(stored, on="n", how="semi") if earlier else self._suspects(events, stored)
        history = self._history.events(suspects)
        names = events.select("n", "tenant_id", "notification_id").unique()
        judged = judge_copies(Events(events, contents), Events(history, self._history.content_of(history)))
        self._history.add_duplicates(judged.duplicates)
        if judged.displaced.height:
            self._history.remove_history(judged.displaced)
            self._history.add_duplicates(judged.displaced.join(names, on="n"))
        on_step(Step.DEDUPLICATED)
        changed = stored if earlier else stored.join(self._taken_back(judged.first, stored), on="n", how="semi")
        return _Batch(judged, contents, names, stored, changed.select("n"))

    def _numbered(self, events: DataFrame, stored: DataFrame) -> DataFrame:
        """Return the events with the number of their notification; one that is new gets the next."""
        identity = ["tenant_id", "notification_id"]
        named = events.select(identity).unique(maintain_order=True)
        new = named.join(stored, on=identity, how="anti", maintain_order="left")
        last, _ = self._rows.numbering()
        new = new.with_columns(n=pl.int_range(pl.len(), dtype=pl.Int64) + (last + 1))
        self._history.add_notifications(new)
        numbers = pl.concat([stored.select(*identity, "n"), new])
        return events.join(numbers, on=identity, how="left", maintain_order="left")

    def _suspects(self, events: DataFrame, stored: DataFrame) -> DataFrame:
        """Return the events whose hash is that of one that was applied: copies, but for a rare coincidence."""
        seen = stored.select("n", event_hash="seen_events").explode("event_hash")
        if (stored["seen_elsewhere"] > 0).any():
            seen = pl.concat([seen, self._history.seen_elsewhere(events)])
        return events.join(seen, on=["n", "event_hash"], how="semi")

    def _taken_back(self, first: DataFrame, stored: DataFrame) -> DataFrame:
        """Return n of those new events that take back one that was applied, maybe: as `_suspects`."""
        retracted = first.filter(col("kind") == "retracted")
        named = retracted.select("n", event_hash=_hash_of("retracted_event_id"))
        return self._suspects(named, stored) if named.height else named

    def _take_out(self, again: Sequence[LogRecord], events: DataFrame) -> None:
        """Take records out of history that were applied, as if they had not come. Raises GuardRefused."""
        places = DataFrame(
            {
                "log_partition": pl.Series([record.partition for record in again], dtype=pl.Int32),
                "log_offset": pl.Series([record.offset for record in again], dtype=pl.Int64),
                "recorded_at": pl.Series([record.recorded_at_ms for record in again], dtype=pl.Int64),
            }
        )
        if other := self._history.not_applied(places, events):
            raise other_record(again[0].topic, *other)
        self._history.remove_history(places)

    def _fold(self, batch: _Batch) -> None:
        """Fold the new events into the rows; those of notifications whose history has changed from all of it."""
        first, stored = batch.judged.first, batch.stored
        if batch.again.height:
            history = self._history.history(batch.again)
            history = history.with_columns(event_hash=_hash_of("event_id")).join(batch.names, on="n")
            others = first.join(batch.again, on="n", how="anti")
            events = pl.concat([others, history.select(first.columns)])
            self._history.remove_retractions(batch.again)
            self._history.remove_seen_events(batch.again)
        else:
            events = first
        if events.is_empty() and batch.again.is_empty():
            return
        kept = stored.join(batch.again, on="n", how="anti").join(events, on="n", how="semi")
        events = self._effective(events, kept)
        new = reach(events, kept)
        entries = self._rows.entries(new.wanted, kept)
        gone = stored.join(batch.again, on="n", how="semi")
        replaced = self._rows.entries(gone.select("n", recipient_id=pl.lit(None, pl.String)), gone)
        rows, counts = fold(new, kept, entries, replaced)
        self._rows.drop(gone)
        self._rows.replace_rows(rows, pl.concat([kept, gone]), pl.concat([entries, replaced]))
        self._rows.change_counts(counts)
        self._fold_contents(events, kept, batch)

    def _effective(self, events: DataFrame, kept: DataFrame) -> DataFrame:
        """Return the events with `is_effective`: no retracted names them. A retracted itself is never taken back."""
        is_retracted = col("kind") == Kind.RETRACTED.value
        named = events.filter(is_retracted).select("n", event_id="retracted_event_id").unique()
        known = self._history.retractions(kept.filter(_has_any(Kind.RETRACTED)).select("n"))
        if named.is_empty() and known.is_empty():
            return events.with_columns(is_effective=True)
        self._history.add_retractions(named.join(known, on=["n", "event_id"], how="anti"))
        taken_back = pl.concat([known, named]).unique().with_columns(taken_back=True)
        joined = events.join(taken_back, on=["n", "event_id"], how="left", maintain_order="left")
        return joined.with_columns(is_effective=col("taken_back").is_null() | is_retracted).drop("taken_back")

    def _fold_contents(self, events: DataFrame, kept: DataFrame, batch: _Batch) -> None:
        """Put again what notifications say, where an event speaks of it."""
        speaking = events.filter(col("kind").is_in([kind.value for kind in CONTENT_SPEAKING]), "is_effective")
        changed = pl.concat([speaking.select("n"), batch.again]).unique()
        if changed.is_empty():
            return
        # What was said before, of those that were spoken of before.
        before = kept.join(changed, on="n", how="semi").filter(_has_any(*CONTENT_SPEAKING))
        if before.height:
            history = self._effective_history(before, events)
            speaking = pl.concat([speaking, history.select(speaking.columns)])
        stored = speaking.join(batch.judged.first, on=PLACE, how="anti")
        contents = batch.contents
        if stored.height:
            contents = pl.concat([contents, self._history.content_of(stored).select(contents.columns)])
        said = fold_contents(speaking, contents, self._partitions).join(batch.names, on="n")
        self._rows.replace_contents(pl.concat([before.select("n"), batch.again]), said)

    def _effective_history(self, notifications: DataFrame, events: DataFrame) -> DataFrame:
        """Return what was said before of notifications and was not taken back."""
        history = self._history.history(notifications).filter(
            col("kind").is_in([kind.value for kind in CONTENT_SPEAKING])
        )
        history = history.join(events, on=PLACE, how="anti")
        taken_back = self._history.retractions(notifications)
        history = history.join(taken_back, on=["n", "event_id"], how="anti")
        names = notifications.select("n", "tenant_id", "notification_id")
        return history.join(names, on="n").with_columns(event_hash=_hash_of("event_id"), is_effective=True)


def _has_any(*kinds: Kind) -> pl.Expr:
    """Return whether a stored notification shows a fact of one of these kinds."""
    shown = pl.element().struct.field("fact").cast(pl.String)
    return col("facts").list.eval(shown.is_in([kind.value for kind in kinds]).any()).list.any()


def _hash_of(event_id: str) -> pl.Expr:
    """Return 64 bits of an id: its first half XOR its second."""
    halves = [col(event_id).bin.slice(at, 8).bin.reinterpret(dtype=pl.UInt64, endianness="big") for at in (0, 8)]
    return halves[0] ^ halves[1]
