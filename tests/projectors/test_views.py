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
    category="promo",
    priority="high",
    external_id="order-1",
    personal={"title": "Sale"},
)
FIRED: Final = said("fired", "10:00:01")
GONE: Final = said("failed", "10:00:02", permanent=True)
READ_BY_ANN: Final = said("read", "10:00:03", **ANN)
READ_BY_BOB: Final = said("read", "10:00:04", **BOB)
UNREAD_BY_BOB: Final = said("unread", "10:00:05", **BOB)
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
}  # fmt: skip


def test_the_status_is_the_furthest_fact_that_holds(tmp_path: Path) -> None:
    """Read and acknowledged want all recipients, opened, delivered and fired any; a failure loses to a success.

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
        2, 1, 1, 0, ["email"], "promo", "high", "shop", "order-1", "Sale",
    )  # fmt: skip
    nothing = (None,) * 5
    assert waiting == (TENANTS[0], NOTIFICATION_IDS[1], None, "fired", 0, 0, 0, 0, [], *nothing)


def test_the_badge_counts_listed_entries_of_one_recipient_and_tenant(tmp_path: Path) -> None:
    """Entries that are read, not listed yet, of another recipient or another tenant are not in a badge."""
    history = [
        CREATED,
        READ_BY_ANN,
        said("created", "11:00:00", notification_id=NOTIFICATION_IDS[1], audience=audience(ann=())),
        said("fired", "11:00:00", notification_id=NOTIFICATION_IDS[2], recipient_id="ann"),
        said("created", "10:00:00", tenant_id=TENANTS[1], audience=audience(ann=("email",))),
        said("read", "10:00:01", tenant_id=TENANTS[1], recipient_id="ann"),
        said("unread", "10:00:02", tenant_id=TENANTS[1], recipient_id="ann"),
    ]
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        assert rows(model, "FROM unread_by_recipient ORDER BY ALL") == [
            (TENANTS[1], "ann", 1, 1),
            (TENANTS[0], "ann", 2, 1),
            (TENANTS[0], "bob", 1, 1),
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
        said("delivered", "10:00:02", **ANN, notification_id=NOTIFICATION_IDS[1]),
        said("created", "10:00:00", tenant_id=TENANTS[1], audience=audience(ann=("email",))),
    ]
    columns = "deliveries, fired, delivered, opened, opened_by_machines_only, failed, failed_permanently"
    with open_model(tmp_path) as model:
        model.apply(records_of(*history))
        assert rows(model, f"SELECT tenant_id, channel, {columns} FROM channel_outcomes ORDER BY ALL") == [  # noqa: S608 - our own names
            (TENANTS[1], "email", 1, 0, 0, 0, 0, 0, 0),
            (TENANTS[0], "email", 3, 3, 1, 1, 1, 1, 1),
            (TENANTS[0], "in_app", 1, 1, 0, 0, 0, 1, 0),
        ]
