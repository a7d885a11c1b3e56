"""Writes a decoded batch inside an open transaction: history, folded rows, duplicates and quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa

from ledger_projectors.decode.staging import NO_EVENTS, Staged, stage
from ledger_projectors.log.guards import other_record
from ledger_projectors.log.records import BatchOutcome, LogRecord, Rejection
from ledger_projectors.store import quarantine
from ledger_projectors.store.projection import Projection, engine_sql, engine_statements
from ledger_projectors.store.steps import Step, StepObserver

_NOTHING: Final = stage(NO_EVENTS)
_DEDUPLICATION: Final = ("deduplicate", "copies", "compare_contents")


class BatchWriter:
    """Runs the statement files of the engine and of one projection, in their order, on the writer's connection.

    Every batch has a number, and so has every notification; the rows of a notification carry the number of the batch
    that touched it last, so that what is known of it is found without reading the rest of a file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, projection: Projection) -> None:
        """Take the writer's connection."""
        self._connection = connection
        self._projection = projection

    def write(
        self,
        staged: Staged,
        rejections: Sequence[Rejection],
        records: Sequence[LogRecord],
        on_step: StepObserver,
        *,
        earlier: bool = False,
        anew: Sequence[LogRecord] = (),
    ) -> BatchOutcome:
        """Write what the records say; `earlier`: they lie before the position, and so maybe before their copies.

        Those of them that are `anew` were applied before, and are judged again, together with the others.
        `staged` and `rejections` are what was made of `records`. Raises duckdb.Error; GuardRefused when what is `anew`
        is not what was applied.
        """
        if staged.events.num_rows:
            self._write_events(staged, on_step, earlier=earlier, anew=anew)
            found = quarantine.conflicts(self._connection, records)
            applied = self._one_int("SELECT count(*) FROM fresh")
            duplicates = self._one_int("SELECT count(*) FROM copies WHERE NOT conflicts")
            if earlier:
                self._connection.execute("DELETE FROM displaced")
        else:
            found, applied, duplicates = [], 0, 0
        kept = [*rejections, *found]
        quarantine.keep(self._connection, kept)
        on_step(Step.QUARANTINED)
        reasons = Counter(rejection.reason.value for rejection in kept)
        return BatchOutcome(applied, duplicates, len(kept), dict(reasons), tuple(kept))

    def refold(self, keys: Sequence[tuple[str, str]]) -> None:
        """Fold notifications (tenant_id, notification_id) anew from history alone; those that are unknown are left.

        It changes no row of a read model that is right. Raises duckdb.Error.
        """
        columns = {
            "tenant_id": pa.array([tenant for tenant, _ in keys], pa.string()),
            "notification_id": pa.array([notification for _, notification in keys], pa.string()),
        }
        self._connection.register("asked", pa.table(columns))
        self._begin(_NOTHING)
        self._run("refold")
        self._run("recall")
        self._run("history")
        self._fold()
        self._connection.unregister("asked")
        self._connection.execute("DELETE FROM doubted")
        self._end()

    def _write_events(self, staged: Staged, on_step: StepObserver, *, earlier: bool, anew: Sequence[LogRecord]) -> None:
        self._begin(staged)
        self._run("stage")
        on_step(Step.STAGED)
        self._run("recall")
        if anew:
            self._unapply(anew)
        for name in _DEDUPLICATION:
            self._run(name)
        if earlier:
            self._run("displace")
        self._run("set_aside")
        on_step(Step.DEDUPLICATED)
        self._run("history")
        if staged.contents.num_rows:
            self._run("contents")
        if staged.details.num_rows:
            self._run("details")
        on_step(Step.HISTORY_WRITTEN)
        self._fold()
        self._end()
        on_step(Step.FOLDED)

    def _unapply(self, records: Sequence[LogRecord]) -> None:
        columns = {
            "log_partition": pa.array([record.partition for record in records], pa.int32()),
            "log_offset": pa.array([record.offset for record in records], pa.int64()),
            "recorded_at": pa.array([record.recorded_at_ms * 1_000 for record in records], pa.timestamp("us", "UTC")),
        }
        self._connection.register("anew", pa.table(columns))
        for partition, offset in self._connection.execute(engine_sql("misread")).fetchall():
            raise other_record(records[0].topic, partition, offset)
        self._run("unapplied")
        self._connection.unregister("anew")

    def _begin(self, staged: Staged) -> None:
        """Give the batch its number, where statements find it, and show them the events."""
        connection = self._connection
        connection.register("batch_events", staged.events)
        connection.register("batch_contents", staged.contents)
        connection.register("batch_details", staged.details)
        ((batches, notifications),) = connection.execute("FROM numbering").fetchall()
        connection.execute(f"SET VARIABLE batch = {batches + 1}::INTEGER")
        connection.execute(f"SET VARIABLE notifications = {notifications}::BIGINT")

    def _fold(self) -> None:
        for statements in self._projection.fold:
            statements.run(self._connection)

    def _end(self) -> None:
        # Not in a `finally`: an aborted transaction refuses this too, and that error would hide the cause.
        self._connection.unregister("batch_events")
        self._connection.unregister("batch_contents")
        self._connection.unregister("batch_details")

    def _run(self, name: str) -> None:
        engine_statements(name).run(self._connection)

    def _one_int(self, sql: str) -> int:
        # Fetched to the end: a connection with an unfinished result refuses other work.
        ((value,),) = self._connection.execute(sql).fetchall()
        return int(value)
