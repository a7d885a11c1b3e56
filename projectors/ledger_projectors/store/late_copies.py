"""Late copies: an event was applied, and then an earlier copy of it with other content comes out of quarantine.

A replay would take the earlier one. So what was applied is read again from the log, and all copies are compared
together in the transaction of the release or retry: the file is what a replay makes, whatever came late. To refuse such
a release was the alternative: then a record whose schema came late would stay in quarantine, or ask for a rebuild.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import duckdb
import structlog

from ledger_projectors.decode.awaited_schemas import pause
from ledger_projectors.log.again import ReadAgain
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.projection import engine_sql
from ledger_projectors.store.quarantine import RetryOutcome, records_of_rows
from ledger_schemas.errors import LedgerError, Unavailable

ROUNDS_MAX: Final = 5
"""How often what was read may show that more must be: copies of copies."""

RETRY_SECONDS: Final = 2.0
"""How long a broker that is away is left alone."""

PLACES_LOGGED_MAX: Final = 20

_log = structlog.get_logger("ledger_projectors.projector")


async def with_copies(
    work: Callable[[Sequence[LogRecord] | None], Awaitable[RetryOutcome | None]],
    read: ReadAgain | None,
    stopping: asyncio.Event | None = None,
) -> RetryOutcome | None:
    """Do a release or a retry; when it wants copies from the log, read them and do it again with them.

    A broker that is away is waited for until `stopping` is set (None is returned then); without `stopping`, its error
    is raised. When the log does not hold the copies any more, or nothing can `read` them, it is done without: the copy
    that was applied stays, against the order of the log, and a line of our own log says where.
    """
    copies: list[LogRecord] = []
    rounds = 0
    while read is not None and rounds < ROUNDS_MAX:
        outcome = await work(copies)
        if outcome is None or not outcome.wanted:
            return outcome
        try:
            copies += await read(outcome.wanted)
            rounds += 1
        except Unavailable as error:
            if stopping is None:
                raise
            _log.warning("projector.copies_unreachable", cause=str(error), retry_seconds=RETRY_SECONDS)
            await pause(stopping, RETRY_SECONDS)
            if stopping.is_set():
                return None
        except LedgerError as error:
            _log.error("projector.copies_gone", cause=str(error))
            break
    outcome = await work(None)
    if outcome is not None and outcome.wanted:
        _log.error(
            "projector.conflict_overtaken",
            count=len(outcome.wanted),
            places=[f"{partition}:{offset}" for partition, offset in outcome.wanted[:PLACES_LOGGED_MAX]],
            hint="These were applied before an earlier copy with other content came out of quarantine, and stay: a "
            "replay differs. `notification-ledger quarantine retry --reason conflict` mends it; else rebuild.",
        )
    return outcome


def with_conflicts(
    connection: duckdb.DuckDBPyConnection, records: Sequence[LogRecord], copies: Sequence[LogRecord]
) -> list[LogRecord]:
    """Return records, copies, and the conflicts in quarantine under the copies' keys, each once, in log order."""
    keys = list({copy.key for copy in copies})
    conflicting = records_of_rows(connection.execute(engine_sql("conflicts_of"), {"keys": keys}).fetchall())
    found = {(one.partition, one.offset): one for one in (*conflicting, *copies, *records)}
    return [found[place] for place in sorted(found)]
