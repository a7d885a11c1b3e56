"""What analysts read: the views over the folded tables, in cases small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.projectors.building import open_model, records_of, rows
from tests.properties.strategies import NOTIFICATION_IDS, TENANTS, Recorded, audience, clock, said

ANN: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
BOB: Final[dict[str, Any]] = {"recipient_id": "bob", "channel": "email"}
CREATED: Final = said(
    "created",
    "10:00:00",
    audience=audience(ann=("email",), bob=("email",)),
    type="billing",
    category="promo",
    priority="high",
    severity="minor",
    number=7,
    external_id="order-1",
    personal={"title": "Sale"},
)
FIRED: Final = said("fired", "10:00:01")
GONE: Final = said("failed", "10:00:02", permanent=True)
READ_BY_ANN: Final = said("read", "10:00:03", **ANN)
READ_BY_BOB: Final = said("read", "10:00:04", **BOB)
UNREAD_BY_BOB: Final = said("unread", "10:00:05", **BOB)
DELIVERED: Final = said("delivered", "10:00:03", **ANN)
DEFERRED: Final = said("deferred", "10:00:02", **ANN)
DELETED_BY_ANN: Final = said("deleted", "10:00:09", **ANN)
DELETED_BY_BOB: Final = said("deleted", "10:00:09", **BOB)
TAKEN_BACK: Final = said("retracted", "10:00:06", retracted_event_id=READ_BY_BOB.event.event_id)
ACKNOWLEDGED_BY_ANN: Final = said("acknowledged", "10:00:05", **ANN)
ACKNOWLEDGED_BY_BOB: Final = said("acknowledged", "10:00:06", **BOB)

STATUS: Final[dict[str, tuple[str, list[Recorded]]]] = {
    "nothing but an unread": ("awaiting_created", [said("unread", "10:00:03", **ANN)]),
    "its created": ("created", [CREATED]),
    "fired": ("fired", [CREATED, FIRED]),
    "failed for now": ("fired", [CREATED, FIRED, said("failed", "10:00:02", **ANN)]),
    "failed for good": ("failed", [CREATED, FIRED, GONE]),
    "opened by a machine": ("fired", [CREATED, FIRED, said("opened", "10:00:02", **ANN, automated=True)]),
    "delivered to one": ("delivered", [CREATED, FIRED, said("delivered", "10:00:02", **ANN)]),
    "delivered, then failed for good": ("delivered", [CREATED, said("delivered", "10:00:01", **ANN), GONE]),
    "opened by one": ("opened", [CREATED, said("delivered", "10:00:01", **ANN), said("opened", "10:00:02", **ANN)]),
    "read by one of two": ("fired", [CREATED, FIRED, READ_BY_ANN]),
    "read by both": ("read", [CREATED, FIRED, READ_BY_ANN, READ_BY_BOB]),
    "read by both, one took it back": ("fired", [CREATED, FIRED, READ_BY_ANN, READ_BY_BOB, UNREAD_BY_BOB]),
    "acknowledged by one of two": ("read", [CREATED, READ_BY_ANN, READ_BY_BOB, ACKNOWLEDGED_BY_ANN]),
    "acknowledged by both": ("acknowledged", [CREATED, ACKNOWLEDGED_BY_ANN, ACKNOWLEDGED_BY_BOB]),
    "read by nobody named": ("created", [said("created", "10:00:00"), said("read", "10:00:01")]),
    "attempted": ("attempted", [CREATED, said("attempted", "10:00:01", **ANN)]),
    "deferred for one": ("deferred", [CREATED, FIRED, DEFERRED]),
    "deferred, then failed for good": ("failed", [CREATED, FIRED, DEFERRED, GONE]),
    "deferred, then delivered": ("delivered", [CREATED, DEFERRED, DELIVERED]),
    "cancelled as a whole": ("cancelled", [CREATED, FIRED, said("cancelled", "10:00:02")]),
    "cancelled for one of two": ("fired", [CREATED, FIRED, said("cancelled", "10:00:02", **ANN)]),
    "cancelled too late": ("delivered", [CREATED, said("delivered", "10:00:01", **ANN), said("cancelled", "10:00:02")]),
    "expired without recipients": ("expired", [said("created", "10:00:00"), said("expired", "10:00:02")]),
    "expired after it was read": ("read", [CREATED, READ_BY_ANN, READ_BY_BOB, said("expired", "10:00:09")]),
    "seen by one": ("seen", [CREATED, said("delivered", "10:00:01", **ANN), said("seen", "10:00:02", **ANN)]),
    "clicked by one": ("clicked", [CREATED, said("opened", "10:00:01", **BOB), said("clicked", "10:00:02", **ANN)]),
    "clicked by a machine": ("created", [CREATED, said("clicked", "10:00:02", **ANN, automated=True)]),
    "deleted by one of two": ("read", [CREATED, READ_BY_ANN, READ_BY_BOB, DELETED_BY_ANN]),
    "deleted by both": ("deleted", [CREATED, READ_BY_ANN, DELETED_BY_ANN, DELETED_BY_BOB]),
    "observed beside its created": ("created", [CREATED, said("observed", "10:00:02", **ANN)]),
    "read by both, one of them by mistake": ("created", [CREATED, READ_BY_ANN, READ_BY_BOB, TAKEN_BACK]),
}  # fmt: skip


def test_the_status_is_the_furthest_fact_that_holds(tmp_path: Path) -> None:
    """Deleted, read, acknowledged, cancelled and expired want all recipients, the others any.

    A failure, a deferral and a cancellation lose to a success.

    Each case is a tenant of one file.
    """
    history = [
        replace(one, event=one.event.model_copy(update={"tenant_id": name}))
        for name, (_, case) in STATUS.items()
        for one in case
    ]
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        found = dict(rows(model, "SELECT tenant_id, status FROM notification_status"))
    assert {name: status for name, (status, _) in STATUS.items()} == found


def test_the_status_row_says_what_the_notification_is(tmp_path: Path) -> None:
    """One row per notification, listed or not, with its numbers and its content beside the status."""
    other = said("fired", "10:00:01", notification_id=NOTIFICATION_IDS[1])
    with open_model(tmp_path) as model:
        model.apply(records_of(CREATED, READ_BY_ANN, said("delivered", "10:00:02", **BOB), other))
        listed, waiting = rows(model, "FROM notification_status ORDER BY notification_id")
    assert listed == (
        TENANTS[0], NOTIFICATION_IDS[0], clock("10:00:00"), "delivered",
        2, 1, 1, 0, ["email"], "billing", "promo", "high", "minor", "shop", "order-1", 7, "Sale",
    )  # fmt: skip
    nothing = (None,) * 8
    assert waiting == (TENANTS[0], NOTIFICATION_IDS[1], None, "fired", 0, 0, 0, 0, [], *nothing)


def test_the_badge_counts_listed_entries_of_one_recipient_and_tenant(tmp_path: Path) -> None:
    """Entries that are put away, not listed yet, of another recipient or another tenant are in none of its numbers."""
    away = ("deleted", "archived", "snoozed")
    history = [
        *(said("created", "10:00:00", tenant_id=kind, audience=audience(ann=(), bob=(), eve=())) for kind in away),
        *(said(kind, "10:00:01", tenant_id=kind, recipient_id="ann") for kind in away),
        *(said(f"un{kind}", "10:00:02", tenant_id=kind, recipient_id="ann") for kind in away[1:]),
        *(said(kind, "10:00:03", tenant_id=kind, recipient_id="bob") for kind in away),
        *(said("seen", "10:00:03", tenant_id=kind, recipient_id="eve") for kind in away),
        CREATED,
        READ_BY_ANN,
        ACKNOWLEDGED_BY_BOB,
        said("created", "11:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(ann=())),
        said("fired", "11:00:00", notification_id=NOTIFICATION_IDS[2], recipient_id="ann"),
        said("created", "10:00:00", tenant_id=TENANTS[1], audience=audience(ann=("email",))),
        said("read", "10:00:01", tenant_id=TENANTS[1], recipient_id="ann"),
        said("unread", "10:00:02", tenant_id=TENANTS[1], recipient_id="ann"),
    ]
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        assert rows(model, "FROM unread_by_recipient ORDER BY ALL") == [
            (TENANTS[1], "ann", 1, 1, 0, 1),
            (TENANTS[0], "ann", 2, 1, 1, 2),
            (TENANTS[0], "bob", 1, 1, 1, 0),
            ("archived", "ann", 1, 1, 1, 1),
            ("archived", "eve", 1, 1, 0, 1),
            ("deleted", "eve", 1, 1, 0, 1),
            ("snoozed", "ann", 1, 1, 1, 1),
            ("snoozed", "eve", 1, 1, 0, 1),
        ]


def test_counts_tell_of_every_shelf(tmp_path: Path) -> None:
    """What the badge leaves out stands beside it: one row for each recipient and shelf that has an entry."""
    history = [
        CREATED,
        READ_BY_ANN,
        said("archived", "10:00:04", **ANN),
        said("created", "11:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(ann=())),
        said("created", "11:00:00", notification_id=NOTIFICATION_IDS[2], audience=audience(ann=())),
        said("deleted", "11:00:01", notification_id=NOTIFICATION_IDS[2], recipient_id="ann"),
        said("snoozed", "11:00:02", recipient_id="bob"),
    ]
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        columns = "recipient_id, shelf, total, unread, unseen, unacknowledged"
        assert rows(model, f"SELECT {columns} FROM recipient_counts ORDER BY ALL") == [  # noqa: S608 - our own names
            ("ann", "archived", 1, 0, 0, 1),
            ("ann", "deleted", 1, 1, 1, 1),
            ("ann", "inbox", 1, 1, 1, 1),
            ("bob", "snoozed", 1, 1, 1, 1),
        ]


def test_outcomes_count_deliveries_by_channel(tmp_path: Path) -> None:
    """Each listed delivery counts once under each outcome that it had; machines that opened stand apart."""
    history = [
        said("created", "10:00:00", audience=audience(ann=("email", "in_app"), bob=("email",), eve=("email",))),
        FIRED,
        said("delivered", "10:00:02", **ANN),
        said("opened", "10:00:03", **ANN),
        said("opened", "10:00:04", **ANN),
        said("opened", "10:00:03", **ANN, automated=True),
        said("opened", "10:00:03", **BOB, automated=True),
        said("failed", "10:00:04", recipient_id="eve", channel="email", permanent=True),
        said("failed", "10:00:04", recipient_id="ann", channel="in_app"),
        said("clicked", "10:00:05", **ANN),
        said("clicked", "10:00:05", **ANN, automated=True),
        said("clicked", "10:00:05", **BOB, automated=True),
        said("deferred", "10:00:05", **BOB),
        said("cancelled", "10:00:05", channel="in_app"),
        said("unsubscribed", "10:00:05", **ANN),
        said("complained", "10:00:05", **BOB),
        said("expired", "10:00:05", **BOB),
        said("delivered", "10:00:02", **ANN, notification_id=NOTIFICATION_IDS[1]),
        said("created", "10:00:00", tenant_id=TENANTS[1], audience=audience(ann=("email",))),
    ]
    columns = "deliveries, fired, delivered, opened, opened_by_machines_only, failed, failed_permanently"
    further = "deferred, clicked, clicked_by_machines_only, cancelled, expired, unsubscribed, complained"
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        assert rows(model, f"SELECT tenant_id, channel, {columns} FROM channel_outcomes ORDER BY ALL") == [  # noqa: S608 - our own names
            (TENANTS[1], "email", 1, 0, 0, 0, 0, 0, 0),
            (TENANTS[0], "email", 3, 3, 1, 1, 1, 1, 1),
            (TENANTS[0], "in_app", 1, 1, 0, 0, 0, 1, 0),
        ]
        assert rows(model, f"SELECT tenant_id, channel, {further} FROM channel_outcomes ORDER BY ALL") == [  # noqa: S608 - our own names
            (TENANTS[1], "email", 0, 0, 0, 0, 0, 0, 0),
            (TENANTS[0], "email", 1, 1, 1, 0, 1, 1, 1),
            (TENANTS[0], "in_app", 0, 0, 0, 1, 0, 0, 0),
        ]


def test_history_says_what_was_taken_back(tmp_path: Path) -> None:
    """Every event once, those that a retracted names marked; a retracted is never taken back itself."""
    retracted = said("retracted", "10:00:07", retracted_event_id=READ_BY_ANN.event.event_id)
    again = said("retracted", "10:00:08", retracted_event_id=READ_BY_ANN.event.event_id)
    in_vain = said("retracted", "10:00:09", retracted_event_id=retracted.event.event_id)
    other = said("read", "10:00:03", event_id=READ_BY_ANN.event.event_id, notification_id=NOTIFICATION_IDS[1])
    with open_model(tmp_path) as model:
        model.apply(records_of(CREATED, retracted, READ_BY_ANN, again, in_vain, other))
        found = rows(model, "SELECT log_offset, is_retracted FROM history ORDER BY ALL")
        assert found == [(0, False), (1, False), (2, True), (3, False), (4, False), (5, False)]
        assert rows(model, "SELECT log_offset FROM events ORDER BY ALL") == [(offset,) for offset, _ in found]


def test_actions_tell_which_are_completed(tmp_path: Path) -> None:
    """Per recipient and action_type, the latest of what was completed and reverted holds, without retracted events."""
    mistaken = said("action_reverted", "10:00:09", recipient_id="ann", action_type="primary")
    history = [
        said("action_completed", "10:00:01", recipient_id="ann", action_type="primary"),
        said("action_reverted", "10:00:02", recipient_id="ann", action_type="primary"),
        said("action_completed", "10:00:03", **ANN, action_type="primary"),
        said("action_completed", "10:00:01", recipient_id="ann", action_type="secondary"),
        said("action_reverted", clock("10:00:00", 1970), recipient_id="bob", action_type="primary"),
        mistaken,
        said("retracted", "10:00:10", retracted_event_id=mistaken.event.event_id),
    ]
    columns = "recipient_id, action_type, is_completed, first_completed_at, last_completed_at, last_reverted_at"
    at = [clock(f"10:00:0{second}") for second in range(4)]
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        assert rows(model, f"SELECT {columns} FROM actions ORDER BY ALL") == [  # noqa: S608 - our own names
            ("ann", "primary", True, at[1], at[3], at[2]),
            ("ann", "secondary", True, at[1], at[1], None),
            ("bob", "primary", False, None, None, clock("10:00:00", 1970)),
        ]
