"""Where a command writes what it exports: a file that did not exist before, or standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ledger_schemas.errors import BadRequest, SettingInvalid

STANDARD_OUTPUT: Final = "-"


@contextmanager
def new_file(name: str) -> Iterator[BinaryIO]:
    """Give a file that did not exist, for bytes. It has its name only when it is whole; a failure leaves none.

    `-` is standard output. Raises BadRequest when it exists, SettingInvalid when it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists():
        raise _taken(path)
    unfinished = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        try:
            with unfinished.open("wb") as out:
                yield out
            _name(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise SettingInvalid(
            f"file: {path} cannot be written ({error.strerror}).",
            hint="Name a new file where this user can write and there is room.",
            field="file",
        ) from error


def _name(whole: Path, path: Path) -> None:
    try:
        # A rename would take the place of a file that somebody made meanwhile.
        path.hardlink_to(whole)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:
        # Not every file system has hard links.
        whole.rename(path)


def _taken(path: Path) -> BadRequest:
    return BadRequest(f"{path} exists already.", hint="Name a new file; nothing is ever overwritten.")
