"""Rows that are made anew from history alone are the rows that batch after batch has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.store.read_model import ReadModel

from .comparison import apply, assert_same, folded, new_read_model, read, read_state
from .layout import KEYS, check_layout
from .strategies import (
    FOLD,
    NOTIFICATION_IDS,
    TENANTS,
    Placed,
    Recorded,
    audience,
    batches,
    conflicting_copies,
    histories,
    logs,
    place,
    said,
)

NAMES: Final = [(tenant, str(notification)) for tenant in TENANTS for notification in NOTIFICATION_IDS]
"""The notifications that any history here tells of, and so, in most, some that it does not."""

TABLES: Final = (*KEYS, "duplicates", "quarantine", "positions")

DAMAGE: Final = {
    "counts are gone": "DELETE FROM recipient_count_rows WHERE (tenant_id, recipient_id) IN "
    "(SELECT (tenant_id, recipient_id) FROM inbox_entry_rows SEMI JOIN broken USING (n))",
    "counts are wrong": "UPDATE recipient_count_rows SET total = total + 7, unread = 0, shelf = 'inbox' "
    "WHERE (tenant_id, recipient_id) IN "
    "(SELECT (tenant_id, recipient_id) FROM inbox_entry_rows SEMI JOIN broken USING (n))",
    "notifications are gone": "DELETE FROM notification_rows WHERE n IN (FROM broken)",
    "notifications say something else": "UPDATE notification_rows SET marks = xor(marks, 341), listed_at = NULL "
    "WHERE n IN (FROM broken)",
    "notifications stand twice": "INSERT INTO notification_rows FROM notification_rows WHERE n IN (FROM broken)",
    "entries are gone": "DELETE FROM inbox_entry_rows WHERE n IN (FROM broken)",
    "entries say something else": "UPDATE inbox_entry_rows SET marks = xor(marks, -1), listed_at = now(), "
    "snoozed_until = now() WHERE n IN (FROM broken)",
    "entries stand twice": "INSERT INTO inbox_entry_rows FROM inbox_entry_rows WHERE n IN (FROM broken)",
    "entries of strangers": "INSERT INTO inbox_entry_rows SELECT * REPLACE ('mallory' AS recipient_id) "
    "FROM inbox_entry_rows WHERE n IN (FROM broken)",
    "deliveries are gone": "DELETE FROM delivery_rows WHERE n IN (FROM broken)",
    "deliveries say something else": "UPDATE delivery_rows SET marks = 0, delivery_ref = 'x', snoozed_until = now() "
    "WHERE n IN (FROM broken)",
    "contents are gone": "DELETE FROM content_rows WHERE n IN (FROM broken)",
    "contents say something else": "UPDATE content_rows SET category = 'x', \"number\" = 0, personal = NULL "
    "WHERE n IN (FROM broken)",
}
"""What may happen to the rows of the notifications in the table `broken`."""


@settings(FOLD, max_examples=10)
@given(data=st.data(), history=histories(notifications_max=4, events_min=3, events_max=10))
def test_a_refold_changes_no_row(data: st.DataObject, history: list[Recorded]) -> None:
    """Of any notifications, known or not, after any batch; and what is applied next finds them as it would have."""
    log, _ = data.draw(conflicting_copies(data.draw(logs(history))))
    with new_read_model() as model:
        for batch in data.draw(batches(log, batches_max=3)):
            apply(model, batch)
            before = _rows(model), _digest(model)
            model.refold(data.draw(st.lists(st.sampled_from(NAMES), unique=True)))
            check_layout(model)
            assert before == (_rows(model), _digest(model))
        assert_same(folded(log), read_state(model))


@settings(FOLD, max_examples=10)
@given(data=st.data(), history=histories(notifications_max=4, events_min=3, events_max=10))
def test_a_refold_restores_what_history_tells(data: st.DataObject, history: list[Recorded]) -> None:
    """Rows of notifications gone, altered, doubled or made up, and the counts of their recipients: all as it was."""
    log = place(data.draw(logs(history)))
    damage = data.draw(st.lists(st.sampled_from(sorted(DAMAGE)), unique=True, min_size=1, max_size=4))
    with new_read_model() as model:
        apply(model, *data.draw(batches(log, batches_max=3)))
        before = _rows(model), _digest(model)
        broken = data.draw(st.lists(st.sampled_from(_named(log)), unique=True, min_size=1))
        _damage(model, broken, *damage)
        model.refold(broken)
        assert before == (_rows(model), _digest(model)), damage
        check_layout(model)


def test_each_damage_is_one_and_is_mended() -> None:
    """No kind of damage that a refold mends is one that leaves the rows as they were."""
    history = [
        said("created", "10:00:00", audience=audience(ann=("email",), bob=("email",)), category="promo"),
        said("snoozed", "10:00:01", recipient_id="ann"),
        said("read", "10:00:02", recipient_id="bob"),
        said("created", "10:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(ann=("email",))),
    ]
    with new_read_model() as model:
        apply(model, place(history))
        before = _rows(model)
        for name in DAMAGE:
            _damage(model, NAMES[:1], name)
            assert before != _rows(model), name
            model.refold(NAMES[:1])
            assert before == _rows(model), name


def test_a_refold_of_one_leaves_the_others_in_doubt() -> None:
    """What is asked for is made anew, and nothing else: damage elsewhere stays as it is, for whoever looks into it."""
    history = [
        said("created", "10:00:00", audience=audience(ann=("email",))),
        said("created", "10:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(bob=("email",))),
    ]
    with new_read_model() as model:
        apply(model, place(history))
        _damage(model, NAMES[:2], "entries are gone")
        model.refold(NAMES[:1])
        assert read(model, "SELECT recipient_id FROM inbox_entries") == [{"recipient_id": "ann"}]
        model.refold(NAMES[1:2])
        assert_same(folded(place(history)), read_state(model))


def _damage(model: ReadModel, names: Sequence[tuple[str, str]], *damage: str) -> None:
    connection = model._connection
    connection.execute("CREATE OR REPLACE TEMP TABLE broken (n BIGINT)")
    connection.executemany(
        "INSERT INTO broken SELECT n FROM directory WHERE tenant_id = ? AND notification_id = ?::UUID", names
    )
    # In their order: where the rows of entries are gone, nobody can tell any more whose counts were to be hurt.
    for name in DAMAGE:
        if name in damage:
            connection.execute(DAMAGE[name])
    connection.execute("DROP TABLE broken")


def _named(log: Sequence[Placed]) -> list[tuple[str, str]]:
    events = (placed.recorded.event for placed in log)
    return sorted({(event.tenant_id, str(event.notification_id)) for event in events})


def _rows(model: ReadModel) -> dict[str, list[str]]:
    """Return every row, as text, but for which batch touched it last: a refold is one."""
    told = "SELECT t::VARCHAR AS line FROM (SELECT COLUMNS(lambda c: c <> 'touched_in') FROM {}) AS t ORDER BY ALL"
    return {table: [row["line"] for row in read(model, told.format(table))] for table in TABLES}


def _digest(model: ReadModel) -> Digest:
    reader = model.reader()
    try:
        return digest_read_model(reader)
    finally:
        reader.close()
