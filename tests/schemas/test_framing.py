import pytest

from ledger_schemas import decode_event, encode_event, parse_event
from ledger_schemas.codec import decode_wire
from ledger_schemas.errors import Undecodable
from ledger_schemas.framing import FrameFormat, SchemaReference, header_of, split_frame
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import current_schema

from .land import full_event

FINGERPRINT = bytes.fromhex("0123456789abcdef")

each_kind = pytest.mark.parametrize("kind", Kind)


def test_a_single_object_frame_is_magic_and_fingerprint() -> None:
    """C3 01, then the fingerprint's 8 bytes as they stand: ten bytes in all (Avro 1.12 specification)."""
    reference = SchemaReference.to_fingerprint(FINGERPRINT)
    assert bytes.fromhex("c3010123456789abcdef") == header_of(reference)
    assert split_frame(header_of(reference) + b"body") == (reference, 10)


@pytest.mark.parametrize(("schema_id", "header"), [(1, "0000000001"), (258, "0000000102"), (2**32 - 1, "00ffffffff")])
def test_a_confluent_frame_is_zero_and_the_id_big_endian(schema_id: int, header: str) -> None:
    """00, then the registry's id as 4 bytes: five bytes in all."""
    reference = SchemaReference.to_registry_id(schema_id)
    assert bytes.fromhex(header) == header_of(reference)
    assert split_frame(header_of(reference) + b"body") == (reference, 5)
    assert schema_id == reference.registry_id


def test_a_registry_id_has_32_bits() -> None:
    """What no frame can carry is not cut to fit."""
    for schema_id in (-1, 2**32):
        with pytest.raises(OverflowError):
            SchemaReference.to_registry_id(schema_id)


def test_a_reference_says_what_an_operator_would_look_for() -> None:
    """The fingerprint in hex as it stands on the wire, or the registry's id as a number."""
    assert str(SchemaReference.to_fingerprint(FINGERPRINT)) == "fingerprint 0123456789abcdef"
    assert str(SchemaReference.to_registry_id(17)) == "registry id 17"


def test_references_of_two_frames_are_never_equal() -> None:
    """Also where their bytes agree: an id is no fingerprint."""
    value = b"\0\0\0\x01"
    assert SchemaReference(FrameFormat.CONFLUENT, value) != SchemaReference(FrameFormat.SINGLE_OBJECT, value)


@pytest.mark.parametrize("frame", ["", "c3", "c301", "c30101234567", "00", "00000000", "c302", "01", "7b7d", "ffff"])
def test_what_begins_with_neither_frame_is_undecodable(frame: str) -> None:
    """Cut headers and other magic; the message says what was looked for, and how many bytes there were."""
    with pytest.raises(Undecodable, match=rf"C3 01 .* Confluent .*\({len(frame) // 2} bytes\)"):
        split_frame(bytes.fromhex(frame))


@each_kind
def test_both_frames_carry_the_same_event(kind: Kind) -> None:
    """The body is the same to the byte; a reader that knows both references reads the same from either."""
    event = parse_event(full_event(kind))
    by_id = SchemaReference.to_registry_id(7)
    known = KnownSchemas()
    assert known.learn(by_id, current_schema(kind).text)
    single, confluent = encode_event(event), encode_event(event, by_id)
    assert single[10:] == confluent[5:]
    assert event == decode_event(single, known) == decode_event(confluent, known)
    assert decode_wire(single, known) == decode_wire(confluent, known)
