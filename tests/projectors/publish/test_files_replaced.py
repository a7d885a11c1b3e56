"""Which files a rebuild begins again, replaces or leaves alone: rotten, unfinished, in use, without room."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ledger_projectors.log.records import Reason
from ledger_projectors.progress import Progress
from ledger_projectors.publish import swapping
from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.errors import (
    DataDirectoryInUse,
    ProjectorFailed,
)
from tests.faults.the_log import append
from tests.projectors.building import (
    at,
    demo_events,
    project,
    reading,
)
from tests.projectors.publish.ledgers import EVENTS, KEPT, NAME, UNFINISHED, Ledger

FIRST_BLOCK_BYTES: Final = 3 * 4096
BLOCK_BYTES: Final = 256 * 1024
"""How DuckDB lays a file out: three headers, then blocks."""

HOLDER: Final = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


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
        ledger.change("UPDATE read_model SET version = 0", UNFINISHED)
    found = ledger.rebuild()
    assert found.old is not None
    assert found.old.text == found.new.text
    assert ledger.files() == {NAME, KEPT}


@pytest.mark.parametrize("damage", ["another version", "no database"])
def test_a_file_that_cannot_be_compared_is_replaced(own_ledger: Ledger, damage: str) -> None:
    """A file of another version, or one that cannot be opened, is kept with all that belongs to it, and replaced."""
    if damage == "another version":
        own_ledger.change("UPDATE read_model SET version = 0")
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
