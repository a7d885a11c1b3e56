"""Writes a decoded batch inside an open transaction: history, folded rows, duplicates and quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl
from polars import DataFrame, col

from ledger_projectors.decode.batch import DecodedBatch
from ledger_projectors.decode.staging import Staged
from ledger_projectors.fold.contents import CONTENT_SPEAKING, SPEAKING, fold_contents
from ledger_projectors.fold.copies import Copies, compare_copies
from ledger_projectors.fold.folding import fold, reach
from ledger_projectors.fold.frames import Events, frame_of, plan_of
from ledger_projectors.fold.plans import run
from ledger_projectors.log.guards import other_record
from ledger_projectors.log.records import BatchOutcome, LogRecord, Rejection
from ledger_projectors.store import quarantine
from ledger_projectors.store.folded_rows import FoldedRows
from ledger_projectors.store.frames import Frames, hash_of
from ledger_projectors.store.history import PLACE, History
from ledger_projectors.store.steps import Step, StepObserver
from ledger_schemas.kinds import Kind

_IDENTITY: Final = ("tenant_id", "notification_id")
_SPEAKING_KINDS: Final = [kind.value for kind in CONTENT_SPEAKING]


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

    copies: Copies
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
        decoded: DecodedBatch,
        records: Sequence[LogRecord],
        on_step: StepObserver,
        *,
        earlier: bool = False,
        again: Sequence[LogRecord] = (),
    ) -> Written:
        """Write what was decoded of records; `earlier`: they lie before the position, and so maybe before their copies.

        Those of them that come `again` were applied before, and are compared together with the others.
        Raises duckdb.Error; GuardRefused when what comes
        again is not what was applied.
        """
        conflicts: list[Rejection] = []
        applied = duplicates = 0
        overtaken: tuple[quarantine.Place, ...] = ()
        staged = decoded.staged
        if staged.events.num_rows:
            batch = self._compare(staged, on_step, earlier=earlier, again=again)
            copies = batch.copies
            self._history.add_history(copies.first, batch.contents, frame_of(staged.details))
            on_step(Step.HISTORY_WRITTEN)
            self._fold(batch)
            on_step(Step.FOLDED)
            conflicts = quarantine.conflicts(copies.conflicts, records)
            applied, duplicates = copies.first.height, copies.duplicates.height
            overtaken = self._history.copies_of(copies.overtaken.join(batch.names, on="n"))
        kept = [*decoded.rejections, *conflicts]
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

    def _compare(self, staged: Staged, on_step: StepObserver, *, earlier: bool, again: Sequence[LogRecord]) -> _Batch:
        """Give notifications numbers, tell first copies of events from further ones, and keep the latter."""
        contents = frame_of(staged.contents)
        hashed = plan_of(staged.events).with_columns(event_hash=hash_of("event_id")).cache()
        events, named = run(hashed, hashed.select(_IDENTITY).unique(maintain_order=True))
        if again:
            self._take_out(again, events)
        stored = self._rows.notifications(named)
        events, names = self._numbered(events, named, stored)
        on_step(Step.STAGED)
        suspects = events.join(stored, on="n", how="semi") if earlier else self._suspects(events, stored)
        history = self._history.events(suspects)
        copies = compare_copies(Events(events, contents), Events(history, self._history.content_of(history)))
        self._history.add_duplicates(copies.duplicates)
        if copies.displaced.height:
            self._history.remove_history(copies.displaced)
            self._history.add_duplicates(copies.displaced.join(names, on="n"))
        on_step(Step.DEDUPLICATED)
        changed = stored if earlier else self._taken_back(copies.first, stored)
        return _Batch(copies, contents, names, stored, changed[["n"]])

    def _numbered(self, events: DataFrame, named: DataFrame, stored: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Return the events with the number of their notification (one that is new gets the next), and the names."""
        last = self._rows.last_number()
        known = stored[["n", *_IDENTITY]]
        new = named.lazy().join(known.lazy(), on=_IDENTITY, how="anti", maintain_order="left")
        new = new.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("n") + (last + 1), *_IDENTITY).cache()
        numbers = pl.concat([known.lazy(), new])
        new_names, numbered = run(new, events.lazy().join(numbers, on=_IDENTITY, how="left", maintain_order="left"))
        self._history.add_notifications(new_names)
        return numbered, pl.concat([known, new_names])

    def _suspects(self, events: DataFrame, stored: DataFrame) -> DataFrame:
        """Return the events whose hash is that of one that was applied: copies, but for a rare coincidence."""
        seen = stored.lazy().select("n", event_hash="seen_events").explode("event_hash")
        if (stored["seen_elsewhere"] > 0).any():
            seen = pl.concat([seen, self._history.seen_elsewhere(events).lazy()])
        (suspects,) = run(events.lazy().join(seen, on=["n", "event_hash"], how="semi"))
        return suspects

    def _taken_back(self, first: DataFrame, stored: DataFrame) -> DataFrame:
        """Return the stored notifications one of whose events a new one takes back, maybe: as `_suspects`."""
        retracted = first.filter(col("kind") == "retracted")
        if retracted.is_empty():
            return stored.clear()
        named = self._suspects(retracted.select("n", event_hash=hash_of("retracted_event_id")), stored)
        return stored.join(named, on="n", how="semi")

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
        events = self._with_history(batch) if batch.again.height else batch.copies.first
        if events.is_empty() and batch.again.is_empty():
            return
        stored, again = batch.stored.lazy(), batch.again.lazy()
        kept, gone = run(
            stored.join(again, on="n", how="anti").join(events.lazy(), on="n", how="semi"),
            stored.join(again, on="n", how="semi"),
        )
        events = self._effective(events, kept)
        new = reach(events, kept)
        entries, replaced = self._rows.entries(new.wanted, kept), self._rows.all_entries(gone)
        rows, counts = fold(new, kept, entries, replaced)
        self._rows.drop_entries(gone)
        self._rows.replace_rows(rows, pl.concat([kept, gone]), pl.concat([entries, replaced]))
        self._rows.change_counts(counts)
        self._fold_contents(events, kept, batch)

    def _with_history(self, batch: _Batch) -> DataFrame:
        """Return the new events, and all others of the notifications that are folded again."""
        first, history = batch.copies.first, self._history.history(batch.again)
        history = history.with_columns(event_hash=hash_of("event_id")).join(batch.names, on="n")
        self._history.remove_retractions(batch.again)
        self._history.remove_seen_events(batch.again)
        return pl.concat([first.join(batch.again, on="n", how="anti"), history.select(first.columns)])

    def _effective(self, events: DataFrame, kept: DataFrame) -> DataFrame:
        """Return the events with `is_effective`: no retracted names them. A retracted itself is never taken back."""
        is_retracted = col("kind") == Kind.RETRACTED.value
        named, with_retracted = run(
            events.lazy().filter(is_retracted).select("n", event_id="retracted_event_id").unique(),
            kept.lazy().filter(_has_any(Kind.RETRACTED)).select("n"),
        )
        known = self._history.retractions(with_retracted)
        if named.is_empty() and known.is_empty():
            return events.with_columns(is_effective=True)
        self._history.add_retractions(named.join(known, on=["n", "event_id"], how="anti"))
        taken_back = pl.concat([known, named]).unique().with_columns(taken_back=True)
        joined = events.join(taken_back, on=["n", "event_id"], how="left", maintain_order="left")
        return joined.with_columns(is_effective=col("taken_back").is_null() | is_retracted).drop("taken_back")

    def _fold_contents(self, events: DataFrame, kept: DataFrame, batch: _Batch) -> None:
        """Put again what notifications say, where an event speaks of it."""
        speaking = events.lazy().filter(col("kind").is_in(_SPEAKING_KINDS), "is_effective").select(SPEAKING).cache()
        changed = pl.concat([speaking.select("n"), batch.again.lazy()]).unique().cache()
        # What was said before, of those that were spoken of before.
        before = kept.lazy().join(changed, on="n", how="semi").filter(_has_any(*CONTENT_SPEAKING)).select("n")
        said, numbers, spoken_of = run(speaking, changed, before)
        if numbers.is_empty():
            return
        contents = batch.contents
        if spoken_of.height:
            said = pl.concat([said, self._said_before(spoken_of, events)])
        if spoken_of.height or batch.again.height:
            stored = said.join(batch.copies.first, on=PLACE, how="anti")
            contents = pl.concat([contents, self._history.content_of(stored)[contents.columns]])
        rows = fold_contents(said, contents, self._partitions).join(batch.names, on="n")
        self._rows.replace_contents(pl.concat([spoken_of, batch.again]), rows)

    def _said_before(self, numbers: DataFrame, events: DataFrame) -> DataFrame:
        """Return what stored events say of notifications, but for those that are taken back."""
        history = self._history.events_of_kinds(numbers, _SPEAKING_KINDS).lazy()
        history = history.join(events.lazy(), on=PLACE, how="anti")
        taken_back = self._history.retractions(numbers).lazy()
        (said,) = run(history.join(taken_back, on=["n", "event_id"], how="anti").select(SPEAKING))
        return said


def _has_any(*kinds: Kind) -> pl.Expr:
    """Return whether a stored notification shows a fact of one of these kinds."""
    shown = pl.element().struct.field("fact").cast(pl.String)
    return col("facts").list.eval(shown.is_in([kind.value for kind in kinds]).any()).list.any()
