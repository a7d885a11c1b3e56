"""What a notification says, from created, amended and audience_added, and the ids that it and its entries get."""

from __future__ import annotations

from typing import Any, Final

import pytest

from ledger_schemas import derive_inbox_entry_id

from .comparison import (
    apply,
    apply_side_by_side,
    assert_same,
    check,
    folded,
    held_after,
    new_read_model,
    read,
    read_state,
    state_of_run,
)
from .strategies import EVENT_IDS, NOTIFICATION_IDS, TENANTS, audience, clock, place, said

CREATED: Final = said("created", "10:00:00", category="promo", tags=["a"], personal={"title": "A"}, severity="minor")

NAMED: Final = ["category", "tags", "personal", "severity"]
AMENDABLE: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("type", "category", "action", "reason", "priority", "severity"), ("a", "b", "c")),
    **dict.fromkeys(("channels", "tags", "contexts"), (["a"], ["b", "a"], ["c"])),
    **dict.fromkeys(("scheduled_at", "expires_at"), tuple(clock(f"1{hour}:00:00") for hour in range(3))),
    "groups": ([{"type": "team", "id": "1"}], [{"type": "team", "id": "2"}], [{"type": "topic", "id": "1"}]),
    "subject": ({"id": "1"}, {"id": "2"}, {"id": "3"}),
    "template": ({"id": "1"}, {"version": "2"}, {"name": "3"}),
    "schedule": ({"id": "1"}, {"local_time": "09:00"}, {"recurrence": "FREQ=DAILY"}),
    "digest": ({"key": "1"}, {"key": "2"}, {"merged_into": "3"}),
    "personal": ({"title": "1"}, {"body": "2"}, {"link": "3"}),
}


def test_content_is_the_earliest_value_of_each_field() -> None:
    """Each field has the value of the earliest created that has one; personal and its key come from one of them."""
    state = held_after(
        said("created", "10:00:02", category="late", priority="low", tags=["a", "b"], personal={"title": "late"}),
        said("created", "10:00:01", category="early", personal={"body": "early"}, personal_key_id="key-1"),
        said("created", "10:00:00", source="first", actor="user-1", personal_key_id="key-2"),
        said("fired", "09:00:00", source="never", actor="never", personal={"detail": "never"}),
    )
    check(state, "contents", source="first", actor="user-1", category="early", priority="low")
    check(state, "contents", tags=["a", "b"], audience=None, personal_key_id="key-1")
    assert _present(state.tables["contents"][TENANTS[0], NOTIFICATION_IDS[0]]["personal"]) == {"body": "early"}


def test_the_latest_amended_has_the_last_word_on_each_field() -> None:
    """A field has the value of the latest amended that speaks of it, over any created; others stay as they were."""
    state = held_after(
        said("amended", "10:00:03", category="news", personal={"title": "C"}, personal_key_id="key-1"),
        said("amended", "10:00:02", category="alert", priority="high", tags=["b"], source="billing", actor="user-1"),
        said("created", "10:00:09", category="late", priority="low", type="billing"),
        CREATED,
    )
    check(state, "contents", category="news", priority="high", tags=["b"], type="billing", severity="minor")
    check(state, "contents", source="shop", actor=None, attributes=None, personal_key_id="key-1")


@pytest.mark.parametrize("field", AMENDABLE)
def test_every_amendable_field_follows_its_amendments(field: str) -> None:
    """What the created says, then the latest amended, null once cleared, and again what is set after that."""
    values = [{field: value} for value in AMENDABLE[field]]
    history = [
        said("created", "10:00:00", **values[0]),
        said("amended", "10:00:01", **values[1]),
        said("amended", "10:00:02", **values[2]),
        said("amended", "10:00:03", cleared=[field]),
        said("amended", "10:00:04", **values[1]),
    ]
    with new_read_model() as model:
        # After each event of the history, the latest first in the log.
        log = apply_side_by_side(model, [[history[number::-1]] for number in range(len(history))])
        held = read_state(model)
    assert_same(folded(log), held)
    for number, expected in enumerate((0, 1, 2, None, 1)):
        (content,) = state_of_run(held, number).tables["contents"].values()
        assert expected == next((n for n, value in enumerate(values) if _says(content[field], value[field])), None)
        assert (content[field] is None) == (expected is None)


def test_a_cleared_field_is_null_until_it_is_set_again() -> None:
    """Clearing is a word on the field like any other: the latest decides, and stating wins within one amended."""
    cleared = said("amended", "10:00:02", cleared=NAMED, severity="major", personal_key_id="key-1")
    state = held_after(CREATED, said("amended", "10:00:01", category="alert"), cleared)
    check(state, "contents", category=None, tags=None, personal=None, personal_key_id=None, severity="major")
    state = held_after(CREATED, cleared, said("amended", "10:00:03", category="again"))
    check(state, "contents", category="again", tags=None, severity="major")


def test_an_amended_alone_has_no_content() -> None:
    """Content waits for a created; the amended before it counts once it has come."""
    amended = said("amended", "10:00:01", category="alert")
    assert held_after(amended).tables["contents"] == {}
    check(held_after(amended, CREATED), "contents", category="alert")


def test_added_members_stand_behind_those_of_the_created() -> None:
    """Each recipient is named once, by whom named it first; what was added twice makes its deliveries all the same."""
    state = held_after(
        said("audience_added", "10:00:05", audience=audience(ann=("sms",), eve=("email",))),
        said("audience_added", "09:00:00", audience=audience(bob=("email",), ann=("in_app",))),
        said("created", "10:00:00", audience=audience(ann=("email",))),
        said("created", "10:00:01", audience=audience(zoe=("email",))),
    )
    (content,) = state.tables["contents"].values()
    assert [(member["recipient_id"], member["channels"]) for member in content["audience"]] == [
        ("ann", ["email"]),
        ("bob", ["email"]),
        ("eve", ["email"]),
    ]
    check(state, "notifications", recipients=4, audience_added_count=2, created_count=2)
    check(state, "inbox_entries", "ann", channels=["email", "in_app", "sms"])


def test_channels_that_name_no_recipient_make_no_delivery() -> None:
    """They stand among the channels of the notification as its content has them now, and nowhere below."""
    created = said("created", "10:00:00", channels=["hook", "chat"], audience=audience(ann=("email",)))
    state = held_after(created)
    check(state, "notifications", channels=["chat", "email", "hook"], deliveries=1)
    check(state, "inbox_entries", "ann", channels=["email"], deliveries=1)
    check(
        held_after(created, said("amended", "10:00:01", channels=["sms"])), "notifications", channels=["email", "sms"]
    )
    check(held_after(created, said("amended", "10:00:01", cleared=["channels"])), "notifications", channels=["email"])


@pytest.mark.parametrize("partitions", [1, 6])
def test_a_number_is_the_place_of_the_first_copy_of_the_first_created(partitions: int) -> None:
    """Offset x partitions + partition, of the created with the smallest time, unless that one states a number."""
    other: dict[str, Any] = {"notification_id": NOTIFICATION_IDS[1]}
    second = said("created", "10:00:01", number=7)
    first = said("created", "10:00:00")
    log = place([second, said("created", "10:00:00", **other, number=41), first, second, first], partitions)
    with new_read_model(partitions) as model:
        apply(model, log[:2])
        before = {row["notification_id"]: row["number"] for row in read(model, "FROM contents")}
        apply(model, log[2:])
        held = read_state(model)
    assert before == {NOTIFICATION_IDS[0]: 7, NOTIFICATION_IDS[1]: 41}
    (place_of_first,) = (one for one in log[:3] if one.recorded is first)
    expected = place_of_first.offset * partitions + place_of_first.partition
    check(held, "contents", number=expected)
    assert_same(folded(log, partitions), held)


def test_inbox_entry_ids_are_those_of_the_published_function() -> None:
    """What the fold computes in SQL is `derive_inbox_entry_id`, whatever the texts are."""
    recipients = ("ann", "Ann", "Bücher", "\N{SNOWMAN}", "a" * 128, "\N{GRINNING FACE}" * 128, " ", "'")
    history = [
        said("read", "10:00:00", tenant_id=tenant_id, notification_id=notification_id, recipient_id=recipient_id)
        for tenant_id in (*TENANTS, "Größe")
        for notification_id in (*NOTIFICATION_IDS, *EVENT_IDS)
        for recipient_id in recipients
    ]
    with new_read_model() as model:
        apply(model, place(history))
        found = {
            (row["tenant_id"], row["notification_id"], row["recipient_id"]): row["inbox_entry_id"]
            for row in read(model, "FROM inbox_entries")
        }
    assert {key: derive_inbox_entry_id(*key) for key in found} == found
    assert len(history) == len(set(found.values()))


def _says(found: Any, stated: Any) -> bool:  # noqa: ANN401 - any content
    """Say whether a cell holds what was stated, whatever else its type has room for."""
    if isinstance(found, list):
        return isinstance(stated, list) and len(found) == len(stated) and all(map(_says, found, stated))
    return bool((_present(found) if isinstance(found, dict) else found) == stated)


def _present(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}
