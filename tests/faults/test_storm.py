"""Clients repeat each request until it is acknowledged, while the process is killed and started again."""

from pathlib import Path

from tests.faults.storm import run_storm

REQUESTS = 1_500
CLIENTS = 8


def test_a_storm_of_repeated_requests_counts_every_fact_once(tmp_path: Path) -> None:
    """Through a SIGKILL of the whole process, with fields left out: nothing lost, doubled, quarantined or refused."""
    storm = run_storm(tmp_path, requests=REQUESTS, clients=CLIENTS, kills=1, seed=1)
    assert storm.acknowledged == storm.events == REQUESTS
    assert storm.failed_while_down > 0
    assert storm.duplicates >= storm.repeated > 0
