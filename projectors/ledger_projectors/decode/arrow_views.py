"""Buffers of Arrow columns as numpy arrays, without a copy."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NOT_ASCII: Final = 0x80

Offsets = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.bool_]
"""One truth value for each row of a column."""

Indexes = npt.NDArray[np.int64]
"""Some rows of a column, or records of a batch, counted from 0."""


def text_view(texts: pa.StringArray) -> tuple[Offsets, Bytes]:
    """Return where each text begins and the last one ends (one more than rows), counted in the bytes beside them."""
    offsets = list_offsets(texts)
    data = texts.buffers()[2]
    view = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return offsets - offsets[0] if offsets[0] else offsets, view[offsets[0] : offsets[-1]]


def list_offsets(lists: pa.Array) -> Offsets:
    """Return where each list (or text) begins and the last one ends in its values: one more than rows."""
    if not len(lists):
        return np.zeros(1, np.int32)
    return np.frombuffer(lists.buffers()[1], np.int32)[lists.offset : lists.offset + len(lists) + 1]


def longs(numbers: pa.Array) -> npt.NDArray[np.int64]:
    """Return the 64-bit integers of a column, or its times in their own unit; where it is null, any number."""
    return np.frombuffer(numbers.buffers()[1], np.int64)[numbers.offset : numbers.offset + len(numbers)]


def all_utf8(column: pa.Array) -> bool:
    """Return whether all texts in a column, be they in lists or records, are valid UTF-8."""
    if pa.types.is_string(column.type):
        _, data = text_view(column)
        # Most texts are ASCII, and one look at all the bytes of a column tells.
        return not len(data) or bool(data.max() < _NOT_ASCII) or _is_valid(column)
    if pa.types.is_list(column.type):
        return all_utf8(column.values)
    if pa.types.is_struct(column.type):
        return all(all_utf8(column.field(number)) for number in range(column.type.num_fields))
    return True


def present(column: pa.Array) -> Rows:
    """Return which rows are not null."""
    rows: Rows = column.is_valid().to_numpy(zero_copy_only=False)
    return rows


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
