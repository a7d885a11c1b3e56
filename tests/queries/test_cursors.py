from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.store.projection import lifecycle
from ledger_queries import Filter, Grain, list_rows, open_reading
from ledger_queries.pages import CURSOR_CHARS_MAX, decode_cursor, encode_cursor
from ledger_queries.sorting import IDS_BELOW, NEWEST_FIRST, RowKey
from ledger_schemas import limits
from ledger_schemas.errors import CursorInvalid
from ledger_schemas.kinds import Kind

from .builder import Entry, Model, Notification, at, insert, numbered

ASKED = Filter(tenant="acme")
KEY = RowKey((at(0),), numbered(1), ("ann", "email", "d1"))
ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=limits.ID_CHARS_MAX)


def cursor_of(document: object) -> str:
    """Return the text that any document makes as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def document_of(cursor: str) -> dict[str, Any]:
    """Return what is in a cursor."""
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    return document


@given(
    st.datetimes(timezones=st.just(at(0).tzinfo)), st.uuids(), ids, ids, ids, st.sampled_from(Grain), st.integers(0, 99)
)
def test_a_cursor_gives_back_its_row(
    listed_at: datetime,
    notification_id: UUID,
    recipient: str,
    channel: str,
    ref: str,
    grain: Grain,
    version: int,
) -> None:
    """A cursor is short, safe in a URL, and names exactly the row that it was made of."""
    key = RowKey((listed_at,), notification_id, (recipient, channel, ref)[: len(IDS_BELOW[grain])])
    cursor = encode_cursor(key, NEWEST_FIRST, grain, ASKED, version)
    assert key == decode_cursor(cursor, NEWEST_FIRST, grain, ASKED, version)
    assert len(cursor) <= CURSOR_CHARS_MAX
    assert cursor.replace("-", "").replace("_", "").isalnum()


GOOD = document_of(encode_cursor(KEY, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        " ",
        "a",
        "abc",
        "===",
        "é",
        "\ud800",
        "\x00",
        "x" * (CURSOR_CHARS_MAX + 1),
        cursor_of(None),
        cursor_of([]),
        cursor_of("text"),
        cursor_of({}),
        cursor_of(GOOD | {"v": 1}),
        cursor_of(GOOD | {"v": None}),
        cursor_of(GOOD | {"g": "tenant"}),
        cursor_of(GOOD | {"p": "1"}),
        cursor_of(GOOD | {"f": 5}),
        cursor_of(GOOD | {"o": "number"}),
        cursor_of(GOOD | {"extra": 1}),
        cursor_of(GOOD | {"k": []}),
        cursor_of(GOOD | {"k": [0, 0]}),
        cursor_of(GOOD | {"k": [None]}),
        cursor_of(GOOD | {"k": [True]}),
        cursor_of(GOOD | {"k": [1.5]}),
        cursor_of(GOOD | {"k": ["text"]}),
        cursor_of(GOOD | {"k": [10**30]}),
        cursor_of(GOOD | {"k": [limits.OCCURRED_AT_MICROSECONDS_MAX + 1]}),
        cursor_of(GOOD | {"n": "not-a-uuid"}),
        cursor_of(GOOD | {"i": ["a", "b"]}),
        cursor_of(GOOD | {"i": ["a", "b", None]}),
        cursor_of(GOOD | {"i": ["x" * 129, "b", "c"]}),
        cursor_of(GOOD | {"i": ["\ud800", "b", "c"]}),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 3_000).decode(),
        base64.urlsafe_b64encode(b"{").decode(),
    ],
)
def test_a_broken_cursor_is_refused(cursor: str) -> None:
    """Whatever is not a cursor that the ledger gave out is CursorInvalid, and names the field."""
    with pytest.raises(CursorInvalid) as refused:
        decode_cursor(cursor, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1)
    assert refused.value.field == "cursor"
    assert refused.value.hint


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_breaks_the_reading_of_cursors(cursor: str) -> None:
    """Any text at all is either refused or none of ours: nothing else is raised."""
    with pytest.raises(CursorInvalid):
        decode_cursor(cursor, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1)


@given(st.data())
def test_a_damaged_cursor_is_refused_or_names_some_row(data: st.DataObject) -> None:
    """One changed character gives CursorInvalid or another row of the same question, never another error."""
    cursor = encode_cursor(KEY, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1)
    place = data.draw(st.integers(0, len(cursor) - 1))
    damaged = cursor[:place] + data.draw(st.characters()) + cursor[place + 1 :]
    try:
        key = decode_cursor(damaged, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1)
    except CursorInvalid:
        return
    assert isinstance(key, RowKey)


@pytest.mark.parametrize(
    ("grain", "asked", "version"),
    [
        (Grain.INBOX_ENTRY, ASKED, 1),
        (Grain.DELIVERY, Filter(tenant="other"), 1),
        (Grain.DELIVERY, Filter(tenant="acme", recipient="ann"), 1),
        (Grain.DELIVERY, Filter(tenant="acme", read=False), 1),
        (Grain.DELIVERY, Filter(tenant="acme", reached=(Kind.READ,)), 1),
        (Grain.DELIVERY, Filter(tenant="acme", not_reached=(Kind.READ,)), 1),
        (Grain.DELIVERY, Filter(tenant="acme", created_from=at(0)), 1),
        (Grain.DELIVERY, Filter(tenant="acme", created_before=at(0)), 1),
        (Grain.DELIVERY, ASKED, 2),
    ],
)
def test_a_cursor_of_another_question_is_refused(grain: Grain, asked: Filter, version: int) -> None:
    """A cursor answers only the grain, the filter, the tenant and the projection version that it was given for."""
    cursor = encode_cursor(KEY, NEWEST_FIRST, Grain.DELIVERY, ASKED, 1)
    with pytest.raises(CursorInvalid):
        decode_cursor(cursor, NEWEST_FIRST, grain, asked, version)


def test_the_order_of_kinds_is_no_other_question() -> None:
    """Two filters that ask for the same rows take each other's cursors."""
    one = Filter(tenant="acme", reached=(Kind.READ, Kind.FIRED))
    other = Filter(tenant="acme", reached=(Kind.FIRED, Kind.READ, Kind.FIRED))
    cursor = encode_cursor(KEY, NEWEST_FIRST, Grain.DELIVERY, one, 1)
    assert decode_cursor(cursor, NEWEST_FIRST, Grain.DELIVERY, other, 1) == KEY


def test_a_cursor_does_not_outlive_its_projection(model: Model) -> None:
    """After the read model was made again by another version of the projection, old cursors are refused."""
    insert(model, [Notification(numbered(number), entries=[Entry("ann")]) for number in range(3)])
    with open_reading(model.cursor) as reading:
        cursor = list_rows(reading, Grain.INBOX_ENTRY, ASKED, limit=2).next
    assert cursor is not None
    assert lifecycle().version == document_of(cursor)["p"]
    model.execute('UPDATE read_model SET "version" = "version" + 1')
    with open_reading(model.cursor) as reading, pytest.raises(CursorInvalid):
        list_rows(reading, Grain.INBOX_ENTRY, ASKED, limit=2, cursor=cursor)
