"""The rules of `ledger_schemas.wire_rules` for whole columns: which rows may break one, for the reference to decide.

A row that is not named here passes `check_wire`. One that is named may pass too: only the reference says what is
wrong, so that every error has one text. Texts must be valid UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger_projectors.decode.arrow_views import Bytes, Indexes, Offsets, Rows, list_offsets, longs, present, text_view
from ledger_schemas import limits
from ledger_schemas.kinds import Kind
from ledger_schemas.shapes import shape_of
from ledger_schemas.wire_rules import OPTIONAL_IDS, REQUIRED_IDS

UUID_BYTES: Final = 36
_DASHES: Final = (8, 13, 18, 23)
_HEX_DIGITS: Final = UUID_BYTES - len(_DASHES)
_VERSION: Final = 14
_VARIANT: Final = 19
"""Where in the text of a UUID its dashes, its version and its variant stand (RFC 9562, section 4)."""

_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F


def doubtful_rows(kind: Kind, columns: pa.RecordBatch) -> Rows:
    """Return the rows that may break a rule; `columns` are all fields of the kind, with one row at least."""
    shape = shape_of(kind)
    doubtful: Rows = np.zeros(columns.num_rows, np.bool_)
    for name in shape.uuids:
        doubtful |= _if_present(columns[name], _not_uuids)
    for name in (*REQUIRED_IDS, *OPTIONAL_IDS):
        doubtful |= _if_present(columns[name], _not_ids)
    if columns["delivery_ref"].null_count < len(doubtful):
        doubtful |= present(columns["delivery_ref"]) & ~present(columns["channel"])
    for name in shape.times:
        doubtful |= _if_present(columns[name], _not_times)
    if "audience" in shape.fields:
        doubtful |= _not_audiences(columns["audience"])
    return doubtful


def _if_present(column: pa.Array, rule: Callable[[pa.Array], Rows]) -> Rows | bool:
    if column.null_count == len(column):
        return False
    rows = rule(column)
    return rows & present(column) if column.null_count else rows


def _not_uuids(texts: pa.StringArray) -> Rows:
    offsets, data = text_view(texts)
    wrong: Rows = np.diff(offsets) != UUID_BYTES
    if not wrong.any():
        return _not_uuids_of_36(data)
    whole = ~wrong
    wrong[whole] = _not_uuids_of_36(data[offsets[:-1][whole, None] + np.arange(UUID_BYTES)])
    return wrong


def _not_uuids_of_36(data: Bytes) -> Rows:
    texts = data.reshape(-1, UUID_BYTES)
    version, variant = texts[:, _VERSION], texts[:, _VARIANT]
    wrong = (version < ord("1")) | (version > ord("8"))
    wrong |= (variant != ord("8")) & (variant != ord("9")) & (variant != ord("a")) & (variant != ord("b"))
    for index in _DASHES:
        wrong |= texts[:, index] != ord("-")
    # Bytes are numbers without sign: what lies below the first digit wraps around to above the last.
    hexadecimal = (texts - ord("0") < 10) | (texts - ord("a") < 6)  # noqa: PLR2004 - digits 0 to 9, letters a to f
    # One look at all of them tells only where every dash is one: a digit in its index would make up for a letter that
    # is no digit.
    if wrong.any() or np.count_nonzero(hexadecimal) != _HEX_DIGITS * len(texts):
        wrong |= np.count_nonzero(hexadecimal, axis=1) != _HEX_DIGITS
    return wrong


def _not_ids(texts: pa.StringArray) -> Rows:
    offsets, data = text_view(texts)
    lengths = np.diff(offsets)
    if lengths.max() > limits.ID_CHARS_MAX:
        # Bytes are no characters: only a text of many bytes need be counted.
        lengths = pc.utf8_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    wrong: Rows = (lengths == 0) | (lengths > limits.ID_CHARS_MAX)
    # Every byte of a character of several bytes is above the control characters.
    control = (data < _FIRST_PRINTABLE) | (data == _DELETE)
    if control.any():
        wrong[_rows_of(np.flatnonzero(control), offsets)] = True
    return wrong


def _not_times(times: pa.Array) -> Rows:
    microseconds = longs(times)
    return (microseconds < limits.OCCURRED_AT_MICROSECONDS_MIN) | (microseconds > limits.OCCURRED_AT_MICROSECONDS_MAX)


def _not_audiences(audiences: pa.ListArray) -> Rows:
    offsets = list_offsets(audiences)
    sizes = np.diff(offsets)
    wrong: Rows = sizes > limits.RECIPIENTS_PER_EVENT_MAX
    if not sizes.any():
        return wrong
    members = audiences.values
    recipients, channels = members.field("recipient_id"), members.field("channels")
    channel_offsets = list_offsets(channels)
    odd = _not_ids(recipients) | (np.diff(channel_offsets) > limits.CHANNELS_PER_RECIPIENT_MAX)
    if len(channels.values):
        odd[_rows_of(np.flatnonzero(_not_ids(channels.values)), channel_offsets)] = True
    wrong[_rows_of(np.flatnonzero(odd), offsets)] = True
    wrong[_rows_of(_named_before(recipients, sizes), offsets)] = True
    return wrong


def _named_before(recipients: pa.StringArray, sizes: npt.NDArray[np.int32]) -> Indexes:
    """Return one index of each recipient that its audience names more than once."""
    names = recipients.dictionary_encode()
    audiences = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    marks = audiences * len(names.dictionary) + names.indices.to_numpy()
    # Members lie one audience behind the other: almost in order, which a stable sort makes use of.
    order = np.argsort(marks, kind="stable")
    again: Indexes = order[1:][marks[order[1:]] == marks[order[:-1]]]
    return again


def _rows_of(indexes: Indexes, offsets: Offsets) -> Indexes:
    """Return the row that each index of the values belongs to."""
    return np.searchsorted(offsets, indexes, side="right").astype(np.int64) - 1
