"""What the read model must hold after a log, in plain Python, from the prose of infra/guides/fold.md alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

TABLES = ("facts", "notifications", "inbox_entries", "deliveries", "contents")
TOLD = ("fired", "delivered", "opened", "automated_opened", "read", "unread", "acknowledged", "failed")
"""Facts that rows of every grain tell of; a notification tells of its `created` too."""

DOWNWARD = {"fired", "failed", "failed_permanently"}
PERSONAL = ("personal", "personal_key_id")
CONTENT = ("source", "actor", "category", "action", "priority", "subject", "external_id", "scheduled_at", "tags")

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
    event_id: UUID
    occurred_at: datetime


class Statement(NamedTuple):
    """That an event states a fact at a grain (empty: not named); of no moment where a `created` only declares."""

    recipient: str
    channel: str
    ref: str
    fact: str
    moment: Moment | None


def fold(log: Iterable[LogEvent]) -> State:
    """Return what the read model holds after `log`, its records in any order."""
    state = State()
    firsts: dict[Key, LogEvent] = {}
    for copy in sorted(log, key=lambda event: (event.log_partition, event.log_offset)):
        identity = (copy.tenant_id, copy.notification_id, copy.event_id)
        first = firsts.setdefault(identity, copy)
        if copy is not first:
            same = _folded(replace(copy, recorded_at=first.recorded_at)) == _folded(first)
            (state.duplicates if same else state.conflicts)[copy.log_partition, copy.log_offset] = identity
    histories = defaultdict(list)
    for event in firsts.values():
        histories[event.tenant_id, event.notification_id].append(event)
    for key, history in histories.items():
        _fold_notification(state.tables, key, history)
    return state


def _fold_notification(tables: dict[str, Rows], key: Key, history: list[LogEvent]) -> None:
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
            tables["deliveries"][(*key, recipient, channel, ref)] = listed | _told(here) | _is_read(here)
        reached = {("", ""), *places, *((channel, "") for channel, _ in places)}
        entry = own | {one for one in above if (one.channel, one.ref) in reached}
        below = {"channels": sorted({channel for channel, _ in places}), "deliveries": len(places)}
        entries.append(listed | _told(entry) | _is_read(entry) | below)
        tables["inbox_entries"][(*key, recipient)] = entries[-1]
    tables["notifications"][key] = listed | _told(said, "created") | _numbers(entries)
    if any(event.kind == "created" for event in history):
        tables["contents"][key] = _content(history)


def _statements(event: LogEvent) -> set[Statement]:
    moment = Moment(min(event.occurred_at, event.recorded_at), event.event_id, event.occurred_at)
    grain = (event.recipient_id or "", event.channel or "", event.delivery_ref or "")
    said = {Statement(*grain, "automated_opened" if event.automated else event.kind, moment)}
    if event.permanent:
        said.add(Statement(*grain, "failed_permanently", moment))
    for member in event.audience:
        said |= {Statement(member["recipient_id"], to, "", "declared", None) for to in ("", *member["channels"])}
    return said


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
    }


def _told(said: set[Statement], *more: str) -> dict[str, Any]:
    row: dict[str, Any] = {"failed_permanently": bool(_moments(said, "failed_permanently"))}
    for fact in (*TOLD, *more):
        merged = _merged(said, fact)
        row |= {f"first_{fact}_at": merged["first_at"], f"last_{fact}_at": merged["last_at"]}
        row[f"{fact}_count"] = merged["event_count"]
    return row


def _is_read(said: set[Statement]) -> dict[str, bool]:
    reads = _moments(said, "read")
    return {"is_read": bool(reads) and max(reads | _moments(said, "unread")) in reads}


def _numbers(entries: list[dict[str, Any]]) -> dict[str, Any]:
    reached = ("delivered", "opened", "acknowledged", "failed")
    return {f"recipients_{fact}": sum(entry[f"{fact}_count"] > 0 for entry in entries) for fact in reached} | {
        "recipients": len(entries),
        "recipients_read": sum(entry["is_read"] for entry in entries),
        "channels": sorted({channel for entry in entries for channel in entry["channels"]}),
        "deliveries": sum(entry["deliveries"] for entry in entries),
    }


def _content(history: Iterable[LogEvent]) -> dict[str, Any]:
    created = sorted((one for one in history if one.kind == "created"), key=lambda one: (one.occurred_at, one.event_id))
    stated = [{**event.others, "audience": event.audience} for event in created]
    row = {
        name: next((one[name] for one in stated if one.get(name) not in (None, [], ())), None)
        for name in (*CONTENT, "audience")
    }
    # A key without what it locks is no value: the pair counts where `personal` is there.
    whole = next((one for one in stated if one.get("personal") is not None), {})
    return row | {name: whole.get(name) for name in PERSONAL}


def _folded(event: LogEvent) -> tuple[set[Statement], list[Any]]:
    content = event.others if event.kind == "created" else {}
    return _statements(event), [event.audience, *map(content.get, CONTENT + PERSONAL)]
