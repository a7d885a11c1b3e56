"""A run of the fuzzer: batch after batch until enough records were decoded, or something was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz.batches import build
from tests.fuzz.watching import Watched

BATCH_RECORDS: Final = 500
FINDING_RECORDS_MAX: Final = 200
"""Records of a finding that are told as they are; further ones only the seed tells."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, the seed of the batch that shows it, and records of it (hexadecimal) that are enough."""

    what: str
    batch_seed: str
    records: int
    frames: list[str]


@dataclass(slots=True)
class Report:
    """What a run did, in records: `vouched` were never seen by fastavro, `rows` were applied, the others rejected."""

    seed: int
    records: int = 0
    batches: int = 0
    vouched: int = 0
    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    finding: Finding | None = None


def fuzz(records: int, seed: int, watched: Watched, on_batch: Callable[[Report], None] = lambda _: None) -> Report:
    """Decode so many records in batches; end with the first finding. The same seed gives the same records."""
    report = Report(seed)
    while report.records < records:
        batch_seed = f"{seed}-{report.batches}"
        outcome = watched.try_batch(batch_seed, BATCH_RECORDS)
        if outcome.finding is not None:
            places = watched.smallest(batch_seed, BATCH_RECORDS)
            frames = [(one.value or b"").hex() for one in build(batch_seed, BATCH_RECORDS, places).records]
            report.finding = Finding(outcome.finding, batch_seed, len(frames), frames[:FINDING_RECORDS_MAX])
            return report
        report.batches += 1
        report.records += outcome.records
        report.vouched += outcome.vouched
        report.rows += outcome.rows
        report.reasons = dict(Counter(report.reasons) + Counter(outcome.reasons))
        on_batch(report)
    return report
