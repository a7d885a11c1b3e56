"""Property: any filter over content, any order and any offset give the rows of an independent filter and sort."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_queries import Filter, Grain, finding, list_rows, open_reading
from ledger_queries.finding import Page, find_inbox_entries, find_total, walk_inbox_entry_ids
from ledger_queries.recorded import contents_of, events_of
from ledger_queries.sorting import Sort, SortBy, parse_sort
from ledger_schemas.errors import BadRequest
from ledger_schemas.kinds import Kind

from .builder import NOON, Entry, Model, Notification, Row, Sent, at, insert, numbered, state_of
from .builder import events_of as stated_by

WORDS: Final = ("a", "b", "Zoë")
LISTS: Final = ("tag", "context")
SINGLE: Final = ("external_id", "type", "category", "action", "priority", "severity", "template_id")
OBJECTS: Final = ("subject_type", "subject_id", "creator_type", "creator_id", "schedule_id")

DATA: Final = (None, "no json", '{"order": {"id": "a", "paid": true, "lines": [1, 2]}}', '{"order": 7}')
AT: Final = (("$.order.id", "a"), ("$.order.paid", "true"), ("$.order.lines[1]", "2"), ("$.order", "7"))
CONDITIONS: Final = (*SINGLE, *LISTS, *OBJECTS, "number", "group", "data", "due", "ids")

words = st.sampled_from(WORDS)
few_words = st.lists(words, max_size=2, unique=True)
maybe = st.none() | words


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw further fields of a created, of values so few that filters find several."""
    said: dict[str, Any] = {name: draw(maybe) for name in ("external_id", "type", "category", "action", "priority")}
    said |= {"severity": draw(maybe), "correlation_id": draw(maybe), "number": draw(st.none() | st.integers(0, 3))}
    said |= {"tags": draw(few_words), "contexts": draw(few_words)}
    said["subject"] = {"type": draw(maybe), "id": draw(maybe)}
    said["creator"] = {"type": draw(maybe), "id": draw(maybe)}
    said["template"] = {"id": draw(words)} if draw(st.booleans()) else None
    said["schedule"] = {"id": draw(words)} if draw(st.booleans()) else None
    said["groups"] = [{"type": draw(words), "id": draw(words)} for _ in range(draw(st.integers(0, 2)))]
    said["scheduled_at"] = draw(st.none() | st.sampled_from([at(second) for second in (-1, 0, 1)]))
    data = draw(
        st.sampled_from([None, "no json", '{"order": {"id": "a", "paid": true, "lines": [1, 2]}}', '{"order": 7}'])
    )
    said["personal"] = {"data": data} if data else None
    return {name: value for name, value in said.items() if value not in (None, [], {"type": None, "id": None})}


@st.composite
def asked_of(draw: st.DrawFn, tenant: str) -> Filter:
    """Draw a filter of at most two conditions on content."""
    stated: dict[str, Any] = {"tenant": tenant}
    for name in draw(st.sets(st.sampled_from(CONDITIONS), max_size=2)):
        if name in SINGLE or name in LISTS:
            stated[name] = draw(st.lists(words, min_size=1, max_size=2))
        elif name in OBJECTS:
            stated[name] = draw(words)
        elif name == "number":
            stated["number"] = draw(st.integers(0, 3))
        elif name == "group":
            stated |= draw(st.fixed_dictionaries({}, optional={"group_type": words, "group_id": words}))
        elif name == "data":
            path, value = draw(
                st.sampled_from(
                    [("$.order.id", "a"), ("$.order.paid", "true"), ("$.order.lines[1]", "2"), ("$.order", "7")]
                )
            )
            stated |= {"data_path": path, "data_value": value}
        elif name == "due":
            start, end = sorted(draw(st.tuples(*[st.sampled_from([at(second) for second in (-1, 0, 1, 2)])] * 2)))
            stated |= draw(
                st.sampled_from([{"due_from": start}, {"due_before": end}, {"due_from": start, "due_before": end}])
            )
        else:
            stated["notification_id"] = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3))
    if draw(st.booleans()):
        stated["correlation_id"] = draw(st.lists(words, min_size=1, max_size=2))
    return Filter.model_validate(stated)


IDS: Final = [numbered(number) for number in range(6)]
VALUES: Final[Mapping[SortBy, Callable[[Row, Row], Any]]] = {
    SortBy.LISTED_AT: lambda row, _: row["listed_at"],
    SortBy.DUE_AT: lambda row, said: said["scheduled_at"] or row["listed_at"],
    SortBy.NUMBER: lambda _, said: said["number"],
    SortBy.EXTERNAL_ID: lambda row, said: said["external_id"] or str(row["notification_id"]),
    SortBy.SUBJECT_TYPE: lambda _, said: (said["subject"] or {}).get("type"),
    SortBy.SUBJECT_ID: lambda _, said: (said["subject"] or {}).get("id"),
    **{by: lambda _, said, name=by.value: said[name] for by in SortBy if by.value in {*SINGLE} - {"external_id"}},  # type: ignore[misc]
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Give one file for all examples, each under a tenant of its own."""
    with contextlib.closing(Model(tmp_path_factory.mktemp("finding") / "read_model.duckdb")) as made:
        yield made


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_pages_in_any_order_are_the_rows_of_a_plain_filter_and_sort(model: Model, data: st.DataObject) -> None:
    """By cursor and by offset: each row once, in order; the total is how many there are, on every page."""
    tenant = f"acme-{model.next_offsets()[0]}"
    told = [
        Notification(
            one,
            tenant=tenant,
            listed_at=data.draw(st.sampled_from([at(0), at(1)])),
            entries=[Entry("ann"), Entry("bob")][: data.draw(st.integers(0, 2))],
            content=data.draw(contents()),
        )
        for one in data.draw(st.lists(st.sampled_from(IDS), min_size=2, unique=True))
    ]
    events = [event for one in told for event in stated_by(one)]
    first = model.next_offsets()[0]
    model.append(events)
    said = _said(told, first)
    sorts = data.draw(st.lists(st.sampled_from(SortBy), min_size=1, max_size=3, unique=True))
    text = ",".join(("-" if data.draw(st.booleans()) else "") + by for by in sorts)
    grain = data.draw(st.sampled_from([Grain.NOTIFICATION, Grain.INBOX_ENTRY]))
    asked = data.draw(asked_of(tenant))
    table = "notifications" if grain is Grain.NOTIFICATION else "inbox_entries"
    rows = [
        {"notification_id": key[1], "recipient_id": str(key[2]) if key[2:] else "", **row}
        for key, row in state_of(events).tables[table].items()
    ]
    expected = _ordered(
        [row for row in rows if _keeps(row, said[row["notification_id"]], asked)], said, parse_sort(text)
    )
    size = data.draw(st.integers(1, max(1, len(expected))))

    assert expected == _by_cursor(model, grain, asked, text, size, len(expected))
    assert expected == _by_offset(model, grain, asked, text, size, len(expected))


def _said(told: Sequence[Notification], first_offset: int) -> dict[UUID, Row]:
    """Return what each notification says; the number of one that states none is the offset of its created."""
    said, offset = {}, first_offset
    for one in told:
        empty = dict.fromkeys([*SINGLE, "correlation_id", "subject", "creator", "template", "schedule", "scheduled_at"])
        said[one.id] = {**empty, "number": offset, "tags": [], "contexts": [], "groups": [], **one.content}
        offset += len(list(stated_by(one)))
    return said


def _keeps(row: Row, said: Row, asked: Filter) -> bool:
    data = (said.get("personal") or {}).get("data")
    texts = {name: (said.get(part) or {}).get(key) for name, part, key in PARTS}
    due = said["scheduled_at"] or row["listed_at"]
    groups = [
        group
        for group in said["groups"]
        if asked.group_type in {None, group["type"]} and asked.group_id in {None, group["id"]}
    ]
    return (
        all(
            not getattr(asked, name) or (said | texts)[name] in getattr(asked, name)
            for name in (*SINGLE, "correlation_id")
        )
        and all(getattr(asked, name) in {None, texts[name]} for name in OBJECTS)
        and set(asked.tag) <= set(said["tags"])
        and set(asked.context) <= set(said["contexts"])
        and asked.number in {None, said["number"]}
        and (bool(groups) or asked.group_type is asked.group_id is None)
        and (asked.data_path is None or _at(data, asked.data_path) == asked.data_value)
        and (asked.due_from is None or due >= asked.due_from)
        and (asked.due_before is None or due < asked.due_before)
        and (not asked.notification_id or row["notification_id"] in asked.notification_id)
    )


PARTS: Final = (
    *(("subject_type", "subject", "type"), ("subject_id", "subject", "id"), ("creator_type", "creator", "type")),
    *(("creator_id", "creator", "id"), ("template_id", "template", "id"), ("schedule_id", "schedule", "id")),
)


def _at(data: str | None, path: str) -> str | None:
    """Return what stands at one of the paths that are asked for, as text."""
    try:
        found = json.loads(data or "")
        for step in {"$.order.id": ["order", "id"], "$.order.paid": ["order", "paid"], "$.order": ["order"]}.get(
            path, ["order", "lines", 1]
        ):
            found = found[step]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return found if isinstance(found, str) else json.dumps(found)


def _ordered(rows: list[Row], said: Mapping[UUID, Row], sorts: Sequence[Sort]) -> list[tuple[UUID, str]]:
    rows = sorted(rows, key=lambda row: (-row["notification_id"].int, row["recipient_id"]))
    for one in reversed(sorts):
        value = {id(row): VALUES[one.by](row, said[row["notification_id"]]) for row in rows}
        there = [row for row in rows if value[id(row)] is not None]
        # Python's sort keeps the order of equal rows, also when it is reversed.
        there.sort(key=lambda row, value=value: value[id(row)], reverse=one.descending)  # type: ignore[misc]
        rows = there + [row for row in rows if value[id(row)] is None]
    return [(row["notification_id"], row["recipient_id"]) for row in rows]


def _by_cursor(model: Model, grain: Grain, asked: Filter, text: str, size: int, total: int) -> list[tuple[UUID, str]]:
    found, cursor = [], None
    while True:
        with open_reading(model.cursor) as reading:
            page = list_rows(reading, grain, asked, limit=size, sort=text, cursor=cursor, total=True)
        assert total == page.total
        found += [(row.notification_id, getattr(row, "recipient_id", "")) for row in page.rows]
        cursor = page.next
        if cursor is None:
            return found


def _by_offset(model: Model, grain: Grain, asked: Filter, text: str, size: int, total: int) -> list[tuple[UUID, str]]:
    found: list[tuple[UUID, str]] = []
    with open_reading(model.cursor) as reading:
        for offset in range(0, max(total, 1), size):
            page = list_rows(reading, grain, asked, limit=size, sort=text, offset=offset)
            assert page.total is None
            assert (page.next is None) == (offset + size >= total)
            found += [(row.notification_id, getattr(row, "recipient_id", "")) for row in page.rows]
    return found


@pytest.mark.parametrize("text", ["", "title", "-", "--number", "number,-number", "type,,number", "a" * 200])
def test_an_order_that_there_is_not_is_refused(text: str) -> None:
    """A key that rows cannot be sorted by, or one that stands twice, is BadRequest and names the field."""
    with pytest.raises(BadRequest) as refused:
        parse_sort(text)
    assert refused.value.field == "sort"


def test_contents_and_events_are_those_of_the_rows_in_their_order(tmp_path: Path) -> None:
    """Each row has what its notification says, and its events, whole, without those that were taken back."""
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as model:
        for number in range(3):
            insert(
                model,
                [
                    Notification(
                        numbered(number),
                        listed_at=NOON + timedelta(seconds=number),
                        entries=[Entry("ann", reached=["opened", "read"]), Entry("bob")],
                        reached=["delivered", "retracted"],
                        content={
                            "type": f"type-{number}",
                            "correlation_id": f"order-{number}",
                            "attributes": json.dumps({"n": number}),
                            "personal": {"addresses": '{"ann": {"email": "a@example.org"}}', "creator_address": "c"},
                        },
                    )
                ],
            )
        with open_reading(model.cursor) as reading:
            found = find_inbox_entries(reading, Filter(tenant="acme"), Page(limit=10), total=True)
            said = contents_of(reading, found.numbers)
            events = events_of(reading, found.numbers, [Kind.OPENED, Kind.READ, Kind.DELIVERED, Kind.CREATED])
            assert find_total(reading, Grain.INBOX_ENTRY, Filter(tenant="acme")) == found.total == 6
    assert [(row.notification_id, row.recipient_id) for row in found.rows] == [
        (numbered(number), recipient) for number in (2, 1, 0) for recipient in ("ann", "bob")
    ]
    assert [one.type for one in said] == [f"type-{number}" for number in (2, 2, 1, 1, 0, 0)]
    assert [one.correlation_id for one in said] == [f"order-{number}" for number in (2, 2, 1, 1, 0, 0)]
    assert said[0].attributes == {"n": 2}
    assert said[0].addresses == {"ann": {"email": "a@example.org"}}
    assert said[0].created_at == NOON + timedelta(seconds=2)
    assert [{one.kind for one in row} for row in events] == [{Kind.CREATED, Kind.DELIVERED, Kind.OPENED}] * 6
    assert all(row == sorted(row, key=lambda one: (one.occurred_at, one.event_id)) for row in events)
    assert {one.recipient_id for row in events for one in row if one.kind is Kind.OPENED} == {"ann"}


def test_events_of_a_recipient_are_theirs_and_the_notifications(tmp_path: Path) -> None:
    """Those of other recipients are left out, and a recipient of no event has the notification's."""
    told = Notification(
        numbered(1),
        entries=[Entry("ann", reached=["opened"]), Entry("bob", reached=["opened", "read"]), Entry("cid")],
        reached=["delivered"],
    )
    kinds = [Kind.DELIVERED, Kind.OPENED, Kind.READ]
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as model:
        insert(model, [told])
        with open_reading(model.cursor) as reading:
            numbers = find_inbox_entries(reading, Filter(tenant="acme"), Page(limit=1)).numbers
            events = {
                recipient: events_of(reading, numbers, kinds, recipient_id=recipient)
                for recipient in (None, "ann", "bob", "cid")
            }
    shared = (Kind.DELIVERED, None)
    ann, bob = [(Kind.OPENED, "ann")], [(Kind.OPENED, "bob"), (Kind.READ, "bob")]
    assert {name: [(one.kind, one.recipient_id) for one in row] for name, (row,) in events.items()} == {
        None: [shared, *ann, *bob],
        "ann": [shared, *ann],
        "bob": [shared, *bob],
        "cid": [shared],
    }


def test_contents_for_a_recipient_have_that_member_of_the_audience(tmp_path: Path) -> None:
    """The other fields are as they are without; a recipient whom the audience does not name has no member."""
    told = Notification(
        numbered(1),
        entries=[Entry("ann", [Sent("email")]), Entry("bob", [Sent("sms")])],
        content={"type": "invoice"},
    )
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as model:
        insert(model, [told])
        with open_reading(model.cursor) as reading:
            numbers = find_inbox_entries(reading, Filter(tenant="acme"), Page(limit=1)).numbers
            (whole,) = contents_of(reading, numbers)
            (of_bob,) = contents_of(reading, numbers, recipient_id="bob")
            (of_nobody,) = contents_of(reading, numbers, recipient_id="cid")
            (type_alone,) = contents_of(reading, numbers, ["type"], recipient_id="bob")
    assert whole.audience is not None
    assert [member.recipient_id for member in whole.audience] == ["ann", "bob"]
    assert of_bob == whole.model_copy(update={"audience": whole.audience[1:]})
    assert of_nobody == whole.model_copy(update={"audience": whole.audience[:0]})
    assert (type_alone.type, type_alone.audience) == ("invoice", None)


def test_ids_of_inbox_entries_are_walked_in_order_and_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one tenant, of notifications between two ids, both included, and only of those whose created has come."""
    people = [Entry(f"user-{number}") for number in range(5)]
    told = [Notification(numbered(number), entries=people) for number in range(4)]
    others = [
        Notification(numbered(2), tenant="umbrella", entries=people),
        Notification(numbered(10), listed_at=None, entries=people),
    ]
    monkeypatch.setattr(finding, "WALK_IDS", 4)
    with contextlib.closing(Model(tmp_path / "read_model.duckdb")) as model:
        insert(model, told + others)
        with open_reading(model.cursor) as reading:
            inner = [*walk_inbox_entry_ids(reading, Filter(tenant="acme"), (numbered(1), numbered(2)))]
            everything = [*walk_inbox_entry_ids(reading, Filter(tenant="acme"), (numbered(0), numbered(99)))]
            nothing = [*walk_inbox_entry_ids(reading, Filter(tenant="acme"), (numbered(50), numbered(99)))]
            rows = find_inbox_entries(reading, Filter(tenant="acme"), Page(limit=100)).rows
    assert [len(batch) for batch in inner] == [4, 4, 2]
    assert [one for batch in inner for one in batch] == sorted(
        (str(row.inbox_entry_id), row.recipient_id) for row in rows if row.notification_id in {numbered(1), numbered(2)}
    )
    assert [one for batch in everything for one in batch] == sorted(
        (str(row.inbox_entry_id), row.recipient_id) for row in rows
    )
    assert nothing == []
