"""Runs the acceptance tests in this process, and says of each row of the table whether it works."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from .mapping import ROOT
from .rows import Mark, Row, mark_of, table

TESTS: Final = Path(__file__).parent
PLUGIN: Final = "tests.acceptance.conftest"

RAN: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}
"""Exit codes of pytest after which there is something to say of the rows."""


class State(StrEnum):
    """What is known of a row."""

    WORKS = "works"
    FAILS = "fails"
    NO_TEST = "no test"
    HAS_TEST = "has a test"
    """It was collected and not run."""


@dataclass
class Rows:
    """A pytest plugin that keeps the marked tests of some dialects, and what became of them."""

    dialects: frozenset[str]
    marks: dict[str, Mark] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out every other test."""
        kept = []
        for item in items:
            mark = mark_of(item)
            if mark and mark.dialects & self.dialects:
                self.marks[item.nodeid] = mark
                kept.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self.marks])
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a part of a test went: it passes when its call does and nothing fails."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
        if report.failed:
            self.failed.add(report.nodeid)

    def tests_of(self, row: Row) -> list[str]:
        """Return the tests that show a row."""
        return [test for test, mark in self.marks.items() if row.id in mark.ids]

    def state_of(self, row: Row, *, ran: bool) -> State:
        """Return what is known of a row: it works when all its tests pass, one of them over HTTP."""
        tests = self.tests_of(row)
        if not any(self.marks[test].over_http for test in tests):
            return State.NO_TEST
        if not ran:
            return State.HAS_TEST
        return State.WORKS if set(tests) <= self.passed - self.failed else State.FAILS


def run_rows(dialects: Sequence[str], *, collect_only: bool, paths: Sequence[Path] = ()) -> tuple[int, Rows]:
    """Run, or only collect, the marked tests of the dialects; return pytest's exit code and what it found.

    What pytest says goes to standard error.
    """
    found = Rows(frozenset(dialects))
    arguments = [*pytest_arguments(paths), *(["--collect-only"] if collect_only else [])]
    with contextlib.redirect_stdout(sys.stderr):
        code = pytest.main(arguments, plugins=[found])
    return int(code), found


def pytest_arguments(paths: Sequence[Path] = ()) -> list[str]:
    """Return pytest's arguments for the tests at the paths, by default those of this folder."""
    # A test file of elsewhere has no conftest of its own.
    plugins = ["-p", PLUGIN] if paths else []
    # These commands import what pytest would have rewritten, had it been first.
    imported = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options = ["-c", str(ROOT / "pyproject.toml"), "-q", "--no-header", "-p", "no:cacheprovider"]
    return [*options, *imported, *plugins, *map(str, paths or [TESTS])]


def rows_of(dialects: Sequence[str]) -> list[Row]:
    """Return the rows of the dialects in the table's order."""
    return [row for row in table() if row.dialect in dialects]
