import json
from typing import Any

import pytest

from ledger_schemas import encode_event, limits, parse_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import KindUnknown, SchemaUnknown
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import fingerprint_of_text, shipped_schemas

from .land import minimal_event
from .published import document

BY_ID = SchemaReference.to_registry_id(7)


def with_a_field(kind: Kind) -> str:
    """Return a schema of a kind that this distribution does not ship."""
    schema = document(kind)
    schema["fields"].append({"name": "mood", "type": ["null", "string"], "default": None, "doc": "A mood."})
    return json.dumps(schema)


def of_no_kind(name: str = "NotificationYodelled", **changes: Any) -> str:  # noqa: ANN401 - any property
    """Return a schema whose record is none of our kinds."""
    return json.dumps({**document(Kind.READ), "name": name, **changes})


def reference_of(text: str) -> SchemaReference:
    """Return the reference to a text by its own fingerprint."""
    return SchemaReference.to_fingerprint(fingerprint_of_text(text))


def test_what_is_shipped_is_known_at_once() -> None:
    """Every version of every kind, by its fingerprint: replay asks nobody."""
    known = KnownSchemas()
    for fingerprint, schema in shipped_schemas().items():
        reference = SchemaReference.to_fingerprint(fingerprint)
        assert reference in known
        assert schema is known.find(reference)


def test_an_unknown_schema_is_named_and_can_be_learnt() -> None:
    """By its fingerprint, or by the id that a registry gave it; then it is found with its kind and no version."""
    text = with_a_field(Kind.FIRED)
    for reference in (reference_of(text), BY_ID):
        known = KnownSchemas()
        assert reference not in known
        with pytest.raises(SchemaUnknown, match=str(reference)):
            known.find(reference)
        assert known.learn(reference, text) is True
        found = known.find(reference)
        assert (Kind.FIRED, None, text) == (found.kind, found.version, found.text)


def test_a_forged_fingerprint_teaches_nothing() -> None:
    """The fingerprint must be that of the text: else anybody could change what an old event means."""
    known = KnownSchemas()
    forged = SchemaReference.to_fingerprint(b"\x01" * 8)
    assert known.learn(forged, with_a_field(Kind.FIRED)) is False
    assert forged not in known


def test_what_is_known_stays_as_it_is() -> None:
    """The first that was learnt counts; a second text for the same reference is not taken, shipped or learnt."""
    known = KnownSchemas()
    first, second = with_a_field(Kind.FIRED), with_a_field(Kind.READ)
    assert known.learn(BY_ID, first) is True
    assert known.learn(BY_ID, second) is False
    assert first == known.find(BY_ID).text
    shipped = next(iter(shipped_schemas().values()))
    reworded = json.dumps({**shipped.document, "doc": "Something else."})
    assert reference_of(reworded) == SchemaReference.to_fingerprint(shipped.fingerprint)
    assert known.learn(reference_of(reworded), reworded) is False
    assert shipped is known.find(reference_of(reworded))


@pytest.mark.parametrize(
    "text",
    [
        of_no_kind(),
        of_no_kind(name="NotificationCreated", namespace="somebody.else"),
        '{"type": "enum", "name": "NotificationCreated", "namespace": "notifications.lifecycle", "symbols": ["A"]}',
    ],
)
def test_a_schema_of_no_kind_is_known_as_that(text: str) -> None:
    """KindUnknown is not SchemaUnknown: waiting for the schema would not help, a newer reader would."""
    known = KnownSchemas()
    assert known.learn(reference_of(text), text) is True
    assert reference_of(text) in known
    with pytest.raises(KindUnknown) as refused:
        known.find(reference_of(text))
    assert not isinstance(refused.value, SchemaUnknown)
    with pytest.raises(KindUnknown):
        decode_wire(header_of(reference_of(text)) + b"\0", known)
    assert known.learn(reference_of(text), text) is False


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", "null", '"string"', '{"type": "record"}', "[" * 5_000),
        *('{"type": "record", "name": "x", "fields": [{"name": "a", "type": "nothing"}]}', "\ud800", '{"type": {}}'),
        "x" * (limits.SCHEMA_BYTES_MAX + 1),
    ],
    ids=lambda text: text[:20].encode(errors="replace").hex() or "empty",
)
def test_a_text_that_is_no_schema_teaches_nothing(text: str) -> None:
    """No error, no entry: whoever wrote it into a store cannot stop those who read the store."""
    known = KnownSchemas()
    assert known.learn(BY_ID, text) is False
    assert BY_ID not in known


def test_two_readers_learn_apart() -> None:
    """What one learns the other does not know: nothing is kept in the module."""
    one, other = KnownSchemas(), KnownSchemas()
    one.learn(BY_ID, with_a_field(Kind.FIRED))
    assert BY_ID in one
    assert BY_ID not in other
    assert BY_ID not in KnownSchemas()


def test_without_a_store_a_registrys_frame_is_unknown() -> None:
    """decode_wire knows the shipped schemas alone by default, and says which id it lacks."""
    frame = encode_event(parse_event(minimal_event(Kind.FIRED)), BY_ID)
    with pytest.raises(SchemaUnknown, match="registry id 7"):
        decode_wire(frame)
