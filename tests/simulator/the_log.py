"""A log in memory: partitions, offsets with legal holes, append times that jump, and a note of what each record is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any, Final

from fastavro import schemaless_writer

from ledger_projectors.decode.partitioning import partition_of
from ledger_projectors.log.records import LogRecord, Reason
from ledger_schemas import LIFECYCLE_TOPIC, Event, Kind, encode_event, parse_event
from ledger_schemas.codec import wire_values
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.shipped import WriterSchema, current_schema, fingerprint_of_text, writer_schema
from tests.properties.strategies import NOON_MS, Placed, Recorded, contradict
from tests.simulator.content import BROKER_DAYS, Subject, draw_event, draw_id, draw_request, draw_subjects

EVENTS_MIN: Final = 15
EVENTS_MAX: Final = 70
DUPLICATE_SHARE: Final = 0.25
CONFLICT_SHARE: Final = 0.06
LATE_SCHEMA_SHARE: Final = 0.15
POISON_SHARE: Final = 0.12
HOLE_SHARE: Final = 0.12
APPENDED_TOGETHER_SHARE: Final = 0.9
CLOCK_SET_SHARE: Final = 0.05
"""How often the broker's clock is set to another day, or to the same one."""
DAY_MS: Final = 86_400_000
HOLE_OFFSETS_MAX: Final = 3
LATE_FIELDS: Final = ("mood", "tone")
"""Two writers ahead of us, each with a field of its own."""

Place = tuple[int, int]
"""Partition, offset."""

_STRANGE_KIND: Final = json.dumps(
    {"type": "record", "name": "notifications.lifecycle.NotificationDreamt", "fields": [{"name": "x", "type": "long"}]}
)
_FORGED: Final = SchemaReference.to_fingerprint(b"\0forged\0")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it is appended: an event (`recorded`), or poison with the `reason` that it must be kept for.

    `late`: the text of the writer schema that it names, when that is published late.
    """

    recorded: Recorded | None
    key: bytes
    value: bytes | None
    reason: Reason | None = None
    late: str | None = None
    away: bool = False
    """In another partition than that of its key."""
    contradicts: bool = False
    """It states other content under the identity of another event; a repeated request never does."""


@dataclass(frozen=True, slots=True)
class SimulatedLog:
    """What the topic holds: per partition the records in order, and the offset behind the last, or behind a hole there.

    `begins`: the first offset that is kept, where that is not 0.
    """

    partitions: int
    records: dict[int, list[LogRecord]]
    ends: dict[int, int]
    entries: dict[Place, Entry]
    begins: Mapping[int, int] = field(default_factory=dict)

    def placed(self, ends: dict[int, int]) -> Iterator[Placed]:
        """Yield the events before `ends`."""
        for (partition, offset), entry in self.entries.items():
            if entry.recorded is not None and offset < ends[partition]:
                yield Placed(entry.recorded, partition, offset)

    def schemas(self) -> list[str]:
        """Return the texts of the schemas that are published late, each once."""
        return list(dict.fromkeys(entry.late for entry in self.entries.values() if entry.late is not None))

    def with_another_record(self, partition: int, offset: int, rng: Random) -> SimulatedLog:
        """Return a log that holds another record at one place: it was recreated, or restored from elsewhere."""
        others = [
            replace(one, value=rng.randbytes(20)) if one.offset == offset else one for one in self.records[partition]
        ]
        return replace(self, records={**self.records, partition: others})


def reference_of(text: str) -> SchemaReference:
    """Return what a frame says of a schema."""
    return SchemaReference.to_fingerprint(_fingerprint(text))


def draw_log(rng: Random, partitions: int) -> SimulatedLog:
    """Draw a whole log: events in any order with further copies, conflicts, late schemas, and poison of each reason."""
    records: dict[int, list[LogRecord]] = {partition: [] for partition in range(partitions)}
    ends = dict.fromkeys(range(partitions), 0)
    entries: dict[Place, Entry] = {}
    elapsed_ms = day = 0
    for entry in _entries(rng):
        partition = partition_of(entry.key, partitions)
        if entry.away:
            if partitions == 1:
                continue
            partition = (partition + rng.randrange(1, partitions)) % partitions
        if rng.random() < HOLE_SHARE:
            ends[partition] += rng.randint(1, HOLE_OFFSETS_MAX)
        # Records that the broker appends together have one append time.
        if rng.random() > APPENDED_TOGETHER_SHARE:
            elapsed_ms += rng.choice((1, 1, 20, 1_000, -3_000))
        if rng.random() < CLOCK_SET_SHARE:
            day = rng.choice(BROKER_DAYS)
        recorded_at_ms = NOON_MS + elapsed_ms + day * DAY_MS
        offset, ends[partition] = ends[partition], ends[partition] + 1
        headers = (("trace", rng.randbytes(4)), ("empty", None)) if rng.random() < HOLE_SHARE else ()
        records[partition].append(
            LogRecord(LIFECYCLE_TOPIC, partition, offset, recorded_at_ms, entry.key, entry.value, headers)
        )
        if entry.recorded is not None:
            entry = replace(entry, recorded=replace(entry.recorded, recorded_at_ms=recorded_at_ms))  # noqa: PLW2901 - the entry as it was appended
        entries[partition, offset] = entry
    for partition in ends:
        ends[partition] += rng.choice((0, 0, 1, 2))
    return SimulatedLog(partitions, records, ends, entries)


def _entries(rng: Random) -> list[Entry]:
    count = rng.randint(EVENTS_MIN, EVENTS_MAX)
    subjects = draw_subjects(rng, count)
    entries: list[Entry] = []
    for number in range(count):
        subject = rng.choice(subjects)
        # The first of each notification is most often its created, which then comes at any place in the log.
        first = all(one.key != _key(subject) for one in entries)
        kind = Kind.CREATED if first and rng.random() < 0.8 else None
        entries += _copies(rng, draw_request(rng, subject, subject.event_ids[number], kind))
    entries += [_poison(rng, rng.choice(subjects)) for _ in range(round(POISON_SHARE * count) + 1)]
    if rng.random() < 0.7:
        rng.shuffle(entries)
    return entries


def _copies(rng: Random, request: dict[str, Any]) -> list[Entry]:
    """Return all that the log holds of one request: the event, those of repeated requests, a conflicting copy."""
    event = parse_event(request)
    late = rng.choice(LATE_FIELDS) if rng.random() < LATE_SCHEMA_SHARE else None
    copies = [_written_ahead(event, late) if late else _written(event)]
    while rng.random() < DUPLICATE_SHARE:
        again = parse_event(request)
        # Of an event whose schema is late, another copy may well be readable before it.
        copies.append(_written_ahead(again, late) if late and rng.random() < 0.5 else _written(again))
    if rng.random() < CONFLICT_SHARE:
        copies.append(replace(_written(contradict(event, rng.randrange(4))), contradicts=True))
    return copies


def _written(event: Event) -> Entry:
    return Entry(Recorded(event, 0), str(event.notification_id).encode(), encode_event(event))


def _written_ahead(event: Event, field: str) -> Entry:
    schema = _ahead(event.kind, field)
    value = _framed(schema, {**wire_values(event), field: "glad"})
    return Entry(Recorded(event, 0), str(event.notification_id).encode(), value, late=schema.text)


def _poison(rng: Random, subject: Subject) -> Entry:
    event = draw_event(rng, subject, draw_id(rng))
    key, value = str(event.notification_id).encode(), encode_event(event)
    reason = rng.choice([one for one in Reason if one is not Reason.CONFLICT])
    match reason:
        case Reason.UNDECODABLE:
            damaged = (None, b"", b"\7" + rng.randbytes(9), value[:-1], value + b"\0", b"\xc3\x02" + value[2:])
            return Entry(None, key, rng.choice(damaged), reason)
        case Reason.SCHEMA_UNKNOWN:
            return Entry(None, key, header_of(_FORGED) + value[10:], reason)
        case Reason.KIND_UNKNOWN:
            return Entry(None, key, header_of(reference_of(_STRANGE_KIND)) + b"\2", reason, late=_STRANGE_KIND)
        case Reason.CONTRACT_VIOLATION:
            broken = rng.choice(({"tenant_id": ""}, {"channel": None, "delivery_ref": "phone"}, {"event_id": "none"}))
            return Entry(None, key, _framed(current_schema(event.kind), {**wire_values(event), **broken}), reason)
        case Reason.KEY_MISMATCH:
            return Entry(None, str(draw_id(rng)).encode(), value, reason)
        case _:
            return Entry(None, key, value, reason, away=True)


def _key(subject: Subject) -> bytes:
    return str(subject.notification_id).encode()


def _framed(schema: WriterSchema, values: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    out.write(header_of(SchemaReference.to_fingerprint(schema.fingerprint)))
    schemaless_writer(out, schema.parsed, values)
    return out.getvalue()


@cache
def _fingerprint(text: str) -> bytes:
    return fingerprint_of_text(text)


@cache
def _ahead(kind: Kind, field: str) -> WriterSchema:
    """Return the schema of somebody ahead of us: one more field, nullable."""
    document = current_schema(kind).document
    document["fields"].append({"name": field, "type": ["null", "string"], "default": None})
    return writer_schema(json.dumps(document))


def records_between(log: SimulatedLog, partition: int, begin: int, end: int) -> Sequence[LogRecord]:
    """Return the records of a partition from one offset to before another."""
    return [one for one in log.records[partition] if begin <= one.offset < end]
