"""What the tests of the dialects may ask for, and what is asked of tests that show a row of the acceptance table.

The ledgers are those of serving.py, which says how to use them. A marked test (`@pytest.mark.acceptance("S1-07")`)
names one or two rows that there are, asks their dialect over HTTP in its fixtures or its body, and is never skipped.
One that shows what no route can raise is marked `over_http=False`; its row needs another test besides.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ledger_infra.demo.samples import sample_events
from tests.queries.builder import Model

from .answers import Answers, answers_of
from .rows import faults_of, mark_of
from .serving import Served, serving

ASKED_BEFORE: Final = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest) -> Answers:
    """Give what all ledgers of this session have around them."""
    return answers_of(request.config)


@pytest.fixture(scope="session")
def samples_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a read model file of all vendors' samples, each recorded when it occurred. Copy it: it is not to change."""
    path = tmp_path_factory.mktemp("samples") / "read_model.duckdb"
    with contextlib.closing(Model(path)) as model:
        model.append(sample_events())
    return path


@pytest.fixture(scope="module")
def ledger(samples_file: Path, answers: Answers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a ledger of the samples to all tests of a module: they ask, and put nothing into it."""
    path = tmp_path_factory.mktemp("ledger") / "read_model.duckdb"
    shutil.copyfile(samples_file, path)
    with serving(path, answers) as served:
        yield served


@pytest.fixture
def fresh_ledger(samples_file: Path, answers: Answers, tmp_path: Path) -> Iterator[Served]:
    """Give a ledger of the samples to one test, which may change it."""
    path = tmp_path / "read_model.duckdb"
    shutil.copyfile(samples_file, path)
    with serving(path, answers) as served:
        yield served


@pytest.fixture
def empty_ledger(answers: Answers, tmp_path: Path) -> Iterator[Served]:
    """Give a ledger of nothing to one test, which states a history of its own."""
    with serving(tmp_path / "read_model.duckdb", answers) as served:
        yield served


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse markers that say nothing of the table. What a worker of pytest-xdist raises here is never shown."""
    faults = list(faults_of(items))
    if faults and not hasattr(config, "workerinput"):
        raise pytest.UsageError(*faults)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember what was asked before a test; fail one that collection could not refuse."""
    faults = list(faults_of([item]))
    if faults:
        pytest.fail("; ".join(faults), pytrace=False)
    item.stash[ASKED_BEFORE] = answers_of(item.config).asked.copy()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a marked test that has passed without having asked its dialect."""
    outcome = yield
    mark = mark_of(pyfuncitem)
    if mark and mark.over_http:
        asked = answers_of(pyfuncitem.config).asked - pyfuncitem.stash[ASKED_BEFORE]
        silent = sorted(mark.dialects - set(asked))
        assert not silent, f"It shows {', '.join(mark.ids)} and asked nothing of {', '.join(silent)}."
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[Any],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a marked test fail where it skips itself or fails as expected: it has shown nothing."""
    report = yield
    if mark_of(item) and (report.skipped or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} shows a row of the acceptance table: it may not be skipped, nor xfail."
        report.__dict__.pop("wasxfail", None)
    return report
