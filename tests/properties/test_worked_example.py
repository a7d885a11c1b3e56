from __future__ import annotations

import random
from typing import Any, Final

from .comparison import apply_side_by_side, assert_same, cut, folded, new_read_model, read_state, state_of_run
from .oracle import Key, State
from .strategies import NOTIFICATION_IDS, audience, clock, said

N1: Final = NOTIFICATION_IDS[0]
WORKED_EXAMPLE: Final = [
    said("created", "10:00:00", audience=audience(ann=("email", "in_app"), bob=("email", "in_app")), category="promo"),
    said("fired", "10:00:01"),
    said("delivered", "10:00:05", recipient_id="ann", channel="email"),
    said("opened", "10:00:06", recipient_id="ann", channel="email", automated=True),
    said("read", "10:01:00", recipient_id="ann"),
    said("acknowledged", "10:02:00", recipient_id="ann"),
    said("read", "10:03:00", recipient_id="bob"),
    said("unread", "10:04:00", recipient_id="bob"),
]

SHUFFLES: Final = 60
WORKED_FACTS: Final = ("created", "fired", "delivered", "automated_opened", "read", "acknowledged", "read", "unread")
EVERY_FACT: Final = (
    *("fired", "attempted", "deferred", "delivered", "failed", "cancelled", "expired", "seen", "opened"),
    *("automated_opened", "clicked", "automated_clicked", "read", "unread", "acknowledged", "archived", "unarchived"),
    *("snoozed", "unsnoozed", "action_completed", "action_reverted", "deleted", "unsubscribed", "complained"),
)
FACTS_ABOVE: Final = ("created", "amended", "audience_added", "retracted")
NUMBERS: Final = (
    *("delivered", "failed", "cancelled", "expired", "opened", "clicked", "acknowledged"),
    *("seen", "read", "archived", "snoozed", "deleted"),
)
NOT_STATED: Final = (
    *("actor", "creator", "parent_notification_id", "external_id", "attributes", "channels", "groups", "type"),
    *("action", "reason", "priority", "severity", "subject", "template", "schedule", "scheduled_at", "expires_at"),
    *("digest", "tags", "contexts", "personal", "personal_key_id"),
)


def test_the_worked_example_gives_the_stated_rows() -> None:
    """The worked example of the design gives the rows that it states, in any order and however often repeated."""
    shuffler = random.Random(10)  # noqa: S311 - orders, nothing secret
    orders = [list(WORKED_EXAMPLE)]
    for _ in range(SHUFFLES):
        order = [*WORKED_EXAMPLE, *shuffler.choices(WORKED_EXAMPLE, k=shuffler.randrange(9))]
        shuffler.shuffle(order)
        orders.append(order)
    with new_read_model() as model:
        log = apply_side_by_side(model, [cut(order, shuffler.getrandbits(8)) for order in orders])
        held = read_state(model)
    for number, order in enumerate(orders):
        told = ", ".join(one.event.kind for one in order)
        assert_same(_worked_example_state(), state_of_run(held, number), told)
    assert_same(folded(log), held)


def _worked_example_state() -> State:
    told_of_ann = {"fired": "10:00:01", "delivered": "10:00:05", "automated_opened": "10:00:06"}
    ann = {**told_of_ann, "read": "10:01:00", "acknowledged": "10:02:00"}
    bob = {"fired": "10:00:01", "read": "10:03:00", "unread": "10:04:00"}
    anybody = {**ann, "unread": "10:04:00", "created": "10:00:00"}
    planned = {"channels": ["email", "in_app"], "deliveries": 2}
    states = ("is_seen", "is_read", "is_archived", "is_snoozed", "is_deleted")
    untouched = {**dict.fromkeys(states, False), "snoozed_until": None}
    return State(
        {
            "facts": _fact_rows(),
            "notifications": {
                (N1,): {
                    **_row(anybody, *FACTS_ABOVE),
                    "first_read_at": clock("10:01:00"),
                    "last_read_at": clock("10:03:00"),
                    "read_count": 2,
                    "recipients": 2,
                    **{f"recipients_{name}": 0 for name in NUMBERS},
                    "recipients_fired": 2,
                    "recipients_delivered": 1,
                    "recipients_read": 1,
                    "recipients_seen": 2,
                    "recipients_acknowledged": 1,
                    "channels": ["email", "in_app"],
                    "deliveries": 4,
                }
            },
            "inbox_entries": {
                (N1, "ann"): {**_row(ann), **planned, **untouched, "is_seen": True, "is_read": True},
                (N1, "bob"): {**_row(bob), **planned, **untouched, "is_seen": True},
            },
            "deliveries": {
                (N1, "ann", "email", ""): {**_row(told_of_ann), **untouched},
                (N1, "ann", "in_app", ""): {**_row({"fired": "10:00:01"}), **untouched},
                (N1, "bob", "email", ""): {**_row({"fired": "10:00:01"}), **untouched},
                (N1, "bob", "in_app", ""): {**_row({"fired": "10:00:01"}), **untouched},
            },
            "contents": {
                (N1,): {
                    **dict.fromkeys(NOT_STATED),
                    "source": "shop",
                    "category": "promo",
                    "audience": [
                        {"recipient_id": "ann", "role": "to", "channels": ["email", "in_app"]},
                        {"recipient_id": "bob", "role": "to", "channels": ["email", "in_app"]},
                    ],
                }
            },
            "recipient_counts": {
                ("ann", "inbox"): {"total": 1, "unread": 0, "unseen": 0, "unacknowledged": 0},
                ("bob", "inbox"): {"total": 1, "unread": 1, "unseen": 0, "unacknowledged": 1},
            },
        }
    )


def _row(once: dict[str, str], *above: str) -> dict[str, Any]:
    """Return the cells of a listed row for facts that were stated once, at these times."""
    row: dict[str, Any] = {"listed_at": clock("10:00:00"), "failed_permanently": False}
    for fact in (*EVERY_FACT, *above):
        at = clock(once[fact]) if fact in once else None
        row |= {f"first_{fact}_at": at, f"last_{fact}_at": at, f"{fact}_count": int(fact in once)}
    return row


def _fact_rows() -> dict[Key, dict[str, Any]]:
    """Return one row for each event of the worked example, and six for what its created declares."""
    rows: dict[Key, dict[str, Any]] = {}
    for fact, one in zip(WORKED_FACTS, (one.event for one in WORKED_EXAMPLE), strict=True):
        at = one.occurred_at
        rows[N1, one.recipient_id or "", one.channel or "", "", fact] = {
            **dict.fromkeys(("first_at", "last_at", "known_at", "latest_at"), at),
            "event_count": 1,
            "latest_event_id": one.event_id,
            "latest_snoozed_until": None,
        }
    unsaid = dict.fromkeys(("first_at", "last_at", "known_at", "latest_at", "latest_event_id", "latest_snoozed_until"))
    for who in ("ann", "bob"):
        for where in ("", "email", "in_app"):
            rows[N1, who, where, "", "declared"] = {**unsaid, "event_count": 0}
    return rows
