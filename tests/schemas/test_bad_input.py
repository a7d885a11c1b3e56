import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger_schemas import limits, parse_event
from ledger_schemas.errors import ContractViolation
from ledger_schemas.ids import new_id
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import Personal

MARKER = "MARKER-7f3a"
"""Stands in bad values; no error may show it: what was refused may be personal."""

FIRED: dict[str, Any] = {
    "kind": "fired",
    "tenant_id": "acme",
    "notification_id": str(new_id()),
    "occurred_at": "2026-01-02T03:04:05Z",
    "source": "shop",
}
LONG = MARKER + "x" * limits.DATA_CHARS_MAX

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
    ("subject.id", {"kind": "created", "subject": {"type": MARKER}}),
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


@pytest.mark.parametrize(
    ("limit", "change"),
    [
        ("ID_CHARS_MAX", {"tenant_id": LONG}),
        ("TITLE_CHARS_MAX", {"personal": {"title": LONG}}),
        ("BODY_CHARS_MAX", {"personal": {"body": LONG}}),
        ("DATA_CHARS_MAX", {"personal": {"data": json.dumps(LONG)}}),
        ("DETAIL_CHARS_MAX", {"personal": {"detail": LONG}}),
        ("CHANNELS_PER_RECIPIENT_MAX", {"audience": [{"recipient_id": "a", "channels": ["x"] * 33}]}),
        ("TAGS_PER_EVENT_MAX", {"tags": ["x"] * 65}),
    ],
)
def test_a_limit_is_named_with_its_value(limit: str, change: dict[str, Any]) -> None:
    """Whoever meets a limit learns its name and its size from the error."""
    message = refusal(document({"kind": "created", **change})).message
    assert f", {limit}." in message
    assert str(getattr(limits, limit)) in message


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


def test_what_is_left_out_is_made_now() -> None:
    """event_id is a new UUIDv7 and occurred_at an aware time of this moment, per event."""
    before = datetime.now(UTC)
    bare = {"kind": "created", "tenant_id": "acme", "source": "shop"}
    one, other = parse_event(bare), parse_event(bare)
    assert before <= one.occurred_at <= other.occurred_at <= datetime.now(UTC)
    assert (one.event_id.version, one.notification_id.version) == (7, 7)
    assert len({one.event_id, other.event_id, one.notification_id, other.notification_id}) == 4
