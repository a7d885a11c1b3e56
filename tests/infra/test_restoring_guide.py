"""The guide for the day on which the log lost facts: its commands, in order, on a log that did."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from ledger_infra.paths import read_model_path
from ledger_infra.settings import environment_without_settings
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.faults.the_log import append
from tests.projectors.building import administering, demo_events, project

GUIDE: Final = Path(__file__).resolve().parents[2] / "infra" / "guides" / "restoring.md"
RESTORED: Final = "notifications.lifecycle.restored"


def test_the_steps_of_the_guide_restore_a_log(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """After the last command a new log and a new read model hold every event, and the old file is as it was kept."""
    topic = TopicSpec(topic_name, 6)
    append(kafka.connection, topic, demo_events(20))
    path = read_model_path(tmp_path / "data")
    with ReadModel.create_or_open(path, topic=topic.name, partitions=6) as model:
        asyncio.run(project(kafka.connection, model))
    asyncio.run(_delete_some(kafka, topic))
    append(kafka.connection, topic, demo_events(3, seed=2))
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    script = "\n".join(blocks).replace(RESTORED, f"{topic.name}.restored")
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment_without_settings()
        | {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "NOTIFICATION_LEDGER_TOPIC": topic.name,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    assert "log_incomplete: The log no longer holds 3 of the" in finished.stderr
    assert "exit code 37" in finished.stdout
    lines = [(tmp_path / name).read_bytes().count(b"\n") for name in ("history.jsonl", "restored.jsonl")]
    assert lines[0] == lines[1] > 0
    assert path.exists()
    assert read_model_path(tmp_path / "restored").exists()


async def _delete_some(kafka: Kafka, topic: TopicSpec) -> None:
    async with administering(kafka.connection) as admin:
        await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=3)})
