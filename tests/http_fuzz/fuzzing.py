"""One run of schemathesis over one document: every check, in bounded time, in a process and a folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from .apis import Api

KNOWN_VALUES_SHARE: Final = 0.8
"""Of requests, per parameter: those with a value that exists. The others find their way to nothing, or to a refusal."""

OVERTIME_SECONDS: Final = 120.0
"""For starting, and for making a failing request small."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked of one document, and what was found."""

    api: str
    operations: int
    requests: int
    accepted: Mapping[str, int]
    """Requests by operation that were made to be valid and were answered with success."""
    seconds: float
    failures: Sequence[str]
    """One line each; empty when nothing was found."""
    output: str
    """What schemathesis printed: each failure has the request that shows it."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How long it goes on: for so many seconds, or, where `examples` are stated, for so many requests an operation."""

    seconds: int
    examples: int | None = None
    seed: int | None = None

    def options(self) -> list[str]:
        """Return them as schemathesis has them."""
        bound = ["--max-time", str(self.seconds)] if self.examples is None else ["--max-examples", str(self.examples)]
        return bound if self.seed is None else [*bound, "--seed", str(self.seed)]


def fuzz(url: str, api: Api, extent: Extent) -> Report:
    """Ask the API served at `url`."""
    with tempfile.TemporaryDirectory(prefix="http-fuzz-") as name:
        folder = Path(name)
        (folder / "schemathesis.toml").write_text(_configuration(api), encoding="utf-8")
        base = f"{url.rstrip('/')}{api.mount}"
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", f"{base}/openapi.json"),
            *("--url", base, "--mode", "all", "--checks", "all", "--continue-on-failure"),
            *("--suppress-health-check", "all", "--output-sanitize", "false", "--output-truncate", "false"),
            *("--report-json-path", str(folder / "report.json")),
            *(part for item in api.headers.items() for part in ("--header", ": ".join(item))),
            *extent.options(),
        ]
        ran = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=extent.seconds + OVERTIME_SECONDS
        )
        output = ran.stdout + ran.stderr
        report = folder / "report.json"
        told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    if not told.get("operations"):
        return Report(api.name, 0, 0, {}, 0.0, ["The document could not be loaded."], output)
    document = httpx2.get(f"{base}/openapi.json", headers=dict(api.headers)).json()
    return _report(api, operations_of(document), told, ran.returncode, output)


def operations_of(document: dict[str, Any]) -> list[str]:
    """Return the operations of an OpenAPI document, as `GET /path`, in its order."""
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


def _report(api: Api, operations: Sequence[str], told: dict[str, Any], exit_code: int, output: str) -> Report:
    rates = told["valid_rates"]
    accepted = {each: sum(phase["accepted"] for phase in rates.get(each, {}).values()) for each in operations}
    failures = [f"{each['code']} {each['title']}: {at}" for each in told["failures"] for at in each["operations"]]
    failures += [f"{each['title']}: {each.get('label')}" for each in told["errors"]]
    if told["operations"]["tested"] < len(operations):
        failures.append("The time was too short for every operation.")
    # A run that is refused at the door finds nothing inside.
    failures += [f"No valid request was answered with success: {each}" for each, count in accepted.items() if not count]
    if exit_code and not failures:
        failures.append(f"schemathesis ended with {exit_code}.")
    return Report(
        api=api.name,
        operations=told["operations"]["tested"],
        requests=told["test_cases"]["generated"],
        accepted=accepted,
        seconds=told["running_time"],
        failures=failures,
        output=output,
    )


def _configuration(api: Api) -> str:
    """Return the configuration in TOML: values that exist, and allowances. A JSON string is one of TOML too."""
    lines = []
    for number, values in enumerate(api.values.values()):
        lines += [f"[dictionaries.known_{number}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [
        f'{json.dumps(parameter)} = {{ dictionary = "known_{number}", probability = {KNOWN_VALUES_SHARE} }}'
        for number, parameter in enumerate(api.values)
    ]
    for operation in dict.fromkeys(each.operation for each in api.allowances):
        lines += ["[[operations]]", f"include-name = {json.dumps(operation)}"]
        lines += [
            f"checks.{each.check}.expected-statuses = {json.dumps(each.statuses)}"
            for each in api.allowances
            if each.operation == operation
        ]
    return "\n".join(lines) + "\n"
