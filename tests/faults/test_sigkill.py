"""Fault 1: the projector is killed between any two steps of a batch."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from ledger_infra.demo.stream import StreamPlan, generate
from ledger_projectors.read_model import ReadModel
from ledger_projectors.steps import Step
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import Raw, append_raw, folded_up_to, read_log, with_trouble
from tests.properties.comparison import assert_same, read, read_state
from tests.properties.strategies import Placed

NOTIFICATIONS_PER_ROUND = 25
"""About 170 events: more than the two small batches that a round may take."""

SET_DOWN_IN = ("events", "duplicates", "quarantine")
"""Every record of the log has one row in one of them."""

HALT_TIMEOUT_SECONDS = 60
SCRIPT = Path(__file__).with_name("killable_projector.py")


@pytest.mark.timeout(1_800)
def test_sigkill_between_any_two_steps_loses_and_doubles_nothing(
    kafka: Kafka, topic_name: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """After each kill the file is the oracle's fold of everything before the position that it states.

    Every record before it is in history, among the duplicates or in quarantine, once; poison and conflicting copies
    stand between the events. The same file is killed round after round, at every step in turn, and then runs to the
    end of the log.
    """
    rounds = int(pytestconfig.getoption("--rounds"))
    topic = TopicSpec(topic_name, 3)
    plan = StreamPlan(notifications=NOTIFICATIONS_PER_ROUND * rounds, seed=rounds)
    rng = Random(rounds)  # noqa: S311 - which of two batches dies, and of what the poison is; no secret
    appended = append_raw(kafka.connection, topic, with_trouble(list(generate(plan)), rng))
    poison = {at: raw for at, raw in appended.items() if raw.poison}
    log = read_log(kafka.connection, topic, poison)
    path = tmp_path / "read_model.duckdb"
    for number, step in zip(range(rounds), cycle(Step), strict=False):
        occurrence = rng.choice((1, 2))
        _kill_at(path, kafka.bootstrap_servers, topic, step, occurrence)
        copy = _copied(path, tmp_path / f"after-{number}")
        with ReadModel.create_or_open(copy, topic=topic.name, partitions=topic.partitions) as model:
            _check(model, log, poison, after=f"round {number}, SIGKILL at {step} number {occurrence}")
        shutil.rmtree(copy.parent)
    finished = subprocess.run(_command(path, kafka.bootstrap_servers, topic, "none", 0), check=False)
    assert finished.returncode == 0
    with ReadModel.create_or_open(path, topic=topic.name, partitions=topic.partitions) as model:
        assert sum(model.position().values()) == len(appended)
        _check(model, log, poison, after="the whole log")
        reasons = {row["reason"] for row in read(model, "SELECT DISTINCT reason FROM quarantine")}
        assert reasons >= {"conflict", "key_mismatch", "undecodable"}


def _check(model: ReadModel, log: Sequence[Placed], poison: Mapping[tuple[int, int], Raw], after: str) -> None:
    """Compare with the oracle, then count: the poison is whole and once in quarantine, and nothing stands twice."""
    position = model.position()
    ends = {partition: offset for (_, partition), offset in position.items()}
    (topic,) = {name for name, _ in position} or {""}
    assert_same(folded_up_to(log, topic, position, model.partitions), read_state(model, poison), after=after)
    refused = read(model, "SELECT * FROM quarantine WHERE reason <> 'conflict' ORDER BY log_partition, log_offset")
    expected = [(*at, raw.key, raw.value) for at, raw in sorted(poison.items()) if at[1] < ends.get(at[0], 0)]
    columns = ("log_partition", "log_offset", "record_key", "record_value")
    assert expected == [tuple(row[column] for column in columns) for row in refused], after
    rows = [read(model, f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in SET_DOWN_IN]  # noqa: S608 - our own names
    assert sum(position.values()) == sum(rows), after


def _kill_at(path: Path, servers: str, topic: TopicSpec, step: Step, occurrence: int) -> None:
    command = _command(path, servers, topic, step.value, occurrence)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"halted at {step}\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(HALT_TIMEOUT_SECONDS) == -signal.SIGKILL


def _command(path: Path, servers: str, topic: TopicSpec, step: str, occurrence: int) -> list[str]:
    arguments = [str(path), servers, topic.name, str(topic.partitions), step, str(occurrence)]
    return [sys.executable, str(SCRIPT), *arguments]


def _copied(path: Path, folder: Path) -> Path:
    """Copy the file as the kill left it, write-ahead log included: looking at it must not mend it."""
    folder.mkdir()
    for file in (path, path.with_name(path.name + ".wal")):
        if file.exists():
            shutil.copy2(file, folder / file.name)
    return folder / path.name
