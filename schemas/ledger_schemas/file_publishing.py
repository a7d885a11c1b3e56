"""Gives a finished file its name: durable first, and never in the place of another file."""

from __future__ import annotations

import os
from pathlib import Path

from ledger_schemas.errors import BadRequest


def publish_file(whole: Path, path: Path) -> None:
    """Give a closed file of the same file system the name `path` too, at once; its bytes are on the disk before.

    After a loss of power there is either no file at `path` or all of it. Raises BadRequest when `path` exists already,
    however lately another process made it; OSError.
    """
    _flush(whole, os.O_RDWR)
    try:
        # A rename would take the place of a file that another process made meanwhile.
        path.hardlink_to(whole)
    except FileExistsError:
        raise taken(path) from None
    except OSError:
        # Not every file system has hard links. There, only a file that appears within this instant is replaced.
        if path.exists():
            raise taken(path) from None
        whole.rename(path)
    if os.name == "posix":  # Elsewhere a directory cannot be opened.
        _flush(path.parent, os.O_RDONLY)


def taken(path: Path) -> BadRequest:
    """Return the error for a name that another file has."""
    return BadRequest(f"{path} exists already.", hint="Name a new file; nothing is ever overwritten.")


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
