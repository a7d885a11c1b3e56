import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger_schemas import decode_event, encode_event, limits, parse_event
from ledger_schemas.codec import decode_wire, wire_values
from ledger_schemas.errors import ContractViolation
from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.shapes import shape_of
from ledger_schemas.wire_rules import check_wire

from .land import full_event
from .strategies import ANY_AWARE_TIMES, events

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_ID = "01900000-0000-7000-8000-000000000002"

CREATED: dict[str, Any] = {
    "kind": Kind.CREATED,
    "event_id": "01900000-0000-7000-8000-000000000001",
    "tenant_id": "acme",
    "notification_id": SECOND_ID,
    "occurred_at": NOW,
    "source": "shop",
    "channel": "email",
    "delivery_ref": "step-1",
    "recipient_id": "ann",
    "audience": [{"recipient_id": "ann", "channels": ["email"]}, {"recipient_id": "bob"}],
    "scheduled_at": NOW,
}


def wire(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as a foreign writer could put it on the wire, unchecked by the models."""
    values = wire_values(parse_event(CREATED)) | {name: value for name, value in document.items() if name != "kind"}
    for name in ("occurred_at", "scheduled_at"):
        if isinstance(values[name], datetime):
            values[name] = (values[name] - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND
    values["audience"] = [{"role": "to", "channels": [], **member} for member in values["audience"]]
    return values


def member(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Return one audience member."""
    return {"recipient_id": name, **fields}


BAD_IDS = ["", "a\x00", "\n", "tab\there", "del\x7f", "x" * (limits.ID_CHARS_MAX + 1)]
NO_UUIDS = [
    "",
    "ann",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "01900000-0000-7000-0000-000000000001",
    "01900000-0000-7000-c000-000000000001",
    "01900000-0000-0000-8000-000000000001",
    "01900000-0000-9000-8000-000000000001",
    "01900000-0000-7000-8000-00000000000g",
    "01900000-0000-7000-8000-0000000000011",
    "01900000-0000-7000-8000-00000000000\uff11",
    "01900000-0000-7000-8000-000000000001\n",
]
OTHER_SPELLINGS = [
    SECOND_ID.upper().replace("0190", "01AB"),
    SECOND_ID.replace("-", ""),
    f"{{{SECOND_ID}}}",
    f"urn:uuid:{SECOND_ID}",
]
BAD: list[tuple[str, dict[str, Any]]] = [
    *(("tenant_id", {"tenant_id": text}) for text in BAD_IDS),
    *(("source", {"source": text}) for text in BAD_IDS),
    *(("recipient_id", {"recipient_id": text}) for text in BAD_IDS),
    *(("channel", {"channel": text}) for text in BAD_IDS),
    *(("delivery_ref", {"delivery_ref": text}) for text in BAD_IDS),
    *(("audience.recipient_id", {"audience": [member("bob"), member(text)]}) for text in BAD_IDS),
    *(("audience.channels", {"audience": [member("bob", channels=["email", text])]}) for text in BAD_IDS),
    *(("event_id", {"event_id": text}) for text in NO_UUIDS),
    *(("notification_id", {"notification_id": text}) for text in NO_UUIDS),
    ("delivery_ref", {"channel": None}),
    ("audience", {"audience": [member("ann"), member("bob"), member("ann", role="cc")]}),
    ("audience", {"audience": [member(str(n)) for n in range(limits.RECIPIENTS_PER_EVENT_MAX + 1)]}),
    ("audience.channels", {"audience": [member("ann", channels=["x"] * (limits.CHANNELS_PER_RECIPIENT_MAX + 1))]}),
]

both = pytest.mark.parametrize(
    ("field", "change"), BAD, ids=[f"{field}-{number}" for number, (field, _) in enumerate(BAD)]
)


def test_the_table_starts_from_an_event_that_both_accept() -> None:
    """Each row changes one thing in a valid event; so it is refused for that and nothing else."""
    check_wire(Kind.CREATED, wire({}))
    assert isinstance(parse_event(CREATED), Event)


@both
def test_the_wire_refuses_it_and_names_the_field(field: str, change: dict[str, Any]) -> None:
    """A foreign writer's bad value is found when it is read."""
    with pytest.raises(ContractViolation) as refused:
        check_wire(Kind.CREATED, wire(change))
    assert field == refused.value.field
    assert refused.value.message.startswith(f"{field}: ")


@both
def test_the_models_refuse_it_and_name_the_field(field: str, change: dict[str, Any]) -> None:
    """Our own writer never writes it. The models add the index in a list, so that the emitter finds it."""
    with pytest.raises(ContractViolation) as refused:
        parse_event({**CREATED, **change})
    assert field == re.sub(r"\.\d+\b", "", refused.value.field or "")


@pytest.mark.parametrize("name", ["event_id", "notification_id"])
@pytest.mark.parametrize("text", OTHER_SPELLINGS)
def test_an_id_has_one_spelling_on_the_wire(name: str, text: str) -> None:
    """The models read other spellings of a UUID and write the canonical one; a record may hold that one only."""
    with pytest.raises(ContractViolation) as refused:
        check_wire(Kind.CREATED, wire({name: text}))
    assert name == refused.value.field
    assert str(UUID(text)) == decode_wire(encode_event(parse_event({**CREATED, name: text}))).values[name]


@pytest.mark.parametrize("name", ["occurred_at", "scheduled_at"])
@pytest.mark.parametrize(
    "beyond", [limits.OCCURRED_AT_MICROSECONDS_MIN - 1, limits.OCCURRED_AT_MICROSECONDS_MAX + 1, -(2**63), 2**63 - 1]
)
def test_a_time_that_no_calendar_has_is_refused_on_the_wire(name: str, beyond: int) -> None:
    """Avro's long reaches 292,000 years; a datetime reaches from 1 to 9999."""
    with pytest.raises(ContractViolation, match=r"years 1 to 9999") as refused:
        check_wire(Kind.CREATED, wire({name: beyond}))
    assert name == refused.value.field


@pytest.mark.parametrize("name", ["occurred_at", "scheduled_at"])
@pytest.mark.parametrize(
    "beyond",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
        "0001-01-01T00:00:00+00:01",
        "10000-01-01T00:00:00Z",
        "0000-12-31T23:59:59Z",
    ],
)
def test_a_time_that_no_calendar_has_is_refused_by_the_models(name: str, beyond: object) -> None:
    """An offset that carries a datetime out of the years 1 to 9999 counts too."""
    with pytest.raises(ContractViolation) as refused:
        parse_event({**CREATED, name: beyond})
    assert name == refused.value.field


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_first_and_the_last_instant_are_accepted(edge: datetime) -> None:
    """The named limits are the edges of the calendar, to the microsecond."""
    event = parse_event({**CREATED, "occurred_at": edge, "scheduled_at": edge})
    assert event == decode_event(encode_event(event))
    reach = (limits.OCCURRED_AT_MICROSECONDS_MIN, limits.OCCURRED_AT_MICROSECONDS_MAX)
    assert wire_values(event)["occurred_at"] in reach


@settings(max_examples=300, deadline=None)
@given(time=ANY_AWARE_TIMES)
@example(time=datetime.min.replace(tzinfo=timezone(timedelta(minutes=1))))
@example(time=datetime.max.replace(tzinfo=timezone(timedelta(minutes=-1))))
def test_any_aware_time_is_kept_or_refused(time: datetime) -> None:
    """A time inside the limits is read back as the same instant; any other is refused before it is written."""
    local = (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND
    instant = local - (time.utcoffset() or timedelta()) // MICROSECOND
    document = {**CREATED, "occurred_at": time}
    if limits.OCCURRED_AT_MICROSECONDS_MIN <= instant <= limits.OCCURRED_AT_MICROSECONDS_MAX:
        frame = encode_event(parse_event(document))
        assert (instant, time) == (decode_wire(frame).values["occurred_at"], decode_event(frame).occurred_at)
    else:
        with pytest.raises(ContractViolation, match="occurred_at"):
            parse_event(document)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_models_accept_the_wire_accepts(kind: Kind, data: st.DataObject) -> None:
    """An event that was emitted never ends in quarantine for its values."""
    event = data.draw(events(kind))
    check_wire(kind, wire_values(event))


LOOSE: list[Callable[[], dict[str, Any]]] = [
    lambda: {"actor": ""},
    lambda: {"tags": ["x"] * (limits.TAGS_PER_EVENT_MAX + 1)},
    lambda: {"category": "x" * 500},
    lambda: {"personal": dict.fromkeys(("title", "body", "data", "addresses", "detail"), "\0 not JSON " * 200)},
]


@pytest.mark.parametrize("change", [change() for change in LOOSE])
def test_the_wire_is_looser_than_the_models_where_nothing_depends_on_it(change: dict[str, Any]) -> None:
    """A foreign writer's long title harms nobody once it is in the log, so it is applied, not quarantined."""
    check_wire(Kind.CREATED, wire(change))
    with pytest.raises(ContractViolation):
        parse_event({**CREATED, **change})


EVERY_UUID = [(kind, name) for kind in Kind for name in shape_of(kind).uuids]
EVERY_TIME = [(kind, name) for kind in Kind for name in shape_of(kind).times]


def full(kind: Kind) -> dict[str, Any]:
    """Return the plain values of an event that states every field of its kind."""
    return wire_values(parse_event(full_event(kind)))


@pytest.mark.parametrize(("kind", "name"), EVERY_UUID)
def test_every_uuid_of_every_kind_is_checked(kind: Kind, name: str) -> None:
    """Also parent_notification_id and retracted_event_id, which point at something else."""
    check_wire(kind, full(kind))
    with pytest.raises(ContractViolation, match="UUID of RFC 9562") as refused:
        check_wire(kind, full(kind) | {name: NO_UUIDS[2]})
    assert name == refused.value.field


@pytest.mark.parametrize(("kind", "name"), EVERY_TIME)
def test_every_time_of_every_kind_is_checked(kind: Kind, name: str) -> None:
    """Also retry_at, snoozed_until and expires_at, which lie ahead: no reader meets a time that it cannot show."""
    check_wire(kind, full(kind) | {name: limits.OCCURRED_AT_MICROSECONDS_MAX})
    with pytest.raises(ContractViolation, match="years 1 to 9999") as refused:
        check_wire(kind, full(kind) | {name: limits.OCCURRED_AT_MICROSECONDS_MAX + 1})
    assert name == refused.value.field


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["tenant_id", "source", "recipient_id", "channel", "delivery_ref"])
def test_the_ids_that_rows_are_keyed_by_are_checked_in_every_kind(kind: Kind, name: str) -> None:
    """No kind is a way around: a row's key is an id."""
    with pytest.raises(ContractViolation, match="1 to 128 characters") as refused:
        check_wire(kind, full(kind) | {name: "a\x00"})
    assert name == refused.value.field
