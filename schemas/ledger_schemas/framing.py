"""The frames: how a record's first bytes name the schema that the rest was written with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger_schemas.errors import Undecodable

SINGLE_OBJECT_MAGIC: Final = b"\xc3\x01"
"""Avro single-object encoding, version 1: then 8 bytes of CRC-64-AVRO, little-endian (Avro 1.12 specification)."""

SINGLE_OBJECT_HEADER_BYTES: Final = 10

CONFLUENT_MAGIC: Final = b"\x00"
"""The frame of Confluent's serializers: then 4 bytes of the registry's schema id, big-endian."""

CONFLUENT_HEADER_BYTES: Final = 5


class FrameFormat(StrEnum):
    """Which frame a record has. Both are recognised at all times."""

    SINGLE_OBJECT = "single_object"
    CONFLUENT = "confluent"


@dataclass(frozen=True, slots=True)
class SchemaReference:
    """What a frame says of its writer schema: 8 bytes of fingerprint, or 4 bytes of a registry's id."""

    format: FrameFormat
    value: bytes

    @classmethod
    def to_fingerprint(cls, fingerprint: bytes) -> SchemaReference:
        """Return the reference of a single-object frame; 8 bytes as they stand in the frame."""
        return cls(FrameFormat.SINGLE_OBJECT, fingerprint)

    @classmethod
    def to_registry_id(cls, schema_id: int) -> SchemaReference:
        """Return the reference of a Confluent frame; ids have 32 bits."""
        return cls(FrameFormat.CONFLUENT, schema_id.to_bytes(4, "big"))

    @property
    def registry_id(self) -> int:
        """The id of a Confluent frame as a number."""
        return int.from_bytes(self.value, "big")

    def __str__(self) -> str:
        """Say it as an operator would look for it."""
        if self.format is FrameFormat.SINGLE_OBJECT:
            return f"fingerprint {self.value.hex()}"
        return f"registry id {self.registry_id}"


def header_of(reference: SchemaReference) -> bytes:
    """Return the bytes that a record of this schema begins with."""
    magic = SINGLE_OBJECT_MAGIC if reference.format is FrameFormat.SINGLE_OBJECT else CONFLUENT_MAGIC
    return magic + reference.value


def split_frame(frame: bytes) -> tuple[SchemaReference, int]:
    """Return which schema a record was written with, and the offset at which its body begins.

    Raises Undecodable when the record begins with neither frame.
    """
    if frame[:2] == SINGLE_OBJECT_MAGIC and len(frame) >= SINGLE_OBJECT_HEADER_BYTES:
        reference = SchemaReference(FrameFormat.SINGLE_OBJECT, frame[2:SINGLE_OBJECT_HEADER_BYTES])
        return reference, SINGLE_OBJECT_HEADER_BYTES
    if frame[:1] == CONFLUENT_MAGIC and len(frame) >= CONFLUENT_HEADER_BYTES:
        return SchemaReference(FrameFormat.CONFLUENT, frame[1:CONFLUENT_HEADER_BYTES]), CONFLUENT_HEADER_BYTES
    raise Undecodable(
        f"The record begins neither with single-object magic C3 01 nor with a Confluent frame ({len(frame)} bytes).",
        hint="Frame events as Avro single-object encoding.",
    )
