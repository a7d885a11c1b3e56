"""A file that a command exports has its name only when it is whole, and takes no other file's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger_infra.cli.new_files import new_file
from ledger_schemas.errors import BadRequest, SettingInvalid


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """A process that is killed while it writes leaves no file that looks whole."""
    path = tmp_path / "out.jsonl"
    with new_file(str(path)) as out:
        out.write(b"one\n")
        assert not path.exists()
    assert path.read_bytes() == b"one\n"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    """Whatever ends it, also Ctrl-C."""
    with pytest.raises(KeyboardInterrupt), new_file(str(tmp_path / "out.jsonl")):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", ["hard links", "no hard links"])
def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str) -> None:
    """Somebody who wrote under that name since the start keeps what they wrote."""
    if links == "no hard links":
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    path = tmp_path / "out.jsonl"
    with pytest.raises(BadRequest, match="exists already"), new_file(str(path)):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The field is the file, and the reason is the system's."""
    with (
        pytest.raises(SettingInvalid, match="No such file or directory") as raised,
        new_file(str(tmp_path / "no" / "f")),
    ):
        raise AssertionError
    assert raised.value.field == "file"


def test_only_its_user_reads_a_file(tmp_path: Path) -> None:
    """Exports have personal data of every tenant."""
    path = tmp_path / "out.jsonl"
    with new_file(str(path)):
        assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("links", ["hard links", "no hard links"])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    """All its bytes are flushed first, and the name in the folder afterwards."""
    if links == "no hard links":
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    path = tmp_path / "out.jsonl"
    flushed: list[tuple[int, int | None, bool]] = []
    fsync = os.fsync

    def observed(descriptor: int) -> None:
        status = os.fstat(descriptor)
        folder = status.st_ino == tmp_path.stat().st_ino
        flushed.append((status.st_ino, None if folder else status.st_size, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", observed)
    with new_file(str(path)) as out:
        out.write(b"one\n")
    assert flushed == [(path.stat().st_ino, 4, False), (tmp_path.stat().st_ino, None, True)]


def _no_links(_: Path, target: Path) -> None:
    raise PermissionError(1, "Operation not permitted", str(target))
