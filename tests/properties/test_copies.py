from __future__ import annotations

from typing import Any, Final

import pytest

from .comparison import apply, assert_same, folded, new_read_model, read_state
from .strategies import NOTIFICATION_IDS, audience, clock, place, said

ANN_EMAIL: Final[dict[str, Any]] = {"recipient_id": "ann", "channel": "email"}
LARGE_ID: Final = "f0000000-0000-4000-8000-000000000000"
CONTENT_KINDS: Final = ("created", "amended")
TEXTS: Final = ("type", "category", "action", "reason", "priority", "severity")

STATED: Final[dict[str, dict[str, Any]]] = {
    "created": {"audience": audience(ann=("email",), bob=()), "tags": ["a", "b"], "personal": {"title": "A"}},
    "delivered": {**ANN_EMAIL, "delivery_ref": "phone"},
    "opened": {**ANN_EMAIL},
    "failed": {**ANN_EMAIL},
    "clicked": {**ANN_EMAIL},
    "snoozed": {"recipient_id": "ann", "snoozed_until": clock("11:00:00")},
    "action_completed": {"recipient_id": "ann", "action_type": "primary"},
    "retracted": {"retracted_event_id": LARGE_ID},
    "audience_added": {"audience": audience(bob=("email",))},
    "amended": {"category": "promo", "tags": ["a"], "cleared": ["type"], "personal": {"title": "A"}},
    "observed": {**ANN_EMAIL, "provider_event": "processed"},
    "attempted": {**ANN_EMAIL, "status": "sent"},
}
FOLDED: Final = [
    ("delivered", "occurred_at", clock("10:00:00.000001")),
    ("delivered", "recipient_id", None),
    ("delivered", "channel", "sms"),
    ("delivered", "delivery_ref", None),
    ("delivered", "kind", "fired"),
    ("opened", "automated", True),
    ("clicked", "automated", True),
    ("failed", "permanent", True),
    ("snoozed", "snoozed_until", None),
    ("action_completed", "action_type", "secondary"),
    ("action_completed", "kind", "action_reverted"),
    ("retracted", "retracted_event_id", NOTIFICATION_IDS[0]),
    ("audience_added", "audience", audience(bob=("sms",))),
    ("observed", "channel", "sms"),
    *(("created", field, "other") for field in ("source", "actor", "external_id")),
    ("created", "creator", {"type": "user"}),
    ("created", "parent_notification_id", NOTIFICATION_IDS[1]),
    ("created", "number", 7),
    ("created", "attributes", "{}"),
    *((kind, field, "other") for kind in CONTENT_KINDS for field in TEXTS),
    *((kind, field, {"id": "1"}) for kind in CONTENT_KINDS for field in ("subject", "template", "schedule")),
    *((kind, field, clock("11:00:00")) for kind in CONTENT_KINDS for field in ("scheduled_at", "expires_at")),
    *((kind, field, ["b", "a"]) for kind in CONTENT_KINDS for field in ("tags", "contexts", "channels")),
    *((kind, "groups", [{"type": "team", "id": "1"}]) for kind in CONTENT_KINDS),
    *((kind, "digest", {"key": "daily"}) for kind in CONTENT_KINDS),
    ("amended", "cleared", []),
    ("amended", "personal", {"title": "B"}),
    ("amended", "personal_key_id", "key-1"),
    ("created", "audience", audience(bob=(), ann=("email",))),
    ("created", "audience", audience(ann=(), bob=())),
    ("created", "personal", {"title": "B"}),
    ("created", "personal", None),
    ("created", "personal_key_id", "key-1"),
]
UNFOLDED: Final = [
    *(("created", field) for field in ("attempt_id", "correlation_id", "causation_id")),
    *(("delivered", field) for field in ("source", "actor", "personal", "personal_key_id", "provider")),
    *(("amended", field) for field in ("source", "actor", "attributes")),
    *(("failed", field) for field in ("reason", "provider_code")),
    *(("attempted", field) for field in ("status", "origin", "reason")),
    *(("observed", field) for field in ("provider_event", "personal", "attributes")),
    ("retracted", "reason"),
    ("clicked", "target"),
]


@pytest.mark.parametrize(("kind", "field", "value"), FOLDED, ids=str)
def test_a_copy_that_differs_in_a_folded_field_is_a_conflict(kind: str, field: str, value: object) -> None:
    """Every field that the fold reads makes a conflict, when a copy has another value there."""
    assert _counts({"kind": kind, **STATED[kind]}, {"kind": kind, **STATED[kind], field: value}) == (1, 0, 1)


@pytest.mark.parametrize(("kind", "field"), UNFOLDED, ids=str)
def test_a_copy_that_differs_in_another_field_is_a_duplicate(kind: str, field: str) -> None:
    """What folds to nothing may change on the way: such a copy is a duplicate, and leaves no trace in quarantine."""
    value = {"personal": {"detail": "other"}, "attributes": '{"a":1}'}.get(field, "other")
    assert _counts({"kind": kind, **STATED[kind]}, {"kind": kind, **STATED[kind], field: value}) == (1, 1, 0)


def test_a_copy_with_more_that_folds_to_nothing_is_a_duplicate() -> None:
    """Where the first copy states nothing but its envelope, and is kept without the lists that others leave empty."""
    assert _counts({"kind": "amended"}, {"kind": "amended", "attributes": '{"a":1}'}) == (1, 1, 0)
    assert _counts({"kind": "amended", "attributes": '{"a":1}'}, {"kind": "amended"}) == (1, 1, 0)


def _counts(*stated: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many copies of one identity were applied, duplicates, quarantined; the oracle must say the same."""
    log = place([said(**{"occurred_at": "10:00:00", "event_id": LARGE_ID} | fields) for fields in stated])
    with new_read_model() as model:
        (outcome,) = apply(model, log)
        assert_same(folded(log), read_state(model))
    return outcome.applied, outcome.duplicates, outcome.quarantined
