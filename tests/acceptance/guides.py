"""Runs the requests of a dialect's guide page: each `bash` block, whose output the `json` block after it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .serving import Served

GUIDES: Final = Path(__file__).resolve().parents[2] / "infra" / "guides" / "dialects"
_BLOCK: Final = re.compile(r"^```(bash|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def requests_of(dialect: str, ledger: Served, key: str) -> Iterator[tuple[Any, Any]]:
    """Yield what each shown request answers, and what the page says that it does, keys in order.

    A `text` block after a request shows its output as it is. The page may name `$LEDGER` and `$KEY`.
    """
    blocks = _BLOCK.findall((GUIDES / f"{dialect}.md").read_text(encoding="utf-8"))
    assert blocks, "The page shows no request."
    address = str(ledger.client.base_url).rstrip("/")
    environment = {"PATH": os.environ["PATH"], "LEDGER": address, "KEY": key}
    while blocks:
        (language, script), (kind, shown), *blocks = blocks
        assert (language, kind) in {("bash", "json"), ("bash", "text")}, "A request is followed by its answer."
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        shown = shown.replace("$LEDGER", address)
        if kind == "json":
            yield json.dumps(json.loads(finished.stdout)), json.dumps(json.loads(shown))
        else:
            yield finished.stdout.strip(), shown.strip()
