"""Two files with the same rows have one digest, in whatever order the rows lie; any other row gives another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import pytest

from ledger_projectors.directory.state import DirectoryState
from ledger_projectors.directory.store import DirectoryStore
from ledger_projectors.directory.tables import TABLES as DIRECTORY_TABLES
from ledger_projectors.publish import digest as digest_module
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.store.log_positions import read_position
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Kind, Position
from tests.projectors.building import demo_events, open_model, reading, records_of, rows
from tests.projectors.directory import building as directory
from tests.properties.strategies import NOON_MS, Recorded, audience, clock, said

READ: Final = said("read", "10:00:01", recipient_id="ann", channel="email")
CONFLICT: Final = Recorded(READ.event.model_copy(update={"occurred_at": clock("11:00:00")}), READ.recorded_at_ms)
CREATED: Final = said("created", "10:00:00", audience=audience(ann=("email",), bob=()))
FAILED: Final = said("failed", "10:00:02", recipient_id="ann", provider_code="550")
HISTORY: Final = [CREATED, READ, READ, CONFLICT, FAILED, *(Recorded(event, NOON_MS) for event in demo_events(4))]

DIRECTORY: Final = directory.every_kind()

TABLES: Final = (
    "events",
    "notification_rows",
    "inbox_entry_rows",
    "delivery_rows",
    "content_rows",
    "recipient_count_rows",
    "duplicates",
    "quarantine",
    *DIRECTORY_TABLES,
)
"""What a digest speaks of, by name: a view of all of history, and tables."""

STORED: Final = ("directory", "event_rows", "event_contents", "event_details", *TABLES[1:])
"""The tables that hold it."""

CHANGES: Final = [
    ("events", "UPDATE event_rows SET actor = 'NULL' WHERE kind = 'read' AND actor IS NULL"),
    ("events", "UPDATE event_rows SET occurred_at = occurred_at + INTERVAL 1 MICROSECOND WHERE kind = 'read'"),
    ("events", "UPDATE event_contents SET priority = priority || ' ' WHERE priority IS NOT NULL"),
    ("events", "UPDATE event_details SET provider_code = provider_code || ' '"),
    ("events", "UPDATE directory SET tenant_id = upper(tenant_id)"),
    ("notification_rows", "UPDATE notification_rows SET recipients_read = recipients_read + 1"),
    ("notification_rows", "UPDATE notification_rows SET facts = facts[2:] WHERE len(facts) > 0"),
    ("notification_rows", "UPDATE notification_rows SET stated = stated[2:] WHERE len(stated) > 0"),
    ("inbox_entry_rows", "UPDATE inbox_entry_rows SET is_seen = NOT is_seen WHERE recipient_id = 'ann'"),
    ("inbox_entry_rows", "UPDATE inbox_entry_rows SET stated = stated[2:] WHERE recipient_id = 'ann'"),
    ("delivery_rows", "UPDATE delivery_rows SET delivery_ref = ' ' WHERE recipient_id = 'ann'"),
    ("content_rows", "UPDATE content_rows SET tags = [] WHERE tags IS NULL"),
    ("recipient_count_rows", "UPDATE recipient_count_rows SET unseen = unseen + 1 WHERE recipient_id = 'ann'"),
    ("duplicates", "UPDATE duplicates SET log_offset = log_offset + 1"),
    ("quarantine", "UPDATE quarantine SET record_value = record_value || '\\x00'::BLOB"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a file with rows in every table, for each test to have a copy of."""
    folder = tmp_path_factory.mktemp("filled")
    with open_model(folder) as model:
        model.apply(records_of(*HISTORY))
        apply_directory(model)
    return folder


def apply_directory(model: ReadModel) -> None:
    """Fold a directory with a row in each of its tables."""
    directory.apply(DirectoryStore(model), DirectoryState(), directory.records_of([*DIRECTORY, b"junk"]))


@pytest.fixture
def model(tmp_path: Path, filled: Path) -> Iterator[ReadModel]:
    """Give a file with rows in every table."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with open_model(tmp_path) as opened:
        yield opened


def digest(model: ReadModel) -> Digest:
    """Return the digest of the file."""
    with reading(model) as reader:
        return digest_read_model(reader)


def test_it_speaks_of_all_rows_at_the_position(model: ReadModel) -> None:
    """History, what is folded and what was set aside, with their numbers of rows, none empty, and the position."""
    found = digest(model)
    assert {*TABLES} == {*found.tables}
    assert {table: rows(model, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES} == {  # noqa: S608 - our own names
        table: count for table, (count, _) in found.tables.items()
    }
    assert min(count for count, _ in found.tables.values()) > 0
    assert found.position == model.position()
    assert found == digest(model)


def test_the_order_of_rows_plays_no_part(model: ReadModel) -> None:
    """The same rows, written again in another order, have the same digest."""
    before = digest(model)
    for table in STORED:
        model._connection.execute(f"CREATE TEMP TABLE kept AS SELECT *, row_number() OVER () AS place FROM {table}")  # noqa: S608 - our own names
        model._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - as above
        model._connection.execute(f"INSERT INTO {table} SELECT * EXCLUDE (place) FROM kept ORDER BY place DESC")  # noqa: S608 - as above
        model._connection.execute("DROP TABLE kept")
    assert before == digest(model)


def test_batches_and_opening_play_no_part(tmp_path: Path, model: ReadModel) -> None:
    """A file that was filled in batches, and opened once more, has the digest of one filled at once."""
    with open_model(tmp_path / "other") as other:
        for batch in (records_of(*HISTORY)[:2], records_of(*HISTORY)[2:9], records_of(*HISTORY)[9:]):
            other.apply(batch)
        apply_directory(other)
    with open_model(tmp_path / "other") as other:
        assert digest(other) == digest(model)


def test_folding_again_plays_no_part(tmp_path: Path) -> None:
    """Rows that batches folded one after another are those of one fold of all of history, with nothing stored.

    A retracted that names an applied event has its notification folded again from history; here each has one.
    """
    created = [one for one in HISTORY if one.event.kind is Kind.CREATED]
    envelopes = [one.event.model_dump(include={"tenant_id", "notification_id"}) for one in created]
    observed = [said("observed", "12:00:00", **envelope) for envelope in envelopes]
    retracted = [
        said("retracted", "12:00:01", retracted_event_id=one.event.event_id, **envelope)
        for one, envelope in zip(observed, envelopes, strict=True)
    ]
    records = records_of(*HISTORY, *observed, *retracted)
    with open_model(tmp_path / "batches") as model, open_model(tmp_path / "at_once") as at_once:
        at_once.apply(records)
        for start in range(0, len(records) - len(retracted), 7):
            model.apply(records[: -len(retracted)][start : start + 7])
        ((rows_before,),) = rows(model, "SELECT max(version) FROM notification_rows")
        model.apply(records[-len(retracted) :])
        entries = "SELECT count(*) FROM inbox_entry_rows"
        assert rows(model, f"{entries} WHERE version > {rows_before}") == rows(model, entries)
        assert digest(at_once) == digest(model)


@pytest.mark.parametrize(("table", "change"), CHANGES)
def test_one_changed_cell_shows_in_its_table(model: ReadModel, table: str, change: str) -> None:
    """A value that differs by the least possible, in one row or in all, changes that table's part alone."""
    before = digest(model)
    changed = model._connection.execute(change).fetchall()
    assert changed[0][0] >= 1
    assert [table] == _differing(before, digest(model))


def test_how_a_file_numbers_plays_no_part(model: ReadModel) -> None:
    """Numbers of notifications and of rows are each file's own: others in their place leave the digest as it is."""
    before = digest(model)
    for table in ("directory", "event_rows", "notification_rows", "inbox_entry_rows", "delivery_rows", "content_rows"):
        model._connection.execute(f"UPDATE {table} SET n = 1000 - n")  # noqa: S608 - our own names
    for table in ("notification_rows", "inbox_entry_rows", "delivery_rows"):
        model._connection.execute(f"UPDATE {table} SET version = version + 7")  # noqa: S608 - as above
    assert before == digest(model)


def test_what_recognises_copies_plays_no_part(model: ReadModel) -> None:
    """Whether hashes of events stand on the row or elsewhere depends on batches: the digest is the same."""
    before = digest(model)
    model._connection.execute("UPDATE notification_rows SET seen_elsewhere = len(seen_events), seen_events = []")
    assert before == digest(model)


def test_the_order_of_facts_as_stated_plays_no_part(model: ReadModel) -> None:
    """A list of facts as stated is a set: the digest of the same facts in another order is the same."""
    before = digest(model)
    for table in ("notification_rows", "inbox_entry_rows"):
        assert max(rows(model, f"SELECT len(stated) FROM {table}"))[0] > 1  # noqa: S608 - our own names
        model._connection.execute(f"UPDATE {table} SET stated = list_reverse(stated)")  # noqa: S608 - as above
    assert before == digest(model)


@pytest.mark.parametrize("table", STORED)
def test_a_row_too_many_or_too_few_shows_in_its_table(model: ReadModel, table: str) -> None:
    """A doubled row and a missing row change the table's part, also where two of one row would cancel out."""
    told = table if table in TABLES else "events"
    before = digest(model)
    one_row = f"INSERT INTO {table} FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"  # noqa: S608 - our own names
    model._connection.execute(one_row)
    doubled = digest(model)
    model._connection.execute(one_row)
    model._connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")  # noqa: S608 - as above
    assert doubled == digest(model)
    assert [told] == _differing(before, doubled)
    model._connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")  # noqa: S608 - as above
    assert before == digest(model)
    model._connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")  # noqa: S608 - as above
    assert [told] == _differing(before, digest(model))


def test_two_cells_that_change_places_show(model: ReadModel) -> None:
    """Columns do not run together: the same texts in other columns are other content."""
    before = digest(model)
    model._connection.execute(
        "UPDATE content_rows SET category = priority, priority = category WHERE priority IS NOT NULL"
    )
    assert _differing(before, digest(model)) == ["content_rows"]


def test_another_position_is_another_digest(model: ReadModel) -> None:
    """Equal rows at different positions are different statements."""
    before = digest(model)
    model.apply([], {0: 1_000})
    after = digest(model)
    assert before.tables == after.tables
    assert before.text != after.text


def test_it_is_taken_in_one_snapshot(model: ReadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that commits while the digest is being taken is in none of its parts."""
    before = digest(model)
    batch = [record for record in records_of(*HISTORY, said("fired", "12:00:00")) if record.offset >= len(HISTORY)]

    def position_then_batch(connection: duckdb.DuckDBPyConnection) -> Position:
        position = read_position(connection)
        assert model.apply(batch).applied == 1
        return position

    monkeypatch.setattr(digest_module, "read_position", position_then_batch)
    assert before == digest(model)
    monkeypatch.undo()
    assert before.text != digest(model).text


def _differing(one: Digest, other: Digest) -> list[str]:
    assert (one.text == other.text) == (one.tables == other.tables)
    return [table for table in TABLES if one.tables[table] != other.tables[table]]
