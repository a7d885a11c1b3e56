"""The tour holds on a small stream, leaves nothing behind however it ends, and its checks find what is wrong."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from ledger_infra.demo import victim
from ledger_infra.demo.checks import compare_with_fed
from ledger_infra.demo.stream import StreamPlan, StreamTally, generate
from ledger_infra.settings import environment_without_settings
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import LIFECYCLE_TOPIC
from ledger_schemas.errors import ProjectorFailed
from tests.properties.strategies import NOON_MS, Recorded, place
from tests.running import COMMAND, processes_below, run_command

TOUR_TIMEOUT_SECONDS = 240
START_TIMEOUT_SECONDS = 90
END_TIMEOUT_SECONDS = 90
NOTIFICATIONS = 20


@pytest.mark.kafka
def test_everything_holds(tmp_path: Path) -> None:
    """The tour ends with 0 and says that everything held; its temporary directory and its processes are gone."""
    environment = environment_without_settings() | {"TMPDIR": str(tmp_path)}
    arguments = ("demo", "--notifications", "300")
    finished = run_command(*arguments, environment=environment, timeout_seconds=TOUR_TIMEOUT_SECONDS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Everything held" in finished.stdout
    assert processes_below(tmp_path) == []
    assert list(tmp_path.glob("notification-ledger-*")) == []


@pytest.mark.kafka
def test_sigterm_leaves_no_process(tmp_path: Path) -> None:
    """SIGTERM in the middle of the feed ends the tour with 143, its broker and its projector with it."""
    place = tmp_path / "tour"
    command = [*COMMAND, "demo", "--notifications", "100000", "--data-dir", str(place)]
    screen = tmp_path / "screen.txt"
    with screen.open("wb") as said:
        tour = subprocess.Popen(command, env=environment_without_settings(), stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while "A realistic stream" not in screen.read_text(encoding="utf-8"):
            assert tour.poll() is None, screen.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, screen.read_text(encoding="utf-8")
            time.sleep(0.1)
        assert len(processes_below(place)) >= 3, "the tour, its broker and its projector"
        tour.send_signal(signal.SIGTERM)
        assert tour.wait(END_TIMEOUT_SECONDS) == 143
        assert processes_below(place) == []
    finally:
        tour.kill()
        for left in processes_below(place):
            left.kill()


def test_a_projector_that_commits_nothing_fails_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kill wants a commit before it; without one in time it raises, and sends no signal."""
    monkeypatch.setattr(victim, "FIRST_COMMIT_TIMEOUT_SECONDS", 0.3)
    with victim.ProjectorProcess(tmp_path, "127.0.0.1:1") as process:
        process._command = [sys.executable, "-c", "import time; time.sleep(60)"]
        process.start()
        with pytest.raises(ProjectorFailed, match=r"committed nothing within 0\.3 s"):
            process.kill()
        assert process._process is not None
        assert process._process.poll() is None


def test_a_projector_that_ended_by_itself_fails_the_tour(tmp_path: Path) -> None:
    """One that is not there any more cannot be killed, and that is said without waiting for a commit."""
    with victim.ProjectorProcess(tmp_path, "127.0.0.1:1") as process:
        process._command = [sys.executable, "-c", ""]
        process.start()
        with pytest.raises(ProjectorFailed, match="ended before it was killed"):
            process.kill()


def test_the_checks_hold_on_what_was_fed(tmp_path: Path) -> None:
    """A read model of exactly what was fed gives findings that all hold."""
    path, fed = _fed(tmp_path)
    assert _broken(path, fed) == set()


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        (
            "DELETE FROM event_rows WHERE rowid = (SELECT min(rowid) FROM event_rows)",
            {
                "distinct events in history",
                "of them with an identity of their own",
                "events of each kind",
                "events of each tenant",
            },
        ),
        (
            "INSERT INTO event_rows SELECT * FROM event_rows WHERE rowid = (SELECT min(rowid) FROM event_rows)",
            {"distinct events in history", "events of each kind", "events of each tenant"},
        ),
        (
            "INSERT INTO inbox_entry_rows SELECT * FROM inbox_entry_rows ORDER BY rowid LIMIT 1",
            {"rows that stand twice"},
        ),
        (
            "INSERT INTO delivery_rows SELECT * FROM delivery_rows ORDER BY rowid LIMIT 1",
            {"rows that stand twice"},
        ),
        (
            "INSERT INTO notification_rows SELECT * FROM notification_rows WHERE listed_at IS NOT NULL LIMIT 1",
            {"rows that stand twice", "notifications listed"},
        ),
        ("DELETE FROM duplicates WHERE rowid = 0", {"further copies, noted as duplicates"}),
    ],
    ids=["event lost", "event doubled", "entry doubled", "delivery doubled", "notification doubled", "duplicate lost"],
)
def test_the_checks_find_what_is_wrong(tmp_path: Path, tampering: str, broken: set[str]) -> None:
    """One row lost or doubled breaks the findings that count it, and no other."""
    path, fed = _fed(tmp_path)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute(tampering).fetchall() == [(1,)]
    assert _broken(path, fed) == broken


def _fed(folder: Path) -> tuple[Path, StreamTally]:
    """Return a closed read model file of a small stream, and the tally of the stream."""
    fed = StreamTally()
    events = list(fed.counting(generate(StreamPlan(notifications=NOTIFICATIONS))))
    path = folder / "read_model.duckdb"
    with ReadModel.create_or_open(path, topic=LIFECYCLE_TOPIC, partitions=1) as model:
        model.apply([placed.log_record() for placed in place([Recorded(event, NOON_MS) for event in events])])
    return path, fed


def _broken(path: Path, fed: StreamTally) -> set[str]:
    return {finding.what for finding in compare_with_fed(path, fed) if not finding.holds}
