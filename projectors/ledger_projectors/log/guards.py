"""Guards of the log: what shows that it is not, or is no more, the one that a read model was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from ledger_projectors.log.records import LogRecord
from ledger_projectors.log.wire_request import client_of
from ledger_schemas.errors import GuardRefused, TopicMisconfigured
from ledger_schemas.positions import Position

LastRecords = Mapping[int, tuple[int, int, str]]
"""Per partition, the last applied record: its offset, its append time in ms, its digest."""

KEEP_FILE_HINT: Final = (
    "Keep the read model file: it may be the last copy of the facts. `notification-ledger "
    "export-history FILE` writes every event that it holds, and `notification-ledger import-history FILE` appends them "
    "to an empty topic; the guide infra/guides/restoring.md has the steps."
)

OTHER_LOG_HINT: Final = (
    "The topic was truncated, compacted, recreated or restored, or this is another cluster. If it is another, correct "
    f"the settings; else restore the log. {KEEP_FILE_HINT}"
)


class LogRange(NamedTuple):
    """Offsets of one partition: the first, and those after the last readable record and after the last record.

    `readable` is the last stable offset, `end` the high watermark: between them lies an open transaction.
    """

    start: int
    readable: int
    end: int


async def count_partitions(consumer: AIOKafkaConsumer, topic: str) -> int | None:
    """Return how many partitions the topic has now, None when there is no such topic."""
    client = client_of(consumer)
    await client.set_topics([topic])
    await client.force_metadata_update()
    found = consumer.partitions_for_topic(topic)
    return None if found is None else len(found)


def check_partitions(topic: str, found: int | None, ours: int) -> None:
    """Check that the topic is there, with as many partitions as ever. Raises TopicMisconfigured, GuardRefused."""
    if found is None:
        raise TopicMisconfigured(
            f"The topic {topic} does not exist.", hint="Make it with `notification-ledger topic --create`."
        )
    if found != ours:
        raise GuardRefused(
            f"The topic {topic} has {found} partitions; this read model was made for {ours}.",
            hint="Partitions of a ledger's topic are fixed for its life: restore it, or rebuild into a new one.",
        )


def check_range(tp: TopicPartition, log: LogRange, ours: int) -> None:
    """Check that the log holds what comes next, from the offset `ours` on. Raises GuardRefused.

    Only committed records were read: a position after the last stable offset is of another log.
    """
    if not log.start <= ours <= log.readable:
        what = "begins after" if ours < log.start else "ends before"
        open_from = f" (from {log.readable} on in an open transaction)" if log.readable < log.end else ""
        raise GuardRefused(
            f"The log {what} the read model's position: {tp.topic} partition {tp.partition} has offsets "
            f"{log.start} to {log.end}{open_from}, the read model is at {ours}.",
            hint=OTHER_LOG_HINT,
        )


def check_reachable(tp: TopicPartition, end: int, until: int) -> None:
    """Check that the log goes as far as is asked for: who waits for more waits for ever. Raises GuardRefused."""
    if end < until:
        raise GuardRefused(
            f"The log ends at {end} in {tp.topic} partition {tp.partition}, before the position {until} that is "
            "to be reached.",
            hint=OTHER_LOG_HINT,
        )


def check_follows(position: Position, topic: str, begin_offsets: Mapping[int, int]) -> None:
    """Check that what was read begins where the position ends: else records between the two would never be applied.

    Raises GuardRefused.
    """
    for partition, offset in begin_offsets.items():
        stands_at = position.get((topic, partition), 0)
        if offset != stands_at:
            raise GuardRefused(
                f"What was read of {topic} partition {partition} begins at offset {offset}; what comes before it "
                f"ends at {stands_at}.",
                hint="Nothing of it was applied. Restart the projector: it reads from the position of the read model.",
            )


def check_record(tp: TopicPartition, last: tuple[int, int, str], found: LogRecord) -> None:
    """Check that a record is the one that was read: offset, append time in ms, digest. Raises GuardRefused."""
    if last != (found.offset, found.recorded_at_ms, digest_of(found)):
        raise other_record(tp.topic, tp.partition, last[0])


def other_record(topic: str, partition: int, offset: int) -> GuardRefused:
    """Return what to raise where the log holds another record than the one that was read."""
    return GuardRefused(
        f"The log is not the one that this read model was made from: {topic} partition {partition} "
        f"offset {offset} holds another record than the one that was applied.",
        hint=OTHER_LOG_HINT,
    )


def digest_of(record: LogRecord) -> str:
    """Return what tells this record from another at the same offset: SHA-256 over key and value, hexadecimal."""
    return hashlib.sha256((record.key or b"") + b"\0" + (record.value or b"")).hexdigest()
