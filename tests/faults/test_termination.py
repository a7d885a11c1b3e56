"""Fault 17: SIGTERM under load. The batch in hand is committed, or rolled back; the exit code says which."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Final

from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.projector_command import PROJECTOR, projector_environment
from tests.faults.the_log import append, folded_up_to, read_log
from tests.projectors.building import demo_events, open_model
from tests.properties.comparison import assert_same, read_state

PARTITIONS: Final = 3
EVENTS: Final = demo_events(70)
BATCH_RECORDS: Final = 60
STOP_SECONDS_MAX: Final = 60


def test_a_sigterm_under_load_commits_the_batch_in_hand_and_a_second_one_rolls_it_back(
    kafka: Kafka, topic_name: str, tmp_path: Path
) -> None:
    """After one SIGTERM the exit code is 0, and the file stands where the last commit left it, short of the end.

    After a second one, while that batch is at work, the signal's own code says that it was not committed. The file is
    the fold up to its position either way.
    """
    topic = TopicSpec(topic_name, PARTITIONS)
    append(kafka.connection, topic, EVENTS)
    positions = []
    for signals, exit_code in ((1, 0), (2, -signal.SIGTERM)):
        environment = projector_environment(
            kafka, topic, tmp_path, BATCH_RECORDS_MAX=str(BATCH_RECORDS * signals), LOG_LEVEL="debug", LOG_FORMAT="json"
        )
        with subprocess.Popen(PROJECTOR, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            committed = _until(process.stderr, "projector.batch_committed")[-1:]
            process.send_signal(signal.SIGTERM)
            if signals > 1:
                _until(process.stderr, "service.draining")
                process.send_signal(signal.SIGTERM)
            later = [json.loads(line) for line in process.stderr if line.startswith("{")]
            assert process.wait(STOP_SECONDS_MAX) == exit_code
        committed += [line for line in later if line["event"] == "projector.batch_committed"]
        assert len(committed) <= 2
        with open_model(next(tmp_path.glob("**/*.duckdb")).parent, topic.name, PARTITIONS) as model:
            positions.append(sum(model.position().values()))
            assert committed[-1]["position"] == str(model.position())
            log = read_log(kafka.connection, topic)
            assert_same(folded_up_to(log, topic.name, model.position(), PARTITIONS), read_state(model))
    assert 0 < positions[0] < positions[1] < len(EVENTS)


def _until(lines: IO[str], event: str) -> list[dict[str, Any]]:
    """Read log lines up to the first of that name; return them."""
    found: list[dict[str, Any]] = []
    while not found or found[-1].get("event") != event:
        line = lines.readline()
        assert line, found
        if line.startswith("{"):
            found.append(json.loads(line))
    return found
