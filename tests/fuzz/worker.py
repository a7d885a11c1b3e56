"""The child process of the fuzzer: decodes one batch for each line of standard input, and says what came of it.

A line in is `{"seed", "size", "places"}`; a line out is an `Outcome`. What kills or hangs this process is for its
parent to notice.
"""

from __future__ import annotations

import json
import resource
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ledger_projectors.decode import batch as decode
from ledger_projectors.decode.one import decode_one
from tests.fuzz.batches import PARTITIONS, build
from tests.projectors.decode.decoding import assert_as_reference, reference

MEMORY_BYTES_MAX: Final = 4 * 1024**3
"""Address space of the process: a decoder that allocates what a forged length asks for dies of it."""

FINDING_CHARACTERS_MAX: Final = 4_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one batch, in records: `vouched` by the batch decoder alone, `rows`, rejections by reason.

    `finding` says what is wrong with the decoder, if anything.
    """

    records: int = 0
    vouched: int = 0
    rows: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    finding: str | None = None


def try_batch(seed: str, size: int, places: list[int] | None) -> Outcome:
    """Decode one batch and compare every row and every rejection with the reference's."""
    batch = build(seed, size, places)
    judged = 0

    def counting(*arguments: Any) -> object:  # noqa: ANN401 - passed on as they come
        nonlocal judged
        judged += 1
        return decode_one(*arguments)

    vars(decode)["decode_one"] = counting
    try:
        rows = assert_as_reference(batch.records, PARTITIONS, batch.known).num_rows
    except Exception as error:  # noqa: BLE001 - nothing that a record holds may make the decoder raise
        return Outcome(len(batch.records), finding=f"{type(error).__name__}: {error}"[:FINDING_CHARACTERS_MAX])
    _, rejections = reference(batch.records, PARTITIONS, batch.known)
    reasons = Counter(rejection.reason.value for rejection in rejections)
    return Outcome(len(batch.records), len(batch.records) - judged, rows, dict(reasons))


def main() -> None:
    """Answer line by line until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    for line in sys.stdin:
        outcome = try_batch(**json.loads(line))
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
