"""Random histories that all five dialects can be asked about, and what each must answer: from the events alone."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from ledger_schemas import Event, NotificationAttempted, NotificationOpened, NotificationRetracted
from tests.properties.strategies import EVENT_IDS
from tests.queries.builder import at, numbered, state_of

from .serving import event

TENANT: Final = "one-truth"
RECIPIENTS: Final = (TENANT, "ann", "bob")
"""Realtime Register's customer is tenant and recipient in one."""

CHANNELS: Final = ("EMAIL", "in_app", "webhook")
STATUSES: Final = ("Success", "Failed", "Pending")
JOB_STATUSES: Final = ("completed", "failed", "delayed")
KINDS: Final = (
    *(4 * ("fired", "attempted", "opened", "read")),
    *(2 * ("unread", "retracted")),
    *("delivered", "failed", "acknowledged", "deleted"),
)
NOTIFICATIONS: Final = (4, 8)
EVENTS: Final = (6, 18)
"""Fewest and most; of one notification, beside its created."""

Entry = tuple[UUID, str]


class Log(list[Event]):
    """Events in the order of a log. A report of a failure shows how it was drawn, not each of a hundred events."""

    def __init__(self, events: Iterable[Event], drawn: str) -> None:
        """Take the events, and what they were drawn from."""
        super().__init__(events)
        self._drawn = drawn

    def __repr__(self) -> str:
        """Return what the events were drawn from."""
        return self._drawn


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Draw a history in any order, with repetition.

    Its sizes are drawn, and grow small when an example fails. What is said is up to one seed: so all of it is as likely
    in a few examples as in many.
    """
    sizes = draw(st.lists(st.integers(*EVENTS), min_size=NOTIFICATIONS[0], max_size=NOTIFICATIONS[1]))
    seed = draw(st.integers(0, 2**32))
    chance = random.Random(seed)  # noqa: S311 - examples, nothing secret
    history = [each for number, size in enumerate(sizes, 1) for each in _history(chance, number, size)]
    log = [*history, *chance.choices(history, k=len(history) // 4)]
    chance.shuffle(log)
    return Log(log, f"<log of {len(log)} events: sizes {sizes}, seed {seed}>")


def _history(chance: random.Random, number: int, size: int) -> Iterator[Event]:
    """Yield distinct events of one notification: its created, and so many more."""
    audience = chance.sample(RECIPIENTS, chance.randint(1, len(RECIPIENTS)))
    planned = [{"recipient_id": one, "channels": chance.sample(CHANNELS, chance.randint(0, 3))} for one in audience]
    says = {"title": text_of(number), "body": text_of(number)}
    id_ = numbered(1_000 + number)
    yield event("created", TENANT, number, event_id=id_, audience=planned, type="UN", number=number, personal=says)
    ids = chance.sample(EVENT_IDS, size)
    for event_id in ids:
        kind = chance.choice(KINDS)
        time = at(chance.randint(0, 9) + chance.choice((0, 0.25)))
        yield event(kind, TENANT, number, time, event_id=event_id, **_fields(chance, kind, audience, ids))


def _fields(chance: random.Random, kind: str, audience: Sequence[str], ids: Sequence[UUID]) -> dict[str, Any]:
    """Return what an event of a kind states; what names no recipient is that of the only one, or of nobody."""
    if kind == "retracted":
        return {"retracted_event_id": chance.choice(ids)}
    fields: dict[str, Any] = {"recipient_id": chance.choice((*audience, *audience, None))}
    if kind in {"attempted", "delivered", "failed", "opened"}:
        fields["channel"] = chance.choice(CHANNELS)
    if kind == "opened":
        fields["automated"] = chance.choice((False, True))
    if kind == "attempted":
        fields["delivery_ref"] = chance.choice((None, "first", "second"))
        fields["status"] = chance.choice(STATUSES)
        fields["attributes"] = {"jobStatus": chance.choice(JOB_STATUSES)}
    return fields


def text_of(number: int) -> str:
    """Return what a notification says: NextInteract shows no id."""
    return f"notification {number}"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of Novu's; the details are the statuses of its attempts, oldest first."""

    channel: str
    status: str
    details: tuple[str, ...]


class Truth:
    """What a log comes to, for entries that were fired and not deleted."""

    def __init__(self, log: Sequence[Event]) -> None:
        """Ask the oracle for states, and the events themselves for the rest."""
        self._tables = state_of(log).tables
        first: dict[tuple[UUID, UUID], tuple[int, Event]] = {}
        for offset, each in enumerate(log):
            first.setdefault((each.notification_id, each.event_id), (offset, each))
        taken_back = {
            (each.notification_id, each.retracted_event_id)
            for _, each in first.values()
            if isinstance(each, NotificationRetracted)
        }
        left = [said for identity, said in first.items() if identity not in taken_back]
        self._left = [each for _, each in sorted(left, key=lambda said: (said[1].occurred_at, said[0]))]
        self.entries: dict[Entry, Mapping[str, Any]] = {
            (UUID(str(notification_id)), str(recipient)): row
            for (_, notification_id, recipient), row in self._tables["inbox_entries"].items()
            if row["fired_count"] and not row["is_deleted"]
        }

    def number(self, notification_id: UUID) -> int:
        """Return the number of a notification."""
        return int(self._tables["contents"][TENANT, notification_id]["number"])

    def sent(self) -> list[tuple[str, int]]:
        """Return text and entries with a fired, of each notification that has a fired."""
        return sorted(
            (text_of(self._tables["contents"][key]["number"]), row["recipients_fired"])
            for key, row in self._tables["notifications"].items()
            if row["fired_count"]
        )

    def opens(self) -> dict[str, list[tuple[str | None, str]]]:
        """Return recipient and time of openings by people over EMAIL, of each notification."""
        found: dict[str, list[tuple[str | None, str]]] = {
            str(notification_id): [] for _, notification_id in self._tables["notifications"]
        }
        for each in self._left:
            if isinstance(each, NotificationOpened) and not each.automated and each.channel == "EMAIL":
                found[str(each.notification_id)].append((each.recipient_id, milliseconds(each.occurred_at)))
        return {notification_id: sorted(opens, key=str) for notification_id, opens in found.items()}

    def jobs(self, entry: Entry) -> list[Job]:
        """Return a job for each delivery of which there is a fact."""
        return sorted(self._jobs(entry), key=str)

    def _jobs(self, entry: Entry) -> Iterator[Job]:
        notification_id, recipient = entry
        alone = sum(key[1] == notification_id for key in self._tables["inbox_entries"]) == 1
        whose = {recipient, None} if alone else {recipient}
        for (_, of, to, channel, ref), row in self._tables["deliveries"].items():
            if (of, to) != entry or not any(value for name, value in row.items() if name.endswith("_count")):
                continue
            attempts = [
                each
                for each in self._left
                if isinstance(each, NotificationAttempted)
                and (each.notification_id, each.channel, each.delivery_ref or "") == (notification_id, channel, ref)
                and each.recipient_id in whose
            ]
            status = _stated_status(attempts[-1]) if attempts else _status_of_facts(row)
            yield Job(str(channel), status, tuple(str(each.status) for each in attempts))

    def object_id(self, entry: Entry) -> str:
        """Return Novu's id of an entry: the time of the inbox entry's id, and a hash of its text."""
        id_: UUID = self._tables["inbox_entries"][TENANT, *entry]["inbox_entry_id"]
        return (id_.bytes[:4] + hashlib.sha256(str(id_).encode()).digest()[:8]).hex()


def _stated_status(attempt: NotificationAttempted) -> str:
    """Return how far an attempt says that its job has come."""
    return str(json.loads(attempt.attributes or "{}")["jobStatus"])


def _status_of_facts(row: Mapping[str, Any]) -> str:
    """Return what a job without attempts comes to: its latest fact; of two at one time the failure."""
    failed_at = row["last_failed_at"]
    others = [row[name] for name in ("last_fired_at", "last_delivered_at") if row[name]]
    return "failed" if failed_at and all(failed_at >= time for time in others) else "completed"


def milliseconds(time: datetime) -> str:
    """Return a time as Suger writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(time: datetime) -> str:
    """Return a time as Realtime Register writes it."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
