"""What `quarantine export` writes, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ledger_infra.cli.quarantine_sources import QuarantineSource
from ledger_queries.quarantine import QuarantinedRecord, QuarantineListQuery, QuarantineShowQuery
from ledger_schemas.errors import NotFound


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
        event = source.show(record.partition, record.offset, QuarantineShowQuery(topic=record.topic, decode=True)).event
    except NotFound:
        return None
    return None if event is None else json.dumps(event)
