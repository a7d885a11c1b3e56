from __future__ import annotations

from typing import Any

import duckdb
import pytest

from ledger_queries import NotificationDetail, get_notification, open_reading
from ledger_schemas import limits
from ledger_schemas.errors import NotFound

from .builder import TOPIC, Entry, Notification, Sent, at, insert, insert_rows, move_to, numbered


def get(model: duckdb.DuckDBPyConnection, tenant: str = "acme") -> NotificationDetail:
    """Get notification 1."""
    with open_reading(model.cursor) as reading:
        return get_notification(reading, tenant, numbered(1))


def event(number: int, kind: str = "fired", seconds: float = 0, tenant: str = "acme", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    """Return one row of history of notification 1."""
    return {
        "tenant_id": tenant,
        "notification_id": str(numbered(1)),
        "event_id": str(numbered(number)),
        "kind": kind,
        "occurred_at": at(seconds),
        "recorded_at": at(seconds + 1),
        "log_partition": 0,
        "log_offset": number,
        "source": "billing",
    } | more


def test_get_answers_with_everything_below_and_the_whole_timeline(model: duckdb.DuckDBPyConnection) -> None:
    """The row, its inbox entries and deliveries in their order, its events oldest first, and its duplicates."""
    entries = [Entry("bob", [Sent("email")]), Entry("ann", [Sent("push", "d2"), Sent("push", "d1")], is_read=True)]
    insert(
        model, [Notification(numbered(1), entries=entries, reached={"fired"}, content={"personal": {"title": "Hi"}})]
    )
    insert_rows(
        model, "events", [event(7, "read", 5), event(6, "fired", 5), event(9, "created", 1), event(1, "opened", 9)]
    )
    duplicate = {name: event(7)[name] for name in ("tenant_id", "notification_id", "event_id", "recorded_at")}
    insert_rows(model, "duplicates", [duplicate | {"log_partition": 0, "log_offset": 30 + n} for n in range(2)])
    move_to(model, 32)

    found = get(model)

    assert f"{TOPIC}@0:32" == found.position
    assert (
        found.notification.fired_count,
        found.notification.recipients_read,
        found.notification.title,
    ) == (1, 1, "Hi")
    assert [(e.recipient_id, e.is_read, e.title) for e in found.inbox_entries] == [
        ("ann", True, "Hi"),
        ("bob", False, "Hi"),
    ]
    assert [(d.recipient_id, d.channel, d.delivery_ref) for d in found.deliveries] == [
        ("ann", "push", "d1"),
        ("ann", "push", "d2"),
        ("bob", "email", None),
    ]
    assert [(e.log_offset, e.kind) for e in found.timeline] == [
        (9, "created"),
        (6, "fired"),
        (7, "read"),
        (1, "opened"),
    ]
    assert found.duplicates == 2
    assert found.timeline_complete
    assert found.inbox_entries_complete
    assert found.deliveries_complete


def test_get_answers_before_the_created_has_come(model: duckdb.DuckDBPyConnection) -> None:
    """A notification that only later facts speak of so far is shown with them, without content, and not listed."""
    insert(model, [Notification(numbered(1), listed_at=None, entries=[Entry("ann")], reached={"fired"})])

    found = get(model)

    assert (
        found.notification.listed_at,
        found.notification.created_count,
        found.notification.fired_count,
    ) == (None, 0, 1)
    assert found.content is None
    assert [entry.recipient_id for entry in found.inbox_entries] == ["ann"]


def test_another_tenants_id_is_a_missing_id(model: duckdb.DuckDBPyConnection) -> None:
    """An id that another tenant has and an id that nobody has are refused in the same words."""
    insert(model, [Notification(numbered(1), tenant="other")])
    insert_rows(model, "events", [event(1, tenant="other")])

    with pytest.raises(NotFound) as somebody_elses:
        get(model)
    model.execute("DELETE FROM notifications")
    with pytest.raises(NotFound) as nobodys:
        get(model)

    assert vars(nobodys.value) == vars(somebody_elses.value)


def test_two_tenants_with_one_id_see_their_own(model: duckdb.DuckDBPyConnection) -> None:
    """Ids are only unique within a tenant: everything that get shows is of the tenant that asks."""
    for tenant, recipient in (("acme", "ann"), ("other", "bob")):
        insert(
            model,
            [
                Notification(
                    numbered(1), tenant, entries=[Entry(recipient, [Sent("email")])], content={"category": tenant}
                )
            ],
        )
        insert_rows(model, "events", [event(len(tenant), tenant=tenant)])

    for tenant, recipient in (("acme", "ann"), ("other", "bob")):
        found = get(model, tenant)
        assert [recipient] == [entry.recipient_id for entry in found.inbox_entries]
        assert [recipient] == [delivery.recipient_id for delivery in found.deliveries]
        assert [len(tenant)] == [one.log_offset for one in found.timeline]
        assert found.content is not None
        assert tenant == found.content.category


def test_a_timeline_that_is_too_long_is_cut_and_says_so(model: duckdb.DuckDBPyConnection) -> None:
    """TIMELINE_EVENTS_MAX events are a complete timeline; one more is cut, and the flag says it."""
    insert(model, [Notification(numbered(1))])
    insert_rows(model, "events", [event(number, seconds=number) for number in range(limits.TIMELINE_EVENTS_MAX)])
    complete = get(model)
    insert_rows(model, "events", [event(limits.TIMELINE_EVENTS_MAX, seconds=limits.TIMELINE_EVENTS_MAX)])
    cut = get(model)

    assert (len(complete.timeline), complete.timeline_complete) == (limits.TIMELINE_EVENTS_MAX, True)
    assert (len(cut.timeline), cut.timeline_complete) == (limits.TIMELINE_EVENTS_MAX, False)


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
def test_data_is_parsed_where_that_loses_nothing(
    model: duckdb.DuckDBPyConnection, text: str | None, shown: object
) -> None:
    """Data is answered as a document; what JSON cannot carry again is answered as the text that came."""
    insert(model, [Notification(numbered(1), content={"personal": {"data": text, "title": "t"}})])

    found = get(model)

    assert found.content is not None
    assert found.content.data == shown
    assert NotificationDetail.model_validate_json(found.model_dump_json()) == found


def test_addresses_and_detail_are_not_answered(model: duckdb.DuckDBPyConnection) -> None:
    """Of personal data, get shows title, body and data; where it was sent, and what a provider said, stay inside."""
    personal = {"title": "T", "body": "B", "addresses": '{"ann": "ann@example.org"}', "detail": "550 ann@example.org"}
    insert(model, [Notification(numbered(1), content={"personal": personal})])
    insert_rows(model, "events", [event(1, personal=personal)])

    found = get(model)

    assert found.content is not None
    assert (found.content.title, found.content.body) == ("T", "B")
    assert "example.org" not in found.model_dump_json()
