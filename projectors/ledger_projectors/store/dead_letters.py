"""Dead letters: quarantined records put on a topic of their own too, each at least once, for whoever watches that.

Produced from the table `quarantine`, after the batch was committed, and marked in the same file when every in-sync
replica has them: whatever happens between the two is repeated, and nothing is left out. What left quarantine again
before it was produced is no dead letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import duckdb
import structlog

from ledger_projectors.log.records import Headers, Rejection
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import limits
from ledger_schemas.errors import GuardRefused, LedgerError, LimitExceeded
from ledger_schemas.topic import RECORD_OVERHEAD_BYTES

RETRY_SECONDS_FIRST: Final = 0.5
RETRY_SECONDS_MAX: Final = 30.0
"""Back-off while the topic takes nothing: the projector goes on meanwhile."""

FINISH_SECONDS: Final = 5.0
"""How long the end of a run waits for what is due; the rest is due at the next start."""

LETTER_BYTES_MAX: Final = limits.EVENT_BYTES_MAX + RECORD_OVERHEAD_BYTES // 2
"""Key, value and headers of one letter. A stranger's record may be larger: its letter has no value and says so."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger("ledger_projectors.projector")


class LetterStep(StrEnum):
    """What has just been done; a process that dies between the two produces the same letters again."""

    PRODUCED = "produced"
    MARKED = "marked"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record for the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


Produce = Callable[[Sequence[DeadLetter]], Awaitable[None]]
"""Appends and returns when every in-sync replica has them; else raises a LedgerError. The write side offers it."""


class DeadLetters:
    """Puts what lies in quarantine on the dead-letter topic, beside a projector and on its writer's thread."""

    def __init__(
        self, read_model: ReadModel, produce: Produce, on_step: Callable[[LetterStep], None] = lambda _: None
    ) -> None:
        """Take the projector's read model and where letters go."""
        self._read_model = read_model
        self._produce = produce
        self._on_step = on_step
        self._due = asyncio.Event()

    def notice(self) -> None:
        """Hear that something was put into quarantine."""
        self._due.set()

    async def run(self, writer: Executor) -> None:
        """Produce what is due, now and whenever something is noticed, until cancelled.

        A failure that may pass is tried again; any other is raised: the projector's file, or its place as the one
        writer of it, is lost.
        """
        delay = RETRY_SECONDS_FIRST
        while True:
            self._due.clear()
            try:
                while await self._produce_next(writer):
                    delay = RETRY_SECONDS_FIRST
                await self._due.wait()
            except (LedgerError, duckdb.Error) as error:
                if not _may_pass(error):
                    raise
                _log.warning("projector.dead_letters_wait", cause=str(error), retry_seconds=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_SECONDS_MAX)

    async def finish(self, writer: Executor) -> None:
        """Produce what is due, for FINISH_SECONDS at most. Raises nothing: what is left is due at the next start."""
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                while await self._produce_next(writer):
                    pass
        except (LedgerError, duckdb.Error, TimeoutError) as error:
            _log.warning("projector.dead_letters_left", cause=type(error).__name__)

    async def _produce_next(self, writer: Executor) -> bool:
        """Produce and mark the next letters; say whether there were any."""
        loop = asyncio.get_running_loop()
        due = await loop.run_in_executor(writer, self._read_model.dead_letters_due)
        if not due:
            return False
        try:
            await self._produce([letter_of(rejection) for rejection in due])
        except LimitExceeded:
            # The topic takes less than it should. One letter that it refuses for ever must not keep back the others.
            await self._produce([letter_of(rejection, bytes_max=0) for rejection in due])
        self._on_step(LetterStep.PRODUCED)
        produced = [(one.record.partition, one.record.offset, one.reason) for one in due]
        await loop.run_in_executor(writer, self._read_model.mark_dead_letters, produced)
        self._on_step(LetterStep.MARKED)
        _log.info("projector.dead_letters_produced", count=len(due))
        return True


def _may_pass(error: LedgerError | duckdb.Error) -> bool:
    return may_pass(error) if isinstance(error, duckdb.Error) else not isinstance(error, GuardRefused)


def letter_of(rejection: Rejection, bytes_max: int = LETTER_BYTES_MAX) -> DeadLetter:
    """Return a record as it came, with headers behind its own that say where it lies and why it is here.

    Its value, or all that it held, is left out when it has more than `bytes_max`; a header says so. A record without
    key and value, which Kafka's clients do not produce, gets an empty value.
    """
    record = rejection.record
    recorded_at = _EPOCH + timedelta(milliseconds=record.recorded_at_ms)
    about: dict[str, str] = {
        "dead-letter-reason": rejection.reason,
        "dead-letter-detail": rejection.detail,
        "dead-letter-topic": record.topic,
        "dead-letter-partition": str(record.partition),
        "dead-letter-offset": str(record.offset),
        "dead-letter-recorded-at": recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    key, value, headers = record.key, record.value, record.headers
    beside = len(key or b"") + sum(len(name.encode()) + len(held or b"") for name, held in headers)
    if beside > bytes_max:
        key, value, headers = None, None, ()
        about["dead-letter-omitted"] = "key, value and headers"
    elif value is not None and beside + len(value) > bytes_max:
        value = None
        about["dead-letter-omitted"] = "value"
    if key is None and value is None:
        value = b""
    return DeadLetter(key, value, (*headers, *((name, text.encode()) for name, text in about.items())))
