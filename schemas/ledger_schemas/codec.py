"""The reference codec: one event to bytes and back, in Avro single-object encoding, by fastavro."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastavro import schemaless_reader, schemaless_writer

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation, LimitExceeded, SchemaUnknown, Undecodable
from ledger_schemas.events import Event, Kind, NotificationCreated, parse_event
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.shipped import current_schema, shipped_schemas

MAGIC: Final = b"\xc3\x01"
"""Single-object encoding, version 1 (Avro 1.12 specification)."""

HEADER_BYTES: Final = 10
"""Two bytes of magic, eight of fingerprint."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WireEvent:
    """One decoded event as plain values: times are microseconds since 1970, ids are text, absent is None."""

    kind: Kind
    values: dict[str, Any]


def encode_event(event: Event) -> bytes:
    """Return the framed bytes of one event.

    Raises LimitExceeded when they are more than EVENT_BYTES_MAX, ContractViolation when a text is not valid UTF-8.
    """
    schema = current_schema(event.kind)
    out = io.BytesIO()
    out.write(MAGIC + schema.fingerprint)
    try:
        schemaless_writer(out, schema.parsed, wire_values(event))
    except UnicodeEncodeError as error:
        raise ContractViolation(
            f"A text of the event is not valid Unicode: {error.reason}.", hint="Send well-formed UTF-8."
        ) from None
    if out.tell() > limits.EVENT_BYTES_MAX:
        raise LimitExceeded(
            f"The event is {out.tell()} bytes; EVENT_BYTES_MAX is {limits.EVENT_BYTES_MAX}.",
            hint="Keep large content elsewhere and record a reference to it.",
        )
    return out.getvalue()


def wire_values(event: Event) -> dict[str, Any]:
    """Return the event as the plain values that its `.avsc` describes."""
    # The models are flat but for these three: copying their fields costs a quarter of model_dump.
    values = dict(event.__dict__)
    if event.personal is not None:
        values["personal"] = event.personal.__dict__
    if isinstance(event, NotificationCreated):
        values["audience"] = [member.__dict__ for member in event.audience]
        values["subject"] = event.subject.__dict__ if event.subject is not None else None
    values["event_id"] = str(event.event_id)
    values["notification_id"] = str(event.notification_id)
    for name in ("occurred_at", "scheduled_at"):
        if values.get(name) is not None:
            values[name] = (values[name] - _EPOCH) // _MICROSECOND
    return values


def decode_wire(frame: bytes) -> WireEvent:
    """Return the plain values of one framed event, checked against the contract.

    Raises SchemaUnknown when no schema has the frame's fingerprint, Undecodable when the bytes are not one whole
    record (bytes left over included), ContractViolation when the values break a rule that Avro cannot state.
    """
    if frame[:2] != MAGIC or len(frame) < HEADER_BYTES:
        raise Undecodable(
            f"The record does not begin with single-object magic C3 01 ({len(frame)} bytes).",
            hint="Frame events as Avro single-object encoding.",
        )
    fingerprint = frame[2:HEADER_BYTES]
    schema = shipped_schemas().get(fingerprint)
    if schema is None:
        raise SchemaUnknown(
            f"No schema has the fingerprint {fingerprint.hex()}.", hint="Publish the writer's schema first."
        )
    body = io.BytesIO(frame[HEADER_BYTES:])
    try:
        values = schemaless_reader(body, schema.parsed, None)
    except RecursionError:
        raise Undecodable("The record is nested too deeply.", hint="It was not written by this contract.") from None
    except (EOFError, IndexError, KeyError, OverflowError, MemoryError, TypeError, ValueError) as error:
        raise Undecodable(
            f"The bytes are not a {schema.kind} event: {type(error).__name__}.",
            hint="Check that the writer encodes with the schema that its frame names.",
        ) from None
    left_over = len(frame) - HEADER_BYTES - body.tell()
    if left_over:
        raise Undecodable(f"{left_over} bytes are left over after the record.", hint="One record is one event.")
    if not isinstance(values, dict):
        raise Undecodable("The record is not an Avro record.")
    check_wire(schema.kind, values)
    return WireEvent(schema.kind, values)


def decode_event(frame: bytes) -> Event:
    """Return one framed event as its model. Raises what `decode_wire` raises."""
    wire = decode_wire(frame)
    values: dict[str, Any] = {**wire.values, "kind": wire.kind}
    for name in ("occurred_at", "scheduled_at"):
        if values.get(name) is not None:
            values[name] = _EPOCH + timedelta(microseconds=values[name])
    return parse_event(values)


def check_wire(kind: Kind, values: dict[str, Any]) -> None:
    """Check the rules that Avro cannot state and that the fold depends on. Raises ContractViolation.

    Looser than the models on purpose: a foreign writer's long title harms nobody once it is in the log, but an id
    that is not an id, or a time that no calendar has, would.
    """
    for name in ("event_id", "notification_id"):
        if not CANONICAL_UUID.fullmatch(values[name]):
            raise _broken(name, "must be a UUID of RFC 9562 in lower case, 36 characters")
    for name in ("tenant_id", "source"):
        if not _is_id(values[name]):
            raise _broken(name, _ID_RULE)
    for name in ("recipient_id", "channel", "delivery_ref"):
        value = values[name]
        if value is not None and not _is_id(value):
            raise _broken(name, _ID_RULE)
    if values["delivery_ref"] is not None and values["channel"] is None:
        raise _broken("delivery_ref", "needs channel")
    _check_time("occurred_at", values["occurred_at"])
    if kind == Kind.CREATED:
        _check_created(values)


_ID_RULE: Final = f"must be 1 to {limits.ID_CHARS_MAX} characters without control characters"


def _check_created(values: dict[str, Any]) -> None:
    if values["scheduled_at"] is not None:
        _check_time("scheduled_at", values["scheduled_at"])
    audience = values["audience"]
    if len(audience) > limits.RECIPIENTS_PER_EVENT_MAX:
        raise _broken("audience", f"must name at most {limits.RECIPIENTS_PER_EVENT_MAX} recipients")
    for member in audience:
        if not _is_id(member["recipient_id"]):
            raise _broken("audience.recipient_id", _ID_RULE)
        channels = member["channels"]
        if len(channels) > limits.CHANNELS_PER_RECIPIENT_MAX or not all(map(_is_id, channels)):
            raise _broken("audience.channels", f"must be ids, at most {limits.CHANNELS_PER_RECIPIENT_MAX}")
    if len({member["recipient_id"] for member in audience}) != len(audience):
        raise _broken("audience", "must name a recipient once")


def _check_time(name: str, microseconds: int) -> None:
    if not limits.OCCURRED_AT_MICROSECONDS_MIN <= microseconds <= limits.OCCURRED_AT_MICROSECONDS_MAX:
        raise _broken(name, "must lie in the years 1 to 9999, in microseconds since 1970")


def _is_id(text: str) -> bool:
    # isprintable alone would refuse spaces of other scripts; control characters are what harms.
    return 0 < len(text) <= limits.ID_CHARS_MAX and (
        text.isprintable() or not any(c < " " or c == "\x7f" for c in text)
    )


def _broken(field: str, rule: str) -> ContractViolation:
    return ContractViolation(f"{field}: {rule}.", hint="See the published contract.", field=field)
