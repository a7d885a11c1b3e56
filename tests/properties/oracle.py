"""What the read model must hold after a log, in plain Python, from the prose of infra/guides/fold.md alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

TABLES = ("facts", "notifications", "inbox_entries", "deliveries", "contents", "recipient_counts")
TOLD = (
    *("fired", "attempted", "deferred", "delivered", "failed", "cancelled", "expired", "seen", "opened"),
    *("automated_opened", "clicked", "automated_clicked", "read", "unread", "acknowledged", "archived", "unarchived"),
    *("snoozed", "unsnoozed", "action_completed", "action_reverted", "deleted", "unsubscribed", "complained"),
)
"""Facts that rows of every grain tell of."""

TOLD_ABOVE = ("created", "amended", "audience_added", "retracted")
"""Facts that only a notification tells of."""

DOWNWARD = {"fired", "cancelled", "expired", "failed", "failed_permanently"}
SEEN = ("seen", "opened", "clicked", "read", "unread")
REACHED = ("fired", "delivered", "failed", "cancelled", "expired", "opened", "clicked", "acknowledged")
HELD = ("seen", "read", "archived", "snoozed", "deleted")
SHELVES = ("deleted", "archived", "snoozed")
PERSONAL = ("personal", "personal_key_id")
CREATED = ("source", "actor", "creator", "parent_notification_id", "external_id", "attributes")
AMENDABLE = (
    *("channels", "groups", "type", "category", "action", "reason", "priority", "severity", "subject", "template"),
    *("schedule", "scheduled_at", "expires_at", "digest", "tags", "contexts"),
)
NO_VALUE: tuple[Any, ...] = (None, [], ())

Key = tuple[str | UUID, ...]
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One record of the log: what its event states (absent is None), when it was recorded, where it stands."""

    tenant_id: str
    notification_id: UUID
    event_id: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    log_partition: int
    log_offset: int
    recipient_id: str | None = None
    channel: str | None = None
    delivery_ref: str | None = None
    automated: bool = False
    permanent: bool = False
    action_type: str | None = None
    snoozed_until: datetime | None = None
    retracted_event_id: UUID | None = None
    audience: Sequence[Mapping[str, Any]] = ()
    others: Mapping[str, Any] = field(default_factory=dict)
    """All other fields of the event, by name."""


@dataclass(slots=True)
class State:
    """Rows by table and key; and (partition, offset) -> identity of the copies that were set aside."""

    tables: dict[str, Rows] = field(default_factory=lambda: {name: {} for name in TABLES})
    duplicates: dict[tuple[int, int], Key] = field(default_factory=dict)
    conflicts: dict[tuple[int, int], Key] = field(default_factory=dict)


class Moment(NamedTuple):
    """One event, as far as times go. The largest moment is the latest."""

    effective_at: datetime
    occurred_at: datetime
    event_id: UUID
    snoozed_until: datetime | None


class Statement(NamedTuple):
    """That an event states a fact at a grain (empty: not named); of no moment where it only declares."""

    recipient: str
    channel: str
    ref: str
    fact: str
    moment: Moment | None


def fold(log: Iterable[LogEvent], partitions: int = 1) -> State:
    """Return what the read model holds after `log`, its records in any order, of a topic of so many partitions."""
    state = State()
    firsts: dict[Key, LogEvent] = {}
    for copy in sorted(log, key=lambda event: (event.log_partition, event.log_offset)):
        identity = (copy.tenant_id, copy.notification_id, copy.event_id)
        first = firsts.setdefault(identity, copy)
        if copy is not first:
            same = _folded(copy) == _folded(first)
            (state.duplicates if same else state.conflicts)[copy.log_partition, copy.log_offset] = identity
    histories = defaultdict(list)
    for event in firsts.values():
        histories[event.tenant_id, event.notification_id].append(event)
    for key, history in histories.items():
        taken_back = {one.retracted_event_id for one in history}
        left = [one for one in history if one.event_id not in taken_back or one.kind == "retracted"]
        if any(one.kind != "observed" for one in left):
            _fold_notification(state.tables, key, left, partitions)
    _count(state.tables["recipient_counts"], state.tables["inbox_entries"])
    return state


def _count(counts: Rows, entries: Rows) -> None:
    for (tenant_id, _, recipient_id), entry in entries.items():
        if entry["listed_at"] is not None:
            shelf = next((name for name in SHELVES if entry[f"is_{name}"]), "inbox")
            zero = dict.fromkeys(("total", "unread", "unseen", "unacknowledged"), 0)
            row = counts.setdefault((tenant_id, recipient_id, shelf), zero)
            row["total"] += 1
            row["unread"] += not entry["is_read"]
            row["unseen"] += not entry["is_seen"]
            row["unacknowledged"] += entry["acknowledged_count"] == 0


def _fold_notification(tables: dict[str, Rows], key: Key, history: list[LogEvent], partitions: int) -> None:
    said = {statement for event in history for statement in _statements(event)}
    for *grain, fact in {one[:4] for one in said}:
        tables["facts"][(*key, *grain, fact)] = _merged({one for one in said if one[:4] == (*grain, fact)}, fact)
    listed = {"listed_at": _merged(said, "created")["known_at"]}
    recipients = {one.recipient for one in said if one.recipient}
    if len(recipients) == 1:
        said = {one._replace(recipient=min(recipients)) for one in said}
    above = {one for one in said if not one.recipient and one.fact in DOWNWARD}
    entries: list[dict[str, Any]] = []
    for recipient in recipients:
        own = {one for one in said if one.recipient == recipient}
        places = _deliveries(own)
        if len(places) == 1:
            ((channel, ref),) = places
            own = {one if one.channel else one._replace(channel=channel, ref=ref) for one in own}
        for channel, ref in places:
            here = {one for one in own if (one.channel, one.ref) == (channel, ref)}
            here |= {one for one in own if not one.channel and one.fact in DOWNWARD}
            here |= {one for one in above if one.channel in {"", channel} and one.ref in {"", ref}}
            tables["deliveries"][(*key, recipient, channel, ref)] = listed | _told(here) | _states(here)
        reached = {("", ""), *places, *((channel, "") for channel, _ in places)}
        entry = own | {one for one in above if (one.channel, one.ref) in reached}
        below = {"channels": sorted({channel for channel, _ in places}), "deliveries": len(places)}
        below |= {"inbox_entry_id": _inbox_entry_id(key, recipient)}
        entries.append(listed | _told(entry) | _states(entry) | below)
        tables["inbox_entries"][(*key, recipient)] = entries[-1]
    meant: list[str] = []
    if any(event.kind == "created" for event in history):
        tables["contents"][key] = _content(history, partitions)
        meant = tables["contents"][key]["channels"] or []
    tables["notifications"][key] = listed | _told(said, *TOLD_ABOVE) | _numbers(entries, meant)


def _statements(event: LogEvent) -> set[Statement]:
    moment = _moment(event)
    grain = (event.recipient_id or "", event.channel or "", event.delivery_ref or "")
    if event.kind == "observed":
        return set()
    if event.kind == "retracted":
        return {Statement("", "", "", "retracted", moment)}
    said = {Statement(*grain, f"automated_{event.kind}" if event.automated else event.kind, moment)}
    if event.permanent:
        said.add(Statement(*grain, "failed_permanently", moment))
    for member in event.audience:
        said |= {Statement(member["recipient_id"], to, "", "declared", None) for to in ("", *member["channels"])}
    return said


def _moment(event: LogEvent) -> Moment:
    effective_at = min(event.occurred_at, event.recorded_at)
    return Moment(effective_at, event.occurred_at, event.event_id, event.snoozed_until)


def _deliveries(own: set[Statement]) -> set[tuple[str, str]]:
    named = {(one.channel, one.ref) for one in own if one.channel and one.fact != "declared"}
    planned = {(one.channel, "") for one in own if one.channel and one.fact == "declared"}
    return named | {(to, "") for to, _ in planned if not any(channel == to and ref for channel, ref in named)}


def _moments(said: set[Statement], fact: str) -> set[Moment]:
    return {one.moment for one in said if one.fact == fact and one.moment}


def _merged(said: set[Statement], fact: str) -> dict[str, Any]:
    moments = _moments(said, fact)
    latest = max(moments, default=None)
    return {
        "first_at": min((moment.occurred_at for moment in moments), default=None),
        "last_at": max((moment.occurred_at for moment in moments), default=None),
        "event_count": len(moments),
        "known_at": min((moment.effective_at for moment in moments), default=None),
        "latest_at": latest and latest.effective_at,
        "latest_event_id": latest and latest.event_id,
        "latest_snoozed_until": latest and latest.snoozed_until,
    }


def _told(said: set[Statement], *more: str) -> dict[str, Any]:
    row: dict[str, Any] = {"failed_permanently": bool(_moments(said, "failed_permanently"))}
    for fact in (*TOLD, *more):
        merged = _merged(said, fact)
        row |= {f"first_{fact}_at": merged["first_at"], f"last_{fact}_at": merged["last_at"]}
        row[f"{fact}_count"] = merged["event_count"]
    return row


def _states(said: set[Statement]) -> dict[str, Any]:
    snoozes = _moments(said, "snoozed")
    is_snoozed = _holds(said, "snoozed", "unsnoozed")
    return {
        "is_seen": any(_moments(said, fact) for fact in SEEN),
        "is_read": _holds(said, "read", "unread"),
        "is_archived": _holds(said, "archived", "unarchived"),
        "is_snoozed": is_snoozed,
        "snoozed_until": max(snoozes).snoozed_until if is_snoozed else None,
        "is_deleted": bool(_moments(said, "deleted")),
    }


def _holds(said: set[Statement], fact: str, reversal: str) -> bool:
    moments = _moments(said, fact)
    return bool(moments) and max(moments | _moments(said, reversal), key=lambda one: one[:3]) in moments


def _numbers(entries: list[dict[str, Any]], meant: list[str]) -> dict[str, Any]:
    return {
        **{f"recipients_{fact}": sum(entry[f"{fact}_count"] > 0 for entry in entries) for fact in REACHED},
        **{f"recipients_{state}": sum(entry[f"is_{state}"] for entry in entries) for state in HELD},
        "recipients": len(entries),
        "channels": sorted({*meant, *(channel for entry in entries for channel in entry["channels"])}),
        "deliveries": sum(entry["deliveries"] for entry in entries),
    }


def _inbox_entry_id(key: Key, recipient_id: str) -> UUID:
    texts = [str(one).encode() for one in (*key, recipient_id)]
    hashed = hashlib.sha256(b"".join(len(text).to_bytes(4, "big") + text for text in texts)).digest()
    bits = int.from_bytes(UUID(str(key[1])).bytes[:6] + hashed[:10], "big")
    return UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def _content(history: Sequence[LogEvent], partitions: int) -> dict[str, Any]:
    in_order = sorted(history, key=lambda one: (one.occurred_at, one.event_id))
    created = [one for one in in_order if one.kind == "created"]
    row = {name: next(_values(created, name), None) for name in (*CREATED, *AMENDABLE, "personal")}
    # A key without what it locks is no value: the pair counts where `personal` is there.
    locked = {"personal_key_id": next(_values(created, "personal_key_id", beside="personal"), None)}
    for one in sorted((one for one in history if one.kind == "amended"), key=lambda one: _moment(one)[:3]):
        # The latest of them that speaks of a field decides.
        for name in (*AMENDABLE, "personal"):
            value = one.others[name]
            if value not in NO_VALUE or name in one.others["cleared"]:
                row[name] = None if value in NO_VALUE else value
                if name == "personal":
                    locked = {"personal_key_id": None if value is None else one.others["personal_key_id"]}
    stated = created[0].others["number"]
    place = created[0].log_offset * partitions + created[0].log_partition
    return {**row, **locked, "number": place if stated is None else stated, "audience": _audience(in_order)}


def _values(events: Iterable[LogEvent], name: str, *, beside: str | None = None) -> Iterator[Any]:
    return (one.others[name] for one in events if one.others[beside or name] not in NO_VALUE)


def _audience(in_order: Sequence[LogEvent]) -> list[Any] | None:
    first = next((list(one.audience) for one in in_order if one.kind == "created" and one.audience), [])
    added = [member for one in in_order if one.kind == "audience_added" for member in one.audience]
    once: dict[str, Any] = {}
    for member in (*first, *added):
        once.setdefault(member["recipient_id"], member)
    return list(once.values()) or None


def _folded(event: LogEvent) -> list[Any]:
    names = {"created": (*CREATED, "number", *AMENDABLE, *PERSONAL), "amended": (*AMENDABLE, "cleared", *PERSONAL)}
    return [
        *(event.kind, event.occurred_at, event.recipient_id, event.channel, event.delivery_ref),
        *(event.automated, event.permanent, event.action_type, event.snoozed_until, event.retracted_event_id),
        event.audience,
        *(event.others[name] for name in names.get(event.kind, ())),
    ]
