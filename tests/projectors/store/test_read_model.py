"""A batch is applied whole or not at all, and the file says what became of each record and where it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from ledger_projectors.log.records import BatchOutcome, LogRecord, Reason
from ledger_projectors.store.log_positions import read_position
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from ledger_schemas import LIFECYCLE_TOPIC, Position, encode_event
from ledger_schemas.topic import DIRECTORY_TOPIC
from tests.projectors.building import TABLES, content, demo_events, open_model, reading, records_of, rows
from tests.properties.strategies import NOON, NOON_MS, NOTIFICATION_IDS, Recorded, audience, clock, said

VIEWS: Final = ("notification_status", "unread_by_recipient", "channel_outcomes", "history", "actions")
HISTORY: Final = ("directory", "event_rows", "event_contents", "event_details", "retractions", "seen_events")
FOLDED: Final = ("notification_rows", "inbox_entry_rows", "delivery_rows", "content_rows", "recipient_count_rows")
SET_ASIDE: Final = ("duplicates", "quarantine")
OF_THE_DIRECTORY: Final = (
    *("directory_keys", "directory_tenants", "directory_team_members", "directory_devices", "directory_events"),
    "directory_quarantine",
)
OF_THE_ENGINE: Final = ("positions", "read_model")
STEPS_OF_APPLY: Final = tuple(step for step in Step if step not in {Step.FETCHED, Step.CHECKPOINTED})

CREATED: Final = said("created", "10:00:00", audience=audience(ann=("email",)), source="shop")
FIRED: Final = said("fired", "10:00:01")
FAILED: Final = said("failed", "10:00:01", recipient_id="ann", provider_code="550")
READ: Final = said("read", "10:00:02", recipient_id="ann")
OTHER_READ: Final = Recorded(READ.event.model_copy(update={"occurred_at": clock("11:00:00")}), READ.recorded_at_ms)
KEY: Final = str(NOTIFICATION_IDS[0]).encode()


class Died(Exception):
    """The step after which nothing more happens."""


def poison(offset: int, **changes: Any) -> LogRecord:  # noqa: ANN401 - any field of a record
    """Return a record that cannot be applied."""
    return replace(LogRecord(LIFECYCLE_TOPIC, 0, offset, NOON_MS, KEY, b"poison"), **changes)


def test_a_new_file_has_all_tables_and_stands_at_the_beginning(tmp_path: Path) -> None:
    """History, the folded tables, duplicates, quarantine, and the engine's own; no record was applied."""
    with open_model(tmp_path, partitions=3) as model:
        tables = {name for (name,) in rows(model, "SELECT table_name FROM duckdb_tables() WHERE NOT temporary")}
        assert tables == {*HISTORY, *FOLDED, *SET_ASIDE, *OF_THE_ENGINE, *OF_THE_DIRECTORY}
        assert (model.position(), model.last_records()) == (Position(), {})
        assert rows(model, "SELECT log_topic, log_partition, next_offset FROM positions ORDER BY ALL") == [
            (DIRECTORY_TOPIC, 0, 0),
            *((LIFECYCLE_TOPIC, partition, 0) for partition in range(3)),
        ]


def test_every_table_and_view_says_what_it_is(tmp_path: Path) -> None:
    """An analyst finds a comment at everything that a snapshot shows."""
    with open_model(tmp_path) as model:
        comments = dict(
            rows(
                model,
                "SELECT table_name, comment FROM duckdb_tables() WHERE NOT temporary "
                "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND NOT temporary",
            )
        )
    assert {*TABLES, *VIEWS} <= comments.keys()
    assert [name for name, comment in comments.items() if not comment] == []


def test_no_table_has_a_key_or_an_index(tmp_path: Path) -> None:
    """PRIMARY KEY, UNIQUE and indexes on tables that are updated end in unbounded files and fatal errors."""
    with open_model(tmp_path) as model:
        model.apply(records_of(CREATED, FIRED, READ))
        kinds = {kind for (kind,) in rows(model, "SELECT DISTINCT constraint_type FROM duckdb_constraints()")}
        assert kinds == {"NOT NULL"}
        assert rows(model, "FROM duckdb_indexes()") == []


def test_a_batch_says_what_became_of_its_records(tmp_path: Path) -> None:
    """Applied, duplicates (of this batch and of earlier ones) and quarantined, with the count of each reason."""
    history = (CREATED, READ, CREATED, OTHER_READ, CREATED, READ, OTHER_READ, FIRED)
    records = records_of(*history)
    first = [*records[:4], poison(4)]
    second = [replace(record, offset=record.offset + 1) for record in records[4:]]
    second += [poison(91), poison(92, value=None), poison(93, value=encode_event(FIRED.event), key=b"other")]
    with open_model(tmp_path) as model:
        assert model.apply(first) == BatchOutcome(
            applied=2, duplicates=1, quarantined=2, reasons={Reason.UNDECODABLE: 1, Reason.CONFLICT: 1}
        )
        assert model.apply(second) == BatchOutcome(
            applied=1,
            duplicates=2,
            quarantined=4,
            reasons={Reason.UNDECODABLE: 2, Reason.KEY_MISMATCH: 1, Reason.CONFLICT: 1},
        )
        assert rows(model, "SELECT log_offset FROM duplicates ORDER BY ALL") == [(2,), (5,), (6,)]
        assert rows(model, "SELECT log_offset FROM quarantine ORDER BY ALL") == [(3,), (4,), (7,), (91,), (92,), (93,)]
        assert rows(model, "SELECT kind, log_offset FROM events ORDER BY ALL") == [
            ("created", 0),
            ("fired", 8),
            ("read", 1),
        ]


HEADERS: Final = (("trace", b"\x00\xff'\\x41"), ("trace", b""), ("Größe", None))


def test_quarantine_keeps_records_whole(tmp_path: Path) -> None:
    """Key, value and headers come back byte for byte, null apart from empty, with place, time and reason."""
    # Not 00 first: that would be the frame of a schema registry, with an id that nobody knows.
    odd = b"\xff\x00\xfe'\\x41"
    parts = list(product((None, b"", odd), (None, b"", odd, b"x" * 1_000_000), ((), HEADERS)))
    with open_model(tmp_path) as model:
        batch = [
            poison(offset, key=key, value=value, headers=headers, recorded_at_ms=NOON_MS + offset)
            for offset, (key, value, headers) in enumerate(parts)
        ]
        assert model.apply(batch).quarantined == len(parts)
        kept = rows(model, "FROM quarantine ORDER BY log_offset")
    for offset, (key, value, headers) in enumerate(parts):
        at = NOON + timedelta(milliseconds=offset)
        assert (LIFECYCLE_TOPIC, 0, offset, at, "undecodable") == kept[offset][:5]
        assert (None, key, value, [{"name": name, "value": held} for name, held in headers]) == kept[offset][6:]


@pytest.mark.parametrize("step", STEPS_OF_APPLY[:-1])
def test_a_batch_that_stops_half_way_has_not_happened(tmp_path: Path, step: Step) -> None:
    """After any step before the commit, every row and the position are as before; the same batch then succeeds."""
    events = [Recorded(event, NOON_MS) for event in demo_events(6)]
    records = [*records_of(*events, CREATED, CREATED, OTHER_READ, READ)]
    before, batch = records[:20], [*records[20:], poison(1_000)]

    def observe(done: Step) -> None:
        if done == step:
            raise Died

    with open_model(tmp_path / "never died") as model:
        model.apply(before)
        stood = content(model)
        outcome = model.apply(batch)
        expected = content(model)
    with open_model(tmp_path / "died") as model:
        model.apply(before)
        with pytest.raises(Died):
            model.apply(batch, on_step=observe)
        assert stood == content(model)
    with open_model(tmp_path / "died") as model:
        assert stood == content(model)
        with pytest.raises(Died):
            model.apply(batch, on_step=observe)
        assert outcome == model.apply(batch)
        assert expected == content(model)
    assert [table for table in TABLES if expected[table] == stood[table]] == []


def test_a_committed_batch_has_happened(tmp_path: Path) -> None:
    """What comes after the commit cannot take it back; the steps were told in their order."""
    seen: list[Step] = []

    def observe(done: Step) -> None:
        seen.append(done)
        if done == Step.COMMITTED:
            raise Died

    with open_model(tmp_path) as model:
        with pytest.raises(Died):
            model.apply(records_of(CREATED), on_step=observe)
        assert rows(model, "SELECT kind FROM events") == [("created",)]
        assert model.position() == Position({(LIFECYCLE_TOPIC, 0): 1})
    assert tuple(seen) == STEPS_OF_APPLY


def test_a_statement_that_fails_is_the_error_that_is_raised(tmp_path: Path) -> None:
    """A cause inside DuckDB comes out as itself, not as the aborted transaction behind it, and mended, all goes on."""
    with open_model(tmp_path) as model:
        model._connection.execute("ALTER TABLE event_details RENAME TO elsewhere")
        with pytest.raises(duckdb.CatalogException, match="event_details"):
            model.apply(records_of(FAILED))
        model._connection.execute("ALTER TABLE elsewhere RENAME TO event_details")
        assert model.apply(records_of(FAILED)).applied == 1


def test_position_and_last_record_follow_the_log(tmp_path: Path) -> None:
    """The position is the next offset of each partition, over holes in the offsets too, and never goes back."""
    record = records_of(CREATED, partitions=3)[0]
    partition = record.partition
    others = [number for number in range(3) if number != partition]

    def position(*offsets: int) -> Position:
        return Position(
            {(LIFECYCLE_TOPIC, at): offset for at, offset in zip((partition, *others), offsets, strict=True)}
        )

    with open_model(tmp_path, partitions=3) as model:
        model.apply([replace(record, offset=4)])
        assert model.position() == position(5, 0, 0)
        ((offset, recorded_at_ms, digest),) = model.last_records().values()
        assert (offset, recorded_at_ms) == (4, record.recorded_at_ms)
        model.apply([], {partition: 7, others[0]: 2})
        assert model.position() == position(7, 2, 0)
        assert model.last_records() == {partition: (4, record.recorded_at_ms, digest)}
        model.apply([replace(record, offset=7, key=None)], {partition: 9, others[0]: 1})
        assert model.position() == position(9, 2, 0)
        ((offset, _, other_digest),) = model.last_records().values()
        assert offset == 7
        assert other_digest != digest


def test_a_closed_file_is_complete_in_itself(tmp_path: Path) -> None:
    """Closing leaves no write-ahead log, and what is opened again is what was closed."""
    with open_model(tmp_path) as model:
        model.apply(records_of(CREATED, FIRED, READ))
        before = content(model)
    assert [path.name for path in tmp_path.iterdir()] == ["read_model.duckdb"]
    with open_model(tmp_path) as model:
        assert before == content(model)


def test_a_checkpoint_comes_when_it_is_due(tmp_path: Path) -> None:
    """Below the limit the write-ahead log grows; at the limit it moves into the file, between two batches."""
    steps: Counter[Step] = Counter()
    with open_model(tmp_path) as model:
        wal = model.path.with_name(model.path.name + ".wal")
        model.apply(records_of(CREATED))
        grown = wal.stat().st_size
        model.checkpoint_if_due(grown + 1, lambda step: steps.update([step]))
        assert steps == {}
        assert wal.stat().st_size == grown
        model.checkpoint_if_due(grown, lambda step: steps.update([step]))
        assert steps == {Step.CHECKPOINTED: 1}
        assert not wal.exists() or wal.stat().st_size < grown


def test_a_reader_keeps_its_snapshot_while_a_batch_commits(tmp_path: Path) -> None:
    """A transaction that has begun sees rows and position of one instant; a new one sees the batch."""

    def seen(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, Position]:
        ((events,),) = connection.execute("SELECT count(*) FROM events").fetchall()
        ((reads,),) = connection.execute("SELECT sum(read_count)::INT FROM notifications").fetchall()
        return events, reads, read_position(connection)

    records = records_of(CREATED, READ)
    with open_model(tmp_path) as model:
        model.apply(records[:1])
        with reading(model) as reader:
            reader.execute("BEGIN")
            before = seen(reader)
            model.apply(records[1:])
            assert before == (1, 0, Position({(LIFECYCLE_TOPIC, 0): 1}))
            assert before == seen(reader)
            reader.execute("COMMIT")
            assert seen(reader) == (2, 1, Position({(LIFECYCLE_TOPIC, 0): 2}))


def test_an_empty_batch_changes_nothing(tmp_path: Path) -> None:
    """No records and no offsets: nothing is counted, and no row differs."""
    with open_model(tmp_path) as model:
        model.apply(records_of(CREATED))
        before = content(model)
        assert model.apply([]) == BatchOutcome()
        assert before == content(model)


def test_bad_text_in_content_is_only_content(tmp_path: Path) -> None:
    """NUL characters, quotes and SQL in free text are stored and folded as they came."""
    title = "\x00'; DROP TABLE events; --\u202e"
    with open_model(tmp_path) as model:
        model.apply(records_of(said("created", "10:00:00", personal={"title": title}, tags=["'"])))
        assert rows(model, "SELECT personal.title, tags FROM contents") == [(title, ["'"])]


def test_a_read_model_is_made_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """The first start makes the data directory."""
    with ReadModel.create_or_open(tmp_path / "a" / "b" / "c.duckdb", topic="t", partitions=1) as model:
        assert model.path.exists()
