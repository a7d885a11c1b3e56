"""The codec of the directory's events: their shipped schemas, one event to framed bytes and back, by fastavro."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import parse_schema

from ledger_schemas import limits
from ledger_schemas.directory_events import DirectoryEvent, DirectoryKind, parse_directory_event
from ledger_schemas.errors import ContractViolation, LimitExceeded, SchemaUnknown, Undecodable
from ledger_schemas.framing import FrameFormat, SchemaReference, header_of, split_frame
from ledger_schemas.schema_topic import SchemaBinding
from ledger_schemas.shipped import fingerprint_of_text, plain_type

NAMESPACE: Final = "notifications.directory"

PERSONAL: Final = ("device_token",)
"""Fields of the models that lie in the record `personal` on the wire."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIMES: Final = ("occurred_at", "expires_at")


@dataclass(frozen=True, slots=True)
class DirectorySchema:
    """One schema of the directory's events; `parsed` and `fingerprint` are as those of a `WriterSchema`."""

    kind: DirectoryKind
    version: int
    text: str
    parsed: Any
    fingerprint: bytes

    @property
    def binding(self) -> SchemaBinding:
        """What the schema topic says of it."""
        return SchemaBinding(SchemaReference.to_fingerprint(self.fingerprint), self.text)


@cache
def directory_schemas() -> Mapping[bytes, DirectorySchema]:
    """Return every shipped schema of every version by its fingerprint."""
    room = files("ledger_schemas").joinpath("avro", "directory")
    texts = [entry.read_text(encoding="utf-8") for entry in room.iterdir() if entry.name.endswith(".avsc")]
    order = list(DirectoryKind)
    schemas = sorted(map(_load, texts), key=lambda schema: (order.index(schema.kind), schema.version))
    return MappingProxyType({schema.fingerprint: schema for schema in schemas})


@cache
def current_directory_schema(kind: DirectoryKind) -> DirectorySchema:
    """Return the schema that events of `kind` are written with, and read as, today: its highest version."""
    versions = (schema for schema in directory_schemas().values() if schema.kind == kind)
    return max(versions, key=lambda schema: schema.version)


def directory_schema_file_name(kind: DirectoryKind, version: int) -> str:
    """Return the name of the published `.avsc` of one version of one kind, in the folder `avro/directory`."""
    return f"{kind}.v{version}.avsc"


@cache
def schemas_digest() -> str:
    """Return what tells this set of shipped schemas from another: what one cannot decode, another may."""
    return hashlib.sha256(b"".join(sorted(directory_schemas()))).hexdigest()


def encode_directory_event(event: DirectoryEvent) -> bytes:
    """Return the framed bytes of one event.

    Raises ContractViolation when the event breaks a rule of its model (a copied model was never checked) or a text is
    not valid UTF-8, LimitExceeded when the bytes are more than EVENT_BYTES_MAX.
    """
    values = dict(parse_directory_event(dict(event.__dict__)).__dict__)
    schema = current_directory_schema(values.pop("kind"))
    values["event_id"] = str(values["event_id"])
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = (values[name] - _EPOCH) // _MICROSECOND
    personal = {name: values.pop(name) for name in PERSONAL if name in values}
    if personal:
        values["personal"] = personal
    out = io.BytesIO()
    out.write(header_of(SchemaReference.to_fingerprint(schema.fingerprint)))
    try:
        schemaless_writer(out, schema.parsed, values)
    except UnicodeEncodeError as error:
        raise ContractViolation(
            f"A text of the event is not valid Unicode: {error.reason}.", hint="Send well-formed UTF-8."
        ) from None
    frame = out.getvalue()
    if len(frame) > limits.EVENT_BYTES_MAX:
        raise LimitExceeded(
            f"The event is {len(frame)} bytes; EVENT_BYTES_MAX is {limits.EVENT_BYTES_MAX}.",
            hint="Name fewer recipients in one event.",
        )
    return frame


def decode_directory_event(frame: bytes) -> DirectoryEvent:
    """Return one framed event as its model.

    Raises SchemaUnknown when no shipped schema has the frame's fingerprint, Undecodable when the bytes are not one
    whole record of it, ContractViolation when the values break a rule of the models.
    """
    reference, start = split_frame(frame)
    schema = directory_schemas().get(reference.value) if reference.format is FrameFormat.SINGLE_OBJECT else None
    if schema is None:
        raise SchemaUnknown(
            f"No shipped schema of the directory has the {reference}.", hint="Upgrade the reader; the record is kept."
        )
    values = _decode_body(schema, frame[start:])
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = _instant(values[name], name)
    if values.pop("personal_key_id", None) is not None:
        raise Undecodable("The record's personal data is encrypted.", hint="Upgrade the reader; the record is kept.")
    values |= values.pop("personal", None) or {}
    return parse_directory_event({**values, "kind": schema.kind})


def _decode_body(schema: DirectorySchema, body: bytes) -> dict[str, Any]:
    reader = current_directory_schema(schema.kind)
    stream = io.BytesIO(body)
    no_record = (EOFError, LookupError, OverflowError, MemoryError, TypeError, ValueError, SchemaResolutionError)
    try:
        values: Any = schemaless_reader(stream, schema.parsed, None if schema is reader else reader.parsed)
    except no_record as error:
        raise Undecodable(
            f"The bytes are not a {schema.kind} event: {type(error).__name__}.",
            hint="Check that the writer encodes with the schema that its frame names.",
        ) from None
    left_over = len(body) - stream.tell()
    if left_over or not isinstance(values, dict):
        raise Undecodable(f"{left_over} bytes are left over after the record.", hint="One record is one event.")
    return values


def _instant(microseconds: int, name: str) -> datetime:
    try:
        return _EPOCH + microseconds * _MICROSECOND
    except OverflowError:
        raise ContractViolation(f"{name}: must lie in the years 1 to 9999, UTC.", field=name) from None


def _load(text: str) -> DirectorySchema:
    document = json.loads(text)
    parsed: Any = parse_schema(plain_type(document))
    kind = DirectoryKind(document["kind"])
    if parsed["name"] != f"{NAMESPACE}.{kind.record_name}":
        raise ValueError(parsed["name"])
    return DirectorySchema(kind, document["version"], text, parsed, fingerprint_of_text(text))
