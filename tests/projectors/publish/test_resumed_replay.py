"""A replay that was stopped is resumed only while the log holds what it has read; a check never resumes one."""

from __future__ import annotations

import asyncio

import pytest

from ledger_projectors.progress import Progress
from ledger_schemas.errors import LogIncomplete
from tests.projectors.building import at, project
from tests.projectors.publish.ledgers import KEPT, NAME, UNFINISHED, Ledger
from tests.projectors.publish.losing import ALL, COMPACTION_SECONDS_MAX, compact, delete_before


def test_rebuild_restarts_a_replay_from_before_a_restore(own_ledger: Ledger) -> None:
    """An unfinished replay that lacks records is no proof that the log lacks them: it starts again, and is equal."""
    with own_ledger.open(UNFINISHED) as model:
        model.apply([], {0: 4, 1: 9})
    found = own_ledger.rebuild()
    assert found.old is not None
    assert found.new.text == found.old.text
    assert own_ledger.files() == {NAME, KEPT}


def test_rebuild_restarts_a_replay_from_before_a_loss(own_ledger: Ledger) -> None:
    """An unfinished replay from before the loss would be equal: it starts again, and the loss is told."""
    with own_ledger.open(UNFINISHED) as model:
        asyncio.run(project(own_ledger.kafka.connection, model, until=at(own_ledger.topic, 10, 20)))
    delete_before(own_ledger, 4, 0, 0)
    with pytest.raises(LogIncomplete, match="partition 0: 4 of"):
        own_ledger.rebuild()
    assert own_ledger.files() == {NAME}


@pytest.mark.timeout(COMPACTION_SECONDS_MAX + 180)
def test_rebuild_restarts_a_replay_from_before_a_compaction(own_ledger: Ledger) -> None:
    """An unfinished replay that has records which the log has lost since is not resumed, and the loss is told."""
    complete = own_ledger.path.read_bytes()
    missing = ALL - len(compact(own_ledger))
    for swap in (True, False):
        (own_ledger.folder / UNFINISHED).write_bytes(complete)
        with pytest.raises(LogIncomplete, match=f"no longer holds {missing} of the {ALL} records"):
            own_ledger.rebuild(swap=swap)
        assert own_ledger.files() == {NAME}


def test_check_does_not_resume_a_replay(own_ledger: Ledger) -> None:
    """It reads the whole log, also when a rebuild that was stopped has left a part of it."""
    with own_ledger.open(UNFINISHED) as model:
        asyncio.run(project(own_ledger.kafka.connection, model, until=at(own_ledger.topic, 10, 20)))
    told: list[Progress] = []
    own_ledger.rebuild(swap=False, on_progress=told.append)
    assert told[-1].applied + told[-1].duplicates + told[-1].quarantined == ALL
    assert own_ledger.files() == {NAME}
