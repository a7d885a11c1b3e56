"""Where a command writes what it exports: a file that did not exist before, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ledger_schemas.errors import BadRequest, SettingInvalid

STANDARD_OUTPUT: Final = "-"


@contextmanager
def new_file(name: str) -> Iterator[BinaryIO]:
    """Give a file that did not exist, for bytes; when the writing fails, it is removed again.

    `-` is standard output. Raises BadRequest when it exists, SettingInvalid when it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    try:
        with path.open("xb") as out:
            try:
                yield out
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise BadRequest(f"{path} exists already.", hint="Name a new file; nothing is ever overwritten.") from None
    except OSError as error:
        raise SettingInvalid(
            f"file: {path} cannot be written ({error.strerror}).",
            hint="Name a new file where this user can write and there is room.",
            field="file",
        ) from error
