"""Where a command writes what it exports: a file that did not exist before, or standard output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ledger_schemas.errors import SettingInvalid
from ledger_schemas.file_publishing import publish_file, taken

STANDARD_OUTPUT: Final = "-"


@contextmanager
def new_file(name: str) -> Iterator[BinaryIO]:
    """Give a file that did not exist, for bytes, which only this user can read: exports have personal data.

    The file appears under its name only when it is complete, and is on the disk then; a failure leaves none.
    `-` is standard output. Raises BadRequest when it exists, SettingInvalid when it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists():
        raise taken(path)
    try:
        # Made with mode 0600.
        descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.unfinished-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as out:
                yield out
            publish_file(Path(unfinished), path)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    except OSError as error:
        raise SettingInvalid(
            f"file: {path} cannot be written ({error.strerror}).",
            hint="Name a new file where this user can write and there is room.",
            field="file",
        ) from error
