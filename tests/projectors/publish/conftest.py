"""Ledgers to rebuild: one log for all who only read it, and some to change."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from ledger_schemas import TopicSpec
from tests.conftest import Kafka
from tests.projectors.publish.ledgers import PARTITIONS, Ledger


@pytest.fixture(scope="module")
def shared(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Make one log and its read model for all tests that only read the log."""
    folder = tmp_path_factory.mktemp("shared")
    return Ledger.filled(kafka, TopicSpec(f"test.{uuid.uuid4().hex}", PARTITIONS), folder)


@pytest.fixture
def ledger(shared: Ledger, tmp_path: Path) -> Ledger:
    """Give a log that others read too, and a read model of one's own."""
    shutil.copytree(shared.folder, tmp_path, dirs_exist_ok=True)
    return Ledger(shared.kafka, shared.topic, tmp_path)


@pytest.fixture
def own_ledger(kafka: Kafka, topic_name: str, tmp_path: Path) -> Ledger:
    """Give a log and a read model of one's own, to change both."""
    return Ledger.filled(kafka, TopicSpec(topic_name, PARTITIONS), tmp_path)
