"""Fault 1: the projector is killed between any two steps of a batch, and at any instant."""

from pathlib import Path

import pytest

from ledger_projectors.store.steps import Step
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.killing import FOREIGN_PER_ROUND, PARTITIONS, kill_rounds


@pytest.mark.timeout(1_800)
def test_sigkill_at_any_step_and_instant_loses_and_doubles_nothing(
    kafka: Kafka, topic_name: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """After each kill the file is the oracle's fold of everything before the position that it states.

    Every record before it is in history, among the duplicates or in quarantine, once; poison, conflicting copies and
    events whose schema comes late stand between the others. The same file is killed round after round while more is
    appended, and then runs to the end of the log; a rebuild has its digest.
    """
    rounds = int(pytestconfig.getoption("--rounds"))
    kills = kill_rounds(kafka.connection, TopicSpec(topic_name, PARTITIONS), tmp_path, rounds=rounds, seed=rounds)
    assert sum(kills.at_step.values()) + sum(kills.during.values()) == rounds
    assert kills.at_step.keys() == set(list(Step)[: (rounds + 1) // 2])
    assert kills.released == FOREIGN_PER_ROUND * rounds
