"""A decoded batch is split in two tables without losing a value, its ids as the UUIDs that DuckDB makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.decode.event_columns import EVENT_SCHEMA
from ledger_projectors.decode.staging import (
    CONTENT_COLUMNS,
    CONTENT_KINDS,
    DETAIL_COLUMNS,
    FOLDED_COLUMNS,
    NO_EVENTS,
    PLACE_COLUMNS,
    UUID_COLUMNS,
    stage,
)
from ledger_schemas.kinds import Kind
from tests.projectors.building import open_model, rows
from tests.properties.strategies import FOLD, NOTIFICATION_IDS

OF_THE_FILE: Final = {"n"}
"""Columns that tell where a row lies in its file, and nothing of the event."""

STATED: Final = [
    *(("contents", kind, name) for kind in CONTENT_KINDS for name in CONTENT_COLUMNS),
    *(("details", Kind.OBSERVED, name) for name in DETAIL_COLUMNS),
]
"""Which table has what an event of a kind states in a column."""

LISTS: Final = tuple(field.name for field in EVENT_SCHEMA if pa.types.is_list(field.type))


def batch(*stated: dict[str, Any]) -> pa.Table:
    """Return events that state these fields and no other, the n-th at offset n."""
    return pa.Table.from_pylist(
        [{"log_partition": 0, "log_offset": offset, **one} for offset, one in enumerate(stated)], EVENT_SCHEMA
    )


def read_back(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a staged table as DuckDB reads them."""
    with duckdb.connect() as connection:
        connection.register("staged", table)
        answer = connection.execute("FROM staged ORDER BY log_offset")
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def test_each_column_of_an_event_is_in_one_of_three_tables(tmp_path: Path) -> None:
    """What is folded in the first, the rest by kind in the others, and nothing of the first in those but the place."""
    assert {*EVENT_SCHEMA.names} == {*FOLDED_COLUMNS, *CONTENT_COLUMNS, *DETAIL_COLUMNS}
    assert not {*FOLDED_COLUMNS} & {*CONTENT_COLUMNS, *DETAIL_COLUMNS}
    assert {*PLACE_COLUMNS} <= {*FOLDED_COLUMNS}
    with open_model(tmp_path) as model:
        held = {
            table: {name for (name,) in rows(model, f"SELECT column_name FROM (DESCRIBE {table})")}  # noqa: S608 - our own names
            for table in ("event_rows", "event_contents", "event_details", "events")
        }
    # Whose event it is stands in the directory; whether it counts no more is not of the event.
    assert {*FOLDED_COLUMNS} - {"tenant_id", "notification_id"} == held["event_rows"] - OF_THE_FILE
    assert {*PLACE_COLUMNS, *CONTENT_COLUMNS} == held["event_contents"] - OF_THE_FILE
    assert {*PLACE_COLUMNS, *DETAIL_COLUMNS} == held["event_details"] - OF_THE_FILE
    assert {*EVENT_SCHEMA.names} == held["events"]


def test_staged_tables_have_the_types_of_the_batch() -> None:
    """But for the ids, which are text before and 16 bytes after; no events make empty tables of the same types."""
    staged, empty = stage(batch({"kind": "created", "category": "promo"})), stage(NO_EVENTS)
    columns = [FOLDED_COLUMNS, (*PLACE_COLUMNS, *CONTENT_COLUMNS), (*PLACE_COLUMNS, *DETAIL_COLUMNS)]
    assert columns == [tuple(table.schema.names) for table in (staged.events, staged.contents, staged.details)]
    for table in (staged.events, staged.contents, staged.details):
        for field in table.schema:
            assert field.type == (pa.uuid() if field.name in UUID_COLUMNS else EVENT_SCHEMA.field(field.name).type)
    for name, count in {"events": 0, "contents": 0, "details": 0}.items():
        assert (getattr(staged, name).schema, count) == (getattr(empty, name).schema, getattr(empty, name).num_rows)


@settings(FOLD, max_examples=50)
@given(
    ids=st.lists(st.none() | st.uuids(), max_size=12) | st.lists(st.uuids(), max_size=12),
    start=st.integers(0, 12),
    end=st.integers(0, 12),
)
def test_ids_are_the_uuids_that_duckdb_makes_of_them(ids: Sequence[UUID | None], start: int, end: int) -> None:
    """Any canonical text, of any version, some or all of them null, in a column of its own or in a part of one."""
    table = batch(
        *({"kind": "created", **{name: None if one is None else str(one) for name in UUID_COLUMNS}} for one in ids)
    )
    part = table.slice(min(start, end), abs(end - start))
    staged = stage(part)
    with duckdb.connect() as connection:
        connection.register("texts", part)
        connection.register("events", staged.events)
        connection.register("contents", staged.contents)
        for name in UUID_COLUMNS:
            held = "contents" if name in CONTENT_COLUMNS else "events"
            cast = f"SELECT log_offset, {name}::UUID FROM texts WHERE {name} IS NOT NULL ORDER BY ALL"  # noqa: S608 - our own names
            told = f"SELECT log_offset, {name} FROM {held} WHERE {name} IS NOT NULL ORDER BY ALL"  # noqa: S608 - as above
            assert connection.execute(cast).fetchall() == connection.execute(told).fetchall()
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(part.num_rows,)]


@pytest.mark.parametrize("kind", ["created", "delivered"])
def test_events_that_state_nothing_else_have_one_row(kind: str) -> None:
    """An envelope alone, whatever it carries, leaves no row elsewhere; and an empty list is nothing."""
    told = {"kind": kind, "event_id": str(NOTIFICATION_IDS[0]), "actor": "user-1", "channel": "email"}
    nothing: dict[str, Any] = {"kind": kind, **{name: [] for name in LISTS}}
    for stated in ([told], [nothing], [told, nothing], []):
        staged = stage(batch(*stated))
        assert (len(stated), 0, 0) == (staged.events.num_rows, staged.contents.num_rows, staged.details.num_rows)


@pytest.mark.parametrize(("table", "kind", "name"), STATED)
def test_an_event_that_states_anything_else_has_one_row_of_it(table: str, kind: Kind, name: str) -> None:
    """Any of the columns makes the row, in the event's place, with what it states; those around it have none."""
    value = _some(EVENT_SCHEMA.field(name).type)
    around: dict[str, Any] = {"kind": kind, name: None}
    events = [around, {"kind": kind, name: value, "actor": "user-1"}, around, {"kind": kind, "channels": []}]
    staged = stage(batch(*events))
    (row,) = read_back(getattr(staged, table))
    assert {place: row[place] for place in PLACE_COLUMNS} == {"log_partition": 0, "log_offset": 1}
    assert [*PLACE_COLUMNS, name] == [other for other in row if row[other] is not None]
    assert staged.contents.num_rows + staged.details.num_rows == 1


def test_a_batch_in_several_parts_is_split_as_one() -> None:
    """Parts with content, without any, and of several kinds: each row once, in its place, in the table of its kind."""
    parts = [
        batch({"kind": "created", "category": "a"}, {"kind": "read"}),
        batch({"kind": "read"}, {"kind": "read"}),
        batch({"kind": "amended", "tags": ["b"]}, {"kind": "observed", "status": "c"}),
    ]
    table = pa.concat_tables(parts)
    table = table.set_column(table.schema.get_field_index("log_offset"), "log_offset", pa.array(range(6), pa.int64()))
    staged = stage(table)
    assert list(range(6)) == [row["log_offset"] for row in read_back(staged.events)]
    contents = [tuple(row[name] for name in ("log_offset", "category", "tags")) for row in read_back(staged.contents)]
    assert contents == [(0, "a", None), (4, None, ["b"])]
    assert [(row["log_offset"], row["status"]) for row in read_back(staged.details)] == [(5, "c")]


def _some(kind: pa.DataType) -> Any:  # noqa: ANN401 - any value of a column
    if pa.types.is_list(kind):
        return [_some(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _some(field.type) for field in kind}
    if pa.types.is_string(kind):
        return str(NOTIFICATION_IDS[0])
    return True if pa.types.is_boolean(kind) else 1
