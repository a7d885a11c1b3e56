"""Rows in memory mirror the file: whatever fails, and however few are kept, a batch gives what it gives without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.store import folded_rows, read_model
from ledger_projectors.store.hot_rows import HotEntries, HotRows
from ledger_projectors.store.opening import open_file
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import Step
from tests.projectors.building import open_model, reading, records_of
from tests.properties.comparison import apply, assert_same, folded, new_read_model, read_state
from tests.properties.strategies import NOTIFICATION_IDS, Placed, audience, batches, histories, logs, place, said

FAILING: Final = [step for step in Step if step not in {Step.FETCHED, Step.COMMITTED, Step.CHECKPOINTED}]
"""The steps of a batch behind which its transaction can still fail."""

GROWING: Final = [
    said("created", "10:00:00", audience=audience(ann=("email",))),
    said("fired", "10:00:01", channel="email"),
    said("created", "10:00:02", notification_id=NOTIFICATION_IDS[1], audience=audience(bob=(), ann=("push",))),
    said("read", "10:00:03", recipient_id="ann"),
    said("audience_added", "10:00:04", audience=audience(bob=("email",))),
    said("read", "10:00:05", notification_id=NOTIFICATION_IDS[1], recipient_id="bob"),
    said("failed", "10:00:06", notification_id=NOTIFICATION_IDS[1], channel="push", permanent=True),
    said("unread", "10:00:07", recipient_id="ann"),
    said("cancelled", "10:00:08"),
]
"""Events that change rows which the one before wrote."""


class _Refused(RuntimeError):
    """What a step is made to fail with."""


class _FailingCommits:
    """A connection of which one COMMIT fails before it does anything."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.fails = False

    def execute(self, query: Any, *given: Any) -> Any:  # noqa: ANN401 - as DuckDB's
        """Execute what is given, but for the COMMIT that is to fail."""
        if self.fails and query == "COMMIT":
            self.fails = False
            raise duckdb.IOException("no space left on device")
        return self._connection.execute(query, *given)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the connection has
        """Return what the connection has."""
        return getattr(self._connection, name)


def _digest(model: ReadModel) -> str:
    with reading(model) as reader:
        return digest_read_model(reader).text


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest after GROWING, event by event, each of them by a writer that remembers nothing."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for record in records_of(*GROWING):
        with open_model(folder) as model:
            model.apply([record])
    with open_model(folder) as model:
        return _digest(model)


@pytest.mark.parametrize("step", FAILING)
def test_a_batch_that_fails_at_a_step_leaves_memory_as_the_file(tmp_path: Path, undisturbed: str, step: Step) -> None:
    """Every batch fails once at the step and comes again: what it changed in memory is not there the second time."""

    def fail(done: Step) -> None:
        if done is step:
            raise _Refused

    with open_model(tmp_path) as model:
        for record in records_of(*GROWING):
            with pytest.raises(_Refused):
                model.apply([record], on_step=fail)
            model.apply([record])
        assert _digest(model) == undisturbed


@pytest.mark.parametrize("failing", range(len(GROWING)))
def test_another_batch_after_a_failed_commit_starts_from_the_file(
    tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The COMMIT of one batch fails; a longer batch comes in its place, as after a retry that fetched more."""
    opened: list[_FailingCommits] = []

    def failing_file(*where: Any) -> _FailingCommits:  # noqa: ANN401 - whatever `open_file` takes
        opened.append(_FailingCommits(open_file(*where)))
        return opened[-1]

    monkeypatch.setattr(read_model, "open_file", failing_file)
    records = records_of(*GROWING)
    with open_model(tmp_path) as model:
        for record in records[:failing]:
            model.apply([record])
        opened[0].fails = True
        with pytest.raises(duckdb.IOException):
            model.apply([records[failing]])
        model.apply(records[failing : failing + 2])
        for record in records[failing + 2 :]:
            model.apply([record])
        assert _digest(model) == undisturbed


def test_rows_that_memory_cannot_take_are_read_again(
    tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails behind COMMIT fails no batch: the file is ahead of memory then, and memory is made again."""

    def fail(_rows: HotRows, _written: pl.DataFrame) -> None:
        raise MemoryError

    with open_model(tmp_path) as model:
        for number, record in enumerate(records_of(*GROWING)):
            with monkeypatch.context() as patched:
                if number % 2:
                    patched.setattr(HotRows, "put", fail)
                model.apply([record])
        assert _digest(model) == undisturbed


@pytest.mark.parametrize(("rows_max", "of_batch_max"), [(0, 9), (1, 9), (3, 2), (9, 1)])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_however_few_rows_are_kept_a_log_gives_the_rows_of_the_oracle(
    rows_max: int, of_batch_max: int, data: st.DataObject
) -> None:
    """Rows go out of memory and come back from the file, some of a notification's entries without the others."""
    placed: Sequence[Placed] = place(data.draw(logs(data.draw(histories(notifications_max=2, events_max=12)))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folded_rows, "HOT_NOTIFICATIONS_MAX", rows_max)
        patched.setattr(folded_rows, "HOT_ENTRIES_MAX", rows_max)
        patched.setattr(folded_rows, "KEPT_OF_BATCH_MAX", of_batch_max)
        with new_read_model() as model:
            apply(model, *data.draw(batches(placed)))
            assert_same(folded(placed), read_state(model))


def _rows(*versions: int) -> pl.DataFrame:
    """Return rows with these versions, three notifications taking turns."""
    return pl.DataFrame({"n": [v % 3 for v in versions], "recipient_id": ["ann"] * len(versions), "version": versions})


def test_versions_are_those_of_the_rows_written_last() -> None:
    """A row that replaces another has its place; the keys of what is not kept have none."""
    hot = HotEntries(rows_max=10)
    hot.put(_rows(1, 2, 3))
    hot.put(_rows(7, 8))
    assert [hot.versions(n) for n in (0, 1, 2, 5)] == [{"ann": 3}, {"ann": 7}, {"ann": 8}, {}]
    assert sorted(v for frame in hot.rows([3, 7, 8]) for v in frame["version"]) == [3, 7, 8]
    hot.drop([0])
    assert hot.versions(0) == {}
    hot.forget()
    assert (hot.versions(1), len(hot)) == ({}, 0)


def test_the_oldest_rows_are_let_go_first() -> None:
    """There are never more rows than may be, and every row that is told of can be had."""
    hot = HotEntries(rows_max=10)
    for version in range(1, 60):
        hot.put(_rows(version))
        assert len(hot) <= 10
        kept = [v for n in range(3) for v in hot.versions(n).values()]
        assert version in kept
        assert sorted(v for frame in hot.rows(kept) for v in frame["version"]) == sorted(kept)
