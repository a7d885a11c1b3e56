"""How long each row is in Avro's shortest encoding: what finds bytes left over, since no decoder says what it read.

A record's real encoding is never shorter than the shortest one. So a record of exactly that length was read to its
end; any other has bytes left over, or was written with longer numbers or arrays in several blocks, which is legal.
Source: Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ledger_projectors.decode.arrow_views import list_offsets, longs, present

Sizes = npt.NDArray[Any] | int
"""Bytes of each row, or of every row where all have the same."""

_ZIGZAG_STEPS: Final = tuple(1 << 7 * size for size in range(1, 10))
"""The numbers from which on one more byte is needed: seven bits go into each."""

_LENGTH_STEPS: Final = tuple(1 << 7 * size - 1 for size in range(1, 5))
"""The same for lengths and counts before zigzag doubles them; Arrow's end at 2^31."""

_BRANCH_BYTES: Final = 1
"""The branch of a union of two."""

_END_BYTES: Final = 1
"""The empty block that ends an array."""


def record_sizes(fields: Sequence[dict[str, Any]], columns: Sequence[pa.Array]) -> Sizes:
    """Return the bytes that each record takes.

    `fields` are those of the writer's record, types without logical types; `columns` hold them in the same order.
    """
    sizes: Sizes = 0
    for field, column in zip(fields, columns, strict=True):
        sizes = sizes + _sizes(field["type"], column)
    return sizes


def _sizes(node: Any, column: pa.Array) -> Sizes:  # noqa: ANN401 - a schema is any JSON
    match node:
        case ["null", inner] | [inner, "null"]:
            return _of_nullable(inner, column)
        case "boolean":
            return 1
        case "long":
            return _of_longs(longs(column))
        case "string":
            lengths = np.diff(list_offsets(column))
            return lengths + _varint_sizes(lengths, _LENGTH_STEPS)
        case {"type": "array", "items": items}:
            return _of_lists(items, column)
        case {"type": "record", "fields": fields}:
            return record_sizes(fields, [column.field(number) for number in range(len(fields))])
    raise KeyError(str(node))


def _of_nullable(node: Any, column: pa.Array) -> Sizes:  # noqa: ANN401 - as above
    if column.null_count == len(column):
        return _BRANCH_BYTES
    sizes = _sizes(node, column)
    return _BRANCH_BYTES + (sizes * present(column) if column.null_count else sizes)


def _of_longs(numbers: npt.NDArray[np.int64]) -> Sizes:
    return _varint_sizes(((numbers << 1) ^ (numbers >> 63)).view(np.uint64), _ZIGZAG_STEPS)


def _of_lists(items: Any, column: pa.Array) -> Sizes:  # noqa: ANN401 - as above
    offsets = list_offsets(column)
    counts = np.diff(offsets)
    if not counts.any():
        return _END_BYTES
    sizes = _sizes(items, column.values)
    if isinstance(sizes, int):
        inside = counts * sizes
    else:
        before = np.concatenate(([0], np.cumsum(sizes)))
        inside = before[offsets[1:]] - before[offsets[:-1]]
    return inside + np.where(counts > 0, _varint_sizes(counts, _LENGTH_STEPS), 0) + _END_BYTES


def _varint_sizes(numbers: npt.NDArray[Any], steps: tuple[int, ...]) -> Sizes:
    """Return how many bytes each number takes. Most columns lie between two steps, and cost no more than two looks."""
    most = bisect_right(steps, int(numbers.max()))
    least = most and bisect_right(steps, int(numbers.min()))
    sizes: Sizes = least + 1
    for step in steps[least:most]:
        sizes = sizes + (numbers >= step)
    return sizes
