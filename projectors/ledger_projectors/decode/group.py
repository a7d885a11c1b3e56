"""A whole group of framed records of one writer schema to Arrow, by a Rust decoder that is trusted with nothing.

pyruhvro decodes; it is given only schemas and sizes that it can be given (`plan_of`). What it refuses is left to the
reference decoder (`one`, over fastavro). What it accepts is checked: texts for UTF-8, every record for bytes left over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyruhvro

from ledger_projectors.decode.arrow_views import Indexes, Rows, all_utf8
from ledger_projectors.decode.resolution import Target, UnresolvedError, resolve, resolved
from ledger_projectors.decode.wire_sizes import record_sizes
from ledger_schemas.framing import CONFLUENT_HEADER_BYTES, SINGLE_OBJECT_HEADER_BYTES, FrameFormat
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import WriterSchema, current_schema, writer_schema
from ledger_schemas.upcasting import RULES

CHUNK_RECORDS_MAX: Final = 16_384
"""Records decoded at once: beyond it the columns leave the processor's caches, and nothing gets cheaper."""

CHUNK_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes decoded at once. Records of nothing but lists of empty texts take 25 times their bytes while this works."""

PIECE_RECORDS_MIN: Final = 32
"""Below it one call of the decoder, with all checks, costs as much as fastavro takes for the records."""

PIECES: Final = 8
"""Into how many a chunk is cut that the decoder refuses, and each of these again."""

COLUMNS_MAX: Final = 256
"""Columns that one writer schema may have here: room is made for each before the first byte is read."""

SCHEMAS_REMEMBERED_MAX: Final = 1_024

_HEADERS: Final = {
    # C3 01 is an Avro long of two bytes, and the fingerprint is as long as a double.
    FrameFormat.SINGLE_OBJECT: ([("frame_magic", "long"), ("frame_fingerprint", "double")], SINGLE_OBJECT_HEADER_BYTES),
    # 00 is an Avro boolean, and a registry's id is as long as a float.
    FrameFormat.CONFLUENT: ([("frame_magic", "boolean"), ("frame_registry_id", "float")], CONFLUENT_HEADER_BYTES),
}
"""The header of each frame as Avro fields of its own, so that Python need not copy every record to cut it off."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the records of one writer schema, of one kind, are decoded.

    `fields` are the writer's, without logical types; `targets` make the reader's columns of them; `texts` are the
    schemas that pyruhvro is given, by frame.
    """

    kind: Kind
    fields: list[dict[str, Any]]
    targets: tuple[Target, ...]
    texts: dict[FrameFormat, str]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Records that were decoded: their indexes among those given, and the columns of the reader's schema.

    `doubtful` are the rows that may hold bytes left over: for the reference decoder to decide.
    """

    indexes: Indexes
    rows: pa.RecordBatch
    doubtful: Rows


class _NotForBatchesError(Exception):
    """A schema that fastavro alone can be given."""


def plan_of(schema: WriterSchema) -> Plan | None:
    """Return how to decode records of a writer schema in batches, or None when they are for fastavro alone."""
    return None if schema.fingerprint in RULES else _plan(schema.text)


def decode_group(plan: Plan, frame_format: FrameFormat, frames: Sequence[bytes]) -> Iterator[Decoded]:
    """Decode records that share a frame format and a writer schema; what is in none of the parts is for fastavro.

    However many of them are bad, the decoder reads each record at most 1 + log8(16,384 / 32) = 4 times, in pieces of
    32 or more: less than the time that fastavro takes for all of them.
    """
    lengths = np.fromiter(map(len, frames), np.int64, len(frames))
    header, header_bytes = _HEADERS[frame_format]
    for start, stop in _chunks(lengths):
        pieces = [*_pieces(plan.texts[frame_format], frames, start, stop)]
        if not pieces:
            continue
        indexes = np.concatenate([np.arange(first, last) for first, last, _ in pieces])
        # Without a bad record there is one piece, and nothing is copied.
        batch = pieces[0][2] if len(pieces) == 1 else pa.concat_batches([piece for _, _, piece in pieces])
        columns = batch.columns[len(header) :]
        doubtful = lengths[indexes] != header_bytes + record_sizes(plan.fields, columns)
        names = [target.name for target in plan.targets]
        rows = pa.RecordBatch.from_arrays(resolved(plan.targets, columns, len(indexes)), names)
        yield Decoded(indexes, rows, doubtful)


@lru_cache(maxsize=SCHEMAS_REMEMBERED_MAX)
def _plan(text: str) -> Plan | None:
    schema = writer_schema(text)
    try:
        record = _bare(schema.parsed)
        targets = resolve(record, current_schema(schema.kind).document)
    except (_NotForBatchesError, UnresolvedError):
        return None
    fields = record["fields"]
    if _leaves(record) > COLUMNS_MAX:
        return None
    texts = {
        frame_format: json.dumps({**record, "fields": [*({"name": n, "type": t} for n, t in header), *fields]})
        for frame_format, (header, _) in _HEADERS.items()
    }
    # A schema that pyruhvro refuses, be it for a name, is found here and not at every batch.
    if any(_decoded([], given) is None for given in texts.values()):
        return None
    return Plan(schema.kind, fields, targets, texts)


def _bare(node: Any, *, listed: bool = False) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return a type with nothing but what decoding needs. Raises _NotForBatchesError for what is not for batches.

    That is: types that pyruhvro has not, or reads otherwise than fastavro, or that take no bytes; and nullable records
    in arrays, of which one byte makes a row in many columns.
    """
    match node:
        case "string" | "long" | "boolean":
            return node
        case ["null", inner] | [inner, "null"] if not (listed and isinstance(inner, dict) and "fields" in inner):
            return [branch if branch == "null" else _bare(branch, listed=listed) for branch in node]
        case {"type": "record", "name": name, "fields": [_, *_] as fields}:
            bare = [{"name": field["name"], "type": _bare(field["type"], listed=listed)} for field in fields]
            return {"type": "record", "name": name, "fields": bare}
        case {"type": "array", "items": items}:
            return {"type": "array", "items": _bare(items, listed=True)}
    raise _NotForBatchesError


def _leaves(node: Any) -> int:  # noqa: ANN401 - as above
    match node:
        case [_, _]:
            return max(map(_leaves, node))
        case {"fields": fields}:
            return sum(_leaves(field["type"]) for field in fields)
        case {"items": items}:
            return _leaves(items)
    return 1


def _chunks(lengths: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        full = int(np.searchsorted(ends, ends[start] - lengths[start] + CHUNK_BYTES_MAX, side="right"))
        stop = min(start + CHUNK_RECORDS_MAX, max(full, start + 1))
        yield start, stop
        start = stop


def _pieces(text: str, frames: Sequence[bytes], start: int, stop: int) -> Iterator[tuple[int, int, pa.RecordBatch]]:
    """Decode a chunk, cutting up what the decoder refuses until too little is left to be worth its while."""
    spans = [(start, stop)]
    while spans:
        first, last = spans.pop()
        if last - first < PIECE_RECORDS_MIN:
            continue
        batch = _decoded(frames[first:last], text)
        if batch is None:
            step = -(-(last - first) // PIECES)
            spans += reversed([(at, min(at + step, last)) for at in range(first, last, step)])
        else:
            yield first, last, batch


def _decoded(frames: Sequence[bytes], text: str) -> pa.RecordBatch | None:
    """Return the writer's columns, or None when the decoder refuses, panics, or takes bytes for text that are none."""
    try:
        batch: pa.RecordBatch = pyruhvro.deserialize_array(frames, text)
    except ValueError:
        return None
    except BaseException as error:
        # A panic of Rust comes as no Exception; its class cannot be imported, and whatever else comes is not ours.
        if (type(error).__module__, type(error).__name__) != ("pyo3_runtime", "PanicException"):
            raise
        return None
    return batch if all(map(all_utf8, batch.columns)) else None
