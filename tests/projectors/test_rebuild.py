"""A rebuild replays the log into a new file, and takes the old one's place only when the two are equal."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import duckdb
import pytest

from ledger_projectors import swapping
from ledger_projectors.digest import digest_read_model
from ledger_projectors.progress import Progress
from ledger_projectors.read_model import ReadModel
from ledger_projectors.rebuild import UNFINISHED_SUFFIX, Rebuilt, rebuild
from ledger_projectors.records import Reason
from ledger_schemas import TopicSpec
from ledger_schemas.errors import (
    DataDirectoryInUse,
    GuardRefused,
    NotFound,
    ProjectorFailed,
    ReadModelsDiffer,
    ReadModelUnusable,
)
from ledger_schemas.topic import ensure_topic
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import (
    Raw,
    append_raw,
    assert_folded,
    at,
    demo_events,
    open_model,
    project,
    reading,
    recreate,
    rows,
)

PARTITIONS: Final = 3
NAME: Final = "read_model.duckdb"
KEPT: Final = "read_model.replaced-1.duckdb"
EVENTS: Final = demo_events(15)
UNFINISHED: Final = NAME + UNFINISHED_SUFFIX
TAMPERED: Final = (
    "UPDATE inbox_entry_rows SET marks = xor(marks, mark_of('is_read')) "
    "WHERE rowid = (SELECT min(rowid) FROM inbox_entry_rows)"
)
FIRST_BLOCK_BYTES: Final = 3 * 4096
BLOCK_BYTES: Final = 256 * 1024
"""How DuckDB lays a file out: three headers, then blocks."""

HOLDER: Final = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


class Ledger:
    """A log with duplicates and poison in it, and a read model at its end."""

    def __init__(self, kafka: Kafka, topic: TopicSpec, folder: Path) -> None:
        """Take where the log and the files are, or are to be."""
        self.kafka = kafka
        self.topic = topic
        self.folder = folder
        self.path = folder / NAME

    @classmethod
    def filled(cls, kafka: Kafka, topic: TopicSpec, folder: Path) -> Self:
        """Append the events and project them."""
        ledger = cls(kafka, topic, folder)
        append(kafka.connection, topic, EVENTS)
        asyncio.run(append_raw(kafka.connection, topic.name, Raw(b"poison", b"key", 1)))
        with ledger.open() as model:
            asyncio.run(project(kafka.connection, model, batch_records_max=25))
        return ledger

    def open(self, name: str = NAME) -> ReadModel:
        """Open one of its files."""
        return ReadModel.create_or_open(self.folder / name, topic=self.topic.name, partitions=PARTITIONS)

    def rebuild(self, *, swap: bool = True, on_progress: Callable[[Progress], None] | None = None) -> Rebuilt:
        """Rebuild its read model."""
        return asyncio.run(
            rebuild(
                self.path,
                self.kafka.connection,
                topic=self.topic.name,
                partitions=PARTITIONS,
                swap=swap,
                on_progress=on_progress,
            )
        )

    def change(self, statement: str, name: str = NAME) -> None:
        """Change a file behind the projector's back."""
        with duckdb.connect(self.folder / name) as connection:
            connection.execute(statement)

    def files(self) -> set[str]:
        """Return the names of its files."""
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture(scope="module")
def shared(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Make one log and its read model for all tests that only read the log."""
    folder = tmp_path_factory.mktemp("shared")
    return Ledger.filled(kafka, TopicSpec(f"test.{uuid.uuid4().hex}", PARTITIONS), folder)


@pytest.fixture
def ledger(shared: Ledger, tmp_path: Path) -> Ledger:
    """Give a log that others read too, and a read model of one's own."""
    shutil.copytree(shared.folder, tmp_path, dirs_exist_ok=True)
    return Ledger(shared.kafka, shared.topic, tmp_path)


@pytest.fixture
def own_ledger(kafka: Kafka, topic_name: str, tmp_path: Path) -> Ledger:
    """Give a log and a read model of one's own, to change both."""
    return Ledger.filled(kafka, TopicSpec(topic_name, PARTITIONS), tmp_path)


def test_an_equal_rebuild_takes_the_old_files_place(ledger: Ledger) -> None:
    """Both digests and the position are told, the new file is at the old one's path, and the old one is kept."""
    old = ledger.path.read_bytes()
    found = ledger.rebuild()
    assert found.old is not None
    assert found.old.text == found.new.text
    assert found.old.tables == found.new.tables
    assert min(count for count, _ in found.new.tables.values()) > 0
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


def test_after_a_difference_moving_the_old_file_away_makes_a_new_one(ledger: Ledger) -> None:
    """The next rebuild does not go on from what differed, and the way that the error names works."""
    ledger.change(TAMPERED)
    with pytest.raises(ReadModelsDiffer, match="move the old one away and rebuild"):
        ledger.rebuild()
    (ledger.folder / NAME).rename(ledger.folder / "away.duckdb")
    found = ledger.rebuild()
    assert found.old is None
    with ledger.open() as model, reading(model) as reader:
        assert found.new == digest_read_model(reader)


def test_the_old_file_is_locked_while_the_log_is_replayed(ledger: Ledger) -> None:
    """No projector gets the old file between its digest and the swap."""
    said: list[str] = []

    def try_to_open(_: Progress) -> None:
        if not said:
            command = [sys.executable, "-c", HOLDER, str(ledger.path)]
            said.append(
                subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stderr
            )

    ledger.rebuild(on_progress=try_to_open)
    assert "Could not set lock" in said[0]


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


@pytest.mark.parametrize("damage", ["another version", "beyond the old file", "no database"])
def test_an_unfinished_file_that_is_of_no_use_is_begun_anew(ledger: Ledger, damage: str) -> None:
    """Left by another version, past the old file's position, or damaged: nobody has to remove it by hand."""
    if damage == "no database":
        (ledger.folder / UNFINISHED).write_bytes(b"?" * 20_000)
    else:
        shutil.copy(ledger.path, ledger.folder / UNFINISHED)
    if damage == "beyond the old file":
        ledger.path.unlink()
        with ledger.open() as model:
            asyncio.run(project(ledger.kafka.connection, model, until=at(ledger.topic, 10, 3)))
    if damage == "another version":
        ledger.change("UPDATE projections SET version = 0", UNFINISHED)
    found = ledger.rebuild()
    assert found.old is not None
    assert found.old.text == found.new.text
    assert ledger.files() == {NAME, KEPT}


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


@pytest.mark.parametrize("damage", ["another version", "no database"])
def test_a_file_that_cannot_be_compared_is_replaced(own_ledger: Ledger, damage: str) -> None:
    """A file of another version, or one that cannot be opened, is kept with all that belongs to it, and replaced."""
    if damage == "another version":
        own_ledger.change("UPDATE projections SET version = 0")
    else:
        own_ledger.path.write_bytes(b"?" * 20_000)
        (own_ledger.folder / f"{NAME}.wal").write_bytes(b"of the damaged file")
    append(own_ledger.kafka.connection, own_ledger.topic, demo_events(2, seed=2))
    found = own_ledger.rebuild()
    assert found.old is None
    assert found.kept == own_ledger.folder / KEPT
    assert own_ledger.files() == {NAME, KEPT} | ({f"{KEPT}.wal"} if damage == "no database" else set())
    with own_ledger.open() as model:
        assert found.position == model.position()
        assert sum(found.position.values()) > len(EVENTS) + 1


def test_a_file_in_use_is_left_alone(ledger: Ledger) -> None:
    """While another process has the read model, nothing is replayed."""
    command = [sys.executable, "-c", HOLDER, str(ledger.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataDirectoryInUse, match=NAME):
            ledger.rebuild()
        holder.communicate()
    assert ledger.files() == {NAME}


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


def test_a_rebuilt_file_that_could_not_be_closed_whole_takes_nobodys_place(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB closes a file without a word when there is no room for its checkpoint: what it holds is in the log then.

    The old file stays; with room, the next rebuild goes on from there.
    """

    def close_without_room(model: ReadModel) -> None:
        model._connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        close(model)

    close = ReadModel.close
    with monkeypatch.context() as patched:
        patched.setattr(ReadModel, "close", close_without_room)
        with pytest.raises(ProjectorFailed, match="could not be closed whole"):
            ledger.rebuild()
    assert {NAME, UNFINISHED, f"{UNFINISHED}.wal"} <= ledger.files()
    found = ledger.rebuild()
    assert found.old is not None
    assert found.old.text == found.new.text
    assert f"{UNFINISHED}.wal" not in ledger.files()


def test_who_opens_the_old_file_before_the_swap_keeps_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its closing and the swap a supervisor may start a projector: nothing is taken from under it."""
    holders: list[subprocess.Popen[str]] = []

    def swap_late(unfinished: Path, path: Path) -> Path | None:
        command = [sys.executable, "-c", HOLDER, str(path)]
        holders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert holders[0].stdout is not None
        assert holders[0].stdout.readline() == "held\n"
        return swap(unfinished, path)

    swap = swapping.swap
    monkeypatch.setattr(swapping, "swap", swap_late)
    try:
        with pytest.raises(DataDirectoryInUse, match=NAME):
            ledger.rebuild()
    finally:
        holders[0].communicate()
    assert ledger.files() == {NAME, UNFINISHED}


@pytest.mark.parametrize("name", [NAME, UNFINISHED])
def test_whatever_block_of_a_file_rots_a_rebuild_replaces_it(ledger: Ledger, name: str) -> None:
    """One block after the other: it is refused when it opens or cannot be read through, or the block says nothing.

    Of the old file, marks of dead letters included, which no digest reads; and of what an earlier rebuild left.
    """
    with ledger.open() as model:
        model.mark_dead_letters([(1, 0, Reason.UNDECODABLE)])
    unspoilt = ledger.path.read_bytes()
    if name == UNFINISHED:
        with ledger.open(UNFINISHED) as model:
            asyncio.run(project(ledger.kafka.connection, model, until=at(ledger.topic, 10, 3), batch_records_max=2))
    whole = (ledger.folder / name).read_bytes()
    blocks = range((len(whole) - FIRST_BLOCK_BYTES) // BLOCK_BYTES)
    assert len(blocks) > 3
    outcomes = set()
    for block in blocks:
        at_byte = FIRST_BLOCK_BYTES + block * BLOCK_BYTES + 100
        ledger.path.write_bytes(unspoilt)
        (ledger.folder / name).write_bytes(whole[:at_byte] + b"\x55" * 64 + whole[at_byte + 64 :])
        found = ledger.rebuild()
        outcomes.add(found.old is None)
        assert found.kept is not None
        assert ledger.files() == {NAME, KEPT}
        found.kept.unlink()
        with ledger.open() as model, reading(model) as reader:
            assert found.new == digest_read_model(reader)
    assert (True in outcomes) == (name == NAME)


def test_an_empty_log_makes_an_empty_read_model(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """Nothing to replay is no error."""
    topic = TopicSpec(topic_name, 1)
    asyncio.run(ensure_topic(kafka.connection, topic))
    asyncio.run(rebuild(tmp_path / NAME, kafka.connection, topic=topic.name, partitions=1))
    with open_model(tmp_path, topic.name) as model:
        assert_folded(kafka, topic, model)
