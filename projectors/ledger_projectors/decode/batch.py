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

from ledger_projectors.decode.arrow_views import Places, Rows, text_view
from ledger_projectors.decode.event_columns import EVENT_SCHEMA, TIME
from ledger_projectors.decode.group import CHUNK_RECORDS_MAX, Plan, decode_group, plan_of
from ledger_projectors.decode.one import decode_one
from ledger_projectors.decode.partitioning import partitions_of
from ledger_projectors.decode.wire_checks import doubtful_rows
from ledger_projectors.log.records import LogRecord, LogRecords, Rejection
from ledger_schemas.codec import WireEvent
from ledger_schemas.errors import Undecodable
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, FrameFormat, SchemaReference, split_frame
from ledger_schemas.known_schemas import KnownSchemas

HEADER_BYTES_MAX: Final = SINGLE_OBJECT_HEADER_BYTES
"""The longest frame's header: records that begin alike for so long have one writer schema."""


Decoded = tuple[pa.Table, list[Rejection]]
"""The events of a batch (EVENT_SCHEMA), and the records that are none."""


def decode_records(records: Sequence[LogRecord], partitions: int, known: KnownSchemas | None = None) -> Decoded:
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
    for plan, frame_format, places in _groups(log, known):
        for sound, rows in _sound_rows(log, plan, frame_format, places, partitions):
            left[sound] = False
            kinds = pa.repeat(plan.kind.value, len(sound))
            columns = {"kind": kinds, **log.columns(sound), **dict(zip(rows.schema.names, rows.columns, strict=True))}
            batches.append(_event_batch(columns, len(sound)))
    rejections: list[Rejection] = []
    judged: list[tuple[int, WireEvent]] = []
    for place in np.flatnonzero(left).tolist():
        found = decode_one(records[place], partitions, known)
        if isinstance(found, Rejection):
            rejections.append(found)
        else:
            judged.append((place, found))
    if judged:
        batches.append(_judged_batch(log, judged))
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

    def columns(self, places: Places) -> dict[str, pa.Array]:
        """Return the columns of some records that the events themselves do not hold."""
        return {
            "recorded_at": self.recorded_at.take(places),
            "log_partition": pa.array(self.partitions[places]),
            "log_offset": self.offsets.take(places),
        }


def _groups(log: _Log, known: KnownSchemas) -> Iterator[tuple[Plan, FrameFormat, Places]]:
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
    log: _Log, plan: Plan, frame_format: FrameFormat, places: Places, partitions: int
) -> Iterator[tuple[Places, pa.RecordBatch]]:
    """Yield the records of a group that are beyond doubt, with the columns of their events."""
    all_frames = log.frames
    frames = [all_frames[place] for place in places.tolist()]
    for decoded in decode_group(plan, frame_format, frames):
        rules_kept = ~(decoded.doubtful | doubtful_rows(plan.kind, decoded.rows))
        sound, rows = _kept(places[decoded.places], decoded.rows, rules_kept)
        if len(sound):
            yield _kept(sound, rows, _at_home(log, sound, rows["notification_id"], partitions))


def _kept(places: Places, rows: pa.RecordBatch, which: Rows) -> tuple[Places, pa.RecordBatch]:
    return (places, rows) if which.all() else (places[which], rows.filter(pa.array(which)))


def _at_home(log: _Log, places: Places, notification_ids: pa.StringArray, partitions: int) -> Rows:
    """Return which records have their notification id, which is a UUID, as key, and lie in its partition."""
    keys = pc.equal(log.keys.take(places), notification_ids.cast(pa.binary())).fill_null(False)  # noqa: FBT003 - Arrow names no argument here
    _, ids = text_view(notification_ids)
    right: Rows = keys.to_numpy(zero_copy_only=False) & (log.partitions[places] == partitions_of(ids, partitions))
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


def _judged_batch(log: _Log, judged: Sequence[tuple[int, WireEvent]]) -> pa.RecordBatch:
    columns = log.columns(np.array([place for place, _ in judged]))
    columns["kind"] = pa.array([event.kind.value for _, event in judged])
    stated = {name for _, event in judged for name, value in event.values.items() if value is not None}
    for column in EVENT_SCHEMA:
        if column.name in stated:
            columns[column.name] = pa.array([event.values.get(column.name) for _, event in judged], column.type)
    return _event_batch(columns, len(judged))
