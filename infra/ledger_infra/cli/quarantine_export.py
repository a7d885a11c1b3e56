"""What `quarantine export` writes, line by line, and to where: a file that did not exist before."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from ledger_infra.cli.quarantine_sources import QuarantineSource
from ledger_queries.quarantine import QuarantinedRecord, QuarantineListQuery, QuarantineShowQuery
from ledger_schemas.errors import BadRequest, NotFound, SettingInvalid

STANDARD_OUTPUT: Final = "-"


def walk(source: QuarantineSource, query: QuarantineListQuery) -> Iterator[QuarantinedRecord]:
    """Yield every record that the query finds, page by page."""
    while True:
        page = source.list(query)
        yield from page.rows
        if page.next is None:
            return
        query = query.model_copy(update={"cursor": page.next})


def event_line(source: QuarantineSource, record: QuarantinedRecord) -> str | None:
    """Return the event that a record states as one line of JSON; None when it states none, or has gone meanwhile."""
    try:
        event = source.show(record.partition, record.offset, QuarantineShowQuery(decode=True)).event
    except NotFound:
        return None
    return None if event is None else json.dumps(event)


@contextmanager
def new_file(name: str) -> Iterator[TextIO]:
    """Give a file that did not exist; when the writing fails, it is removed again.

    `-` is standard output. Raises BadRequest when it exists, SettingInvalid when it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        yield sys.stdout
        return
    path = Path(name)
    try:
        with path.open("x", encoding="utf-8") as out:
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
