"""Makes one Arrow table of log records: whole groups by `group`, what it cannot vouch for one by one by `one`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger_projectors.decode.arrow_views import Indexes, Rows, text_view
from ledger_projectors.decode.event_columns import EVENT_SCHEMA, TIME
from ledger_projectors.decode.group import CHUNK_RECORDS_MAX, Plan, decode_group, plan_of
from ledger_projectors.decode.one import decode_one
from ledger_projectors.decode.partitioning import partitions_of
from ledger_projectors.decode.staging import Staged, stage
from ledger_projectors.decode.wire_checks import doubtful_rows
from ledger_projectors.log.records import LogRecord, LogRecords, Rejection
from ledger_schemas.codec import WireEvent
from ledger_schemas.errors import Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, FrameFormat, SchemaReference, split_frame
from ledger_schemas.known_schemas import KnownSchemas

HEADER_BYTES_MAX: Final = SINGLE_OBJECT_HEADER_BYTES
"""The longest frame's header: records that begin alike for so long have one writer schema."""


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """The events of a batch as the writer takes them, and the records that are none."""

    staged: Staged
    rejections: Sequence[Rejection]

    @classmethod
    def joined(cls, parts: Sequence[DecodedBatch]) -> Self:
        """Return what all parts hold, one part behind the other."""
        rejections = [rejection for part in parts for rejection in part.rejections]
        return cls(Staged.joined([part.staged for part in parts]), rejections)


def decode_batch(records: Sequence[LogRecord], partitions: int, known: KnownSchemas | None = None) -> DecodedBatch:
    """Return a batch decoded for the writer. Arguments are those of `decode_records`."""
    table, rejections = decode_records(records, partitions, known)
    return DecodedBatch(stage(table), rejections)


def decode_records(
    records: Sequence[LogRecord], partitions: int, known: KnownSchemas | None = None
) -> tuple[pa.Table, list[Rejection]]:
    """Return the events of a batch (EVENT_SCHEMA) and the records that are none, each with its reason.

    `partitions` is the partition count of the topic, `known` are the writer schemas that may be met, by default the
    shipped ones. Rows come grouped by writer schema, rejections in the order of the records. Every row and rejection
    is what `decode_one` says of the record alone. Nothing that a record holds makes this raise.
    """
    known = known or KnownSchemas()
    records = LogRecords.of(records)
    log = _Log.of(records)
    left = np.ones(len(records), np.bool_)
    batches: list[pa.RecordBatch] = []
    for plan, frame_format, indexes in _groups(log, known):
        for sound, rows in _sound_rows(log, plan, frame_format, indexes, partitions):
            left[sound] = False
            kinds = pa.repeat(plan.kind.value, len(sound))
            columns = {"kind": kinds, **log.columns(sound), **dict(zip(rows.schema.names, rows.columns, strict=True))}
            batches.append(_event_batch(columns, len(sound)))
    rejections: list[Rejection] = []
    singles: list[tuple[int, WireEvent]] = []
    for index in np.flatnonzero(left).tolist():
        found = decode_one(records[index], partitions, known)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            singles.append((index, found))
    if singles:
        batches.append(_batch_of_singles(log, singles))
    return pa.Table.from_batches(batches, EVENT_SCHEMA), rejections


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log holds, by field: frames are bytes, or None for a record without a value."""

    frames: list[Any]
    keys: pa.BinaryArray
    recorded_at: pa.Array
    partitions: npt.NDArray[np.int32]
    offsets: pa.Array

    @classmethod
    def of(cls, records: LogRecords) -> Self:
        return cls(
            records.values,
            pa.array(records.keys, pa.binary()),
            pa.array(records.recorded_at_ms * 1_000).view(TIME),
            records.partitions,
            pa.array(records.offsets),
        )

    def columns(self, indexes: Indexes) -> dict[str, pa.Array]:
        """Return the columns of some records that the events themselves do not hold."""
        return {
            "recorded_at": self.recorded_at.take(indexes),
            "log_partition": pa.array(self.partitions[indexes]),
            "log_offset": self.offsets.take(indexes),
        }


def _groups(log: _Log, known: KnownSchemas) -> Iterator[tuple[Plan, FrameFormat, Indexes]]:
    """Yield the records of each writer schema that the group decoder can be given."""
    headers = pc.binary_slice(pa.array(log.frames, pa.large_binary()), 0, HEADER_BYTES_MAX).dictionary_encode()
    codes_of: dict[SchemaReference, list[int]] = {}
    for code, header in enumerate(headers.dictionary.to_pylist()):
        try:
            codes_of.setdefault(split_frame(header)[0], []).append(code)
        except Undecodable:
            continue
    group_of = np.full(len(headers.dictionary) + 1, -1)
    plans: list[tuple[Plan, FrameFormat]] = []
    for reference, codes in codes_of.items():
        try:
            plan = plan_of(known.find(reference))
        except Undecodable:
            continue
        if plan is not None:
            group_of[codes] = len(plans)
            plans.append((plan, reference.format))
    # A record without a value has no header: its code is the one behind the last.
    groups = group_of[headers.indices.fill_null(len(headers.dictionary)).to_numpy()]
    for number, (plan, frame_format) in enumerate(plans):
        yield plan, frame_format, np.flatnonzero(groups == number)


def _sound_rows(
    log: _Log, plan: Plan, frame_format: FrameFormat, indexes: Indexes, partitions: int
) -> Iterator[tuple[Indexes, pa.RecordBatch]]:
    """Yield the records of a group that are beyond doubt, with the columns of their events."""
    all_frames = log.frames
    frames = [all_frames[index] for index in indexes.tolist()]
    for decoded in decode_group(plan, frame_format, frames):
        rules_kept = ~(decoded.doubtful | doubtful_rows(plan.kind, decoded.rows))
        sound, rows = _kept(indexes[decoded.indexes], decoded.rows, rules_kept)
        if len(sound):
            yield _kept(sound, rows, _at_home(log, sound, rows["notification_id"], partitions))


def _kept(indexes: Indexes, rows: pa.RecordBatch, which: Rows) -> tuple[Indexes, pa.RecordBatch]:
    return (indexes, rows) if which.all() else (indexes[which], rows.filter(pa.array(which)))


def _at_home(log: _Log, indexes: Indexes, notification_ids: pa.StringArray, partitions: int) -> Rows:
    """Return which records have their notification id, which is a UUID, as key, and lie in its partition."""
    keys = pc.equal(log.keys.take(indexes), notification_ids.cast(pa.binary())).fill_null(False)  # noqa: FBT003 - Arrow names no argument here
    _, ids = text_view(notification_ids)
    right: Rows = keys.to_numpy(zero_copy_only=False) & (log.partitions[indexes] == partitions_of(ids, partitions))
    return right


def _event_batch(columns: dict[str, pa.Array], rows: int) -> pa.RecordBatch:
    """Return a batch with every column of EVENT_SCHEMA; those that its kind does not have are null."""
    arrays = [
        columns[column.name] if column.name in columns else _nulls(column.type).slice(0, rows)
        for column in EVENT_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)


@cache
def _nulls(column_type: pa.DataType) -> pa.Array:
    """Return a column of nulls, as long as the longest batch: most columns of most kinds are such."""
    return pa.nulls(CHUNK_RECORDS_MAX, column_type)


def _batch_of_singles(log: _Log, events: Sequence[tuple[int, WireEvent]]) -> pa.RecordBatch:
    # Arrow takes the values out of the dicts: a tenth of the time that Python needs for each column.
    stated = pa.array([event.values for _, event in events], pa.struct(EVENT_SCHEMA))
    columns = dict(zip(EVENT_SCHEMA.names, stated.flatten(), strict=True))
    columns |= log.columns(np.array([index for index, _ in events]))
    columns["kind"] = pa.array([event.kind.value for _, event in events])
    return _event_batch(columns, len(events))
