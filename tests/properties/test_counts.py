"""The counts that are kept with the rows are those of the rows, always."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from .comparison import apply, assert_same, folded, new_read_model, read, read_state
from .strategies import FOLD, NOTIFICATION_IDS, TENANTS, Recorded, audience, batches, histories, logs, place, said

COUNTED: Final = """
    SELECT
        tenant_id,
        recipient_id,
        CASE
            WHEN is_deleted THEN 'deleted'
            WHEN is_archived THEN 'archived'
            WHEN is_snoozed THEN 'snoozed'
            ELSE 'inbox'
        END AS shelf,
        count(*) AS total,
        count(*) FILTER (NOT is_read) AS unread,
        count(*) FILTER (NOT is_seen) AS unseen,
        count(*) FILTER (acknowledged_count = 0) AS unacknowledged
    FROM inbox_entries
    WHERE listed_at IS NOT NULL
    GROUP BY ALL
    ORDER BY ALL
"""
KEPT: Final = "FROM recipient_counts ORDER BY ALL"
ANN: Final[dict[str, Any]] = {"recipient_id": "ann"}
CREATED: Final = said("created", "10:00:00", audience=audience(ann=()))


@settings(FOLD, max_examples=8)
@given(data=st.data(), history=histories(notifications_max=4, events_min=4, events_max=12))
def test_counts_are_those_of_the_rows_after_every_batch(data: st.DataObject, history: list[Recorded]) -> None:
    """Whatever is reversed, repeated, late or taken back: a count by hand over the entries gives the rows kept."""
    log = place(data.draw(logs(history)))
    with new_read_model() as model:
        for batch in data.draw(batches(log)):
            apply(model, batch)
            assert read(model, COUNTED) == read(model, KEPT)


def test_an_entry_moves_from_shelf_to_shelf() -> None:
    """Deleted goes before archived, archived before snoozed; what is left, or not listed, has no row."""
    snoozed, archived = said("snoozed", "10:00:02", **ANN), said("archived", "10:00:03", **ANN)
    deleted = said("deleted", "10:00:05", **ANN)
    steps = [
        (said("read", "10:00:01", **ANN), []),
        (CREATED, [("inbox", 1, 0, 0, 1)]),
        (snoozed, [("snoozed", 1, 0, 0, 1)]),
        (archived, [("archived", 1, 0, 0, 1)]),
        (said("unread", "10:00:04", **ANN), [("archived", 1, 1, 0, 1)]),
        (deleted, [("deleted", 1, 1, 0, 1)]),
        (said("acknowledged", "10:00:06", **ANN), [("deleted", 1, 1, 0, 0)]),
        (said("retracted", "10:00:07", retracted_event_id=deleted.event.event_id), [("archived", 1, 1, 0, 0)]),
        (said("unarchived", "10:00:08", **ANN), [("snoozed", 1, 1, 0, 0)]),
        (said("unsnoozed", "10:00:09", **ANN), [("inbox", 1, 1, 0, 0)]),
        (said("retracted", "10:00:10", retracted_event_id=CREATED.event.event_id), []),
    ]
    log = place([event for event, _ in steps])
    with new_read_model() as model:
        for one, (event, expected) in zip(log, steps, strict=True):
            apply(model, [one])
            found = [tuple(row.values())[2:] for row in read(model, KEPT)]
            assert expected == found, f"after {event.event.kind}"
        assert_same(folded(log), read_state(model))


def test_counts_are_of_one_recipient_of_one_tenant() -> None:
    """Entries of several notifications add up; those of another recipient, or of another tenant, do not."""
    history = [
        said("created", "10:00:00", audience=audience(ann=(), bob=())),
        said("created", "10:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(ann=())),
        said("created", "10:00:00", tenant_id=TENANTS[1], audience=audience(ann=())),
        said("seen", "10:00:01", **ANN),
    ]
    with new_read_model() as model:
        apply(model, place(history))
        assert [
            (TENANTS[1], "ann", "inbox", 1, 1, 1, 1),
            (TENANTS[0], "ann", "inbox", 2, 2, 1, 2),
            (TENANTS[0], "bob", "inbox", 1, 1, 1, 1),
        ] == [tuple(row.values()) for row in read(model, KEPT)]
