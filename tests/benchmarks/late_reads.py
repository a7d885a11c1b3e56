"""Events about notifications that a file holds already, put between the records of a workload."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ledger_projectors.decode.partitioning import partitions_of
from ledger_schemas import Kind
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import PARTITIONS_DEFAULT
from tests.benchmarks import workload_content as content
from tests.benchmarks import workload_plan as planning
from tests.benchmarks.prefill import Prefilled
from tests.benchmarks.workload import SHOP, Workload
from tests.benchmarks.workload_bytes import (
    ABSENT,
    EPOCH_BYTES,
    ID_CHARS,
    ID_LENGTH,
    Draw,
    cut,
    long_bytes,
    present,
    short_text,
    time_ordered_ids,
    uuid_texts,
)


def reads_of_any(done: Prefilled, count: int, rng: Draw) -> tuple[list[bytes], list[bytes], npt.NDArray[np.int32]]:
    """Return so many records, each a `read` of any notification that a file holds, by its recipient."""
    rows = rng.integers(0, len(done.ids), count)
    return reads(done.ids[rows], done.tenants(rows), done.recipients(rows), rng)


def with_more(
    workload: Workload, keys: list[bytes], values: list[bytes], partition: npt.NDArray[np.int32], rng: Draw
) -> Workload:
    """Return the workload with more records between its own, in drawn places."""
    places = np.sort(rng.integers(0, len(workload) + 1, len(keys)))
    order = np.argsort(np.concatenate([np.arange(len(workload)) + 0.5, places]), kind="stable")
    all_keys, all_values = [*workload.keys, *keys], [*workload.values, *values]
    recorded_at_ms = np.concatenate([workload.recorded_at_ms, np.full(len(keys), workload.recorded_at_ms[-1])])
    return Workload(
        keys=[all_keys[place] for place in order.tolist()],
        values=[all_values[place] for place in order.tolist()],
        partition=np.concatenate([workload.partition, partition])[order],
        recorded_at_ms=np.maximum.accumulate(recorded_at_ms[order]),
        partitions=workload.partitions,
        facts=workload.facts,
    )


def reads(
    ids: npt.NDArray[np.uint8], tenants: list[str], users: list[str], rng: Draw, partitions: int = PARTITIONS_DEFAULT
) -> tuple[list[bytes], list[bytes], npt.NDArray[np.int32]]:
    """Return keys, values and partitions of one `read` each of notifications (rows x 16 bytes) by these recipients."""
    texts = uuid_texts(ids)
    keys = cut(texts.tobytes(), ID_CHARS)
    at = planning.BEGIN_MICROSECONDS + rng.integers(0, 10**9, len(ids))
    event_ids = cut(uuid_texts(time_ordered_ids(at, np.full(len(ids), 7), rng)).tobytes(), ID_CHARS)
    head = header_of(SchemaReference.to_fingerprint(current_schema(Kind.READ).fingerprint)) + ID_LENGTH
    by_service = short_text(SHOP) + ABSENT * 3 + content.lean_tails(Kind.READ)[0]
    columns = zip(keys, event_ids, tenants, users, cut(long_bytes(at), EPOCH_BYTES), strict=True)
    values = [
        b"".join((head, event_id, short_text(tenant), ID_LENGTH, key, when, present(user), ABSENT * 3, by_service))
        for key, event_id, tenant, user, when in columns
    ]
    return keys, values, partitions_of(texts.reshape(-1), partitions).astype(np.int32)
