"""The writer schemas that this distribution ships: one `.avsc` per kind, found by kind or by fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from ledger_schemas.events import Kind


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """One schema that events are written with.

    `fingerprint` is the 8 bytes of CRC-64-AVRO over the parsing canonical form, little-endian, as single-object
    encoding puts them on the wire (Avro 1.12 specification, "Single-object encoding"). `parsed` is fastavro's form
    without logical types: times stay microseconds, ids stay text.
    """

    kind: Kind
    document: Mapping[str, Any]
    parsed: Any
    fingerprint: bytes


@cache
def shipped_schemas() -> Mapping[bytes, WriterSchema]:
    """Return every shipped schema by its fingerprint."""
    return MappingProxyType({schema.fingerprint: schema for schema in map(_load, Kind)})


@cache
def current_schema(kind: Kind) -> WriterSchema:
    """Return the schema that events of `kind` are written with today."""
    return next(schema for schema in shipped_schemas().values() if schema.kind == kind)


def schema_text(kind: Kind) -> str:
    """Return the published `.avsc` of one kind, as it lies in the distribution."""
    return files("ledger_schemas").joinpath("avro", f"{kind}.avsc").read_text(encoding="utf-8")


def fingerprint_of(document: Mapping[str, Any]) -> bytes:
    """Return the fingerprint of a schema document as it stands in a frame: 8 bytes, little-endian."""
    canonical = to_parsing_canonical_form(parse_schema(dict(document)))
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


def _load(kind: Kind) -> WriterSchema:
    document = json.loads(schema_text(kind))
    return WriterSchema(kind, document, parse_schema(_without_logical_types(document)), fingerprint_of(document))


def _without_logical_types(node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    if isinstance(node, dict):
        if "logicalType" in node:
            return node["type"]
        return {key: _without_logical_types(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node
