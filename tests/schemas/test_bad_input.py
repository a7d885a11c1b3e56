import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from ledger_schemas import limits, parse_event
from ledger_schemas.codec import decode_event
from ledger_schemas.errors import ContractViolation, LimitExceeded
from ledger_schemas.events import NotificationCreated
from ledger_schemas.ids import new_id
from ledger_schemas.json_texts import load_json
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import Personal
from ledger_schemas.shipped import fingerprint_of_text, schema_text

from .land import GOLDEN

MARKER = "MARKER-7f3a"
"""Stands in bad values; no error may show it: what was refused may be personal."""

FIRED: dict[str, Any] = {
    "kind": "fired",
    "tenant_id": "acme",
    "notification_id": str(new_id()),
    "occurred_at": "2026-01-02T03:04:05Z",
    "source": "shop",
}
LONG = MARKER + "x" * limits.DATA_BYTES_MAX

# field, what is changed in a good event (None as a whole: left out)
BAD: list[tuple[str, dict[str, Any]]] = [
    ("kind", {"kind": MARKER}),
    ("kind", {"kind": [MARKER]}),
    ("kind", {"kind": None}),
    ("tenant_id", {"tenant_id": f"{MARKER}\n"}),
    ("tenant_id", {"tenant_id": LONG}),
    ("tenant_id", {"tenant_id": {MARKER: MARKER}}),
    ("tenant_id", {"tenant_id": 5}),
    ("source", {"source": None}),
    ("event_id", {"event_id": MARKER}),
    ("event_id", {"event_id": MARKER * 9}),
    ("notification_id", {"notification_id": [MARKER]}),
    ("occurred_at", {"occurred_at": MARKER}),
    ("occurred_at", {"occurred_at": "2026-01-02T03:04:05"}),
    ("occurred_at", {"occurred_at": f"2026-01-02T03:04:05Z{MARKER}"}),
    ("recipient_id", {"recipient_id": f"\0{MARKER}"}),
    ("delivery_ref", {"delivery_ref": MARKER}),
    ("personal", {"personal": MARKER}),
    ("personal.title", {"personal": {"title": LONG}}),
    ("personal.body", {"personal": {"body": LONG}}),
    ("personal.detail", {"personal": {"detail": LONG}}),
    ("personal.data", {"personal": {"data": MARKER}}),
    ("personal.data", {"personal": {"data": {"a": MARKER}}}),
    ("personal.data", {"personal": {"data": json.dumps(LONG)}}),
    ("personal.addresses", {"personal": {"addresses": f"{{{MARKER}}}"}}),
    ("personal.phone", {"personal": {"phone": MARKER}}),
    ("read", {"read": MARKER}),
    ("automated", {"automated": MARKER}),
    ("automated", {"kind": "opened", "automated": MARKER}),
    ("permanent", {"kind": "failed", "permanent": MARKER}),
    ("audience", {"kind": "created", "audience": MARKER}),
    ("audience.0", {"kind": "created", "audience": [MARKER]}),
    ("audience.1.recipient_id", {"kind": "created", "audience": [{"recipient_id": "a"}, {"role": MARKER}]}),
    ("audience", {"kind": "created", "audience": [{"recipient_id": MARKER}] * 2}),
    ("audience.0.role", {"kind": "audience_added", "audience": [{"recipient_id": "a", "role": f"\n{MARKER}"}]}),
    ("subject.id", {"kind": "created", "subject": {"type": "order", "id": [MARKER]}}),
    ("subject.status", {"kind": "amended", "subject": {"status": f"\x7f{MARKER}"}}),
    ("groups.0.id", {"kind": "created", "groups": [{"type": MARKER}]}),
    ("creator.name", {"kind": "created", "creator": {"name": MARKER}}),
    ("template.name", {"kind": "created", "template": {"name": LONG}}),
    ("schedule.local_time", {"kind": "created", "schedule": {"local_time": ["2026", MARKER]}}),
    ("digest", {"kind": "created", "digest": MARKER}),
    ("parent_notification_id", {"kind": "created", "parent_notification_id": MARKER}),
    ("number", {"kind": "created", "number": MARKER}),
    *(
        ("number", {"kind": "created", "number": number})
        for number in (-1, "5", 5.0, 5.5, 1e3, 1e300, True, [5], 2**64)
    ),
    ("expires_at", {"kind": "created", "expires_at": MARKER}),
    ("attributes", {"attributes": MARKER}),
    ("attributes", {"attributes": json.dumps([MARKER])}),
    ("attributes", {"attributes": {MARKER: MARKER}}),
    ("cleared", {"kind": "amended", "cleared": [MARKER]}),
    ("cleared", {"kind": "amended", "cleared": ["tenant_id", MARKER]}),
    ("retracted_event_id", {"kind": "retracted"}),
    ("retracted_event_id", {"kind": "retracted", "retracted_event_id": MARKER}),
    ("snoozed_until", {"kind": "snoozed", "snoozed_until": MARKER}),
    ("retry_at", {"kind": "deferred", "retry_at": MARKER}),
    ("retry", {"kind": "attempted", "retry": MARKER}),
    ("action_type", {"kind": "action_completed", "action_type": LONG}),
    ("scope", {"kind": "unsubscribed", "scope": ""}),
    ("tags", {"kind": "created", "tags": [MARKER] * (limits.TAGS_PER_EVENT_MAX + 1)}),
    ("tags.0", {"kind": "created", "tags": [f"{MARKER}\0"]}),
    ("scheduled_at", {"kind": "created", "scheduled_at": MARKER}),
]


def document(change: dict[str, Any]) -> dict[str, Any]:
    """Return the good event with a change; None leaves the field out."""
    return {name: value for name, value in {**FIRED, **change}.items() if value is not None}


def refusal(given: dict[str, Any] | str | bytes) -> ContractViolation:
    """Return the error that an input is refused with."""
    with pytest.raises(ContractViolation) as refused:
        parse_event(given)
    return refused.value


def everything(error: BaseException) -> str:
    """Return all that a log or a traceback could show of an error."""
    return f"{error} {error!r} {vars(error)} {error.__cause__!r}"


def test_the_good_event_is_good() -> None:
    """Each case below changes one thing in this; so it is refused for that."""
    assert parse_event(FIRED).kind == Kind.FIRED


@pytest.mark.parametrize(("field", "change"), BAD, ids=[f"{field}-{n}" for n, (field, _) in enumerate(BAD)])
def test_bad_input_names_the_field_and_never_repeats_the_value(field: str, change: dict[str, Any]) -> None:
    """As a dict or as JSON text: which field, what was wrong, what to do; never what stood there."""
    for given in (document(change), json.dumps(document(change))):
        error = refusal(given)
        assert field == error.field
        assert error.message.startswith(f"{field}: ")
        assert error.hint
        assert MARKER not in everything(error)


def test_several_findings_are_counted() -> None:
    """The first is told, and how many more there are."""
    error = refusal(document({"tenant_id": "", "source": "", "event_id": ""}))
    assert error.message.endswith("(2 more).")


def test_an_unknown_kind_is_told_which_there_are() -> None:
    """What is allowed stands in the message."""
    assert all(kind in refusal(document({"kind": MARKER})).message for kind in Kind)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"fired"', b"5", b"\xff\xfe", b'{"kind": "fired"'])
def test_what_is_no_json_object_is_no_event(body: bytes) -> None:
    """There is no field to name: the event itself is."""
    assert refusal(body).field == "event"


@pytest.mark.parametrize("as_given", [str, str.encode])
@pytest.mark.parametrize(
    ("twice", "name"),
    [
        ('"source": "a", "source": "b"', "source"),
        ('"personal": {"title": "a", "body": "b", "title": "a"}', "title"),
        ('"audience": [{}, {"role": "to", "role": "cc"}]', "role"),
        ('"personal": {"data": {"a": [1, {"x": {}, "x": {}}]}}', "x"),
        ('"\\u0073ource": "a", "source": "b"', "source"),
        ('"\\ud800\\n": 1, "\\ud800\\n": 2', r"\ud800\n"),
        (f'"{"x" * 300}": 1, "{"x" * 300}": 2', "x" * 64),
    ],
)
def test_a_name_given_twice_is_refused(as_given: Callable[[str], str | bytes], twice: str, name: str) -> None:
    """One reader takes the first value and another the last, at any depth: the error names the name."""
    error = refusal(as_given(f'{{"kind": "created", "tenant_id": "acme", {twice}}}'))
    assert (name, f"{name}: stands twice in one object.") == (error.field, error.message)


@pytest.mark.parametrize("document", ["[" * 600_000, "[" + "[]," * 600_000 + '{"a": 1, "a": 1}]'])
def test_more_arrays_and_objects_than_a_call_can_hold_are_not_parsed(document: str) -> None:
    """They would take a hundred times the memory of their text: refused by their number, at once."""
    with pytest.raises(LimitExceeded, match="JSON_CONTAINERS_MAX = 500000"):
        load_json(document)


@pytest.mark.parametrize(
    "many",
    [
        {"tags": [1] * 100_000},
        {"audience": [{"recipient_id": "a", "channels": [""] * 100_000}]},
        {"audience": [{"a": 0}] * 100_000},
        {f"name-{number}": 0 for number in range(100_000)},
        {"personal": {f"name-{number}": 0 for number in range(100_000)}},
    ],
)
def test_more_items_than_any_field_allows_are_not_judged_one_by_one(many: dict[str, Any]) -> None:
    """Each would be a finding of its own, and cost more than its two bytes: refused by their number."""
    text = json.dumps({"kind": "created", "tenant_id": "acme", "source": "shop", **many})
    with pytest.raises(LimitExceeded, match="JSON_ITEMS_MAX = 10000"):
        parse_event(text)


@pytest.mark.parametrize(("special", "number"), [("full", 2**53 + 1), ("last-instant", 2**63 - 1)])
def test_a_larger_number_in_the_log_is_read_as_it_is(special: str, number: int) -> None:
    """NUMBER_MAX holds for what is stated now: a record that was written before it keeps its number."""
    event = decode_event((GOLDEN / "v1" / f"created-{special}.bin").read_bytes())
    assert isinstance(event, NotificationCreated)
    assert event.number == number
    assert (
        refusal({**event.model_dump(), "number": number}).message
        == f"number: must be at most NUMBER_MAX = {2**53 - 1}."
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_literals_that_only_some_readers_know_are_not_json(number: str) -> None:
    """RFC 8259 has none of them, wherever they stand."""
    assert refusal(f'{{"kind": "created", "tenant_id": "acme", "source": "shop", "number": {number}}}').field == "event"


def test_bytes_are_utf_8() -> None:
    """UTF-16 is refused, although a reader could guess it; a byte order mark of UTF-8 is passed over."""
    text = json.dumps(FIRED)
    assert refusal(text.encode("utf-16")).field == "event"
    assert parse_event(text.encode("utf-8-sig")).kind is Kind.FIRED


@pytest.mark.parametrize("time", [1_767_225_600, 1_767_225_600_000.0, "1767225600", True, None, ""])
def test_a_number_is_no_time(time: object) -> None:
    """Whether a number counts seconds, milliseconds or microseconds would be a guess: it is refused, in a text too."""
    error = refusal({**FIRED, "occurred_at": time})
    assert (error.field, "RFC 3339" in error.message) == ("occurred_at", True)


def test_a_naive_datetime_is_refused() -> None:
    """A time without an offset is a different instant on every machine."""
    for name in ("occurred_at", "scheduled_at"):
        naive = datetime(2026, 1, 2)  # noqa: DTZ001 - that is what is refused
        error = refusal({**FIRED, "kind": "created", name: naive})
        assert (name, True) == (error.field, "timezone" in error.message)


@pytest.mark.parametrize("shape", ["[", '{"a":'])
def test_deep_json_is_refused_by_the_name_of_the_limit(shape: str) -> None:
    """DATA_DEPTH_MAX levels pass, one more does not; however deep, nothing overflows."""
    close = {"[": "]", '{"a":': "}"}[shape]
    inner = {"[": "[]", '{"a":': "{}"}[shape]

    def nested(levels: int) -> str:
        return shape * (levels - 1) + inner + close * (levels - 1)

    assert nested(limits.DATA_DEPTH_MAX) == Personal(data=nested(limits.DATA_DEPTH_MAX)).data
    error = refusal(document({"personal": {"data": nested(limits.DATA_DEPTH_MAX + 1)}}))
    assert f"DATA_DEPTH_MAX = {limits.DATA_DEPTH_MAX}" in error.message
    assert refusal(document({"personal": {"data": nested(50_000)}})).field == "personal.data"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_what_only_python_reads_as_json_is_refused(text: str) -> None:
    """RFC 8259 has no NaN and no Infinity; other readers of the log would stop at them."""
    assert refusal(document({"personal": {"data": text}})).field == "personal.data"


def test_ten_thousand_recipients_are_refused_by_the_name_of_the_limit() -> None:
    """RECIPIENTS_PER_EVENT_MAX pass, ten thousand do not."""
    audience = [{"recipient_id": str(number)} for number in range(10_000)]
    largest = {**FIRED, "kind": "created", "audience": audience[: limits.RECIPIENTS_PER_EVENT_MAX]}
    assert parse_event(largest).kind == Kind.CREATED
    error = refusal({**largest, "audience": audience})
    assert error.field == "audience"
    assert "RECIPIENTS_PER_EVENT_MAX" in error.message
    assert str(limits.RECIPIENTS_PER_EVENT_MAX) in error.message


def members(count: int) -> list[dict[str, str]]:
    """Return an audience of so many recipients."""
    return [{"recipient_id": str(number)} for number in range(count)]


def json_text(size: int) -> str:
    """Return a JSON object as text of so many bytes of UTF-8, its characters of two bytes each but for one."""
    room = size - len('{"a":""}')
    return '{"a":"' + "é" * (room // 2) + "x" * (room % 2) + '"}'


def deep(levels: int) -> str:
    """Return a JSON object as text that is nested so deep."""
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


# limit, field that it holds for, and the change that gives a document whose field is of a size
LIMITS: list[tuple[str, str, Callable[[int], dict[str, Any]]]] = [
    *(
        ("ID_CHARS_MAX", name, partial(lambda name, size: {name: "é" * size}, name))
        for name in ("tenant_id", "recipient_id", "channel", "attempt_id", "source", "actor", "correlation_id")
    ),
    ("ID_CHARS_MAX", "delivery_ref", lambda size: {"channel": "email", "delivery_ref": "x" * size}),
    ("ID_CHARS_MAX", "audience.0.recipient_id", lambda size: {"audience": [{"recipient_id": "x" * size}]}),
    ("ID_CHARS_MAX", "tags.0", lambda size: {"tags": ["x" * size]}),
    ("ID_CHARS_MAX", "subject.id", lambda size: {"subject": {"id": "x" * size}}),
    ("ID_CHARS_MAX", "template.version", lambda size: {"template": {"version": "x" * size}}),
    ("ID_CHARS_MAX", "external_id", lambda size: {"external_id": "x" * size}),
    ("TITLE_CHARS_MAX", "personal.title", lambda size: {"personal": {"title": "é" * size}}),
    ("BODY_CHARS_MAX", "personal.body", lambda size: {"personal": {"body": "é" * size}}),
    ("BODY_CHARS_MAX", "personal.body_formatted", lambda size: {"personal": {"body_formatted": "é" * size}}),
    ("LINK_CHARS_MAX", "personal.link", lambda size: {"personal": {"link": "é" * size}}),
    ("DETAIL_CHARS_MAX", "personal.detail", lambda size: {"personal": {"detail": "é" * size}}),
    ("NAME_CHARS_MAX", "personal.subject_name", lambda size: {"personal": {"subject_name": "é" * size}}),
    ("NAME_CHARS_MAX", "personal.creator_name", lambda size: {"personal": {"creator_name": "é" * size}}),
    ("NAME_CHARS_MAX", "personal.creator_address", lambda size: {"personal": {"creator_address": "é" * size}}),
    ("NAME_CHARS_MAX", "template.name", lambda size: {"template": {"name": "é" * size}}),
    ("NAME_CHARS_MAX", "schedule.name", lambda size: {"schedule": {"name": "é" * size}}),
    ("NAME_CHARS_MAX", "schedule.recurrence", lambda size: {"schedule": {"recurrence": "x" * size}}),
    ("DATA_BYTES_MAX", "personal.data", lambda size: {"personal": {"data": json_text(size)}}),
    ("DATA_BYTES_MAX", "personal.addresses", lambda size: {"personal": {"addresses": json_text(size)}}),
    ("ATTRIBUTES_BYTES_MAX", "attributes", lambda size: {"attributes": json_text(size)}),
    ("DATA_DEPTH_MAX", "personal.data", lambda size: {"personal": {"data": deep(size)}}),
    ("DATA_DEPTH_MAX", "attributes", lambda size: {"attributes": deep(size)}),
    ("RECIPIENTS_PER_EVENT_MAX", "audience", lambda size: {"audience": members(size)}),
    ("CHANNELS_PER_RECIPIENT_MAX", "channels", lambda size: {"channels": ["x"] * size}),
    (
        *("CHANNELS_PER_RECIPIENT_MAX", "audience.0.channels"),
        lambda size: {"audience": [{"recipient_id": "a", "channels": ["x"] * size}]},
    ),
    ("GROUPS_PER_EVENT_MAX", "groups", lambda size: {"groups": [{"type": "team", "id": "7"}] * size}),
    ("TAGS_PER_EVENT_MAX", "tags", lambda size: {"tags": ["x"] * size}),
    ("CONTEXTS_PER_EVENT_MAX", "contexts", lambda size: {"contexts": ["x"] * size}),
    ("TAGS_PER_EVENT_MAX", "cleared", lambda size: {"kind": "amended", "cleared": ["tags"] * size}),
    (
        *("TIME_FRACTION_DIGITS_MAX", "occurred_at"),
        lambda size: {"occurred_at": f"2026-01-02T03:04:05.{'9' * size}Z"},
    ),
    ("NUMBER_MAX", "number", lambda size: {"number": size}),
]


@pytest.mark.parametrize(("limit", "field", "of_size"), LIMITS, ids=[f"{limit}-{field}" for limit, field, _ in LIMITS])
def test_a_limit_is_named_with_its_value(limit: str, field: str, of_size: Callable[[int], dict[str, Any]]) -> None:
    """What is just as large passes; whoever passes the limit by one learns its name and its size from the error."""
    largest = getattr(limits, limit)
    assert parse_event(document({"kind": "created", **of_size(largest)})).tenant_id
    error = refusal(document({"kind": "created", **of_size(largest + 1)}))
    assert field == error.field
    assert limit in error.message
    assert str(largest) in error.message


# Limits that are met elsewhere: what they bound is no field of one event.
ELSEWHERE = {
    *("EVENT_BYTES_MAX", "INGEST_BYTES_MAX", "SCHEMA_BYTES_MAX", "BATCH_EVENTS_MAX", "CLOCK_SKEW_SECONDS_MAX"),
    "BODY_SECONDS_MAX",
    "JSON_CONTAINERS_MAX",
    "JSON_ITEMS_MAX",
    *("OCCURRED_AT_MICROSECONDS_MIN", "OCCURRED_AT_MICROSECONDS_MAX"),
    *("PAGE_ROWS_DEFAULT", "PAGE_ROWS_MAX", "PAGE_OFFSET_MAX", "GROUPS_MAX", "TIMELINE_EVENTS_MAX", "WAIT_SECONDS_MAX"),
    *("SETTINGS_PER_EVENT_MAX", "SETTING_CHARS_MAX", "DEVICE_TOKEN_CHARS_MAX"),
}


def test_every_limit_of_an_event_is_shown_here() -> None:
    """A limit that is added to limits.py needs its row above, or a place of its own."""
    assert {name for name in vars(limits) if name.isupper()} == {limit for limit, _, _ in LIMITS} | ELSEWHERE


def test_a_schema_that_is_too_long_is_refused_by_the_name_of_the_limit() -> None:
    """SCHEMA_BYTES_MAX bytes of JSON text, and not one more, are read as a schema."""
    schema = schema_text(Kind.READ)
    padded = schema + " " * (limits.SCHEMA_BYTES_MAX - len(schema.encode()))
    assert fingerprint_of_text(schema) == fingerprint_of_text(padded)
    with pytest.raises(LimitExceeded, match=rf"SCHEMA_BYTES_MAX is {limits.SCHEMA_BYTES_MAX}"):
        fingerprint_of_text(padded + " ")


def test_a_lone_surrogate_is_refused() -> None:
    """A text that UTF-8 cannot carry names its field, and as JSON text it is no JSON."""
    for field, change in (
        ("tenant_id", {"tenant_id": "\ud800"}),
        ("personal.title", {"personal": {"title": "\udfff"}}),
    ):
        assert field == refusal(document(change)).field
        assert refusal(json.dumps(document(change))).code == "contract_violation"


def test_the_name_of_an_unknown_field_is_cut() -> None:
    """A field name is the caller's text: an error shows a bounded piece of it."""
    assert len(refusal(document({"x" * 100_000: 1})).message) < 500


def test_events_cannot_be_changed() -> None:
    """An event is immutable."""
    event = parse_event(FIRED)
    with pytest.raises(ValueError, match="frozen"):
        setattr(event, "tenant_id", "other")  # noqa: B010 - mypy refuses the plain form, as it should
