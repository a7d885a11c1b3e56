"""A file that a command exports has its name only when it is whole, and takes no other file's place."""

from __future__ import annotations

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


def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path) -> None:
    """Somebody who wrote under that name since the start keeps what they wrote."""
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
