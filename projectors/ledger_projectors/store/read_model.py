"""One DuckDB read model file: advanced batch by batch by its one writer, each batch one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from ledger_projectors.decode.batch import DecodedBatch, decode_batch
from ledger_projectors.log.guards import LastRecords, check_follows
from ledger_projectors.log.records import BatchOutcome, LogRecord, Reason, Rejection
from ledger_projectors.store import quarantine
from ledger_projectors.store.batch_writer import BatchWriter
from ledger_projectors.store.late_copies import with_conflicts
from ledger_projectors.store.log_positions import advance, check_not_applied, read_last_records, read_position
from ledger_projectors.store.opening import Logs, damage_reported, open_file, read_epoch, take_epoch
from ledger_projectors.store.projection import Projection, lifecycle
from ledger_projectors.store.quarantine import Place, RetryOutcome, Selection
from ledger_projectors.store.quarantine_rate import CountedRecord, recently_quarantined
from ledger_projectors.store.readers import Readers
from ledger_projectors.store.steps import Step, StepObserver, unobserved
from ledger_schemas.errors import GuardRefused
from ledger_schemas.framing import SchemaReference
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.positions import Position
from ledger_schemas.topic import DIRECTORY_TOPIC

CHECKPOINT_WAL_BYTES: Final = 256 * 1024 * 1024
"""WAL size at which the projector checkpoints between two batches; DuckDB's own 16 MB halves the throughput."""

READERS_SECONDS: Final = 1.0
"""How long a checkpoint waits for readers that began before the last commit: beside one of them it frees nothing."""

RELEASE_BYTES: Final = 64 * 1024 * 1024
"""Records, in bytes of their values, that one transaction takes out of quarantine."""

DEAD_LETTERS_MAX: Final = 1_000
DEAD_LETTERS_BYTES_MAX: Final = 8 * 1024 * 1024
"""Records, and bytes of their values, that are put on the dead-letter topic at a time."""

RETRY_RECORDS_MAX: Final = 1_000
"""Records that one transaction tries again: it says of each what became of it."""


class _CopiesWantedError(Exception):
    """The transaction is rolled back: what it would do is not what a replay does."""


class ReadModel:
    """The only writer of one DuckDB file. Not thread-safe: one thread applies; readers use `reader()`.

    Everything that a batch changes (history, folded rows, duplicates, quarantine, position) is one transaction, so
    that the file states, at every instant, the exact fold of everything before its position.
    """

    def __init__(self, path: Path, *, topic: str, partitions: int, directory_topic: str) -> None:
        """Use `create_or_open`, which says what it does."""
        self.path = path
        self.topic = topic
        self.partitions = partitions
        self.directory_topic = directory_topic
        self._projection: Projection = lifecycle()
        self._connection = open_file(path, self._projection, Logs(topic, partitions, directory_topic))
        self._writer = BatchWriter(self._connection, partitions)
        self._readers = Readers(self._connection)
        try:
            with damage_reported(path):
                self._epoch = take_epoch(self._connection)
                self._position = read_position(self._connection)
                self._last_records: LastRecords = read_last_records(self._connection, topic)
                self._last_directory_record: LastRecords = read_last_records(self._connection, directory_topic)
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def create_or_open(cls, path: Path, *, topic: str, partitions: int, directory_topic: str = DIRECTORY_TOPIC) -> Self:
        """Open the file at `path` for writing; make it, with all its tables, when there is none.

        Raises DataDirectoryInUse when another process has it, ReadModelUnusable when it is damaged or was made by
        another version, GuardRefused when it was made for other topics or another number of partitions.
        """
        return cls(path, topic=topic, partitions=partitions, directory_topic=directory_topic)

    def apply(
        self,
        records: Sequence[LogRecord],
        next_offsets: Mapping[int, int] | None = None,
        on_step: StepObserver = unobserved,
        known: KnownSchemas | None = None,
        decoded: DecodedBatch | None = None,
        begin_offsets: Mapping[int, int] | None = None,
    ) -> BatchOutcome:
        """Decode the records with the `known` schemas (default: the shipped), and apply them, all or nothing.

        Records are in offset order within each partition and begin where the position ends. `next_offsets` is the
        position after them per partition, by default the offset after the last record of each; offsets have legal
        holes, so that it may move without a record. `decoded` is what `decode_batch` has made of them already, with the
        same schemas. `begin_offsets` is from where on the records are all that the log holds.
        Returns what was done. Raises GuardRefused when records were applied before, or when some before them were not;
        duckdb.Error when the transaction fails as a whole: nothing is changed then, and the call may be made again.
        """
        check_not_applied(self._position, records)
        check_follows(self._position, self.topic, begin_offsets or {})
        batch = decoded or decode_batch(records, self.partitions, known)
        on_step(Step.DECODED)
        with self.transaction(on_step):
            outcome = self._writer.write(batch, records, on_step).outcome
            advance(self._connection, self.topic, records, next_offsets or {})
            on_step(Step.POSITIONED)
        return outcome

    def release(
        self,
        known: KnownSchemas,
        on_step: StepObserver = unobserved,
        copies: Sequence[LogRecord] | None = None,
    ) -> RetryOutcome | None:
        """Take out of quarantine what is there only because its schema, or its kind, was not known, and now is.

        Up to RELEASE_BYTES of records, in log order, are applied as if their schema had come in time, in one
        transaction with their removal: same partition, offset and recorded_at; the position stays. What is refused for
        another reason goes back with that reason. Returns what was done, None when nothing waits; call it again until
        then. Raises what `apply` raises.

        Where one turns out to be the first copy of an event, with other content than the copy that was applied, that
        one must give way and become a conflict, and its bytes are in the log alone. With `copies` (none at first)
        nothing is done then, and the outcome says which are `wanted`: call it again with their records. Without, the
        applied one stays; `wanted` says so.
        """
        records = quarantine.releasable(self._connection, known, RELEASE_BYTES)
        return self._take_out(records, known, on_step, copies) if records else None

    def retry(
        self,
        selection: Selection,
        known: KnownSchemas | None = None,
        on_step: StepObserver = unobserved,
        copies: Sequence[LogRecord] | None = None,
    ) -> RetryOutcome:
        """Try selected records of the quarantine again, as if they came now for the first time, whatever the reason.

        Up to RETRY_RECORDS_MAX records and RELEASE_BYTES, the first in log order, in one transaction as `release`
        does it; for the rest call again with the last place as `after`, until nothing is retried. What cannot be
        applied still is refused again and stays, with the reason that it has now. `copies` and what it raises are as
        for `release`.
        """
        records = self._selected(selection)
        if not records:
            return RetryOutcome()
        return self._take_out(records, known, on_step, copies)

    def references(self, selection: Selection) -> set[SchemaReference]:
        """Return the schemas that those records name which one call of `retry` would try again."""
        return quarantine.references(self._selected(selection))

    def recently_quarantined(self, window_records: int) -> list[CountedRecord]:
        """Return the quarantined records among the last `window_records` offsets of each partition, in log order."""
        return recently_quarantined(self._connection, window_records)

    def dead_letters_due(self) -> list[Rejection]:
        """Return the next quarantined records that the dead-letter topic is to have, in log order; none: it has all."""
        quarantine.prepare_dead_letters(self._connection)
        return quarantine.dead_letters_due(
            self._connection, records_max=DEAD_LETTERS_MAX, bytes_max=DEAD_LETTERS_BYTES_MAX
        )

    def mark_dead_letters(self, produced: Sequence[tuple[int, int, Reason]]) -> None:
        """Remember that the dead-letter topic has these: partition, offset, reason. Raises what `apply` raises."""
        quarantine.prepare_dead_letters(self._connection)
        with self.transaction(unobserved):
            quarantine.mark_dead_letters(self._connection, produced)

    def _selected(self, selection: Selection) -> list[LogRecord]:
        return quarantine.selected(self._connection, selection, records_max=RETRY_RECORDS_MAX, bytes_max=RELEASE_BYTES)

    def _take_out(
        self,
        records: Sequence[LogRecord],
        known: KnownSchemas | None,
        on_step: StepObserver,
        copies: Sequence[LogRecord] | None,
    ) -> RetryOutcome:
        """Take records out of quarantine and apply them, in one transaction; those that are refused go back."""
        together = with_conflicts(self._connection, records, copies) if copies else records
        batch = decode_batch(together, self.partitions, known)
        on_step(Step.DECODED)
        done: RetryOutcome | None = None
        wanted: tuple[Place, ...] = ()
        with contextlib.suppress(_CopiesWantedError), self.transaction(on_step):
            quarantine.remove(self._connection, together)
            written = self._writer.write(batch, together, on_step, earlier=True, again=copies or ())
            # Those at hand are compared already, as duplicates of what must give way.
            at_hand = {(record.partition, record.offset) for record in together}
            wanted = tuple(place for place in written.overtaken if place not in at_hand)
            if wanted and copies is not None:
                raise _CopiesWantedError
            done = quarantine.outcomes(
                written.outcome, records, quarantine.duplicates_among(self._connection, records), wanted
            )
        return done or RetryOutcome(wanted=wanted)

    def checkpoint_if_due(self, wal_bytes: int | None = None, on_step: StepObserver = unobserved) -> bool | None:
        """Move the write-ahead log into the file when it has `wal_bytes` (default CHECKPOINT_WAL_BYTES) or more.

        Returns whether what it replaced is free again; None when it was not due. It waits for READERS_SECONDS at most
        until no reader is left that began before the last commit: beside one, the file grows by what is replaced.
        """
        wal = self.path.with_name(self.path.name + ".wal")
        due = CHECKPOINT_WAL_BYTES if wal_bytes is None else wal_bytes
        if not wal.exists() or wal.stat().st_size < due:
            return None
        frees = self._readers.wait_until_current(READERS_SECONDS)
        self._connection.execute("CHECKPOINT")
        on_step(Step.CHECKPOINTED)
        return frees

    def position(self) -> Position:
        """Return where in the logs this file stands, the directory's included; asks nothing of DuckDB."""
        return self._position

    def last_records(self) -> LastRecords:
        """Return which record stands before the position, per partition; asks nothing of DuckDB."""
        return self._last_records

    def last_directory_record(self) -> LastRecords:
        """Return which record of the directory stands before the position; asks nothing of DuckDB."""
        return self._last_directory_record

    @property
    def writer_connection(self) -> duckdb.DuckDBPyConnection:
        """The connection of the one writer, for its thread alone."""
        return self._connection

    def reader(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection of this process to the same file, for SELECT; close it after use.

        Callable on any thread. One that is kept lets the file grow: see `Readers`.
        """
        return self._readers.open()

    def close(self) -> None:
        """Checkpoint and close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the model itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def transaction(self, on_step: StepObserver) -> Iterator[duckdb.DuckDBPyConnection]:
        """Commit what the block did, or nothing of it. For the writer's thread alone."""
        self._connection.execute("BEGIN")
        try:
            self._check_epoch()
            on_step(Step.BEGUN)
            yield self._connection
            # Before the COMMIT: behind it nothing may fail any more, or who tries again would apply the batch twice.
            position = read_position(self._connection)
            last, last_directory = (
                read_last_records(self._connection, topic) for topic in (self.topic, self.directory_topic)
            )
            self._connection.execute("COMMIT")
        except BaseException:
            _roll_back(self._connection)
            self._writer.rolled_back()
            raise
        # Kept at hand, so that asking for it never waits for DuckDB.
        self._position, self._last_records, self._last_directory_record = position, last, last_directory
        self._writer.committed()
        self._readers.committed()
        on_step(Step.COMMITTED)

    def _check_epoch(self) -> None:
        epoch = read_epoch(self._connection)
        if epoch != self._epoch:
            raise GuardRefused(
                f"Another writer opened {self.path} (epoch {epoch}, ours is {self._epoch}).",
                hint="Stop one of the two: a read model has one writer.",
            )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # The transaction is gone already, or the instance is: the first error says so.
        return
