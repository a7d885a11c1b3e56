"""Puts a rebuilt file in the place of the old one, which is kept: whenever it is killed, one of them is at the path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_projectors.store.opening import in_use
from ledger_schemas.errors import ProjectorFailed


def swap(unfinished: Path, path: Path) -> Path | None:
    """Give a closed file the name `path`; return under which name the file is kept that had it, if one had.

    Raises ProjectorFailed when `unfinished` was not closed whole or the old file cannot be written, DataDirectoryInUse
    when a process has it; nothing has changed then.
    """
    # Closing a file for whose checkpoint there is no room leaves the rest in the write-ahead log, and raises nothing.
    if _wal(unfinished).exists():
        raise ProjectorFailed(
            f"{unfinished} could not be closed whole: its write-ahead log is still there.",
            hint="Nothing was swapped. Free some room on the disk and rebuild again: it goes on from there.",
        )
    if not path.exists():
        unfinished.replace(path)
        return None
    with _locked(path):
        kept = _free_name(path, "replaced")
        # A file that could not even be opened still has its write-ahead log, which must not meet the new file.
        if _wal(path).exists():
            _wal(path).rename(_wal(kept))
        _keep(path, kept)
        unfinished.replace(path)
    return kept


def discard(unfinished: Path) -> None:
    """Remove a file and what belongs to it."""
    unfinished.unlink(missing_ok=True)
    _wal(unfinished).unlink(missing_ok=True)


def set_aside(unfinished: Path, path: Path) -> Path:
    """Keep a file that differs from the one at `path` under a name that the next rebuild does not go on from."""
    name = _free_name(path, "differs")
    if _wal(unfinished).exists():
        _wal(unfinished).rename(_wal(name))
    unfinished.rename(name)
    return name


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep every other process from opening a file that is closed, by the lock that DuckDB itself takes."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where no file that is open can be renamed
    except ImportError:
        yield
        return
    try:
        file = path.open("r+b")
    except OSError as error:
        raise ProjectorFailed(
            f"{path} cannot be replaced: it cannot be opened for writing ({error.strerror}).",
            hint="Nothing was swapped. Make it writable for this user and rebuild again: it goes on from there.",
        ) from error
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise in_use(path) from error
        yield


def _keep(path: Path, kept: Path) -> None:
    """Give the old file its other name while it has its own."""
    try:
        kept.hardlink_to(path)
    except OSError:
        # Not every file system has hard links.
        path.rename(kept)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _free_name(path: Path, why: str) -> Path:
    number = 1
    while (name := path.with_name(f"{path.stem}.{why}-{number}{path.suffix}")).exists():
        number += 1
    return name
