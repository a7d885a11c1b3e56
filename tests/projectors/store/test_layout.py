"""How a file is laid out: what SQL says by name agrees with the contract, and rows lie where they are looked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from ledger_projectors.fold.facts import FACTS
from ledger_projectors.store import folded_rows
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.kinds import Kind
from tests.projectors.building import demo_events, open_model, records_of, rows
from tests.properties.layout import BROKEN, KEYS, check_layout, faults
from tests.properties.strategies import NOON_MS, Recorded, audience, said

KINDS: Final = [str(kind) for kind in Kind]
NOT_TOLD_BELOW: Final = {"created", "amended", "audience_added", "retracted", "observed"}
BY_MACHINES: Final = {"automated_opened", "automated_clicked"}

DAMAGE: Final = {
    "a notification has one number": "INSERT INTO directory SELECT * REPLACE (n + 100 AS n) FROM directory LIMIT 1",
    "numbers go from one on without a gap": "UPDATE directory SET n = 100 WHERE n = 1",
    "versions go from one on": "UPDATE notification_rows SET version = 0 WHERE n = 1",
    "a version is of one row": """
        UPDATE notification_rows SET version = (SELECT max(version) FROM inbox_entry_rows) WHERE n = 1""",
    "a notification has events": "DELETE FROM event_rows WHERE n = 1",
    "events are of notifications": "DELETE FROM directory WHERE n = 1",
    "a place in the log is told of once": "UPDATE event_rows SET log_offset = 0",
    "contents are of an event that has such": "UPDATE event_rows SET kind = 'fired' WHERE kind = 'created'",
    "details are of an event that has such": "UPDATE event_rows SET kind = 'created' WHERE kind = 'failed'",
    "what is retracted stands in history": "DELETE FROM retractions",
    "hashes are those of the events": """
        UPDATE notification_rows SET seen_events = list_concat([1], seen_events[2:]) WHERE len(seen_events) > 0""",
    "hashes that stand elsewhere are counted": "UPDATE notification_rows SET seen_elsewhere = seen_elsewhere + 1",
    "a row has few hashes": "UPDATE notification_rows SET seen_events = range(300)",
    "a notification has a row": "DELETE FROM notification_rows WHERE n = 1",
    "rows are of notifications": "UPDATE inbox_entry_rows SET tenant_id = 'x'",
    "contents are of notifications": "UPDATE content_rows SET n = n + 100",
    "a delivery is of an inbox entry, and has its version": "UPDATE delivery_rows SET version = version + 1",
    "what is listed is so at all grains": "UPDATE delivery_rows SET listed_at = NULL",
    "numbers are those of the entries": "UPDATE inbox_entry_rows SET is_read = NOT is_read",
    "deliveries of an entry are counted": "UPDATE inbox_entry_rows SET deliveries = deliveries + 1",
    "channels are those of the deliveries": "UPDATE delivery_rows SET channel = 'fax'",
    "facts are in order, each once": "UPDATE inbox_entry_rows SET facts = list_reverse(facts)",
    "first times are those of the facts": "UPDATE delivery_rows SET first_fired_at = NULL",
    "a fact is stated once": "UPDATE notification_rows SET stated = list_concat(stated, stated)",
    "counts are those of the rows": "UPDATE recipient_count_rows SET unseen = unseen + 1",
    **{f"no key stands twice in {table}": f"INSERT INTO {table} FROM {table}" for table in KEYS},
}
"""What breaks each rule of the layout."""

FILLED_SEEN_EVENTS_MAX: Final = 3
"""Hashes on a row of the filled file: few, so that some stand elsewhere."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a file in several batches, for each test to have a copy of."""
    folder = tmp_path_factory.mktemp("filled")
    events = demo_events(12)
    retracted = said("retracted", "13:00:00", retracted_event_id=events[0].event_id)
    records = records_of(*(Recorded(event, NOON_MS) for event in events), retracted)
    with pytest.MonkeyPatch.context() as patched, open_model(folder) as model:
        patched.setattr(folded_rows, "SEEN_EVENTS_MAX", FILLED_SEEN_EVENTS_MAX)
        for start in range(0, len(records), 25):
            model.apply(records[start : start + 25])
    return folder


@pytest.fixture
def model(tmp_path: Path, filled: Path) -> Iterator[ReadModel]:
    """Give a file with rows in every table, of several batches."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with open_model(tmp_path) as opened:
        yield opened


def test_kinds_and_facts_are_in_the_order_of_the_contract(model: ReadModel) -> None:
    """The file's types name the kinds as the contract does, and the facts as the fold does: kinds first."""
    ((kinds, facts),) = rows(model, "SELECT enum_range(NULL::event_kind)::VARCHAR[], enum_range(NULL::fact)::VARCHAR[]")
    assert kinds == KINDS
    assert facts == [*FACTS]
    of_kinds = [kind for kind in KINDS if kind != "observed"]
    assert facts[: len(of_kinds)] == of_kinds
    assert {*facts[len(of_kinds) :]} == {*BY_MACHINES, "failed_permanently", "declared"}


def test_rows_tell_of_every_kind(model: ReadModel) -> None:
    """A notification of each that folds to something, entries and deliveries of each that is told below."""
    told = {
        view: {
            name.removesuffix("_count")
            for (name,) in rows(model, f"SELECT column_name FROM (DESCRIBE {view})")  # noqa: S608 - our own names
            if name.endswith("_count")
        }
        for view in ("notifications", "inbox_entries", "deliveries")
    }
    assert told["notifications"] == {*KINDS, *BY_MACHINES} - {"observed"}
    assert told["inbox_entries"] == told["deliveries"] == {*KINDS, *BY_MACHINES} - NOT_TOLD_BELOW


def test_sql_compares_kinds_with_kinds() -> None:
    """Every kind that a statement names is one: a name that nothing is called by would be found nowhere, silently."""
    named = [name for text in _statements() for name in _kinds_named(text)]
    assert [name for name in named if name not in KINDS] == []
    assert {"action_completed", "action_reverted"} <= {*named}


def test_rows_agree_after_batches_that_replace_them(model: ReadModel) -> None:
    """After batches about the same notifications, no rule is broken; some keep hashes elsewhere."""
    check_layout(model)
    ((replaced,),) = rows(
        model, "SELECT max(version) - (SELECT count(*) FROM inbox_entry_rows) - count(*) FROM notification_rows"
    )
    assert replaced > 0
    ((elsewhere, on_rows),) = rows(model, "SELECT sum(seen_elsewhere), sum(len(seen_events)) FROM notification_rows")
    assert min(elsewhere, on_rows) > 0


def test_a_number_is_kept_and_versions_rise(tmp_path: Path) -> None:
    """A notification keeps its number whatever comes later; each row that is written gets the next version."""
    other = "019ca7a1-0000-7000-8000-000000000009"
    created = said("created", "10:00:00", audience=audience(ann=("email",)))
    history = records_of(
        created, said("created", "10:00:00", notification_id=other), said("read", "10:00:01", recipient_id="ann")
    )
    with open_model(tmp_path) as model:
        for record in history:
            model.apply([record])
        assert rows(model, "SELECT n FROM directory ORDER BY n") == [(1,), (2,)]
        assert rows(model, "SELECT n, version FROM notification_rows ORDER BY n") == [(1, 5), (2, 3)]
        assert rows(model, "SELECT n, version FROM inbox_entry_rows") == [(1, 4)]
        assert rows(model, "SELECT n, version FROM delivery_rows") == [(1, 4)]
        check_layout(model)


def test_history_stays_where_it_was_written(tmp_path: Path) -> None:
    """Later batches about a notification add to its history and move none of it: rowids are those of the first time."""
    with open_model(tmp_path) as model:
        lie = []
        for record in records_of(*(Recorded(event, NOON_MS) for event in demo_events(4))):
            model.apply([record])
            lie.append(rows(model, "SELECT rowid, log_offset FROM event_rows ORDER BY ALL"))
    for before, after in pairwise(lie):
        assert before == after[: len(before)]
    assert len(lie[-1]) > len(lie[0])


@pytest.mark.parametrize("on_row", [1, 2, 5])
def test_copies_are_recognised_wherever_hashes_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_row: int
) -> None:
    """An event that comes again is a duplicate, whether the row of its notification has its hash or another table."""
    monkeypatch.setattr(folded_rows, "SEEN_EVENTS_MAX", on_row)
    history = [said("created", "10:00:00"), *(said("fired", f"10:00:0{second}") for second in range(1, 8))]
    records = records_of(*history, *history)
    with open_model(tmp_path) as model:
        for record in records[: len(history)]:
            assert model.apply([record]).applied == 1
            check_layout(model)
        assert model.apply(records[len(history) :]).duplicates == len(history)
        check_layout(model)


def test_a_notification_that_is_folded_again_has_each_hash_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes elsewhere are written again with the row, not added to those of before."""
    monkeypatch.setattr(folded_rows, "SEEN_EVENTS_MAX", 2)
    history = [said("created", "10:00:00"), *(said("fired", f"10:00:0{second}") for second in range(1, 6))]
    retracted = said("retracted", "11:00:00", retracted_event_id=history[1].event.event_id)
    with open_model(tmp_path) as model:
        for record in records_of(*history, retracted, said("fired", "12:00:00")):
            model.apply([record])
            check_layout(model)


def test_a_broken_layout_is_found(model: ReadModel) -> None:
    """Whoever checks a file is told which rule is broken, for each of them, and of nothing in a file that is right."""
    assert {*BROKEN, *(f"no key stands twice in {table}" for table in KEYS)} == DAMAGE.keys()
    connection = model._connection
    for rule, damage in DAMAGE.items():
        connection.execute("BEGIN")
        connection.execute(damage)
        assert any(line.startswith(f"{rule}, but not [") for line in faults(connection)), rule
        connection.execute("ROLLBACK")
    check_layout(model)


def _statements() -> Iterator[str]:
    """Return the text of every statement file, without its comments."""
    yield from (re.sub(r"--.*", "", one.read_text(encoding="utf-8")) for one in _sql_files(files("ledger_projectors")))


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _sql_files(one)
        elif one.name.endswith(".sql"):
            yield one


def _kinds_named(text: str) -> Iterator[str]:
    for listed in re.findall(r"\bkind (?:NOT )?IN \(([^)]*)\)", text):
        yield from re.findall(r"'(\w+)'", listed)
    yield from re.findall(r"\bkind (?:=|<>) '(\w+)'", text)
