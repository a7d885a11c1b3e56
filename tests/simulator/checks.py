"""What must hold of a simulated read model after every commit and every reopening, whatever went before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from unittest.mock import patch

from ledger_projectors.log.records import Reason
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, Position, decode_event
from ledger_schemas.known_schemas import KnownSchemas
from tests.properties import comparison
from tests.properties.comparison import assert_same, folded, read, read_state
from tests.properties.layout import check_layout
from tests.properties.oracle import Key, State
from tests.simulator.the_log import Entry, Place, SimulatedLog, reference_of

SCHEMA_REASONS = frozenset({Reason.SCHEMA_UNKNOWN, Reason.KIND_UNKNOWN})

NARROW = frozenset({"facts", "contents"})
"""What all other tables follow from: planning a query of one of the wide ones takes as long as a batch."""


@dataclass
class Invariants:
    """Checks a file against the log and against what was seen of it before. Raises AssertionError."""

    log: SimulatedLog
    least: Position = field(default_factory=Position)
    """The position only ever grows: a commit that was seen is never lost."""
    checks: int = 0

    def __post_init__(self) -> None:
        """Learn what conflicting copies may be written with."""
        self._known = KnownSchemas()
        for text in self.log.schemas():
            self._known.learn(reference_of(text), text)

    def check(self, model: ReadModel, after: str, *, whole: bool) -> None:
        """Check everything; unless `whole`, of the tables only NARROW, and not whether all rows agree."""
        self.checks += 1
        position = model.position()
        assert position.reached(self.least), f"after {after} the position went back from {self.least} to {position}"
        self.least = position
        ends = {partition: position.get((LIFECYCLE_TOPIC, partition), 0) for partition in range(self.log.partitions)}
        before = {place: entry for place, entry in self.log.entries.items() if place[1] < ends[place[0]]}
        kept = self._check_quarantine(model, before, after)
        expected = folded(
            (one for one in self.log.placed(ends) if (one.partition, one.offset) not in kept), model.partitions
        )
        tables = {name: key for name, key in comparison.KEYS.items() if whole or name in NARROW}
        with (
            # Copies in conflict may be written with a schema that is published late: here all are known.
            patch.object(comparison, "decode_event", lambda frame: decode_event(frame, self._known)),
            patch.object(comparison, "KEYS", tables),
        ):
            state = read_state(model, kept)
            assert_same(expected, state, after=after)
        self._check_history(model, before, state, kept, after)
        if whole:
            check_layout(model)

    def check_nothing_waits(self, model: ReadModel) -> None:
        """Check that quarantine holds no event whose schema was published: all were released."""
        for row in read(model, "SELECT log_partition, log_offset, reason FROM quarantine"):
            entry = self.log.entries[row["log_partition"], row["log_offset"]]
            assert entry.recorded is None or row["reason"] == Reason.CONFLICT, f"still waits: {row}"

    def _check_quarantine(self, model: ReadModel, before: Mapping[Place, Entry], after: str) -> set[Place]:
        """Check that poison lies there whole, once and for its reason; return the places of all but the conflicts."""
        kept: set[Place] = set()
        for row in read(model, "SELECT * FROM quarantine WHERE reason <> 'conflict'"):
            place = (row["log_partition"], row["log_offset"])
            assert place in before, f"after {after} {place} is not to be in quarantine: {row}"
            assert place not in kept, f"after {after} {place} is in quarantine twice"
            kept.add(place)
            entry = before[place]
            assert (entry.key, entry.value) == (row["record_key"], row["record_value"]), f"after {after}: {row}"
            reasons = SCHEMA_REASONS if entry.late else {entry.reason}
            assert row["reason"] in reasons, f"after {after} {place} is kept as {row['reason']}, not {entry.reason}"
        missing = {place for place, entry in before.items() if entry.recorded is None} - kept
        assert not missing, f"after {after} poison is lost: {sorted(missing)}"
        return kept

    def _check_history(
        self, model: ReadModel, before: Mapping[Place, Entry], state: State, kept: set[Place], after: str
    ) -> None:
        """Check that each record before the position is accounted for once, and that history holds first copies."""
        rows = read(model, "SELECT tenant_id, notification_id, event_id, kind, log_partition, log_offset FROM history")
        history = {(row["log_partition"], row["log_offset"]): row for row in rows}
        counted = Counter([*history, *state.duplicates, *state.conflicts, *kept])
        assert len(rows) == len(history), f"after {after} history has a record twice"
        expected = dict.fromkeys(before, 1)
        assert counted == expected, (
            f"after {after} not once: {sorted(Counter(expected) - counted)}, {counted - Counter(expected)}"
        )
        identities: dict[Key, Place] = {}
        for place, row in history.items():
            key = (row["tenant_id"], row["notification_id"], row["event_id"])
            assert key not in identities, f"after {after} {key} is in history at {identities[key]} and {place}"
            identities[key] = place
            event = before[place].recorded
            assert event is not None, f"after {after} poison is in history: {row}"
            assert event.event.kind == row["kind"], f"after {after}: {row}"
        for place, identity in [*state.duplicates.items(), *state.conflicts.items()]:
            assert identities[identity] < place, f"after {after} the copy at {place} comes before its event"
        for place, identity in state.conflicts.items():
            copies = (place, identities[identity])
            # Of copies that agree, one may differ from a contradicting one that the log has before it.
            assert any(before[one].contradicts for one in copies), (
                f"after {after} a repeated request, {place}, conflicts"
            )
