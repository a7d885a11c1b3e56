"""Property: walking all pages of any filter gives the rows of an independent filter, and the count agrees."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_queries import AnyPage, Filter, Grain, GroupBy, count_rows, list_rows, open_reading
from ledger_schemas import Event, derive_inbox_entry_id
from ledger_schemas.kinds import Kind
from tests.properties.comparison import KEYS
from tests.properties.oracle import State

from .builder import KINDS, STATES, TOLD, Entry, Model, Notification, Row, Sent, at, events_of, state_of

TABLES = {Grain.NOTIFICATION: "notifications", Grain.INBOX_ENTRY: "inbox_entries", Grain.DELIVERY: "deliveries"}
INSTANTS = (at(-1), at(0), at(0.000001), at(1))
RECIPIENTS = ("ann", "bob", "Zoë", "ann2")
PAGES_MAX = 100
"""More than any example has rows: a walk that goes on is a walk in a circle."""

CHANNELS = ("email", "in_app", "push")
OURS = "acme"

told = st.lists(st.sampled_from(TOLD), max_size=3, unique=True)
told_above = st.lists(st.sampled_from((*TOLD, "amended", "retracted")), max_size=3, unique=True)
sents = st.builds(Sent, st.sampled_from(CHANNELS), st.sampled_from(("", "d1", "d2")), reached=told)
entries = st.builds(
    Entry,
    st.sampled_from(RECIPIENTS),
    st.lists(sents, max_size=4, unique_by=lambda sent: (sent.channel, sent.ref)),
    told,
)
ids = st.sampled_from([UUID(int=number << 80 | 0x7 << 76 | 0x8 << 60 | 0xFF) for number in (1, 2, 3, 1 << 46, 1 << 47)])
drafts = st.builds(
    Notification,
    # Few ids, so that two tenants often have the same one.
    id=ids | st.uuids(version=4),
    tenant=st.sampled_from((OURS, OURS, OURS, "other")),
    listed_at=st.sampled_from((None, at(0), *INSTANTS)),
    entries=st.lists(entries, max_size=3, unique_by=lambda entry: entry.recipient),
    reached=told_above,
    over=st.lists(sents, max_size=1),
    channels=st.lists(st.sampled_from(("chat", *CHANNELS)), max_size=1),
)
notifications = st.lists(drafts, min_size=3, max_size=8, unique_by=lambda one: (one.tenant, one.id))


@st.composite
def filters(draw: st.DrawFn, grain: Grain, tenant: str) -> Filter:
    """Draw any filter that rows of the grain can answer."""
    # Few conditions at a time: an answer without rows shows little.
    named = draw(st.sets(st.sampled_from(["recipient", "channel", "kinds", "times", "states", "id"]), max_size=2))
    asked: dict[str, object] = {"tenant": tenant}
    if "recipient" in named:
        asked["recipient"] = draw(st.sampled_from(RECIPIENTS))
    if "channel" in named:
        asked["channel"] = draw(st.sampled_from(("chat", *CHANNELS)))
    if "kinds" in named:
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True))
        cut = draw(st.integers(0, 1))
        asked |= {"reached": kinds[:cut], "not_reached": kinds[cut:]}
    if "times" in named:
        start, end = sorted(draw(st.tuples(*[st.sampled_from(INSTANTS)] * 2)))
        span = {"created_from": start, "created_before": end}
        asked |= draw(st.sampled_from([span, {"created_from": start}, {"created_before": end}]))
    if "states" in named and grain is not Grain.NOTIFICATION:
        asked |= draw(st.dictionaries(st.sampled_from(STATES), st.booleans(), min_size=1, max_size=2))
    if "id" in named and grain is Grain.INBOX_ENTRY:
        asked["inbox_entry_id"] = derive_inbox_entry_id(tenant, draw(ids), draw(st.sampled_from(RECIPIENTS)))
    return Filter.model_validate(asked)


@dataclass
class Desk:
    """One file for all examples, each under tenants of its own: making a file takes longer than an example."""

    model: Model
    examples: int = 0

    def take(self, drawn: Sequence[Notification]) -> tuple[str, list[list[Event]]]:
        """Return the tenant that asks in this example, and the events of each notification."""
        self.examples += 1
        renamed = [replace(one, tenant=f"{one.tenant}-{self.examples}") for one in drawn]
        return f"{OURS}-{self.examples}", [[*events_of(one)] for one in renamed]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give the one file."""
    with contextlib.closing(Model(tmp_path_factory.mktemp("pages") / "read_model.duckdb")) as model:
        yield Desk(model)


FACT_COLUMN = re.compile(r"(first|last)_(?!listed)\w+_at|\w+_count")

many_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many_examples
@given(data=st.data())
def test_pages_give_every_row_once_in_order_and_counts_agree(desk: Desk, data: st.DataObject) -> None:
    """All pages together are exactly the rows that match, newest first, cell by cell; count says how many.

    Whatever the page size. Each group's count is the total of the same filter narrowed to that group; no group is
    missing or empty.
    """
    tenant, told_of = desk.take(data.draw(notifications))
    events = [event for one in told_of for event in one]
    desk.model.append(events)
    state = state_of(events)
    for grain in Grain:
        asked = data.draw(filters(grain, tenant))
        expected = matching(state, grain, asked)
        for size in {data.draw(st.integers(1, len(expected) + 1)), max(1, len(expected))}:
            pages = list(walk(desk.model, grain, asked, size))
            assert list(map(answered, expected)) == [plain(row.model_dump()) for page in pages for row in page.rows]
            assert max(1, -(-len(expected) // size)) == len(pages), "a full last page must say that there is no more"
            assert all(len(page.rows) == size for page in pages[:-1])
        check_counts(desk.model, state, grain, asked)
    check_status(desk.model, tenant)


@many_examples
@given(data=st.data())
def test_rows_that_were_there_are_neither_skipped_nor_repeated_while_others_arrive(
    desk: Desk, data: st.DataObject
) -> None:
    """New rows between two pages, anywhere in the order, change nothing about those that were there before."""
    tenant, told_of = desk.take(data.draw(notifications))
    first = data.draw(st.integers(0, len(told_of)))
    before = [event for one in told_of[:first] for event in one]
    desk.model.append(before)
    arriving = iter(told_of[first:])
    asked = {grain: data.draw(filters(grain, tenant)) for grain in Grain}
    size = data.draw(st.integers(1, 4))

    seen: dict[Grain, list[Row]] = {grain: [] for grain in Grain}
    # A page of each grain, then somebody else's rows, and so on to the end of all three.
    for pages in itertools.zip_longest(*(walk(desk.model, grain, asked[grain], size) for grain in Grain)):
        for grain, page in zip(Grain, pages, strict=True):
            seen[grain] += [plain(row.model_dump()) for row in page.rows] if page else []
        desk.model.append(next(arriving, ()))

    state_before, state = state_of(before), state_of(event for one in told_of for event in one)
    for grain in Grain:
        there_before = list(map(answered, matching(state_before, grain, asked[grain])))
        all_of_them = list(map(answered, matching(state, grain, asked[grain])))
        assert there_before == [row for row in seen[grain] if row in there_before]
        assert seen[grain] == [row for row in all_of_them if row in seen[grain]], "in order, each once, nothing else"


def check_status(model: Model, tenant: str) -> None:
    """Compare the status of each listed notification with the view that analysts have."""
    answer = {
        row.notification_id: row.status
        for page in walk(model, Grain.NOTIFICATION, Filter(tenant=tenant), 50)
        for row in page.rows
    }
    with contextlib.closing(model.cursor()) as cursor:
        view = "SELECT notification_id, status FROM notification_status WHERE tenant_id = ? AND listed_at IS NOT NULL"
        assert answer == dict(cursor.execute(view, [tenant]).fetchall())


def check_counts(model: Model, state: State, grain: Grain, asked: Filter) -> None:
    """Count, and count by group; compare with the rows that match."""
    found = matching(state, grain, asked)
    with open_reading(model.cursor) as reading:
        for by, names in ((GroupBy.RECIPIENT, RECIPIENTS), (GroupBy.CHANNEL, ("chat", *CHANNELS))):
            if getattr(asked, by) is not None:
                continue
            narrowed = {name: len(matching(state, grain, asked.model_copy(update={by: name}))) for name in names}
            expected = sorted(
                ((name, count) for name, count in narrowed.items() if count), key=lambda group: (-group[1], group[0])
            )
            answer = count_rows(reading, grain, asked, group_by=by)
            assert expected == [(group.name, group.count) for group in answer.groups or ()]
            assert answer.groups_complete is True
        answer = count_rows(reading, grain, asked, group_by=GroupBy.KIND)
    assert len(found) == answer.total
    assert [(kind, sum(map(reached(kind), found))) for kind in kinds_of(grain)] == [
        (group.name, group.count) for group in answer.groups or ()
    ]


def kinds_of(grain: Grain) -> Sequence[str]:
    """Return the kinds that rows of a grain can reach, in the order of the contract."""
    return [kind for kind in Kind if kind in KINDS or (grain is Grain.NOTIFICATION and kind != Kind.OBSERVED)]


def reached(kind: str) -> Callable[[Row], bool]:
    """Return what says whether a row reached the kind."""
    return lambda row: bool(row[f"{kind}_count"])


def walk(model: Model, grain: Grain, asked: Filter, size: int) -> Iterator[AnyPage]:
    """Follow `next` to the end, each page in a transaction of its own."""
    cursor = None
    for _ in range(PAGES_MAX):
        with open_reading(model.cursor) as reading:
            page = list_rows(reading, grain, asked, limit=size, cursor=cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return
    pytest.fail("the pages never end")


def matching(state: State, grain: Grain, asked: Filter) -> list[Row]:
    """Filter and sort the oracle's rows in plain Python: what the SQL must agree with, cell by cell."""
    table = TABLES[grain]
    rows = [dict(zip(KEYS[table], key, strict=True)) | row for key, row in state.tables[table].items()]
    return sorted(
        (row for row in rows if keeps(state, grain, row, asked)),
        key=lambda row: (-row["listed_at"].timestamp(), -row["notification_id"].int, *identity(row)[1:]),
    )


def keeps(state: State, grain: Grain, row: Row, asked: Filter) -> bool:
    """Say whether the row answers the filter."""
    listed = row["listed_at"]
    return (
        row["tenant_id"] == asked.tenant
        and listed is not None
        and (asked.created_from is None or listed >= asked.created_from)
        and (asked.created_before is None or listed < asked.created_before)
        and all(row[f"{kind}_count"] for kind in asked.reached)
        and not any(row[f"{kind}_count"] for kind in asked.not_reached)
        and all(getattr(asked, name) in {None, row.get(f"is_{name}")} for name in STATES)
        and asked.inbox_entry_id in {None, row.get("inbox_entry_id")}
        and is_addressed(state, grain, row, asked)
    )


def is_addressed(state: State, grain: Grain, row: Row, asked: Filter) -> bool:
    """Say whether the row is, or has below it, what recipient and channel ask for."""
    if grain is Grain.NOTIFICATION and asked.recipient is not None:
        entry = state.tables["inbox_entries"].get((row["tenant_id"], row["notification_id"], asked.recipient))
        return entry is not None and (asked.channel is None or asked.channel in entry["channels"])
    channels = [row["channel"]] if grain is Grain.DELIVERY else row["channels"]
    return (asked.recipient is None or asked.recipient == row["recipient_id"]) and (
        asked.channel is None or asked.channel in channels
    )


def plain(row: Row) -> Row:
    """Return an answered row without title and status, which are no columns of the fold; no reference is empty."""
    del row["title"], row["status"]
    return row | ({"delivery_ref": row["delivery_ref"] or ""} if "delivery_ref" in row else {})


def answered(row: Row) -> Row:
    """Return a row of the oracle as it is answered: the facts that it reached in one object, with its status."""
    facts = {
        name.removesuffix("_count"): {
            "first_at": row[f"first_{name.removesuffix('_count')}_at"],
            "last_at": row[f"last_{name.removesuffix('_count')}_at"],
            "count": count,
        }
        for name, count in row.items()
        if name.endswith("_count") and count
    }
    rest = {name: value for name, value in row.items() if not FACT_COLUMN.fullmatch(name)}
    return rest | {"facts": facts}


def identity(row: Row) -> tuple[str, str, str, str]:
    """Return what names a row at its grain."""
    return (
        str(row["notification_id"]),
        row.get("recipient_id", ""),
        row.get("channel", ""),
        row.get("delivery_ref") or "",
    )
