"""The writer schemas: every version of every kind that this distribution ships, and those that others wrote with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    parse_schema,
    to_parsing_canonical_form,
)

from ledger_schemas import limits
from ledger_schemas.errors import KindUnknown, LimitExceeded, SchemaUnusable
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_bounds import PRIMITIVES, check_bounded, check_parsable

NAMESPACE: Final = "notifications.lifecycle"

_NO_PART_OF_A_TYPE: Final = frozenset({"logicalType", "__fastavro_parsed", "__named_schemas"})
"""What a decoder is not told: it keeps times as microseconds. With the other two a text would pass for one of
fastavro's own parsed schemas, which it takes unread, types by name included."""

_FILE_NAME: Final = re.compile(r"(?P<kind>[a-z_]+)\.v(?P<version>[1-9][0-9]*)\.avsc")
_KIND_OF_RECORD: Final = {f"{NAMESPACE}.{kind.record_name}": kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """One schema that events are written with.

    `fingerprint` is the 8 bytes of CRC-64-AVRO over the parsing canonical form, little-endian, as single-object
    encoding puts them on the wire (Avro 1.12 specification, "Single-object encoding"). It ignores logical types,
    defaults and docs. `parsed` is fastavro's form without logical types: times stay microseconds, ids stay text.
    `version` counts the shipped versions of a kind from 1; None: this distribution does not ship the schema.
    """

    kind: Kind
    version: int | None
    text: str
    parsed: Any
    fingerprint: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The schema as published, parsed from JSON."""
        document: dict[str, Any] = json.loads(self.text)
        return document

    @property
    def name(self) -> str:
        """Full name of the Avro record."""
        return f"{NAMESPACE}.{self.kind.record_name}"


@cache
def shipped_schemas() -> Mapping[bytes, WriterSchema]:
    """Return every shipped schema of every version by its fingerprint."""
    schemas = sorted(map(_load, _shipped_files()), key=lambda schema: (list(Kind).index(schema.kind), schema.version))
    return MappingProxyType({schema.fingerprint: schema for schema in schemas})


@cache
def current_schema(kind: Kind) -> WriterSchema:
    """Return the schema that events of `kind` are written with, and read as, today: its highest version."""
    versions = (schema for schema in shipped_schemas().values() if schema.kind == kind)
    return max(versions, key=lambda schema: schema.version or 0)


def schema_file_name(kind: Kind, version: int) -> str:
    """Return the name of the published `.avsc` of one version of one kind, in the folder `avro`."""
    return f"{kind}.v{version}.avsc"


def schema_text(kind: Kind, version: int | None = None) -> str:
    """Return the published `.avsc` of one kind as it lies in the distribution; the current version by default."""
    if version is None:
        return current_schema(kind).text
    name = schema_file_name(kind, version)
    return files("ledger_schemas").joinpath("avro", name).read_text(encoding="utf-8")


def writer_schema(text: str, version: int | None = None) -> WriterSchema:
    """Return the writer schema that a JSON text states.

    Raises LimitExceeded when it is longer than SCHEMA_BYTES_MAX, SchemaUnusable when it is not an Avro record schema
    or one that a decoder cannot be given, KindUnknown when its record is none of our kinds.
    """
    fingerprint = fingerprint_of_text(text)
    parsed: Any = parse_schema(plain_type(json.loads(text)))
    kind = _KIND_OF_RECORD.get(parsed["name"]) if parsed["type"] == "record" else None
    if kind is None:
        raise KindUnknown(
            "The schema describes none of the kinds that this version of the ledger knows.",
            hint="Upgrade the reader; the records are kept until then.",
        )
    check_bounded(parsed)
    return WriterSchema(kind, version, text, parsed, fingerprint)


def fingerprint_of_text(text: str) -> bytes:
    """Return the fingerprint of a schema as it stands in a frame: 8 bytes, little-endian.

    Raises LimitExceeded when the text, or its canonical form, is longer than SCHEMA_BYTES_MAX, SchemaUnusable when it
    is no Avro schema of a named type, or one that a parser cannot be given.
    """
    _check_size("schema", text)
    no_schema = (SchemaParseException, UnknownType, ValueError, TypeError, LookupError, AttributeError, RecursionError)
    try:
        document = json.loads(text)
        check_parsable(document)
        parsed: Any = parse_schema(plain_type(document))
        _ = parsed["name"], parsed["type"]
        canonical = to_parsing_canonical_form(parsed)
        # Namespaces are written out in it, before every name.
        _check_size("canonical form of the schema", canonical)
        return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    except no_schema as error:
        raise SchemaUnusable(
            f"The text is not an Avro schema: {type(error).__name__}.", hint="Publish the writer's .avsc as it is."
        ) from None


def _check_size(what: str, text: str) -> None:
    size = len(text.encode(errors="replace"))
    if size > limits.SCHEMA_BYTES_MAX:
        raise LimitExceeded(f"The {what} is {size} bytes; SCHEMA_BYTES_MAX is {limits.SCHEMA_BYTES_MAX}.")


def _shipped_files() -> list[str]:
    return [entry.name for entry in files("ledger_schemas").joinpath("avro").iterdir() if entry.name.endswith(".avsc")]


def _load(name: str) -> WriterSchema:
    match = _FILE_NAME.fullmatch(name)
    if match is None:
        raise ValueError(name)
    text = files("ledger_schemas").joinpath("avro", name).read_text(encoding="utf-8")
    schema = writer_schema(text, int(match["version"]))
    if schema.kind != match["kind"]:
        raise ValueError(name)
    return schema


def plain_type(node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return a type as a decoder is told it: the type beneath each logical one, defaults and docs as they are.

    A logical type that a reader does not know, or that is not valid, is ignored (Avro 1.12 specification, "Logical
    Types"). A primitive type is its bare name: no attribute of one changes its bytes.
    """
    match node:
        case list():
            return [plain_type(branch) for branch in node]
        case {"type": str(primitive)} if primitive in PRIMITIVES:
            return primitive
        case dict():
            kept = {key: value for key, value in node.items() if key not in _NO_PART_OF_A_TYPE}
        case _:
            return node
    match kept:
        case {"type": "array", "items": inner}:
            kept["items"] = plain_type(inner)
        case {"type": "map", "values": inner}:
            kept["values"] = plain_type(inner)
        case {"type": "record" | "error", "fields": list(fields)}:
            kept["fields"] = [
                {**field, "type": plain_type(field["type"])} if isinstance(field, dict) and "type" in field else field
                for field in fields
            ]
    return kept
