"""The rows of the acceptance table: which there are, which must work, and which tests show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest

from .mapping import ACCEPTANCE, VENDORS

AWAITED: Final = ("S4-01..21, S4-26, S4-27",)
"""Rows that must work and are not built yet. A row that a test shows is taken off; none left: this goes."""

IDS_PER_TEST_MAX: Final = 2
MARKER: Final = "acceptance"
NOT_RUN: Final = ("skip", "skipif", "xfail")
"""Markers of tests that may pass without having shown anything."""

_ROW: Final = re.compile(r"^\| (S[1-5]-\d\d) \| (.+?) \|", re.MULTILINE)
_REQUIRED: Final = re.compile(r"^S1-.*; S2-.*; S3-.*; S4-.*; S5-.*$", re.MULTILINE)
_RANGE: Final = re.compile(r"(S[1-5])-(\d\d)(?:\.\.(\d\d))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One observable thing."""

    id: str
    observable: str
    required: bool

    @property
    def dialect(self) -> str:
        """Return the dialect that it is a row of."""
        return dialect_of(self.id)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a test says of itself: the rows that it shows, and that it does so by asking their dialect over HTTP."""

    ids: Sequence[str]
    over_http: bool

    @property
    def dialects(self) -> set[str]:
        """Return the dialects of its rows."""
        return {dialect_of(row_id) for row_id in self.ids}


@cache
def table() -> tuple[Row, ...]:
    """Return the rows of the table in its order."""
    text = ACCEPTANCE.read_text(encoding="utf-8")
    (line,) = _REQUIRED.findall(text)
    required = set(ids_of([line]))
    return tuple(Row(row_id, observable, row_id in required) for row_id, observable in _ROW.findall(text))


def ids_of(lines: Iterable[str]) -> Iterator[str]:
    """Yield the ids of lines such as `S1-01..31, S1-36`."""
    for line in lines:
        for prefix, first, last in _RANGE.findall(line):
            yield from (f"{prefix}-{number:02}" for number in range(int(first), int(last or first) + 1))


def dialect_of(row_id: str) -> str:
    """Return the dialect that a row belongs to."""
    return next(dialect for dialect, prefix in VENDORS.items() if row_id.startswith(f"{prefix}-"))


def mark_of(item: pytest.Item) -> Mark | None:
    """Return what a test says of itself, its class's and module's markers included; None: it shows no row."""
    marks = list(item.iter_markers(MARKER))
    if not marks:
        return None
    ids = [row_id for mark in marks for row_id in mark.args]
    return Mark(ids, all(mark.kwargs.get("over_http", True) for mark in marks))


def faults_of(items: Iterable[pytest.Item]) -> Iterator[str]:
    """Yield what is wrong with the markers of tests, a line each."""
    known = {row.id for row in table()}
    for item in items:
        mark = mark_of(item)
        if mark is None:
            continue
        if not 1 <= len(mark.ids) <= IDS_PER_TEST_MAX:
            yield f"{item.nodeid}: {len(mark.ids)} ids; one or two are allowed"
        for row_id in mark.ids:
            if row_id not in known:
                yield f"{item.nodeid}: {row_id!r} is no row of {ACCEPTANCE.name}"
        for name in NOT_RUN:
            if item.get_closest_marker(name):
                yield f"{item.nodeid}: a test that shows a row may not be marked {name}"
