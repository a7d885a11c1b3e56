"""`notification-ledger projector` as an operator runs it, on a topic of the tests' broker."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from ledger_schemas import TopicSpec
from tests.conftest import Kafka

PROJECTOR: Final = (sys.executable, "-m", "ledger_infra", "projector")


def projector_environment(kafka: Kafka, topic: TopicSpec, data_dir: Path, **more: str) -> dict[str, str]:
    """Return the environment in which it works on that topic; `more` are further settings."""
    settings = {
        "DATA_DIR": str(data_dir),
        "BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TOPIC": topic.name,
        "PARTITIONS": str(topic.partitions),
        **more,
    }
    return {**os.environ, **{f"NOTIFICATION_LEDGER_{name}": value for name, value in settings.items()}}
