"""Builds read model files for the tests of the read side: short histories, applied by the projector itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from ledger_projectors.decode.partitioning import partition_of
from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, Personal, encode_event, limits, new_id, parse_event
from tests.empty_files import put_empty_file
from tests.properties.oracle import State, fold
from tests.properties.strategies import Placed, Recorded

TOPIC: Final = "test.v1"
NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
KINDS: Final = (
    *("fired", "delivered", "opened", "read", "unread", "acknowledged", "failed", "attempted", "deferred"),
    *("cancelled", "expired", "seen", "clicked", "archived", "unarchived", "snoozed", "unsnoozed"),
    *("action_completed", "action_reverted", "deleted", "unsubscribed", "complained"),
)
"""Kinds that rows of every grain can have reached."""

TOLD: Final = (*KINDS, "automated_opened", "automated_clicked")
"""What can be told of rows of every grain: the kinds, and that a machine did it."""

STATES: Final = ("seen", "read", "archived", "snoozed", "deleted")
SOURCE: Final = "billing"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Row = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One delivery; `reached`: what is told of it, in that order."""

    channel: str
    ref: str = ""
    reached: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """One inbox entry; `reached`: what is told of it, in that order."""

    recipient: str
    sent: Sequence[Sent] = ()
    reached: Sequence[str] = ()


@dataclass(frozen=True)
class Notification:
    """One notification and all that is told of it; `listed_at` None: its created has not come.

    `channels` name no recipient; `reached` is told of the notification, `over` of deliveries, naming nobody. `content`
    are further fields of its created.
    """

    id: UUID
    tenant: str = "acme"
    listed_at: datetime | None = NOON
    entries: Sequence[Entry] = ()
    reached: Sequence[str] = ()
    over: Sequence[Sent] = ()
    channels: Sequence[str] = ()
    content: Mapping[str, Any] = field(default_factory=dict)


class Model:
    """A read model file, and the log that it is made of: events are appended and applied at once."""

    def __init__(self, path: Path, partitions: int = 1) -> None:
        """Make the file, at the beginning of the log."""
        put_empty_file(path, topic=TOPIC, partitions=partitions)
        self._read_model = ReadModel.create_or_open(path, topic=TOPIC, partitions=partitions)
        self._partitions = partitions
        self.cursor = self._read_model.reader

    def append(self, events: Iterable[Event], *, until: Mapping[int, int] | None = None) -> None:
        """Append the events to the log, recorded as they occurred, and apply them in one transaction.

        `until` moves the position on, per partition, as after records that were none of ours.
        """
        ends = dict(enumerate(self.next_offsets()))
        records = []
        for event in events:
            key = str(event.notification_id).encode()
            partition = partition_of(key, self._partitions)
            value = encode_event(event)
            records.append(LogRecord(TOPIC, partition, ends[partition], recorded_at_ms(event), key, value))
            ends[partition] += 1
        outcome = self._read_model.apply(records, until)
        assert outcome.quarantined == 0, outcome.reasons

    def next_offsets(self) -> list[int]:
        """Return the position, per partition."""
        return [self._read_model.position().get((TOPIC, number), 0) for number in range(self._partitions)]

    def execute(self, sql: str) -> None:
        """Change the file behind the projector's back."""
        with self._read_model.reader() as cursor:
            cursor.execute(sql)

    def close(self) -> None:
        """Close the file."""
        self._read_model.close()


def numbered(number: int) -> UUID:
    """Return a UUIDv7 that sorts by its number."""
    return UUID(int=(0x019A << 112) | (0x7000 << 64) | (0x8000 << 48) | number)


def at(seconds: float) -> datetime:
    """Return a time that many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def recorded_at_ms(event: Event) -> int:
    """Return when the log took the event: no sooner than it occurred, as far as a calendar goes."""
    latest_ms = limits.OCCURRED_AT_MICROSECONDS_MAX // 1_000
    return min(-((_EPOCH - event.occurred_at) // _MILLISECOND), latest_ms)


def move_to(model: Model, *next_offsets: int) -> None:
    """Move the position on: one next offset per partition."""
    model.append([], until=dict(enumerate(next_offsets)))


def insert(model: Model, notifications: Iterable[Notification]) -> None:
    """Append and apply all that is told of the notifications, in one transaction."""
    model.append(event for one in notifications for event in events_of(one))


def events_of(one: Notification) -> Iterator[Event]:
    """Yield the events that tell of the notification: what it says, then what happened to it, by the second."""
    audience = [
        # A delivery under a reference is planned by nobody: it is there when something is told of it.
        {"recipient_id": entry.recipient, "channels": sorted({sent.channel for sent in entry.sent if not sent.ref})}
        for entry in one.entries
    ]
    first, more = audience[: limits.RECIPIENTS_PER_EVENT_MAX], audience[limits.RECIPIENTS_PER_EVENT_MAX :]
    if one.listed_at is None:
        first, more = [], audience
    else:
        yield stated(one, "created", one.listed_at, audience=first, channels=sorted(one.channels), **one.content)
    if more:
        yield stated(one, "audience_added", NOON, audience=more)
    told: list[tuple[str, Row]] = [(kind, {}) for kind in one.reached]
    told += [told_of for sent in one.over for told_of in _told_of(sent)]
    for entry in one.entries:
        to = {"recipient_id": entry.recipient}
        told += [(kind, to) for kind in entry.reached]
        told += [(kind, to | more) for sent in entry.sent for kind, more in _told_of(sent)]
    # What is taken back is the last that was told before.
    last: dict[str, Any] = {}
    for second, (kind, to) in enumerate(sorted(told, key=lambda one_told: one_told[0] == "retracted")):
        event = stated(one, kind, at(second), **to, **(last if kind == "retracted" else {}))
        last = {"retracted_event_id": event.event_id}
        yield event


def _told_of(sent: Sent) -> Iterator[tuple[str, Row]]:
    for kind in sent.reached or (["attempted"] if sent.ref else []):
        yield kind, {"channel": sent.channel, "delivery_ref": sent.ref or None}


def stated(one: Notification, kind: str, occurred_at: datetime, **fields: Any) -> Event:  # noqa: ANN401 - any field
    """Return an event of the notification, with what its kind cannot be without."""
    if kind.startswith("automated_"):
        kind, fields = kind.removeprefix("automated_"), {"automated": True, **fields}
    if kind == "snoozed":
        fields = {"snoozed_until": at(60), **fields}
    if kind == "retracted":
        fields = {"retracted_event_id": new_id(), **fields}
    # Foreign writers check less than our models do, and their personal data is answered as it came.
    personal = fields.pop("personal", None)
    event = parse_event(
        {
            "kind": kind,
            "tenant_id": one.tenant,
            "notification_id": one.id,
            "occurred_at": occurred_at,
            "source": SOURCE,
            **fields,
        }
    )
    if personal is None:
        return event
    return event.model_copy(update={"personal": Personal().model_copy(update=dict(personal))})


def state_of(events: Iterable[Event]) -> State:
    """Return what the oracle, which shares nothing with the fold, makes of the events in a log of one partition."""
    placed = (Placed(Recorded(event, recorded_at_ms(event)), 0, offset) for offset, event in enumerate(events))
    return fold(one.log_event() for one in placed)
