from __future__ import annotations

from typing import Any, Final

import pytest

from ledger_queries import NotificationDetail, get_notification, open_reading
from ledger_queries.rows import AnyRow
from ledger_schemas import Event, derive_inbox_entry_id, limits
from ledger_schemas.errors import NotFound

from .builder import TOPIC, Entry, Model, Notification, Sent, at, events_of, insert, numbered, stated


def get(model: Model, tenant: str = "acme", number: int = 1) -> NotificationDetail:
    """Get a notification."""
    with open_reading(model.cursor) as reading:
        return get_notification(reading, tenant, numbered(number))


def event(number: int, kind: str = "fired", seconds: float = 0, tenant: str = "acme", **more: Any) -> Event:  # noqa: ANN401 - any field
    """Return an event of notification 1."""
    return stated(Notification(numbered(1), tenant), kind, at(seconds), event_id=numbered(number), **more)


def times(row: AnyRow, fact: str) -> int:
    """Return how many events state a fact of a row."""
    return row.facts[fact].count if fact in row.facts else 0


def test_get_answers_with_everything_below_and_the_whole_timeline(model: Model) -> None:
    """The row, its inbox entries and deliveries in their order, its events oldest first, and its duplicates."""
    audience = [{"recipient_id": "bob", "channels": ["email"]}, {"recipient_id": "ann"}]
    over_push = [{"recipient_id": "ann", "channel": "push", "delivery_ref": ref} for ref in ("d1", "d2")]
    read = event(7, "read", 5, recipient_id="ann")
    model.append(
        [
            *(
                read,
                event(6, "fired", 5),
                event(1, "opened", 9, **over_push[0]),
                event(8, "attempted", 2, **over_push[1]),
            ),
            *(event(9, "created", 1, audience=audience, personal={"title": "Hi"}), read, read),
        ]
    )

    found = get(model)

    assert f"{TOPIC}@0:7" == found.position
    assert (
        times(found.notification, "fired"),
        found.notification.recipients_read,
        found.notification.title,
    ) == (1, 1, "Hi")
    assert [(e.recipient_id, e.is_read, times(e, "read"), e.title) for e in found.inbox_entries] == [
        ("ann", True, 1, "Hi"),
        ("bob", False, 0, "Hi"),
    ]
    assert [(d.recipient_id, d.channel, d.delivery_ref, times(d, "fired")) for d in found.deliveries] == [
        ("ann", "push", "d1", 1),
        ("ann", "push", "d2", 1),
        ("bob", "email", None, 1),
    ]
    assert [(e.log_offset, e.kind) for e in found.timeline] == [
        (4, "created"),
        (3, "attempted"),
        (1, "fired"),
        (0, "read"),
        (2, "opened"),
    ]
    assert found.duplicates == 2
    assert found.timeline_complete
    assert found.inbox_entries_complete
    assert found.deliveries_complete


def test_get_answers_before_the_created_has_come(model: Model) -> None:
    """A notification that only later facts speak of so far is shown with them, without content, and not listed."""
    insert(model, [Notification(numbered(1), listed_at=None, entries=[Entry("ann")], reached=["fired"])])

    found = get(model)

    assert (
        found.notification.listed_at,
        times(found.notification, "created"),
        times(found.notification, "fired"),
    ) == (None, 0, 1)
    assert found.content is None
    assert [entry.recipient_id for entry in found.inbox_entries] == ["ann"]


def test_another_tenants_id_is_a_missing_id(model: Model) -> None:
    """An id that another tenant has and an id that nobody has are refused in the same words."""
    insert(model, [Notification(numbered(1), tenant="other")])

    with pytest.raises(NotFound) as somebody_elses:
        get(model)
    with pytest.raises(NotFound) as nobodys:
        get(model, number=2)

    assert vars(nobodys.value) == vars(somebody_elses.value)


def test_what_was_only_observed_is_no_notification(model: Model) -> None:
    """A raw provider fact folds to nothing: of an id that nothing else speaks of, there is nothing to get."""
    model.append([event(1, "observed")])
    with pytest.raises(NotFound):
        get(model)


def test_two_tenants_with_one_id_see_their_own(model: Model) -> None:
    """Ids are only unique within a tenant: everything that get shows is of the tenant that asks."""
    told = {
        tenant: [
            *events_of(
                Notification(
                    numbered(1), tenant, entries=[Entry(recipient, [Sent("email")])], content={"category": tenant}
                )
            ),
            event(len(tenant), "fired", 5, tenant),
        ]
        for tenant, recipient in (("acme", "ann"), ("other", "bob"))
    }
    for events in told.values():
        model.append(events)

    for tenant, recipient in (("acme", "ann"), ("other", "bob")):
        found = get(model, tenant)
        assert [recipient] == [entry.recipient_id for entry in found.inbox_entries]
        assert [recipient] == [delivery.recipient_id for delivery in found.deliveries]
        assert [one.event_id for one in told[tenant]] == [one.event_id for one in found.timeline]
        assert found.content is not None
        assert tenant == found.content.category


def test_a_timeline_that_is_too_long_is_cut_and_says_so(model: Model) -> None:
    """TIMELINE_EVENTS_MAX events are a complete timeline; one more is cut, and the flag says it."""
    model.append([event(number, seconds=number) for number in range(limits.TIMELINE_EVENTS_MAX)])
    complete = get(model)
    model.append([event(limits.TIMELINE_EVENTS_MAX, seconds=limits.TIMELINE_EVENTS_MAX)])
    cut = get(model)

    assert (len(complete.timeline), complete.timeline_complete) == (limits.TIMELINE_EVENTS_MAX, True)
    assert (len(cut.timeline), cut.timeline_complete) == (limits.TIMELINE_EVENTS_MAX, False)
    assert times(cut.notification, "fired") == limits.TIMELINE_EVENTS_MAX + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"amount": 12, "parts": [1.5, null, true]}', {"amount": 12, "parts": [1.5, None, True]}),
        (None, None),
        ("ciphertext==", "ciphertext=="),
        ('"\\ud800"', '"\\ud800"'),
        ('{"n": NaN}', '{"n": NaN}'),
        ('{"n": 1e999}', '{"n": 1e999}'),
        ("[" * 5_000 + "]" * 5_000, "[" * 5_000 + "]" * 5_000),
        ("1" * 5_000, "1" * 5_000),
        ("[" * 65 + "]" * 65, "[" * 65 + "]" * 65),
        ('["x"]', ["x"]),
    ],
    ids=[
        "document",
        "absent",
        "ciphertext",
        "surrogate",
        "nan",
        "infinite",
        "deep",
        "long number",
        "too nested",
        "list",
    ],
)
def test_data_is_parsed_where_that_loses_nothing(model: Model, text: str | None, shown: object) -> None:
    """Data is answered as a document; what JSON cannot carry again is answered as the text that came."""
    insert(model, [Notification(numbered(1), content={"personal": {"data": text, "title": "t"}})])

    found = get(model)

    assert found.content is not None
    assert found.content.data == shown
    assert NotificationDetail.model_validate_json(found.model_dump_json()) == found


def test_addresses_and_detail_are_not_answered(model: Model) -> None:
    """Of personal data, get shows what the notification says, not where it was sent nor what a provider said."""
    shown = {
        "title": "T",
        "body": "B",
        "body_formatted": "<p>B</p>",
        "link": "https://example.net/1",
        "subject_name": "Order 1",
        "creator_name": "Zoë",
    }
    hidden = {
        "addresses": '{"ann": "ann@example.org"}',
        "detail": "550 ann@example.org",
        "creator_address": "zoe@example.org",
    }
    insert(model, [Notification(numbered(1), content={"personal": shown | hidden})])
    model.append([event(1, personal=shown | hidden)])

    found = get(model)

    assert found.content is not None
    assert shown == {name: getattr(found.content, name) for name in shown}
    assert "example.org" not in found.model_dump_json()


CONTENT: Final[dict[str, Any]] = {
    "actor": "user-1",
    "creator": {"type": "user", "id": "7"},
    "parent_notification_id": str(numbered(2)),
    "external_id": "order-1",
    "number": limits.NUMBER_MAX,
    "channels": ["chat"],
    "groups": [{"type": "team", "id": "1", "reference": None}],
    "type": "billing",
    "category": "promo",
    "action": "shipped",
    "reason": "overdue",
    "priority": "high",
    "severity": "minor",
    "subject": {"type": "order", "id": "1", "status": None},
    "template": {"id": "welcome", "name": "Welcome", "version": "2"},
    "schedule": {"id": "s", "name": "S", "local_time": "2026-03-01T09:00", "time_zone": "UTC", "recurrence": None},
    "digest": {"key": "daily", "merged_into": None},
    "tags": ["a"],
    "contexts": ["team:1"],
    "personal_key_id": "key-1",
}
"""A value for every field that answers as it is stored."""


def test_every_content_field_is_answered(model: Model) -> None:
    """What the notification says comes back field by field; attributes are parsed like data."""
    times = {"scheduled_at": at(1), "expires_at": at(2)}
    audience = [{"recipient_id": "ann", "role": "cc", "channels": ["email"]}]
    # A key without what it locks is no value.
    written = {"personal": {"title": "T"}, "audience": audience, "attributes": '{"vendor": {"flag": true}}'}
    model.append([stated(Notification(numbered(1)), "created", at(0), **CONTENT, **times, **written)])

    found = get(model)

    assert found.content is not None
    dumped = found.content.model_dump()
    assert {
        name: dumped[name] if name != "parent_notification_id" else str(dumped[name]) for name in CONTENT
    } == CONTENT
    assert times == {name: dumped[name] for name in times}
    assert (audience, {"vendor": {"flag": True}}) == (dumped["audience"], dumped["attributes"])
    texts = {"title", "body", "body_formatted", "link", "data", "subject_name", "creator_name"}
    assert {*CONTENT, *times, "source", "audience", "attributes", *texts} == dumped.keys()


@pytest.mark.parametrize("number", [limits.NUMBER_MAX + 2, 2**63 - 1])
def test_a_larger_number_that_the_log_has_is_answered_as_it_is(model: Model, number: int) -> None:
    """NUMBER_MAX is for what is stated now; a record of before it is applied, and shown, with its number."""
    event = stated(Notification(numbered(1)), "created", at(0))
    model.append([event.model_copy(update={"number": number})])
    found = get(model)
    assert found.content is not None
    assert (found.content.number, f'"number":{number}' in found.model_dump_json()) == (number, True)


def test_the_timeline_says_what_was_taken_back(model: Model) -> None:
    """Events stay in the timeline with what they state; those that a retracted names are marked."""
    stated_of: dict[str, dict[str, Any]] = {
        "attempted": {"provider_code": "5.1.1", "retry": True, "recipient_id": "ann", "channel": "email"},
        "snoozed": {"snoozed_until": at(9)},
        "action_completed": {"action_type": "primary"},
        "amended": {"cleared": ["tags"]},
    }
    events = [event(number, kind, number, **fields) for number, (kind, fields) in enumerate(stated_of.items(), 1)]
    model.append(events)
    model.append(
        [
            event(5, "retracted", 5, retracted_event_id=numbered(1)),
            event(6, "retracted", 6, retracted_event_id=numbered(5)),
            event(7, "retracted", 7, "other", retracted_event_id=numbered(2)),
        ]
    )

    found = get(model).timeline

    assert [(e.kind, e.is_retracted) for e in found] == [
        ("attempted", True),
        ("snoozed", False),
        ("action_completed", False),
        ("amended", False),
        ("retracted", False),
        ("retracted", False),
    ]
    for one in found[:4]:
        assert stated_of[one.kind] == {name: getattr(one, name) for name in stated_of[one.kind]}
    assert [None, numbered(1), numbered(5)] == [one.retracted_event_id for one in found[3:]]


def test_what_names_a_channel_and_nobody_is_told_once_of_everybody_below(model: Model) -> None:
    """A fired over a channel reaches each entry with a delivery over it, once; the only entry, too; others, not."""
    told = [Sent("push", reached=["fired"])]
    ann, bob = Entry("ann", [Sent("push"), Sent("email")]), Entry("bob", [Sent("email")])
    insert(model, [Notification(numbered(1), entries=[ann], over=told)])
    insert(model, [Notification(numbered(2), entries=[ann, bob], over=told)])

    one, other = get(model), get(model, number=2)

    assert [times(entry, "fired") for entry in one.inbox_entries] == [1]
    assert [(sent.channel, times(sent, "fired")) for sent in one.deliveries] == [("email", 0), ("push", 1)]
    assert [(entry.recipient_id, times(entry, "fired")) for entry in other.inbox_entries] == [("ann", 1), ("bob", 0)]
    assert [times(sent, "fired") for sent in other.deliveries] == [0, 1, 0]


def test_what_was_taken_back_is_told_of_no_row(model: Model) -> None:
    """An event that a retracted names is in no time and no count of any grain; the others stay."""
    sent = [Sent("push", reached=["delivered", "opened"]), Sent("email")]
    insert(model, [Notification(numbered(1), entries=[Entry("ann", sent)], reached=["retracted"])])

    found = get(model)

    rows: list[AnyRow] = [found.notification, *found.inbox_entries, *found.deliveries]
    assert [times(row, "delivered") for row in rows] == [1, 1, 0, 1]
    assert ["opened" in row.facts for row in rows] == [False] * 4
    assert times(found.notification, "retracted") == 1


def test_rows_say_what_an_entry_is_now(model: Model) -> None:
    """States, until when it is snoozed, and the id of an inbox entry come back with the rows, at their own grain."""
    sent = [Sent("email"), Sent("push")]
    insert(model, [Notification(numbered(1), entries=[Entry("ann", sent, reached=["snoozed", "seen"])])])

    found = get(model)

    (entry,), (delivery, _) = found.inbox_entries, found.deliveries
    assert (True, False, False, True, at(60), False) == (
        *(entry.is_seen, entry.is_read, entry.is_archived, entry.is_snoozed),
        *(entry.snoozed_until, entry.is_deleted),
    )
    assert entry.inbox_entry_id == derive_inbox_entry_id("acme", numbered(1), "ann")
    assert (delivery.is_snoozed, delivery.snoozed_until) == (False, None)
    assert (found.notification.recipients_snoozed, found.notification.recipients_archived) == (1, 0)
