"""What a read model file holds, as the oracle states it, and in which row and column two states differ."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ledger_projectors.log.records import BatchOutcome
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC, decode_event
from tests.empty_files import put_empty_file

from .layout import check_layout
from .oracle import Key, Rows, State, fold
from .strategies import NOTIFICATION_IDS, TENANTS, Placed, Recorded, place

DIFFERENCES_SHOWN_MAX: Final = 30

NOTIFICATION: Final = ("tenant_id", "notification_id")
DELIVERY: Final = (*NOTIFICATION, "recipient_id", "channel", "delivery_ref")
KEYS: Final = {
    "facts": (*DELIVERY, "fact"),
    "notifications": NOTIFICATION,
    "inbox_entries": (*NOTIFICATION, "recipient_id"),
    "deliveries": DELIVERY,
    "contents": NOTIFICATION,
    "recipient_counts": ("tenant_id", "recipient_id", "shelf"),
}


@contextmanager
def new_read_model(partitions: int = 1) -> Iterator[ReadModel]:
    """Give a real file in a folder of its own; hypothesis wants one for each example."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.duckdb")
        put_empty_file(path, topic=LIFECYCLE_TOPIC, partitions=partitions)
        with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=partitions) as model:
            yield model


def apply(model: ReadModel, *batches: Iterable[Placed]) -> list[BatchOutcome]:
    """Apply each batch in a transaction of its own, and check the layout of the file that they leave."""
    outcomes = [model.apply([placed.log_record() for placed in batch]) for batch in batches]
    check_layout(model)
    return outcomes


def cut(log: Sequence[Recorded], cuts: int) -> list[list[Recorded]]:
    """Cut the log into batches: bit number n of `cuts` says whether one ends behind its n-th event."""
    parts = [[log[0]]]
    for number, recorded in enumerate(log[1:]):
        if cuts >> number & 1:
            parts.append([])
        parts[-1].append(recorded)
    return parts


def apply_side_by_side(model: ReadModel, runs: Sequence[Sequence[Sequence[Recorded]]]) -> list[Placed]:
    """Apply runs of batches, each under a tenant of its own; return the log. The n-th batches of all are one batch.

    So one file and a few transactions hold hundreds of runs, and no run may hurt another.
    """
    together: list[list[Recorded]] = [[] for _ in range(max(map(len, runs)))]
    for number, run in enumerate(runs):
        for part, batch in zip(run, together, strict=False):
            batch += [replace(one, event=one.event.model_copy(update={"tenant_id": str(number)})) for one in part]
    log = place([recorded for batch in together for recorded in batch])
    unapplied = iter(log)
    apply(model, *([next(unapplied) for _ in batch] for batch in together))
    return log


def state_of_run(state: State, number: int) -> State:
    """Return the rows of one run, without its tenant in their keys and without what depends on the tenant's name.

    That is the id of an inbox entry; and the number of a notification, which is a place in the log.
    """
    tenant_id = str(number)
    return State(
        {
            table: {
                key[1:]: {column: row[column] for column in row if column not in {"inbox_entry_id", "number"}}
                for key, row in rows.items()
                if key[0] == tenant_id
            }
            for table, rows in state.tables.items()
        }
    )


def folded(log: Iterable[Placed], partitions: int = 1) -> State:
    """Return what the oracle holds after the log of a topic of so many partitions."""
    return fold([placed.log_event() for placed in log], partitions)


def read_state(model: ReadModel, poison: Container[tuple[int, int]] = ()) -> State:
    """Return all rows of what is folded, and the copies that were set aside.

    Nothing else may be in quarantine but the records that are no events, of the places (partition, offset) `poison`.
    """
    tables = {table: _rows(read(model, f"SELECT * FROM {table}"), key) for table, key in KEYS.items()}  # noqa: S608 - our own names
    duplicates: dict[tuple[int, int], Key] = {
        (row["log_partition"], row["log_offset"]): (row["tenant_id"], row["notification_id"], row["event_id"])
        for row in read(model, "SELECT * FROM duplicates")
    }
    conflicts: dict[tuple[int, int], Key] = {}
    for row in read(model, "SELECT * FROM quarantine"):
        at = (row["log_partition"], row["log_offset"])
        assert (row["reason"] == "conflict") != (at in poison), row
        if at not in poison:
            event = decode_event(row["record_value"])
            assert event.tenant_id == row["tenant_id"], row
            conflicts[at] = (event.tenant_id, event.notification_id, event.event_id)
    return State(tables, duplicates, conflicts)


def read(model: ReadModel, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts."""
    cursor = model.reader()
    try:
        answer = cursor.execute(query)
        columns = [column[0] for column in answer.description]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
    finally:
        cursor.close()


def held_after(*history: Recorded) -> State:
    """Return what the read model holds after the events, which is what the oracle holds."""
    log = place(history)
    with new_read_model() as model:
        apply(model, log)
        state = read_state(model)
    assert_same(folded(log), state)
    return state


def check(state: State, table: str, *below: str, **expected: Any) -> None:  # noqa: ANN401 - any cell
    """Check cells of the row of the one notification that hand-written histories tell of."""
    row = state.tables[table][TENANTS[0], NOTIFICATION_IDS[0], *below]
    assert expected == {column: row[column] for column in expected}


def assert_same(expected: State, actual: State, after: str = "the log") -> None:
    """Check that two states agree in every cell; the failure names table, row and column of each difference."""
    found = [line for table in KEYS for line in _differences(table, expected.tables[table], actual.tables[table])]
    found += _set_aside("duplicates", expected.duplicates, actual.duplicates)
    found += _set_aside("conflicts", expected.conflicts, actual.conflicts)
    more = f"\n... and {len(found) - DIFFERENCES_SHOWN_MAX} more" if len(found) > DIFFERENCES_SHOWN_MAX else ""
    assert not found, f"after {after} the read model differs:\n" + "\n".join(found[:DIFFERENCES_SHOWN_MAX]) + more


def _differences(table: str, expected: Rows, actual: Rows) -> Iterator[str]:
    for key in sorted({*expected, *actual}, key=str):
        name = f"{table} {tuple(map(str, key))}"
        if key not in actual:
            yield f"{name}: missing; expected {expected[key]}"
        elif key not in expected:
            yield f"{name}: not expected: {actual[key]}"
        else:
            for column in sorted({*expected[key], *actual[key]}):
                # A default that equals nothing tells a column that is not there from one that is null.
                wanted, got = expected[key].get(column, "no such column"), actual[key].get(column, "no such column")
                if wanted != got or type(wanted) is not type(got):
                    yield f"{name} {column}: expected {wanted!r}, is {got!r}"


def _set_aside(table: str, expected: dict[Any, Any], actual: dict[Any, Any]) -> Iterator[str]:
    for at in sorted({*expected, *actual}):
        if expected.get(at) != actual.get(at):
            yield f"{table} at {at}: expected {expected.get(at)}, is {actual.get(at)}"


def _rows(rows: Sequence[dict[str, Any]], key: tuple[str, ...]) -> Rows:
    keyed = {tuple(row[name] for name in key): row for row in rows}
    assert len(rows) == len(keyed), f"a key stands twice among {key}"
    return {values: {name: row[name] for name in row if name not in key} for values, row in keyed.items()}
