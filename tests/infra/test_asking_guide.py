"""The guide to lists and marks: its examples, in order, against a ledger that runs, and every name that it lists."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from ledger_queries.content_filter import NOTIFICATION_IDS_MAX
from ledger_queries.filters import Filter
from ledger_queries.marks import MARKED_ENTRIES_MAX, Mark
from ledger_queries.sorting import SortBy
from tests.running import RunningLedger

GUIDE: Final = Path(__file__).resolve().parents[2] / "infra" / "guides" / "asking.md"
BLOCK: Final = re.compile(r"^```bash\n(.*?)^```(?:\n\n```json\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
KEY_SECONDS_MAX: Final = 5.0
END_OF_BLOCK: Final = "=== end of a block ==="


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[RunningLedger]:
    """Give a ledger without a key."""
    with RunningLedger(tmp_path / "data") as running:
        yield running


def run(ledger: RunningLedger, script: str, **variables: str) -> str:
    """Return what a script writes to standard output."""
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**ledger.environment(), "LEDGER": ledger.api_url, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def test_the_examples_of_the_guide_answer_what_it_shows(ledger: RunningLedger) -> None:
    """Every block runs as it stands, keys included, and each that is followed by an answer gives that answer."""
    (issue, _), *blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    service, key = run(ledger, f'{issue}\necho "$SERVICE"; echo "$KEY"').split()
    began = time.monotonic()
    while not httpx2.get(
        f"{ledger.api_url}/v1/inbox", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ).is_success:
        assert time.monotonic() - began < KEY_SECONDS_MAX
        time.sleep(0.02)
    script = "\n".join(f"{block}\necho; echo '{END_OF_BLOCK}'" for block, _ in blocks)
    outputs = run(ledger, script, SERVICE=service, KEY=key).split(END_OF_BLOCK)
    answered = [json.loads(output) if shown else None for output, (_, shown) in zip(outputs, blocks, strict=False)]
    assert [json.loads(shown) if shown else None for _, shown in blocks] == answered


def test_the_guide_names_every_filter_order_and_mark() -> None:
    """What a list can be asked and a mark can be stands in the page, with the limits of a call."""
    page = GUIDE.read_text(encoding="utf-8")
    assert [name for name in (*Filter.model_fields, *SortBy, *Mark) if f"`{name}`" not in page] == []
    assert f"at most {NOTIFICATION_IDS_MAX:,}." in page
    assert f"at most {MARKED_ENTRIES_MAX:,}." in page
