import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_schemas import Event, Kind, derive_notification_id, limits, new_id, parse_event
from ledger_schemas.errors import ContractViolation
from ledger_schemas.ids import derive_created_id, hash_id, time_of

from .strategies import IDS, UUIDS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MILLISECONDS_MAX = limits.OCCURRED_AT_MICROSECONDS_MAX // 1_000
NOTIFICATION_ID = str(UUID(int=7 << 76 | 2 << 62))
CREATED = {"kind": "created", "tenant_id": "acme", "source": "shop"}


def uuid7(milliseconds: int, rest: int = 0) -> UUID:
    """Return a UUIDv7 of that time."""
    return UUID(int=milliseconds << 80 | rest & ~(0xF << 76) & ~(0x3 << 62) & (1 << 80) - 1 | 0x7 << 76 | 0x2 << 62)


UUID7S = st.builds(uuid7, st.integers(0, MILLISECONDS_MAX), st.integers(0, 2**80 - 1))
UNTIMED = UUIDS.filter(lambda event_id: event_id.version != 7) | st.builds(
    uuid7, st.integers(MILLISECONDS_MAX + 1, 2**48 - 1)
)


def stated(kind: Kind, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - as the contract has them
    """Return a statement of a kind with only what must be stated, and these fields."""
    required = {} if kind is Kind.CREATED else {"notification_id": NOTIFICATION_ID}
    if kind is Kind.RETRACTED:
        required["retracted_event_id"] = NOTIFICATION_ID
    return {"kind": kind, "tenant_id": "acme", "source": "shop", **required, **fields}


def parsed_both_ways(document: dict[str, Any]) -> Event:
    """Return the event that a document states, the same as a dict and as JSON text."""
    event = parse_event(document)
    assert parse_event(json.dumps(document)) == event
    return event


@pytest.mark.parametrize("kind", Kind)
@given(event_id=UUID7S)
def test_the_same_statement_twice_is_one_event(kind: Kind, event_id: UUID) -> None:
    """With event_id, all that is filled in is a function of what is stated: occurred_at is the id's own time."""
    event = parsed_both_ways(stated(kind, event_id=str(event_id)))
    assert event == parse_event(stated(kind, event_id=event_id))
    assert event.event_id == event_id
    assert (event.occurred_at - EPOCH) // MILLISECOND == event_id.int >> 80


@pytest.mark.parametrize("kind", Kind)
@given(event_id=UNTIMED)
def test_an_event_id_without_a_time_needs_occurred_at(kind: Kind, event_id: UUID) -> None:
    """The error names occurred_at and says why; with it stated, the event is taken."""
    with pytest.raises(ContractViolation) as refused:
        parse_event(stated(kind, event_id=str(event_id)))
    assert refused.value.field == "occurred_at"
    assert "must be stated, because event_id has no time inside" in refused.value.message
    assert "more)" not in refused.value.message
    assert (
        parsed_both_ways(stated(kind, event_id=str(event_id), occurred_at="2026-01-02T03:04:05Z")).event_id == event_id
    )


@given(tenant=IDS, source=IDS, external_id=IDS, event_ids=st.lists(UUID7S, min_size=2, max_size=2))
def test_an_external_id_names_the_notification(
    tenant: str, source: str, external_id: str, event_ids: list[UUID]
) -> None:
    """Two `created` with one (tenant, source, external_id) are of one notification, whatever their event ids."""
    fields = {"tenant_id": tenant, "source": source, "external_id": external_id}
    events = [parsed_both_ways({"kind": "created", "event_id": str(one), **fields}) for one in event_ids]
    assert {derive_notification_id(tenant, source, external_id)} == {event.notification_id for event in events}
    assert parse_event({"kind": "created", **fields}).notification_id == events[0].notification_id


@given(tenant=IDS, event_id=UUIDS)
def test_without_an_external_id_the_event_names_the_notification(tenant: str, event_id: UUID) -> None:
    """Its notification_id is derived from tenant and event_id, in the order of the event ids' times."""
    document = {**CREATED, "tenant_id": tenant, "event_id": str(event_id), "occurred_at": "2026-01-02T03:04:05Z"}
    derived = parsed_both_ways(document).notification_id
    assert derived == derive_created_id(tenant, event_id)
    assert derived.version == 8
    assert derived.int >> 80 == event_id.int >> 80


def test_without_an_event_id_each_statement_is_a_new_fact() -> None:
    """Each has a new UUIDv7, a time of this millisecond, and a notification of its own."""
    before = datetime.now(UTC) - MILLISECOND
    one, other = parse_event(CREATED), parse_event(CREATED)
    assert before <= one.occurred_at <= other.occurred_at <= datetime.now(UTC)
    assert (one.event_id.version, one.notification_id.version) == (7, 8)
    assert len({one.event_id, other.event_id, one.notification_id, other.notification_id}) == 4


def test_what_is_stated_stays() -> None:
    """A stated notification_id and occurred_at are taken as they are."""
    fields = {"event_id": str(new_id()), "notification_id": str(uuid4()), "occurred_at": "2020-01-02T03:04:05Z"}
    event = parsed_both_ways({**CREATED, "external_id": "order-1", **fields})
    assert fields["notification_id"] == str(event.notification_id)
    assert event.occurred_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"event_id": "no-uuid"}, "event_id"),
        ({"event_id": 5}, "event_id"),
        ({"event_id": None}, "event_id"),
        ({"event_id": "00000000-0000-0000-0000-000000000000"}, "event_id"),
        ({"tenant_id": ""}, "tenant_id"),
        ({"tenant_id": 5}, "tenant_id"),
        ({"external_id": ""}, "external_id"),
        ({"external_id": ["x"]}, "external_id"),
        ({"external_id": "x", "source": None}, "source"),
        ({"occurred_at": None}, "occurred_at"),
        ({"notification_id": None}, "notification_id"),
    ],
)
def test_an_error_names_the_field_that_is_wrong(wrong: dict[str, Any], field: str) -> None:
    """An id that depends on a wrong field is no finding of its own."""
    with pytest.raises(ContractViolation) as refused:
        parse_event({**CREATED, **wrong})
    assert refused.value.field == field
    assert "more)" not in refused.value.message


@pytest.mark.parametrize("missing", ["tenant_id", "source"])
def test_a_field_that_an_id_depends_on_is_missed_by_name(missing: str) -> None:
    """Also where an external id is stated."""
    document = {name: value for name, value in {**CREATED, "external_id": "x"}.items() if name != missing}
    with pytest.raises(ContractViolation) as refused:
        parse_event(document)
    assert refused.value.field == missing


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CREATED])
def test_every_other_kind_must_name_its_notification(kind: Kind) -> None:
    """Nothing is derived for them, with an event_id or without."""
    document = stated(kind, event_id=str(new_id()))
    del document["notification_id"]
    with pytest.raises(ContractViolation) as refused:
        parse_event(document)
    assert refused.value.field == "notification_id"


@pytest.mark.parametrize(("field", "of"), [("delivery_ref", "a push token"), ("external_id", "a message id")])
def test_an_id_that_is_too_long_is_told_how_to_be_hashed(field: str, of: str) -> None:
    """The error names the limit, the length, the function that hashes, and where an address belongs."""
    text = "t" * 163
    with pytest.raises(ContractViolation) as refused:
        parse_event({**CREATED, "channel": "push", field: text})
    assert "ID_CHARS_MAX = 128; it has 163" in refused.value.message
    assert "hash_id" in refused.value.hint
    assert "personal.addresses" in refused.value.hint
    assert text not in str(refused.value)
    assert getattr(parse_event({**CREATED, "channel": "push", field: hash_id(text)}), field) == hash_id(text), of


@pytest.mark.parametrize("long", [{"personal": {"title": "t" * 1_001}}, {"category": "c" * 129}])
def test_a_text_that_names_nothing_is_not_to_be_hashed(long: dict[str, Any]) -> None:
    """A title and a code are no ids."""
    with pytest.raises(ContractViolation) as refused:
        parse_event({**CREATED, **long})
    assert "hash_id" not in refused.value.hint


@given(event_id=UUIDS)
def test_only_a_uuid7_has_a_time(event_id: UUID) -> None:
    """To the millisecond, where a calendar shows it."""
    timed = event_id.version == 7 and event_id.int >> 80 <= MILLISECONDS_MAX
    assert time_of(event_id) == (EPOCH + (event_id.int >> 80) * MILLISECOND if timed else None)
