"""Property: walking all pages of any filter gives the rows of an independent filter, and the count agrees."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_queries import AnyPage, Filter, Grain, GroupBy, count_rows, list_rows, open_reading
from ledger_schemas import derive_inbox_entry_id
from ledger_schemas.kinds import Kind

from .builder import KINDS, STATES, Entry, Notification, Row, Sent, at, insert, new_file, rows_of

TABLES = {Grain.NOTIFICATION: "notifications", Grain.INBOX_ENTRY: "inbox_entries", Grain.DELIVERY: "deliveries"}
INSTANTS = (at(-1), at(0), at(0.000001), at(1))
RECIPIENTS = ("ann", "bob", "Zoë", "ann2")
PAGES_MAX = 100
"""More than any example has rows: a walk that goes on is a walk in a circle."""

CHANNELS = ("email", "in_app", "push")

kind_sets = st.sets(st.sampled_from(KINDS), max_size=3)
kind_sets_above = st.sets(st.sampled_from((*KINDS, "amended", "audience_added", "retracted")), max_size=3)
state_sets = st.sets(st.sampled_from(STATES), max_size=3)
sents = st.builds(
    Sent, st.sampled_from(CHANNELS), st.sampled_from(("", "d1", "d2")), reached=kind_sets, states=state_sets
)
entries = st.builds(
    Entry,
    st.sampled_from(RECIPIENTS),
    st.just([]) | st.lists(sents, min_size=2, max_size=4, unique_by=lambda sent: (sent.channel, sent.ref)),
    kind_sets,
    state_sets,
)
ids = st.sampled_from([UUID(int=number << 80 | 0xFF) for number in (1, 2, 3, 1 << 46, 1 << 47)])
drafts = st.builds(
    Notification,
    # Few ids, so that two tenants often have the same one.
    id=ids | st.uuids(),
    tenant=st.sampled_from(("acme", "acme", "acme", "other")),
    listed_at=st.sampled_from((None, at(0), *INSTANTS)),
    entries=st.lists(entries, min_size=1, max_size=3, unique_by=lambda entry: entry.recipient),
    reached=kind_sets_above,
    channels=st.sets(st.sampled_from(("chat", *CHANNELS)), max_size=1),
)
notifications = st.lists(drafts, min_size=3, max_size=8, unique_by=lambda one: (one.tenant, one.id))


@st.composite
def filters(draw: st.DrawFn, grain: Grain) -> Filter:
    """Draw any filter that rows of the grain can answer."""
    # Few conditions at a time: an answer without rows shows little.
    named = draw(st.sets(st.sampled_from(["recipient", "channel", "kinds", "times", "states", "id"]), max_size=2))
    asked: dict[str, object] = {"tenant": "acme"}
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
        asked["inbox_entry_id"] = derive_inbox_entry_id("acme", draw(ids), draw(st.sampled_from(RECIPIENTS)))
    return Filter.model_validate(asked)


@pytest.fixture(scope="module")
def fresh_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], duckdb.DuckDBPyConnection]]:
    """Give a function that empties one file: making a new one per example would be most of the time."""
    with new_file(tmp_path_factory.mktemp("pages") / "read_model.duckdb") as connection:

        def emptied() -> duckdb.DuckDBPyConnection:
            for table in (*TABLES.values(), "contents"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of this file
            return connection

        yield emptied


many_examples = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("grain", Grain)
@many_examples
@given(data=st.data())
def test_pages_give_every_row_once_in_order_and_the_count_agrees(
    fresh_model: Callable[[], duckdb.DuckDBPyConnection], grain: Grain, data: st.DataObject
) -> None:
    """All pages together are exactly the rows that match, newest first, whatever the page size; count says how many."""
    written = data.draw(notifications)
    asked = data.draw(filters(grain))
    model = fresh_model()
    insert(model, written)
    expected = [identity(row) for row in matching(written, grain, asked)]

    sizes = {1, max(1, len(expected)), max(1, len(expected) // 2), len(expected) + 1}
    for size in sizes:
        pages = list(walk(model, grain, asked, size))
        assert expected == [identity(row.model_dump()) for page in pages for row in page.rows]
        assert max(1, -(-len(expected) // size)) == len(pages), "a full last page must say that there is no more"
        assert all(len(page.rows) == size for page in pages[:-1])
    with open_reading(model.cursor) as reading:
        assert len(expected) == count_rows(reading, grain, asked).total


@pytest.mark.parametrize("grain", Grain)
@many_examples
@given(data=st.data())
def test_rows_that_were_there_are_neither_skipped_nor_repeated_while_others_arrive(
    fresh_model: Callable[[], duckdb.DuckDBPyConnection], grain: Grain, data: st.DataObject
) -> None:
    """New rows between two pages, anywhere in the order, change nothing about those that were there before."""
    everything = data.draw(notifications)
    first = data.draw(st.integers(0, len(everything)))
    asked = data.draw(filters(grain))
    size = data.draw(st.integers(1, 4))
    model = fresh_model()
    insert(model, everything[:first])
    arriving = iter(everything[first:])

    seen = []
    for page in walk(model, grain, asked, size):
        seen += [identity(row.model_dump()) for row in page.rows]
        insert(model, itertools.islice(arriving, 1))

    before = [identity(row) for row in matching(everything[:first], grain, asked)]
    all_of_them = [identity(row) for row in matching(everything, grain, asked)]
    assert before == [row for row in seen if row in set(before)]
    assert seen == [row for row in all_of_them if row in set(seen)], "in order, each once, and nothing else"


@pytest.mark.parametrize("grain", Grain)
@many_examples
@given(data=st.data())
def test_a_group_counts_what_its_own_filter_counts(
    fresh_model: Callable[[], duckdb.DuckDBPyConnection], grain: Grain, data: st.DataObject
) -> None:
    """Each group's count is the total of the same filter narrowed to that group; no group is missing or empty."""
    written = data.draw(notifications)
    asked = data.draw(filters(grain))
    model = fresh_model()
    insert(model, written)

    with open_reading(model.cursor) as reading:
        for by, names in ((GroupBy.RECIPIENT, RECIPIENTS), (GroupBy.CHANNEL, ("chat", *CHANNELS))):
            if getattr(asked, by) is not None:
                continue
            narrowed = {name: len(matching(written, grain, asked.model_copy(update={by: name}))) for name in names}
            expected = sorted(
                ((name, count) for name, count in narrowed.items() if count), key=lambda group: (-group[1], group[0])
            )
            answer = count_rows(reading, grain, asked, group_by=by)
            assert expected == [(group.name, group.count) for group in answer.groups or ()]
            assert answer.groups_complete is True
        answer = count_rows(reading, grain, asked, group_by=GroupBy.KIND)
        found = matching(written, grain, asked)
        assert [(kind, sum(bool(row.get(f"{kind}_count")) for row in found)) for kind in kinds_of(grain)] == [
            (group.name, group.count) for group in answer.groups or ()
        ]


def kinds_of(grain: Grain) -> Sequence[str]:
    """Return the kinds that rows of a grain can reach, in the order of the contract."""
    return [kind for kind in Kind if kind in KINDS or (grain is Grain.NOTIFICATION and kind != Kind.OBSERVED)]


def walk(model: duckdb.DuckDBPyConnection, grain: Grain, asked: Filter, size: int) -> Iterator[AnyPage]:
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


def matching(written: Sequence[Notification], grain: Grain, asked: Filter) -> list[Row]:
    """Filter and sort the written rows in plain Python: what the SQL must agree with."""
    rows = [
        row
        for one in written
        for table, row in rows_of(one)
        if table == TABLES[grain] and keeps(one, grain, row, asked)
    ]
    return sorted(
        rows,
        key=lambda row: (
            -row["listed_at"].timestamp(),
            -int(row["notification_id"].replace("-", ""), 16),
            *identity(row)[1:],
        ),
    )


def keeps(one: Notification, grain: Grain, row: Row, asked: Filter) -> bool:
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
        and (asked.inbox_entry_id is None or row["inbox_entry_id"] == str(asked.inbox_entry_id))
        and is_addressed(one, grain, row, asked)
    )


def is_addressed(one: Notification, grain: Grain, row: Row, asked: Filter) -> bool:
    """Say whether the row is, or has below it, what recipient and channel ask for."""
    if grain is Grain.DELIVERY:
        below = [(row["recipient_id"], row["channel"])]
    else:
        below = [
            (entry.recipient, sent.channel)
            for entry in one.entries
            for sent in entry.sent
            if grain is Grain.NOTIFICATION or entry.recipient == row["recipient_id"]
        ]
    recipients = {entry.recipient for entry in one.entries} if grain is Grain.NOTIFICATION else {row["recipient_id"]}
    if grain is Grain.NOTIFICATION and asked.recipient is None and asked.channel in one.channels:
        return True
    if asked.channel is None:
        return asked.recipient is None or asked.recipient in recipients
    return any(asked.channel == channel and asked.recipient in {None, recipient} for recipient, channel in below)


def identity(row: Row) -> tuple[str, str, str, str]:
    """Return what names a row at its grain."""
    return (
        str(row["notification_id"]),
        row.get("recipient_id", ""),
        row.get("channel", ""),
        row.get("delivery_ref") or "",
    )
