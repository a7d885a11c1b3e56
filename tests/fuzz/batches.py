"""Batches of hostile records: the same seed gives the same batch, always."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from ledger_projectors.log.records import LogRecord
from ledger_schemas import Kind
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import WriterSchema, current_schema, writer_schema
from tests.fuzz.damages import damage
from tests.fuzz.examples import draw_values
from tests.fuzz.odd_writer import OddWriter
from tests.projectors.decode.decoding import log_of

PARTITIONS: Final = 6

_KINDS_OF_A_BATCH: Final = (1, 1, 1, 2, 4, len(Kind))
"""Few, so that there are enough records of each for the batch decoder; all now and then."""

_BAD_SHARES: Final = (0, 0.003, 0.003, 0.03, 0.3, 1)
_LEGAL_SHARES: Final = (0, 0, 0.0005, 0.05)
_ILLEGAL_SHARES: Final = (0.005, 0.05)
_STRAY_SHARE: Final = 0.002
"""How often a record has another key than its event says, or lies in another partition."""

_NEWS: Final[tuple[Any, ...]] = (
    "string",
    ["null", "string"],
    ["string", "null"],
    "long",
    "boolean",
    {"type": "array", "items": "string"},
    ["null", {"type": "record", "name": "News", "fields": [{"name": "text", "type": "string"}]}],
)
"""What the fields of a later version may be."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of a log, with the schemas that its reader knows."""

    records: list[LogRecord]
    known: KnownSchemas


@dataclass(frozen=True, slots=True)
class _Writer:
    """A service that emits one kind: with which schema, and how its frames name it."""

    schema: WriterSchema
    fields: list[dict[str, Any]]
    header: bytes


def build(seed: str, size: int, places: Sequence[int] | None = None) -> Batch:
    """Return the batch of a seed with so many records, or those of them at some places."""
    rng = Random(seed)  # noqa: S311 - the same records every time
    known = KnownSchemas()
    writers = [_writer(rng, kind, known) for kind in rng.sample([*Kind], rng.choice(_KINDS_OF_A_BATCH))]
    bad_share, legal_share, illegal_share = map(rng.choice, (_BAD_SHARES, _LEGAL_SHARES, _ILLEGAL_SHARES))
    careful = OddWriter(rng, legal_share, 0)
    careless = OddWriter(rng, legal_share, illegal_share)
    frames: list[tuple[bytes, bytes]] = []
    for _ in range(size):
        writer = rng.choice(writers)
        values = draw_values(rng, writer.fields)
        bad = rng.random() < bad_share
        odd_writer = careless if bad and rng.random() < 0.5 else careful
        frame = writer.header + odd_writer.write(writer.schema.parsed, values)
        if bad and odd_writer is careful:
            frame = damage(rng, frame, rng.choice(frames)[0] if frames else frame)
        frames.append((frame, values["notification_id"].encode()))
    records = [_stray(rng, record) for record in log_of(frames, PARTITIONS)]
    return Batch(records if places is None else [records[place] for place in places], known)


def _writer(rng: Random, kind: Kind, known: KnownSchemas) -> _Writer:
    schema = current_schema(kind)
    if rng.random() < 0.4:
        schema = _other_version(rng, kind)
    reference = SchemaReference.to_fingerprint(schema.fingerprint)
    if rng.random() < 0.3:
        reference = SchemaReference.to_registry_id(rng.getrandbits(32))
    known.learn(reference, schema.text)
    return _Writer(schema, schema.document["fields"], header_of(reference))


def _other_version(rng: Random, kind: Kind) -> WriterSchema:
    """Return a schema with some fields more, some of those with a default missing, and all in another order."""
    document = current_schema(kind).document
    fields = [field for field in document["fields"] if "default" not in field or rng.random() < 0.8]
    fields += [{"name": f"news_{number}", "type": rng.choice(_NEWS)} for number in range(rng.randrange(2))]
    rng.shuffle(fields)
    return writer_schema(json.dumps({**document, "fields": fields}))


def _stray(rng: Random, record: LogRecord) -> LogRecord:
    if rng.random() < _STRAY_SHARE:
        key = rng.choice((None, b"", b"any", (record.key or b"").upper()))
        return replace(record, key=key, value=rng.choice((record.value, record.value, None)))
    if rng.random() < _STRAY_SHARE:
        return replace(record, partition=rng.randrange(PARTITIONS))
    return record
