"""What the tests of the dialects may ask for: the ledgers of serving.py, which says how to use them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_infra.demo.samples import sample_events
from tests.queries.builder import Model

from .answers import ANSWERS, Answers
from .serving import Served, serving


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest) -> Answers:
    """Give what all ledgers of this session have around them."""
    return request.config.stash.setdefault(ANSWERS, Answers())


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
