"""The directory's tables: each batch whole or not at all, together with its position, under the guards of any log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest.mock import patch

import duckdb
import pytest

from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import DirectoryStore
from ledger_projectors.publish.snapshot import NOT_FOR_ANALYSTS, publish_snapshot
from ledger_projectors.store.steps import Step
from ledger_schemas import Position, directory_codec, encode_event
from ledger_schemas.credentials import new_key
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.errors import GuardRefused
from ledger_schemas.topic import DIRECTORY_TOPIC
from tests.projectors.building import demo_events, rows

from .building import TOKENS, apply, every_kind, issued, open_model, records_of, stated

EVENTS: Final = every_kind()
STEPS: Final = (Step.BEGUN, Step.POSITIONED, Step.COMMITTED)


class Died(Exception):
    """The step after which nothing more happens."""


def dying_at(step: Step) -> Callable[[Step], None]:
    """Return an observer that raises behind a step."""

    def observe(done: Step) -> None:
        if done is step:
            raise Died

    return observe


def test_the_tables_hold_what_the_fold_says(tmp_path: Path) -> None:
    """Batch by batch, after each COMMIT, and in a file that is opened again."""
    state = DirectoryState()
    with open_model(tmp_path) as model:
        store = DirectoryStore(model)
        for offset, event in enumerate(EVENTS):
            state = state.with_changes(apply(store, state, records_of([event], offset)).changes)
            assert state == store.state()
    with open_model(tmp_path) as model:
        assert state == DirectoryStore(model).state()
        assert Position({(DIRECTORY_TOPIC, 0): len(EVENTS)}) == model.position()


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_loses_and_doubles_nothing(tmp_path: Path, step: Step) -> None:
    """At any step, the next start finds the batch whole with its position, or nothing of it, and ends up the same."""
    with open_model(tmp_path) as model, pytest.raises(Died):
        apply(DirectoryStore(model, dying_at(step)), DirectoryState(), records_of(EVENTS))
    with open_model(tmp_path) as model:
        store = DirectoryStore(model)
        stands_at = model.position().get((DIRECTORY_TOPIC, 0), 0)
        assert stands_at == (len(EVENTS) if step is Step.COMMITTED else 0)
        assert bool(store.state().keys) == (step is Step.COMMITTED)
        if not stands_at:
            apply(store, store.state(), records_of(EVENTS))
        assert DirectoryState().with_changes(DirectoryState().changed_by(EVENTS)) == store.state()


def test_a_failed_transaction_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of DuckDB leaves tables, position and state as they were, and the batch can be applied again."""
    with open_model(tmp_path) as model:
        store, state = DirectoryStore(model), DirectoryState()

        def fail(*_: object) -> None:
            raise duckdb.IOException

        with monkeypatch.context() as patched:
            patched.setattr("ledger_projectors.directory.store.advance", fail)
            with pytest.raises(duckdb.IOException):
                apply(store, state, records_of(EVENTS))
        assert (store.state(), model.position(), state) == (DirectoryState(), Position(), DirectoryState())
        apply(store, state, records_of(EVENTS))
        assert store.state().keys


def test_records_that_were_applied_or_skipped_are_refused(tmp_path: Path) -> None:
    """A record before the position, and one that does not follow on it, is a GuardRefused, and nothing is changed."""
    with open_model(tmp_path) as model:
        store = DirectoryStore(model)
        state = store.state().with_changes(apply(store, store.state(), records_of(EVENTS)).changes)
        for records in (records_of(EVENTS[:1]), records_of(EVENTS[:1], len(EVENTS) + 3)):
            with pytest.raises(GuardRefused):
                apply(store, state, records)
        assert state == store.state()


def test_a_second_writer_stops_the_first(tmp_path: Path) -> None:
    """The epoch is checked in the directory's transactions, too."""
    with open_model(tmp_path) as model:
        model.writer_connection.execute("UPDATE read_model SET epoch = epoch + 1")
        with pytest.raises(GuardRefused, match="Another writer"):
            apply(DirectoryStore(model), DirectoryState(), records_of(EVENTS))


def test_what_cannot_be_decoded_is_kept_whole_and_does_not_stop(tmp_path: Path) -> None:
    """Junk, a lifecycle event, an empty record and one that breaks a rule: each with its reason; others are applied."""
    broken = stated(EVENTS[3].kind, team_id="support", recipient_ids=["ann"]).model_copy(update={"team_id": "\x00"})
    values = [EVENTS[0], b"junk", encode_event(demo_events(1)[0]), b"", *_unchecked(broken), EVENTS[2]]
    with open_model(tmp_path) as model:
        store = DirectoryStore(model)
        outcome = apply(store, DirectoryState(), records_of(values))
        assert outcome.reasons == {"undecodable": 2, "schema_unknown": 1, "contract_violation": 1}
        kept = rows(model, "SELECT log_topic, log_offset, record_value FROM directory_quarantine ORDER BY ALL")
        assert [kept[0], kept[2]] == [(DIRECTORY_TOPIC, 1, b"junk"), (DIRECTORY_TOPIC, 3, b"")]
        assert len(outcome.changes.event_ids) == 2
        assert store.quarantined() == 4
        assert rows(model, "FROM quarantine") == []


def test_other_code_reads_the_directory_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fold or the shipped schemas changed, the tables are empty at the start, and so is the position."""
    with open_model(tmp_path) as model:
        apply(DirectoryStore(model), DirectoryState(), records_of([*EVENTS, b"of a later version"]))
    monkeypatch.setattr("ledger_projectors.store.opening.fold_digest", lambda: "other")
    with open_model(tmp_path) as model:
        assert (DirectoryStore(model).state(), model.position()) == (DirectoryState(), Position())
        assert model.last_directory_record() == {}
        assert DirectoryStore(model).quarantined() == 0


def _unchecked(event: object) -> list[bytes]:
    """Return the bytes of an event that no model would let pass."""
    with patch.object(directory_codec, "parse_directory_event", lambda _: event):
        return [directory_codec.encode_directory_event(event)]  # type: ignore[arg-type] # it is one


def test_a_snapshot_goes_without_keys_and_devices(tmp_path: Path) -> None:
    """Settings and teams are there for analysts; hashes of credentials and tokens of devices are not."""
    device = stated(DirectoryKind.DEVICE_REGISTERED, recipient_id="ann", device_token=TOKENS[0], platform="apns")
    with open_model(tmp_path) as model:
        apply(DirectoryStore(model), DirectoryState(), records_of([issued(new_key()), device]))
        with contextlib.closing(model.reader()) as reader:
            publish_snapshot(reader, tmp_path / "snapshot.duckdb")
        live = [rows(model, f"SELECT count(*) FROM {table}") for table in NOT_FOR_ANALYSTS]  # noqa: S608 - our own names
    with duckdb.connect(str(tmp_path / "snapshot.duckdb"), read_only=True) as snapshot:
        copied = [snapshot.execute(f"SELECT count(*) FROM {table}").fetchall() for table in NOT_FOR_ANALYSTS]  # noqa: S608 - as above
    assert live == [[(1,)], [(1,)]]
    assert copied == [[(0,)], [(0,)]]
