"""The reference codec: one event to framed bytes and back, by fastavro."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation, LimitExceeded, Undecodable
from ledger_schemas.events import Event
from ledger_schemas.framing import SchemaReference, header_of, split_frame
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.parsing import parse_recorded
from ledger_schemas.shapes import shape_of
from ledger_schemas.shipped import WriterSchema, current_schema
from ledger_schemas.upcasting import upcast
from ledger_schemas.wire_rules import check_wire

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WireEvent:
    """One decoded event as plain values: times are microseconds since 1970, ids are text, absent is None."""

    kind: Kind
    values: dict[str, Any]


def encode_event(event: Event, reference: SchemaReference | None = None) -> bytes:
    """Return the framed bytes of one event.

    `reference` is what the frame says of the current schema of its kind: its fingerprint (the default), or the id that
    a registry gave it. Raises LimitExceeded when the bytes are more than EVENT_BYTES_MAX, ContractViolation when a
    text is not valid UTF-8.
    """
    frame = encode_wire(WireEvent(event.kind, wire_values(event)), reference)
    if len(frame) > limits.EVENT_BYTES_MAX:
        raise LimitExceeded(
            f"The event is {len(frame)} bytes; EVENT_BYTES_MAX is {limits.EVENT_BYTES_MAX}.",
            hint="Keep large content elsewhere and record a reference to it.",
        )
    return frame


def encode_wire(event: WireEvent, reference: SchemaReference | None = None) -> bytes:
    """Return the framed bytes of plain values, of any length; `reference` is as for `encode_event`.

    For what a log held already: foreign writers keep to fewer rules than the models. Raises ContractViolation when a
    text is not valid UTF-8.
    """
    schema = current_schema(event.kind)
    out = io.BytesIO()
    out.write(header_of(reference or SchemaReference.to_fingerprint(schema.fingerprint)))
    try:
        schemaless_writer(out, schema.parsed, event.values)
    except UnicodeEncodeError as error:
        raise ContractViolation(
            f"A text of the event is not valid Unicode: {error.reason}.", hint="Send well-formed UTF-8."
        ) from None
    return out.getvalue()


def wire_values(event: Event) -> dict[str, Any]:
    """Return the event as the plain values that its `.avsc` describes."""
    # The models are flat but for these fields: copying them costs a quarter of model_dump.
    shape = shape_of(event.kind)
    values = dict(event.__dict__)
    for name in shape.records:
        part = values[name]
        if part is not None:
            values[name] = part.__dict__
    for name in shape.record_lists:
        values[name] = [part.__dict__ for part in values[name]]
    for name in shape.uuids:
        if values[name] is not None:
            values[name] = str(values[name])
    for name in shape.times:
        if values[name] is not None:
            values[name] = (values[name] - _EPOCH) // _MICROSECOND
    return values


def decode_wire(frame: bytes, known: KnownSchemas | None = None) -> WireEvent:
    """Return the plain values of one framed event, as its kind's current schema describes them.

    `known` defaults to the shipped schemas.
    Raises SchemaUnknown when no known schema has the frame's reference, KindUnknown when its record is none of our
    kinds, Undecodable when the bytes are not one whole record (bytes left over included), ContractViolation when the
    values break a rule that Avro cannot state.
    """
    reference, start = split_frame(frame)
    schema = (known or _shipped()).find(reference)
    values = decode_body(schema, frame[start:])
    check_wire(schema.kind, values)
    return WireEvent(schema.kind, values)


def decode_body(schema: WriterSchema, body: bytes) -> dict[str, Any]:
    """Return the plain values of one record without its frame, resolved to the current schema of its kind.

    Raises Undecodable when the bytes are not one whole record of the writer schema, bytes left over included, or when
    Avro's resolution cannot bring it to the current schema.
    """
    reader = current_schema(schema.kind)
    stream = io.BytesIO(body)
    try:
        values = schemaless_reader(stream, schema.parsed, None if schema is reader else reader.parsed)
    except RecursionError:
        raise Undecodable("The record is nested too deeply.", hint="It was not written by this contract.") from None
    except SchemaResolutionError:
        raise Undecodable(
            f"The writer's schema does not resolve to the current one of {schema.kind}.",
            hint="Schemas change by the rules of the evolution guide only.",
        ) from None
    except (EOFError, LookupError, OverflowError, MemoryError, TypeError, ValueError) as error:
        raise Undecodable(
            f"The bytes are not a {schema.kind} event: {type(error).__name__}.",
            hint="Check that the writer encodes with the schema that its frame names.",
        ) from None
    left_over = len(body) - stream.tell()
    if left_over:
        raise Undecodable(f"{left_over} bytes are left over after the record.", hint="One record is one event.")
    if not isinstance(values, dict):
        raise Undecodable("The record is not an Avro record.")
    return upcast(schema, values)


def decode_event(frame: bytes, known: KnownSchemas | None = None) -> Event:
    """Return one framed event as its model; `known` defaults to the shipped schemas.

    Raises what `decode_wire` raises, and ContractViolation when the event breaks a rule of the models.
    """
    wire = decode_wire(frame, known)
    values: dict[str, Any] = {**wire.values, "kind": wire.kind}
    for name in shape_of(wire.kind).times:
        if values[name] is not None:
            values[name] = _EPOCH + timedelta(microseconds=values[name])
    return parse_recorded(values)


@cache
def _shipped() -> KnownSchemas:
    return KnownSchemas()
