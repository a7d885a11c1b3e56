"""A process that appends a workload at a steady rate and says of each record when it was about to, and where it landed.

    python -m tests.benchmarks.emitting '{"bootstrap_servers": ..., "topic": ..., "rate": 5000, ...}'

It prints a line before the first record, waits for one on standard input, and writes, as numpy arrays, for every
record: partition, offset, nanoseconds of the machine's monotonic clock before the append and at its receipt.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from ledger_producers.kafka_producer import LINGER_MS
from ledger_schemas import KafkaConnection
from tests.benchmarks.broker_log import producer_options
from tests.benchmarks.late_reads import with_more
from tests.benchmarks.workload import Workload, make_workload

TICK_SECONDS: Final = 0.002
"""How often records become due: far below any latency that is measured."""

FLUSH_SECONDS: Final = 60.0
COLUMNS: Final = ("partition", "offset", "before_ns", "receipt_ns")


@dataclass(frozen=True, slots=True)
class Emission:
    """What is to be appended: `rate` records a second, for `seconds`, and where its receipts are written to.

    `more` is a file with records that are among them: a pickle of keys, values and partitions.
    """

    bootstrap_servers: str
    topic: str
    rate: int
    seconds: float
    seed: int
    file: str
    more: str | None = None

    @property
    def events(self) -> int:
        """How many records that is."""
        return int(self.rate * self.seconds)


def emit(emission: Emission) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Append at the rate; return COLUMNS, a row for each record. Raises RuntimeError when a record has no receipt."""
    workload = _workload(emission)
    found = np.full((emission.events, len(COLUMNS)), -1, np.int64)
    options = producer_options(KafkaConnection(emission.bootstrap_servers))
    # acks=all, idempotent and with its linger, as the emitter is.
    producer = Producer({**options, "linger.ms": LINGER_MS})

    def receipt_of(number: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - what confluent-kafka takes
        def delivered(error: KafkaError | None, message: Message) -> None:
            partition, offset = message.partition(), message.offset()
            if error is None and partition is not None and offset is not None:
                found[number, [0, 1, 3]] = (partition, offset, time.monotonic_ns())

        return delivered

    columns = zip(workload.keys, workload.values, workload.partition.tolist(), strict=True)
    records = [*columns]
    producer.list_topics(emission.topic)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.monotonic()
    sent = 0
    while sent < emission.events:
        due = min(emission.events, int((time.monotonic() - began) * emission.rate) + 1)
        for number in range(sent, due):
            key, value, partition = records[number]
            found[number, 2] = time.monotonic_ns()
            producer.produce(emission.topic, value=value, key=key, partition=partition, on_delivery=receipt_of(number))
        sent = due
        producer.poll(TICK_SECONDS)
    producer.flush(FLUSH_SECONDS)
    if (found < 0).any():
        raise RuntimeError(f"{np.count_nonzero(found[:, 1] < 0)} records have no receipt")
    return found


def _workload(emission: Emission) -> Workload:
    if emission.more is None:
        return make_workload(emission.events, seed=emission.seed)
    keys, values, partitions = pickle.loads(Path(emission.more).read_bytes())  # noqa: S301 - the benchmark's own
    rng = np.random.default_rng(emission.seed)
    return with_more(make_workload(emission.events - len(keys), seed=emission.seed), keys, values, partitions, rng)


def main() -> int:
    """Emit as told, and write what was found."""
    emission = Emission(**json.loads(sys.argv[1]))
    np.save(Path(emission.file), emit(emission))
    return 0


if __name__ == "__main__":
    sys.exit(main())
