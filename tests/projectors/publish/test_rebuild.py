"""A rebuild replays the log into a new file, and takes the old one's place only when the two are equal."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from ledger_projectors.directory.tables import TABLES as DIRECTORY_TABLES
from ledger_projectors.progress import Progress
from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.publish.rebuild import rebuild
from ledger_projectors.store.quarantine_rate import QUARANTINE_WINDOW_RECORDS
from ledger_schemas import TopicSpec
from ledger_schemas.errors import (
    GuardRefused,
    NotFound,
    ReadModelsDiffer,
    ReadModelUnusable,
)
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    assert_folded,
    at,
    demo_events,
    open_model,
    producing,
    project,
    reading,
    recreate,
    rows,
)
from tests.projectors.publish.ledgers import EVENTS, KEPT, NAME, UNFINISHED, Ledger

TAMPERED: Final = (
    "UPDATE inbox_entry_rows SET is_read = NOT is_read WHERE rowid = (SELECT min(rowid) FROM inbox_entry_rows)"
)


def test_an_equal_rebuild_takes_the_old_files_place(ledger: Ledger) -> None:
    """Both digests and the position are told, the new file is at the old one's path, and the old one is kept."""
    old = ledger.path.read_bytes()
    found = ledger.rebuild()
    assert found.old is not None
    assert found.old.text == found.new.text
    assert found.old.tables == found.new.tables
    assert min(count for name, (count, _) in found.new.tables.items() if name not in DIRECTORY_TABLES) > 0
    assert sum(found.position.values()) == len(EVENTS) + 1
    assert ledger.files() == {NAME, KEPT}
    assert found.kept == ledger.folder / KEPT
    assert ledger.path.read_bytes() != old
    with ledger.open() as model, ledger.open(KEPT) as kept, reading(model) as new, reading(kept) as old_reader:
        assert found.new == digest_read_model(new)
        assert found.old == digest_read_model(old_reader)


def test_the_rebuilt_file_goes_on_with_the_log(own_ledger: Ledger) -> None:
    """What is appended later is projected into the new file; a second rebuild keeps a second file."""
    own_ledger.rebuild()
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(5, seed=2))
    with own_ledger.open() as model:
        applied = asyncio.run(project(own_ledger.kafka.connection, model)).progress()
        assert applied.applied > 0
    own_ledger.rebuild()
    assert own_ledger.files() == {NAME, KEPT, "read_model.replaced-2.duckdb"}


def test_a_replay_is_stopped_by_nothing_in_quarantine(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """A window that stops a live projector does not stop a rebuild, which meets it again; nor is there an alarm."""
    topic = TopicSpec(topic_name, 1)
    count = QUARANTINE_WINDOW_RECORDS // 2 + 1
    told: list[Progress] = []

    async def append_garbage() -> None:
        await ensure_topic(kafka.connection, topic)
        async with producing(kafka.connection) as producer:
            for _ in range(count):
                await producer.send(topic.name, b"garbage", partition=0)
            await producer.flush()

    asyncio.run(append_garbage())
    rebuilding = rebuild(tmp_path / NAME, kafka.connection, topic=topic.name, partitions=1, on_progress=told.append)
    rebuilt = asyncio.run(rebuilding)
    assert rebuilt.position == at(topic, count)
    assert rebuilt.new.tables["quarantine"][0] == count
    assert {progress.alarms for progress in told} == {()}


def test_it_stops_at_the_position_of_the_old_file(own_ledger: Ledger) -> None:
    """Events that came after the old file's position are not in the comparison, and in neither file."""
    with own_ledger.open() as model:
        before = model.position()
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(5, seed=2))
    assert own_ledger.rebuild().position == before
    with own_ledger.open() as model:
        assert model.position() == before


def test_a_rehearsal_leaves_no_file(ledger: Ledger) -> None:
    """With swap=False the two are compared, and everything is as it was."""
    found = ledger.rebuild(swap=False)
    assert found.old is not None
    assert found.old.text == found.new.text
    assert found.kept is None
    assert ledger.files() == {NAME}
    with ledger.open() as model, reading(model) as reader:
        assert found.old == digest_read_model(reader)


@pytest.mark.parametrize("swap", [True, False])
def test_a_difference_is_named_and_nothing_is_swapped(ledger: Ledger, *, swap: bool) -> None:
    """One row that was tampered with: the error names its table and the position, and both files stay to look at."""
    ledger.change(TAMPERED)
    with pytest.raises(ReadModelsDiffer, match=r"differ in: inbox_entry_rows\.") as raised:
        ledger.rebuild(swap=swap)
    aside = NAME.replace(".duckdb", ".differs-1.duckdb")
    assert aside in raised.value.message
    assert ledger.files() == {NAME, aside}
    with ledger.open() as model, ledger.open(aside) as other:
        read = [rows(one, "SELECT count(*) FROM inbox_entries WHERE is_read")[0][0] for one in (model, other)]
    assert abs(read[0] - read[1]) == 1


def test_after_a_difference_another_directory_makes_a_new_one(ledger: Ledger) -> None:
    """The way that the error names works: a new file elsewhere, made from the log alone, while both stay."""
    ledger.change(TAMPERED)
    with pytest.raises(ReadModelsDiffer, match="another directory with --data-dir"):
        ledger.rebuild()
    elsewhere = Ledger(ledger.kafka, ledger.topic, ledger.folder / "elsewhere")
    found = elsewhere.rebuild()
    assert found.old is None
    with elsewhere.open() as model, reading(model) as reader:
        assert found.new == digest_read_model(reader)
    assert ledger.files() == {NAME, "read_model.differs-1.duckdb", "elsewhere"}


def test_a_check_needs_something_to_compare_with(ledger: Ledger) -> None:
    """With `swap` off a missing, damaged or foreign file is an error, never a silent success."""
    (ledger.folder / NAME).rename(ledger.folder / "away.duckdb")
    with pytest.raises(NotFound):
        ledger.rebuild(swap=False)
    (ledger.folder / NAME).write_bytes(b"?" * 20_000)
    with pytest.raises(ReadModelUnusable):
        ledger.rebuild(swap=False)
    assert (ledger.folder / NAME).read_bytes() == b"?" * 20_000


def test_a_file_of_another_topic_is_never_replaced(ledger: Ledger) -> None:
    """A rebuild with wrong settings is refused, with the settings' way out, and leaves the file."""
    other = TopicSpec(f"{ledger.topic.name}.other", ledger.topic.partitions)
    for swap in (True, False):
        with pytest.raises(GuardRefused, match="was made for"):
            asyncio.run(
                rebuild(
                    ledger.folder / NAME,
                    ledger.kafka.connection,
                    topic=other.name,
                    partitions=other.partitions,
                    swap=swap,
                )
            )
    assert ledger.files() == {NAME}


def test_a_rebuild_that_was_interrupted_goes_on(ledger: Ledger) -> None:
    """What an earlier rebuild had done is not done again: it goes on from the position of the unfinished file."""
    half = at(ledger.topic, 10, 3)
    with ledger.open(UNFINISHED) as model:
        asyncio.run(project(ledger.kafka.connection, model, until=half, batch_records_max=2))
        assert model.position() == half
    progress: list[Progress] = []
    found = ledger.rebuild(on_progress=progress.append)
    assert found.old is not None
    assert found.old.text == found.new.text
    assert progress[-1].applied + progress[-1].duplicates + progress[-1].quarantined == len(EVENTS) + 1 - 13
    assert all(one.position.reached(half) for one in progress)


def test_progress_is_told(ledger: Ledger) -> None:
    """How far it is, is told from the start on, never going back, and last when it has come to the end."""
    progress: list[Progress] = []
    found = ledger.rebuild(on_progress=progress.append)
    assert len(progress) >= 2
    assert progress[-1].position == found.position
    assert (progress[-1].behind, progress[-1].quarantined) == (0, 1)
    for before, after in pairwise(progress):
        assert after.position.reached(before.position)


def test_without_an_old_file_it_goes_to_the_end_of_the_log(ledger: Ledger) -> None:
    """There is nothing to compare with: the file is made."""
    ledger.path.unlink()
    found = ledger.rebuild()
    assert (found.old, found.kept) == (None, None)
    assert ledger.files() == {NAME}
    with ledger.open() as model:
        assert sum(model.position().values()) == len(EVENTS) + 1


def test_a_log_that_does_not_reach_the_old_position_is_refused(own_ledger: Ledger) -> None:
    """From a recreated, shorter log the old position is never reached: it says so instead of waiting for ever."""
    asyncio.run(recreate(own_ledger.kafka.connection, own_ledger.topic))
    with pytest.raises(GuardRefused, match=r"has offsets 0 to 0, the read model is at"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


def test_another_log_is_refused_before_it_is_replayed(own_ledger: Ledger) -> None:
    """A recreated log that is as long as the old one is no difference to report: it says which record is another."""
    asyncio.run(recreate(own_ledger.kafka.connection, own_ledger.topic))
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(30, seed=3))
    with pytest.raises(GuardRefused, match="holds another record than the one that was applied"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


def test_an_empty_log_makes_an_empty_read_model(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Nothing to replay is no error."""
    topic = TopicSpec(topic_name, 1)
    asyncio.run(ensure_topic(kafka.connection, topic))
    asyncio.run(rebuild(tmp_path / NAME, kafka.connection, topic=topic.name, partitions=1))
    with open_model(tmp_path, topic.name) as model:
        assert_folded(kafka, topic, model)
