"""The command `python -m tests.acceptance.mutation`: takes each mapped field out of the answers; a test must fall.

For each dialect one pytest session runs the marked tests once as they are, and sees which fields the answers of each
test have. Then, field by field, every answer loses the field (answers.py stands around the application, which knows
nothing of it), and the tests that were answered with it run until one fails.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import pytest
from _pytest.runner import runtestprotocol

from .answer_fields import AnswerField, answer_fields
from .answers import Answers, answers_of
from .mapping import VENDORS
from .running_rows import RAN, Rows, pytest_arguments

JOBS_DEFAULT: Final = 2
NOWHERE: Final = "no test is answered with it"
SURVIVES: Final = "every test passes without it"


@dataclass
class Mutations:
    """A pytest plugin that runs the tests of one dialect as often as it has fields.

    `found` is, by field, the test that fell. `missed` is why none did. `failing` are tests that fail as they are.
    """

    dialect: str
    fields: Sequence[AnswerField]
    found: dict[str, str] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests in place of pytest's own loop, which tells of tests that cannot be collected."""
        if session.testsfailed:
            return None
        answers = answers_of(session.config)
        runner = _Runner(session)
        seeing = self._run_unchanged(runner, answers, session.items)
        if self.failing:
            return True
        # Tests that look at whole answers find most fields: they come first.
        found_by: Counter[str] = Counter()
        for each in self.fields:
            tests = sorted(seeing[each.name], key=lambda item: -found_by[item.nodeid])
            runner.begin_again()
            answers.change = self._taking_out(each)
            fallen = next((item.nodeid for item in tests if not runner.passes(item)), None)
            answers.change = None
            if fallen is not None:
                self.found[each.name] = fallen
                found_by[fallen] += 1
            else:
                self.missed[each.name] = SURVIVES if tests else NOWHERE
        runner.end()
        return True

    def _run_unchanged(
        self, runner: _Runner, answers: Answers, items: Sequence[pytest.Item]
    ) -> dict[str, list[pytest.Item]]:
        """Run every test as it is; return those that were answered with each field."""
        seeing: dict[str, list[pytest.Item]] = defaultdict(list)
        seen: set[str] = set()

        def look(dialect: str, answer: Any) -> bool:  # noqa: ANN401 - any JSON
            if dialect == self.dialect:
                seen.update(each.name for each in self.fields if each.stands_in(answer))
            return False

        answers.change = look
        for item in items:
            seen.clear()
            if not runner.passes(item):
                self.failing.append(item.nodeid)
            for name in seen:
                seeing[name].append(item)
        answers.change = None
        return seeing

    def _taking_out(self, taken: AnswerField) -> Any:  # noqa: ANN401 - a Change
        return lambda dialect, answer: dialect == self.dialect and taken.take_out_of(answer)


class _Runner:
    """Runs single tests of a session, any number of times."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._state = session._setupstate

    def passes(self, item: pytest.Item) -> bool:
        """Run one test and say whether it passes, its fixtures included."""
        # What the test before needed and this one does not is torn down; so is all of this one but its module.
        self._state.teardown_exact(item)
        beside = next(
            (other for other in self._session.items if other.parent is item.parent and other is not item), None
        )
        reports = runtestprotocol(item, log=False, nextitem=beside)
        if any(report.failed and report.when != "call" for report in reports):
            # A fixture of the module that failed would fail the next test too.
            self.begin_again()
        return all(report.passed for report in reports)

    def begin_again(self) -> None:
        """Tear down what modules have: it was answered as answers were then. What the session has asked nothing."""
        # It takes the next test to know what to keep; of the session it asks no more than that of a test.
        self._state.teardown_exact(cast("pytest.Item", self._session))

    def end(self) -> None:
        """Tear everything down."""
        self._state.teardown_exact(None)


def run_mutations(dialect: str, fields: Sequence[AnswerField], paths: Sequence[Path] = ()) -> Mutations:
    """Take the fields out, one by one; what pytest says goes to standard error. Exits with 2 if tests cannot run."""
    mutations = Mutations(dialect, fields)
    with contextlib.redirect_stdout(sys.stderr):
        code = pytest.main(pytest_arguments(paths), plugins=[Rows(frozenset([dialect])), mutations])
    if code not in RAN:
        sys.exit(2)
    return mutations


def main() -> int:
    """Run the command. It exits with 0 when every field is found, 1 when one is not, 2 when a test fails as it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.mutation", description=__doc__)
    parser.add_argument("--dialect", choices=VENDORS, action="append", help="this dialect alone; repeatable")
    parser.add_argument("--field", action="append", help="this field alone, as the mapping writes it; repeatable")
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, help="dialects at a time, each in its own process")
    parser.add_argument("paths", nargs="*", type=Path, help="tests of elsewhere (default: those of this folder)")
    options = parser.parse_args()
    dialects = options.dialect or list(VENDORS)
    known = {each.name for dialect in dialects for each in answer_fields(dialect)}
    for name in set(options.field or ()) - known:
        parser.error(f"no answer of {', '.join(dialects)} has a field {name!r} that is mapped")
    if len(dialects) == 1:
        return _run_one(dialects[0], options.field, options.paths)
    with ThreadPoolExecutor(options.jobs) as pool:
        # The longest begins first; what is printed keeps the order of the dialects.
        longest_first = sorted(dialects, key=lambda dialect: -len(answer_fields(dialect)))
        running = {dialect: pool.submit(_run_apart, dialect, options.field, options.paths) for dialect in longest_first}
        codes = []
        for dialect in dialects:
            finished = running[dialect].result()
            sys.stdout.write(finished.stdout)
            codes.append(finished.returncode)
    return max(codes)


def _run_apart(dialect: str, names: Sequence[str] | None, paths: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    fields = [text for name in names or () for text in ("--field", name)]
    command = [sys.executable, "-m", "tests.acceptance.mutation", "--dialect", dialect, *fields, *map(str, paths)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


def _run_one(dialect: str, names: Sequence[str] | None, paths: Sequence[Path]) -> int:
    fields = [each for each in answer_fields(dialect) if not names or each.name in names]
    done = run_mutations(dialect, fields, paths)
    for name in done.failing:
        sys.stdout.write(f"{dialect}  FAILS AS IT IS: {name}\n")
    if done.failing:
        return 2
    for each in fields:
        said = f"found by {done.found[each.name]}" if each.name in done.found else _not_found(done, each)
        sys.stdout.write(f"{dialect}  {each.name}  {said}\n")
    sys.stdout.write(f"{dialect}: {len(done.found)} of {len(fields)} fields found\n")
    return int(len(done.found) < len(fields))


def _not_found(done: Mutations, each: AnswerField) -> str:
    return f"NOT FOUND: {done.missed.get(each.name, NOWHERE)}"


if __name__ == "__main__":
    sys.exit(main())
