"""The directory's side of a read model file: decodes its records and folds them, each batch one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_projectors.directory.state import Changes, DirectoryState
from ledger_projectors.directory.tables import read_state, write_changes
from ledger_projectors.log.guards import check_follows
from ledger_projectors.log.records import LogRecord, Reason, Rejection
from ledger_projectors.store import quarantine
from ledger_projectors.store.log_positions import advance, check_not_applied
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step, StepObserver, unobserved
from ledger_schemas.directory_codec import decode_directory_event
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.errors import ContractViolation, Undecodable


@dataclass(frozen=True, slots=True)
class DirectoryOutcome:
    """What one committed batch of the directory did."""

    changes: Changes
    rejections: Sequence[Rejection]

    @property
    def reasons(self) -> dict[str, int]:
        """How many records went to quarantine, by reason."""
        return dict(Counter(one.reason.value for one in self.rejections))


class DirectoryStore:
    """Folds the directory's log into its tables, on the thread of the file's one writer."""

    def __init__(self, read_model: ReadModel, on_step: StepObserver = unobserved) -> None:
        """Take an open read model."""
        self._read_model = read_model
        self._on_step = on_step

    def state(self) -> DirectoryState:
        """Return what the tables say, as the last commit left it. Raises duckdb.Error."""
        return read_state(self._read_model.writer_connection)

    def quarantined(self) -> int:
        """Return how many records of the directory are in quarantine."""
        ((count,),) = self._read_model.writer_connection.execute("SELECT count(*) FROM directory_quarantine").fetchall()
        return int(count)

    def apply(
        self,
        state: DirectoryState,
        records: Sequence[LogRecord],
        begin_offsets: Mapping[int, int],
        next_offsets: Mapping[int, int],
    ) -> DirectoryOutcome:
        """Fold records into the tables, whose content is `state`, together with the position; all or nothing.

        `state` is not changed. Raises GuardRefused when records were applied before, or when some before them were not;
        duckdb.Error when the transaction fails as a whole: nothing is changed then.
        """
        topic = self._read_model.directory_topic
        position = self._read_model.position()
        check_not_applied(position, records)
        check_follows(position, topic, begin_offsets)
        events, rejections = decode_directory(records)
        changes = state.changed_by(events)
        with self._read_model.transaction(self._on_step) as connection:
            write_changes(connection, changes)
            quarantine.keep(connection, rejections, "directory_kept")
            advance(connection, topic, records, next_offsets)
            self._on_step(Step.POSITIONED)
        return DirectoryOutcome(changes, rejections)


def decode_directory(records: Sequence[LogRecord]) -> tuple[list[DirectoryEvent], list[Rejection]]:
    """Return the events of records, in their order, and those that are none, each with its reason."""
    events: list[DirectoryEvent] = []
    rejections: list[Rejection] = []
    for record in records:
        try:
            events.append(decode_directory_event(record.value or b""))
        except (Undecodable, ContractViolation) as error:
            rejections.append(Rejection(record, Reason(error.code), error.message))
    return events, rejections
