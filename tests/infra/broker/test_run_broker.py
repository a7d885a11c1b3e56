"""The foreground broker says where it is, and a signal stops it cleanly."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka

PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from ledger_infra.broker.command import run_broker
    run_broker(data_dir=Path(sys.argv[1]), port=None, say=lambda line: print(line, flush=True))
""")


def start(data_dir: Path) -> subprocess.Popen[str]:
    """Start the broker in a process group of its own."""
    arguments = [sys.executable, "-c", PROGRAM, str(data_dir)]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C in a terminal, and a supervisor's SIGTERM, end with exit code 0 after Kafka's own shutdown."""
    with start(tmp_path / "data") as broker:
        assert broker.stdout
        lines = [broker.stdout.readline()]
        while "Downloading" in lines[-1]:
            lines.append(broker.stdout.readline())
        assert "Kafka answers on 127.0.0.1:" in lines[-1]
        os.killpg(broker.pid, number)
        said, complaints = broker.communicate(timeout=30)
    assert said == "Stopping Kafka.\nKafka has stopped.\n"
    assert complaints == ""
    assert broker.returncode == 0
    assert "shut down completed" in (tmp_path / "data" / "kafka.log").read_text(encoding="utf-8")
