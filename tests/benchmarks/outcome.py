"""What a contender made of a workload, held against the oracle before any figure of it is told.

The oracle runs once for a workload, notification by notification; digests of its rows are kept in a folder for
temporary files, unless it is small. A file whose own digest is that of a file that was found right is right.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import duckdb

from ledger_projectors.log.records import LogRecord
from ledger_projectors.publish.digest import digest_read_model
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Position, decode_event
from tests.benchmarks.measuring import progress
from tests.benchmarks.workload import Workload
from tests.properties import comparison, oracle, strategies
from tests.properties.oracle import LogEvent, Rows, State

CACHE: Final = Path(tempfile.gettempdir(), "notification-ledger-oracle")
SHARD_DIGITS: Final = "0123456789abcdef"
"""The last digit of a notification id, which every way of making one draws or hashes: one shard for each."""

WHOLE: Final = ""
"""The one shard of a small workload: every notification."""

WHOLE_RECORDS_MAX: Final = 50_000
RECORDED_AT_MS: Final = 4_000_000_000_000
"""Of all records, for the oracle: after every event has occurred, as in every log of a workload. When exactly changes
no row then, so that one answer serves every run."""


SUMMED: Final = tuple(table for table, key in comparison.KEYS.items() if "notification_id" not in key)
"""Tables of numbers over many notifications: what they hold is the sum over the shards."""

Digests = dict[str, str]


class Expected:
    """What the oracle says of a workload: digests of the rows, by shard and table, and of those that are sums."""

    def __init__(self, workload: Workload) -> None:
        """Ask the oracle, unless what it said is kept."""
        self._records = workload.records()
        self._partitions = workload.partitions
        self._shards: dict[str, Digests]
        self._sums: Digests
        small = len(workload) <= WHOLE_RECORDS_MAX
        kept = CACHE / f"{_digest_of(workload)}.json"
        if kept.exists():
            self._shards, self._sums = json.loads(kept.read_text(encoding="utf-8"))
            return
        answers = {WHOLE: self._answer(WHOLE)} if small else self._answers_side_by_side()
        self._shards = {shard: digests for shard, (digests, _) in answers.items()}
        self._sums = _digests_of_tables(_summed(parts for _, parts in answers.values()))
        if not small:
            CACHE.mkdir(exist_ok=True)
            kept.write_text(json.dumps([self._shards, self._sums]), encoding="utf-8")

    def check(self, model: ReadModel, name: str) -> None:
        """Compare every row of every table. Raises AssertionError that names row and column of each difference."""
        sums: dict[str, Rows] = {}
        for number, (shard, digests) in enumerate(self._shards.items(), 1):
            progress(f"checking {name}, part {number} of {len(self._shards)}")
            state = comparison.read_state(cast("ReadModel", _Shard(model, shard)))
            sums = {table: state.tables[table] for table in SUMMED}
            if _digests(state) != digests:
                expected = oracle.fold(log_events(_of_shard(self._records, shard)), self._partitions)
                comparison.assert_same(
                    State(expected.tables | sums, expected.duplicates, expected.conflicts), state, name
                )
                raise AssertionError(f"{name}: digests differ, and no row does.")
        if _digests_of_tables(sums) != self._sums:
            expected_sums = _summed(self._answer(shard)[1] for shard in self._shards)
            comparison.assert_same(State(State().tables | expected_sums), State(State().tables | sums), name)
            raise AssertionError(f"{name}: digests of sums differ, and no row does.")

    def _answer(self, shard: str) -> tuple[Digests, dict[str, Rows]]:
        return _answer(_of_shard(self._records, shard), self._partitions)

    def _answers_side_by_side(self) -> dict[str, tuple[Digests, dict[str, Rows]]]:
        # Spawned: this process has threads of a Kafka client, which do not survive a fork.
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as workers:
            asked = {
                shard: workers.submit(_answer, _of_shard(self._records, shard), self._partitions)
                for shard in SHARD_DIGITS
            }
            found = {}
            for number, (shard, answer) in enumerate(asked.items(), 1):
                progress(f"the oracle folds part {number} of {len(asked)}")
                found[shard] = answer.result()
        return found


class Judge:
    """Says of one read model file after another whether it is what the oracle says; each log has a judge of its own."""

    def __init__(self, workload: Workload, end: Position) -> None:
        """Take what was appended, and the position behind it."""
        self._expected = Expected(workload)
        self._partitions = workload.partitions
        self._end = end
        self._right: set[str] = set()

    def check(self, path: Path, topic: str, name: str) -> None:
        """Raise AssertionError when the file at `path` is not the fold of the whole log."""
        with ReadModel.create_or_open(path, topic=topic, partitions=self._partitions) as model:
            assert model.position() == self._end, f"{name} stands at {model.position()}, not at {self._end}"
            cursor = model.reader()
            digest = digest_read_model(cursor).text
            cursor.close()
            if digest not in self._right:
                self._expected.check(model, name)
                self._right.add(digest)


def log_events(records: Sequence[LogRecord]) -> list[LogEvent]:
    """Return the records as the oracle takes them."""
    placed = (
        strategies.Placed(
            strategies.Recorded(decode_event(record.value or b""), RECORDED_AT_MS), record.partition, record.offset
        )
        for record in records
    )
    return [one.log_event() for one in placed]


def _answer(records: Sequence[LogRecord], partitions: int) -> tuple[Digests, dict[str, Rows]]:
    """Return what the oracle says of a shard: digests of the tables, and the rows of those that are to be summed."""
    state = oracle.fold(log_events(records), partitions)
    return _digests(state), {table: state.tables[table] for table in SUMMED}


def _summed(parts: Iterable[dict[str, Rows]]) -> dict[str, Rows]:
    found: dict[str, Rows] = {table: {} for table in SUMMED}
    for part in parts:
        for table, rows in part.items():
            for key, row in rows.items():
                sums = found[table].setdefault(key, dict.fromkeys(row, 0))
                found[table][key] = {column: sums[column] + row[column] for column in row}
    return found


def _of_shard(records: Sequence[LogRecord], shard: str) -> list[LogRecord]:
    return [record for record in records if (record.key or b"").endswith(shard.encode())]


class _Shard:
    """A read model of which only some notifications are seen; for `read_state`, which asks nothing else of it."""

    def __init__(self, model: ReadModel, shard: str) -> None:
        self._model = model
        self._shard = shard

    def reader(self) -> _ShardCursor:
        return _ShardCursor(self._model.reader(), self._shard)


class _ShardCursor:
    def __init__(self, cursor: duckdb.DuckDBPyConnection, shard: str) -> None:
        self._cursor = cursor
        self._shard = shard

    def execute(self, query: str) -> duckdb.DuckDBPyConnection:
        columns = [column[0] for column in self._cursor.execute(f"DESCRIBE {query}").fetchall()]
        if not self._shard or "notification_id" not in columns:
            # Sums; and quarantine, in which there is to be nothing: unfiltered it fails loudly.
            return self._cursor.execute(query)
        return self._cursor.execute(
            f"FROM ({query}) WHERE ends_with(notification_id::VARCHAR, $shard)",  # our own query
            {"shard": self._shard},
        )

    def close(self) -> None:
        self._cursor.close()


def _digests(state: State) -> Digests:
    found = _digests_of_tables({table: rows for table, rows in state.tables.items() if table not in SUMMED})
    set_aside = [*sorted(state.duplicates.items()), "conflicts", *sorted(state.conflicts.items())]
    return found | {"set_aside": hashlib.sha256(_line(set_aside).encode()).hexdigest()}


def _digests_of_tables(tables: dict[str, Rows]) -> Digests:
    return {table: _digest_rows(rows) for table, rows in tables.items()}


def _digest_rows(rows: Rows) -> str:
    digest = hashlib.sha256()
    for line in sorted(_line([[*key], row]) for key, row in rows.items()):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _line(value: object) -> str:
    return json.dumps(value, default=_plain, sort_keys=True)


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def _digest_of(workload: Workload) -> str:
    digest = hashlib.sha256(Path(oracle.__file__).read_bytes())
    digest.update(f"{workload.partitions} {SUMMED}".encode())
    digest.update(workload.partition.tobytes())
    for key, value in zip(workload.keys, workload.values, strict=True):
        digest.update(key)
        digest.update(len(value).to_bytes(4, "big"))
        digest.update(value)
    return digest.hexdigest()
