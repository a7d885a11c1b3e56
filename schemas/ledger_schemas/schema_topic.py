"""The schema topic's records: how a writer schema stands in one, and which records are none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger_schemas import limits
from ledger_schemas.errors import KindUnknown, LedgerError
from ledger_schemas.framing import FrameFormat, SchemaReference
from ledger_schemas.shipped import NAMESPACE, WriterSchema, fingerprint_of_text, writer_schema

REGISTRY_ID_PREFIX: Final = "registry-id:"
REGISTRY_ID_MAX: Final = 2**32 - 1
"""What the four bytes of a Confluent frame can say."""

_FINGERPRINT_KEY: Final = re.compile(r"[0-9a-f]{16}")
_REGISTRY_ID_KEY: Final = re.compile(r"registry-id:(?P<id>0|[1-9][0-9]{0,9})")


class Skip(StrEnum):
    """Why a record of the schema topic teaches nothing."""

    KEY_UNREADABLE = "key_unreadable"
    NO_VALUE = "no_value"
    TOO_LARGE = "too_large"
    NOT_A_SCHEMA = "not_a_schema"
    FORGED_FINGERPRINT = "forged_fingerprint"
    UNUSABLE = "unusable"
    BOUND_BEFORE = "bound_before"
    HEADERS_UNREADABLE = "headers_unreadable"


@dataclass(frozen=True, slots=True)
class SchemaBinding:
    """What a frame may say of its writer schema, and the JSON text of that schema as it was published."""

    reference: SchemaReference
    text: str

    @property
    def key(self) -> bytes:
        """The record's key, in ASCII."""
        return key_text(self.reference).encode("ascii")

    @property
    def value(self) -> bytes:
        """The record's value: the text in UTF-8."""
        return self.text.encode()


def binding_of(schema: WriterSchema, registry_id: int | None = None) -> SchemaBinding:
    """Return the binding of a schema to its fingerprint, or to the id that a registry gave it."""
    if registry_id is None:
        return SchemaBinding(SchemaReference.to_fingerprint(schema.fingerprint), schema.text)
    return SchemaBinding(SchemaReference.to_registry_id(registry_id), schema.text)


def key_text(reference: SchemaReference) -> str:
    """Return the key of the record that binds `reference`.

    16 lower-case hexadecimal characters of the fingerprint's 8 bytes as they stand in a frame, or `registry-id:` and
    the id in decimal.
    """
    if reference.format is FrameFormat.SINGLE_OBJECT:
        return reference.value.hex()
    return f"{REGISTRY_ID_PREFIX}{reference.registry_id}"


def read_key(text: str) -> SchemaReference | None:
    """Return what a key binds, or None when it is no key of this topic."""
    if _FINGERPRINT_KEY.fullmatch(text):
        return SchemaReference.to_fingerprint(bytes.fromhex(text))
    match = _REGISTRY_ID_KEY.fullmatch(text)
    if match is None or int(match["id"]) > REGISTRY_ID_MAX:
        return None
    return SchemaReference.to_registry_id(int(match["id"]))


def read_binding(key: bytes | None, value: bytes | None) -> SchemaBinding | Skip:
    """Return what a record of the topic states, or why it states nothing. Nothing that it holds makes this raise.

    A fingerprint is computed again from the value (CRC-64-AVRO of the parsing canonical form, Avro 1.12 specification):
    nobody can bind a text to another's. A registry's id is taken at its word. A schema of one of our kinds must be one
    that a decoder can be given.
    """
    try:
        reference = read_key((key or b"").decode("ascii"))
    except UnicodeDecodeError:
        reference = None
    if reference is None:
        return Skip.KEY_UNREADABLE
    if value is None:
        return Skip.NO_VALUE
    if len(value) > limits.SCHEMA_BYTES_MAX:
        return Skip.TOO_LARGE
    try:
        text = value.decode()
        fingerprint = fingerprint_of_text(text)
    except (UnicodeDecodeError, LedgerError):
        return Skip.NOT_A_SCHEMA
    if reference.format is FrameFormat.SINGLE_OBJECT and reference.value != fingerprint:
        return Skip.FORGED_FINGERPRINT
    return SchemaBinding(reference, text) if _is_usable(text) else Skip.UNUSABLE


def is_ours(binding: SchemaBinding) -> bool:
    """Return whether a schema is a record in the namespace of the ledger, be its kind one that we know or not."""
    # Not by a parser: one fails on what read_binding lets pass, such as a logical type that is not valid.
    document = json.loads(binding.text)
    name = str(document["name"])
    namespace = name.rpartition(".")[0] if "." in name else document.get("namespace")
    return bool(document["type"] == "record" and namespace == NAMESPACE)


def _is_usable(text: str) -> bool:
    """Whether a decoder can be given the schema; one of a kind that this version does not know is for another's."""
    try:
        writer_schema(text)
    except KindUnknown:
        return True
    except (LedgerError, RecursionError):
        return False
    return True
